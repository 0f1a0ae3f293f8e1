"""ARCHITECTURE.md against the code: events and alerts are what searches and people's own alarms hold on to."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
LOGGING = {"event", "warning", "failure"}
NO_FIELDS = {"exc_info"}  # adds the traceback


@cache
def _calls() -> list[tuple[ast.Module, ast.Call]]:
    return list(_find_calls())


def _find_calls() -> Iterator[tuple[ast.Module, ast.Call]]:
    for path in sorted((PROJECT / "digest").rglob("*.py")):
        if path.name != "events.py":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            yield from ((tree, node) for node in ast.walk(tree) if isinstance(node, ast.Call))


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id=module), attr=name):
            return f"{module}.{name}"
    return ""


def _text(expression: ast.expr) -> str:
    """Return a text as it stands in the code; a part of it that is known at run time only is `*`."""
    match expression:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part) for part in parts)
    return "*"


def _events_in_code() -> dict[str, set[str]]:
    """Return the fields of each event; `*` for fields known at run time only."""
    found: dict[str, set[str]] = {}
    for _, call in _calls():
        if _called(call).removeprefix("events.") in LOGGING:
            fields = {keyword.arg or "*" for keyword in call.keywords}
            found.setdefault(_text(call.args[0]), set()).update(fields - NO_FIELDS)
    return found


def _listed(heading: str) -> dict[str, str]:
    """Return the first column's names of the table under `heading`, each with its second column."""
    text = (PROJECT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.+?) \| (.*?)\| .*\|$", section, re.MULTILINE)
    return {name: second.strip() for first, second in rows for name in re.findall(r"`([^`]+)`", first)}


def _matches(listed: str, in_code: str) -> bool:
    return re.fullmatch(re.escape(in_code).replace(r"\*", ".+"), listed) is not None


def test_every_event_of_the_code_is_listed() -> None:
    """Names that searches match must be found in one place."""
    listed = _listed("Events")
    unlisted = [name for name in _events_in_code() if not any(_matches(one, name) for one in listed)]

    assert unlisted == []


def test_every_listed_event_is_in_the_code() -> None:
    """A name that nothing emits makes an alarm that never rings."""
    in_code = _events_in_code()
    gone = [name for name in _listed("Events") if not any(_matches(name, one) for one in in_code)]

    assert gone == []


def test_fields_of_events_are_listed() -> None:
    """Whoever reads the log by program needs the fields, none more and none less."""
    in_code = _events_in_code()
    differing = {}
    for name, told in _listed("Events").items():
        fields = in_code[name] if name in in_code else next(in_code[one] for one in in_code if _matches(name, one))
        words = set(re.findall(r"[a-z_]+", told))
        if not fields - {"*"} <= words or ("*" not in fields and words != fields):
            differing[name] = (told, sorted(fields))

    assert differing == {}


def _matters(module: ast.Module, expression: ast.expr) -> set[str]:
    """Return what `expression` may be: a text, or a name or function that the module or its neighbour gives a text."""
    match expression:
        case ast.IfExp(body=one, orelse=other):
            return _matters(module, one) | _matters(module, other)
        case ast.Call():
            return {{"sources.alert_matter": "source:*", "sources.moved_matter": "moved:*"}[_called(expression)]}
        case ast.Name(id=name):
            given = [node.value for node in ast.walk(module) if isinstance(node, ast.Assign) and _sets(node, name)]
            return set().union(*(_matters(module, value) for value in given))
    return {_text(expression)}


def _sets(assignment: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in assignment.targets)


def test_alerts_of_the_code_are_listed() -> None:
    """The operator must find what a matter means and when it is over."""
    raised = [
        (module, call) for module, call in _calls() if _called(call) in ("alerts.raise_alert", "alerts.raise_once")
    ]

    in_code = set().union(*(_matters(module, call.args[1]) for module, call in raised))

    assert in_code == {re.sub(r"[A-Z]+", "*", name) for name in _listed("Alerts")}
