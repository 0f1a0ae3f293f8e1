"""Templates become text: the only Jinja of the mails, and MJML.

In: a template's name, a language and values. Out: a text (`.txt`), or the HTML of a mail (`.mjml`).

MJML is compiled once per template, with Jinja's tags still in it; Jinja then renders the compiled HTML for each
message (0.3 ms and 0.1 ms). Three things MJML does not say when it does them: it takes no `<` inside `mj-raw` (use
Jinja's `lt`/`gt` tests), it makes a column with `width="{{ … }}"` as wide as the mail, and it ignores
`<mj-style inline="inline">`. So control tags between rows stand in `mj-raw`, and styles in attributes.

HTML is autoescaped, texts are not. A missing value is an error, never a hole. Templates may come from the operator's
own folder; they run in Jinja's sandbox, which keeps a slip from reaching into the process but bounds neither time nor
memory: an operator's templates are trusted as far as the operator is. Whatever goes wrong in one is a `TemplateError`
with the file's name.

A template says `fragment(macro, article)` for what many mails hold alike: an article is rendered once, whatever the
number of an edition's variants. Such a macro depends on its arguments and the language, and on nothing else.

A template says `block(kind)` where a block of that kind begins. It shows nothing; it is a `TemplateError` in a mail
that was not composed to carry that kind: confirmations, notices, links and alerts never carry an advert.
"""

from collections.abc import Callable, Collection, Mapping
from importlib.resources import files
from pathlib import Path

import jinja2
import mjml
from jinja2.runtime import Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment

from digest.errors import TemplateError
from digest.languages import words
from digest.models.editions import BlockKind

_FRAGMENTS_KEPT = 2000
ONLY_EDITORIAL = frozenset({BlockKind.EDITORIAL})


def template_folders(templates_dir: Path | None) -> list[Path]:
    """Return where templates are looked for, in order: the operator's own folder, then ours.

    Ours are packed into the installed package; in a work tree they stand at its top.
    """
    packed = Path(str(files("digest") / "templates"))
    ours = packed if packed.is_dir() else packed.parent.parent / "templates"
    return [ours] if templates_dir is None else [templates_dir, ours]


class Renderer:
    """All mail templates. Each is read and compiled when it is first used; a changed file is seen after a restart."""

    def __init__(self, templates_dir: Path | None) -> None:
        loader = jinja2.FileSystemLoader(template_folders(templates_dir))
        self._texts = _environment(loader, autoescape=False)
        self._html = _environment(loader, autoescape=True)
        self._compiled: dict[str, jinja2.Template] = {}
        self._fragments: dict[tuple[object, ...], str] = {}

    def text(
        self,
        name: str,
        language: str,
        context: Mapping[str, object],
        *,
        may_carry: Collection[BlockKind] = ONLY_EDITORIAL,
    ) -> str:
        """Render a text template, e.g. `digest/body.txt`, with blocks of these kinds only. Raises `TemplateError`."""
        try:
            return self._render(name, self._texts.get_template(name), language, context, may_carry)
        except Exception as error:  # a template is foreign code: whatever it raises is a mistake in it
            raise _mistake(name, error) from error

    def mail_html(
        self,
        name: str,
        language: str,
        context: Mapping[str, object],
        *,
        may_carry: Collection[BlockKind] = ONLY_EDITORIAL,
    ) -> str:
        """Render an MJML template to the HTML of a mail, e.g. `digest/body.mjml`, likewise. Raises `TemplateError`."""
        try:
            if name not in self._compiled:
                self._compiled[name] = self._compile(name)
            return self._render(name, self._compiled[name], language, context, may_carry)
        except Exception as error:  # as above
            raise _mistake(name, error) from error

    def _render(
        self,
        name: str,
        template: jinja2.Template,
        language: str,
        context: Mapping[str, object],
        may_carry: Collection[BlockKind],
    ) -> str:
        said = words(language)
        speech = {"language": language, "_": said.gettext, "ngettext": said.ngettext, "block": _gate(may_carry)}
        return template.render({**speech, "fragment": _fragments(self._fragments, name, language), **context})

    def _compile(self, name: str) -> jinja2.Template:
        assert self._html.loader is not None
        source, _path, _is_current = self._html.loader.get_source(self._html, name)
        self._html.parse(source, name)  # here a mistake in Jinja's tags is still on its line of the file
        compiled = mjml.mjml2html(source, disable_comments=True)
        # MJML sets the letters of its layout cells to size 0, against gaps between columns side by side. Our mails
        # have one column, and letters of no size are what filters take for hidden text (Gmail's sender guidelines).
        return self._html.from_string(compiled.replace("font-size:0px;", ""))


def _environment(loader: jinja2.BaseLoader, *, autoescape: bool) -> jinja2.Environment:
    return ImmutableSandboxedEnvironment(
        loader=loader,
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )


def _fragments(kept: dict[tuple[object, ...], str], name: str, language: str) -> Callable[..., str]:
    """Return what templates call for what is the same in many mails: `fragment(macro, article)`."""

    def fragment(macro: Macro, *values: object) -> str:
        key = (name, language, macro.name, values)
        found = kept.get(key)
        if found is None:
            if len(kept) >= _FRAGMENTS_KEPT:
                kept.clear()
            found = kept[key] = macro(*values)
        return found

    return fragment


def _gate(may_carry: Collection[BlockKind]) -> Callable[[str], str]:
    """Return what templates call where a block begins."""

    def block(kind: str) -> str:
        if kind not in may_carry:
            raise ValueError(f"this mail may hold no block of the kind {str(kind)!r}: it was not composed as an advert")
        return ""

    return block


def _mistake(name: str, error: Exception) -> TemplateError:
    if isinstance(error, jinja2.TemplateNotFound):
        return TemplateError(str(error.name or name), "there is no such template")
    if isinstance(error, jinja2.TemplateSyntaxError):
        return TemplateError(error.name or name, f"line {error.lineno}: {error.message}")
    return TemplateError(name, str(error) or type(error).__name__)
