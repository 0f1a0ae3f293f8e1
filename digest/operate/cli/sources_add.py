"""`digest sources add`, `import` and `export`: new sources, by address or from an OPML file.

`add` finds out by itself what an address is good for, shows what it would collect, and asks two things that only a
person can answer: whether that is what was meant, and whether it may be mailed (저작권법 제46조). Question and answer
are kept with the source, with who gave it and when. Without permission a source is added as `link_only`, title and
link, or not at all.
"""

import asyncio
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digest import clock
from digest.models.sources import Purpose, Rights, SourceState
from digest.operate.cli.room import load_settings, with_database
from digest.operate.cli.sources_show import show, show_others
from digest.operate.cli.terminal import ExitCode, note, problem, say, table, waiting

if TYPE_CHECKING:
    from digest.collect.discover import Candidate
    from digest.collect.opml import Listed
    from digest.config import Settings
    from digest.database import Database
    from digest.models.sources import Source, SourceSpec

_QUESTION = "자사 매체이거나 이용 허락을 받았습니까? / Is it your own paper, or do you have permission to mail it?"
_LINKS_ONLY = "제목과 링크만 보낼까요? / Add it with titles and links only (link_only)?"
_WHOSE = "누구의 허락입니까? / Whose permission (own paper, a contract of …)?"
_YES, _YES_BY_OPTION = "yes", "yes (--yes)"

Type = Annotated[str, typer.Option("--type", help="feed, listpage or sitemap. Without it, found out.")]
TheRights = Annotated[Rights, typer.Option("--rights", help="What may be mailed of its articles.")]
Permission = Annotated[str, typer.Option("--permission", help="Who allowed it, in words: own paper, a contract of …")]
Yes = Annotated[bool, typer.Option("--yes", help="You have the right to mail it; do not ask.")]
Option = Annotated[list[str] | None, typer.Option("--option", help="NAME=VALUE of its type; may be repeated.")]


def add(
    first: Annotated[str, typer.Argument(metavar="[NAME] ADDRESS", help="Of a site, feed, list page or sitemap.")],
    second: Annotated[str, typer.Argument(metavar="", help="The address, where a name stands before it.")] = "",
    *,
    name: Annotated[str, typer.Option(help="Small Latin letters, digits, hyphens; else made of the host.")] = "",
    type_: Type = "",
    rights: TheRights = Rights.EXCERPT,
    permission: Permission = "",
    section: Annotated[str, typer.Option(help="Section of articles that name none.")] = "",
    purpose: Annotated[Purpose, typer.Option(help="Its articles, or its list of most-read ones.")] = Purpose.ARTICLES,
    pictures: Annotated[list[str] | None, typer.Option(help="A host of its pictures; may be repeated.")] = None,
    option: Option = None,
    yes: Yes = False,
) -> None:
    """Find what an address holds, show what it would bring, and add it. The worker collects it from then on."""
    name, address = (first, second) if second else (name, first)
    given = {"rights": rights, "purpose": purpose, "section": section, "pictures": ",".join(pictures or ())}
    # Checked before anything is fetched. The permission is asked for later; here it must not be what is missing.
    spec = make_spec(name or "new", type_, address, option, **given, permission=permission or "asked")
    settings = load_settings()
    candidates = found_at(settings, spec)
    best = candidates[0]
    show(best, settings)
    show_others(candidates, settings)
    for other in with_database(_sources):
        if other.spec.url == best.url and other.spec.purpose is purpose and other.state is not SourceState.REMOVED:
            note(
                f"This is the source {other.spec.name} already; an article stays with the source that brings it first."
            )
    name = name or _proposed(best, yes=yes)
    answered = _asked(rights, permission, yes=yes)
    if answered is None:
        problem("Not added.")
        raise typer.Exit(ExitCode.NO)
    given["rights"], permission = answered
    spec = make_spec(name, best.type, best.url, option, **given, permission=permission)
    _store([spec])
    say(f"{name} is added. Collect it now: digest collect {name}")


def import_(
    file: Annotated[Path, typer.Argument(help="An OPML file.", exists=True, dir_okay=False)],
    *,
    rights: Annotated[
        Rights | None,
        typer.Option("--rights", help="What may be mailed of their articles; without it, what the file says."),
    ] = None,
    permission: Permission = "",
    yes: Yes = False,
) -> None:
    """Add the sources of an OPML file. Shows them and asks first; nothing is fetched before the worker's next pass.

    What a file from `digest sources export` says of rights holds only with your own answer: whole texts of articles
    need words, typed or by --permission, else they are added as excerpt.
    """
    from digest.collect import opml

    read = opml.read(file.read_bytes())
    for doubt in read.doubts:
        note(doubt)
    known = with_database(_sources)
    new = [one for one in read.feeds if one.url not in {source.spec.url for source in known}]
    for one in read.feeds:
        if one not in new:
            note(f"{one.url} is a source already")
    if not new:
        problem("There is nothing new in it.")
        raise typer.Exit(ExitCode.NO)
    specs = [_listed(name, one, rights) for name, one in _named(new, {source.spec.name for source in known})]
    heads = ("name", "type", "section", "rights", "address", "options")
    table(heads, [(s.name, s.type, s.section, s.rights, s.url, _options_in_words(s)) for s in specs])
    if not yes and not typer.confirm(f"Add these {len(specs)} sources?", err=True):
        problem("Nothing was added.")
        raise typer.Exit(ExitCode.NO)
    answered = _asked(_widest(specs), permission, yes=yes)
    if answered is None:
        problem("Nothing was added.")
        raise typer.Exit(ExitCode.NO)
    _store([_answered(spec, *answered, is_declared=rights is not None) for spec in specs])
    added = f"{len(specs)} sources are added" if len(specs) > 1 else "One source is added"
    say(f"{added}. Look at what there is with: digest sources list")


def export() -> None:
    """Print all sources as OPML, for another service or a feed reader."""

    async def load(settings: "Settings", database: "Database") -> bytes:
        from digest.collect import opml

        return opml.write(settings.newspaper_name, await _sources(settings, database))

    typer.echo(with_database(load).decode("utf-8"), nl=False)


def make_spec(name: str, type_: str, address: str, options: list[str] | None, **given: str) -> "SourceSpec":
    """Read the parts as a line of SOURCES is read, so that both take the same and say the same.

    An empty `type_` stays so in the answer. Raises `typer.BadParameter`.
    """
    from dataclasses import replace

    from digest import provisioned
    from digest.collect.page import check_selectors, selectors_of
    from digest.collect.sources import SOURCE_TYPES
    from digest.errors import SettingsError

    if type_ and type_ not in SOURCE_TYPES:
        raise typer.BadParameter(f"{type_!r} is none of {', '.join(SOURCE_TYPES)}.", param_hint="--type")
    pairs = [*given.items(), *(tuple(one.partition("=")[::2]) for one in options or ())]
    line = " ".join(f"{key}={_quoted(value)}" for key, value in pairs if value)
    # What is not known yet may become a list page, the type with all the options.
    try:
        (spec,) = provisioned.sources(f"{name} | {type_ or 'listpage'} | {address} | {line}", own_pages="")
        check_selectors(selectors_of(spec.options))
    except (ValueError, SettingsError) as error:
        raise typer.BadParameter(str(error)) from error
    return spec if type_ else replace(spec, type="")


def found_at(settings: "Settings", spec: "SourceSpec") -> "tuple[Candidate, ...]":
    """Fetch and read what is at `spec.url`; the best first. Stores nothing. Raises what `discover` raises."""
    from digest.collect.discover import discover
    from digest.collect.reader import Reader
    from digest.outbound import Outbound, user_agent

    async def act() -> "tuple[Candidate, ...]":
        async with (
            Outbound(private_hosts=settings.private_hosts, user_agent=user_agent(settings)) as outbound,
            Reader() as reader,
        ):
            return await discover(outbound, settings, spec, reader)

    with waiting(f"Fetching {spec.url}"):
        return asyncio.run(act())


def _quoted(value: str) -> str:
    if not any(char in value for char in " |\"'\n"):
        return value
    if "'" not in value:
        return f"'{value}'"
    if '"' not in value:
        return f'"{value}"'
    raise typer.BadParameter(f"{value!r} holds both kinds of quotes; leave one out.")


def _proposed(best: "Candidate", *, yes: bool) -> str:
    from digest.collect.names import propose_name

    taken = {source.spec.name for source in with_database(_sources)}
    name = propose_name(best.url, taken, best.parsed.title)
    return name if yes else str(typer.prompt("Name", default=name, err=True))


def _asked(rights: Rights, permission: str, *, yes: bool) -> tuple[Rights, str] | None:
    """Ask for the right to mail it; None: it is not to be added. The text is the answer to keep, "" for a no."""
    if permission:
        return rights, permission
    if yes or typer.confirm(_QUESTION, err=True):
        if rights is Rights.FULL_TEXT_MAIL and not yes:
            return rights, str(typer.prompt(_WHOSE, err=True)).strip()
        return rights, _YES_BY_OPTION if yes else _YES
    if rights is Rights.LINK_ONLY or typer.confirm(_LINKS_ONLY, err=True):
        return Rights.LINK_ONLY, ""
    return None


def _named(listed: "list[Listed]", taken: Collection[str]) -> "list[tuple[str, Listed]]":
    from digest.collect.names import propose_name

    named: list[tuple[str, Listed]] = []
    for one in listed:
        named.append((propose_name(one.url, {*taken, *(name for name, _ in named)}, one.title), one))
    return named


def _listed(name: str, one: "Listed", rights: Rights | None) -> "SourceSpec":
    """Return what a file lists as a source; what it says besides is left out, with a word, if it cannot be used."""
    own = {key: value for key, value in one.own if key not in ("section", "permission")}
    if rights is not None:
        own["rights"] = rights
    try:
        # The permission is asked for later; here it must not be what is missing.
        return make_spec(name, one.type, one.url, None, section=one.section, permission="asked", **own)
    except typer.BadParameter as error:
        note(f"{one.url} is taken without what the file says of it: {error.message}")
    return make_spec(name, one.type, one.url, None, section=one.section, permission="asked", rights=rights or "")


def _options_in_words(spec: "SourceSpec") -> str:
    purpose = [f"purpose={spec.purpose}"] if spec.purpose is not Purpose.ARTICLES else []
    pictures = [f"pictures={','.join(spec.picture_hosts)}"] if spec.picture_hosts else []
    return " ".join([*purpose, *pictures, *(f"{name}={value}" for name, value in spec.options)])


def _widest(specs: "list[SourceSpec]") -> Rights:
    return max((spec.rights for spec in specs), key=list(Rights).index)


def _answered(spec: "SourceSpec", rights: Rights, answer: str, *, is_declared: bool) -> "SourceSpec":
    """Return `spec` with the rights that the answer gives it, and whole texts not by a file's word alone."""
    from dataclasses import replace

    if rights is Rights.LINK_ONLY:
        return replace(spec, rights=rights, permission=answer)
    if spec.rights is Rights.FULL_TEXT_MAIL and answer in ("", _YES, _YES_BY_OPTION) and not is_declared:
        note(f"{spec.name} is added as excerpt: whole texts need words (--permission)")
        return replace(spec, rights=Rights.EXCERPT, permission=answer)
    return replace(spec, permission=answer)


async def _sources(_settings: "Settings", database: "Database") -> "list[Source]":
    from digest.database import sources

    async with database.read() as connection:
        return await sources.list_sources(connection)


def _store(specs: "list[SourceSpec]") -> None:
    async def act(_settings: "Settings", database: "Database") -> None:
        from digest.database import sources
        from digest.operate import operator

        now, who = clock.utc_now(), operator.who()
        async with database.begin() as connection:
            for spec in specs:
                await sources.add_source(connection, spec, answered_at=now, answered_by=who, question=_QUESTION)

    with_database(act)
