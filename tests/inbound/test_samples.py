"""Real mails of the samples beside the project: read rightly, machines never answered, nothing taken for a command."""

import json
from pathlib import Path
from typing import Any

import pytest

from digest.inbound import mailtext
from digest.inbound.classify import Nature, Ours, judge
from digest.inbound.commands import read_commands

_SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples"
_NOBODY = Ours(lambda address: False, frozenset(), "news@gaon.test")

Row = dict[str, Any]  # Any: a row of the samples' manifest


def _rows(folder: str) -> list[tuple[Row, mailtext.Reading]]:
    manifest = _SAMPLES / folder / "MANIFEST.json"
    if not manifest.exists():
        pytest.skip("the samples are not here")
    return [
        (row, mailtext.read((_SAMPLES / folder / row["file"]).read_bytes()))
        for row in json.loads(manifest.read_bytes())["mails"]
    ]


def _same(expected: str, got: str) -> bool:
    return "".join(expected.split()).lower() == "".join(got.split()).lower()


def _nature(mail: mailtext.Reading) -> Nature:
    return judge(mail, envelope_from=None, ours=_NOBODY).nature


def test_senders_subjects_and_first_lines_are_read_as_two_decoders_do() -> None:
    """Every field that the samples are sure of."""
    wrong = []
    for row, mail in _rows("commands"):
        first = next((line for line in mail.text.split("\n") if line.strip()), "")
        got = {"sender": mail.sender.address if mail.sender else "", "subject": mail.subject, "first_text_line": first}
        wrong += [(row["file"], name) for name, value in got.items() if row[name] and not _same(row[name], value)]

    assert wrong == []


def test_no_machine_is_taken_for_a_person() -> None:
    """Aim: automatic mails answered 0."""
    assert [row["file"] for row, mail in _rows("commands") if row["is_auto"] and _nature(mail) is Nature.PERSON] == []


def test_people_are_recognised() -> None:
    """Aim: 98 in 100."""
    people = [mail for row, mail in _rows("commands") if row["is_auto"] is False]

    assert sum(_nature(mail) is Nature.PERSON for mail in people) >= 0.98 * len(people)


def test_no_bounce_is_taken_for_a_person() -> None:
    """But the two in that folder that people wrote."""
    taken = [row["file"] for row, mail in _rows("bounces") if _nature(mail) is Nature.PERSON and row["class"] != "none"]

    assert taken == []


@pytest.mark.parametrize("folder", ["commands", "bounces"])
def test_nothing_in_them_is_a_command(folder: str) -> None:
    """None of these mails was written to a list of ours."""
    assert [row["file"] for row, mail in _rows(folder) if read_commands(mail)] == []
