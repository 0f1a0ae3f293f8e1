"""`digest sources` and `digest collect`: where articles come from, and fetching them now.

Sources stand in `SOURCES` or are added here; both kinds are stored and fetched alike, but those of `SOURCES` are
changed there alone. `add` first shows what would be collected and asks for the right to mail it: 저작권법 제46조 wants
the owner's permission, and only a person can say that it was given.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from digest import clock
from digest.models import Purpose, Rights
from digest.operate.cli.room import load_settings, with_database
from digest.operate.cli.terminal import (
    AsJson,
    ExitCode,
    moment,
    note,
    pairs,
    print_json,
    problem,
    say,
    steps,
    table,
    waiting,
)

if TYPE_CHECKING:
    from digest.collect.collector import CollectReport, Look
    from digest.config import Settings
    from digest.database import Database
    from digest.models import FoundArticle, Source, SourceSpec

app = typer.Typer(help="Where articles come from: list, check, add, remove.", no_args_is_help=True)

_SHOWN = 10
_QUESTION = "자사 매체이거나 이용 허락을 받았습니까? / Is it your own paper, or do you have permission to mail it?"

Type = Annotated[str, typer.Option("--type", help="feed: RSS, Atom or JSON Feed.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List sources and how fetching them goes."""

    async def load(settings: "Settings", database: "Database") -> "tuple[Settings, list[Source]]":
        from digest.database import sources

        async with database.read() as connection:
            return settings, await sources.list_sources(connection)

    settings, found = with_database(load)
    if as_json:
        print_json({"sources": [_as_json(source) for source in found]})
        return
    rows = [
        (
            source.spec.name,
            source.spec.type,
            source.state,
            "SOURCES" if source.provisioned else "command",
            moment(source.last_ok_at, settings.zone),
            moment(source.next_fetch_at, settings.zone),
            source.spec.url,
            source.problem,
        )
        for source in found
    ]
    table(("name", "type", "state", "from", "last good", "next", "address", "problem"), rows)
    unknown = {spec.name for spec in settings.sources} - {source.spec.name for source in found}
    if unknown:
        note(f"Not taken over from SOURCES yet: {', '.join(sorted(unknown))}. `digest collect` or a start does it.")


@app.command()
def check(
    what: Annotated[str, typer.Argument(metavar="NAME|ADDRESS", help="A known source, or any address.")],
    type_: Type = "feed",
    as_json: AsJson = False,
) -> None:
    """Fetch a source and show what would be collected. Stores nothing. Exit code 1 when there is no article in it."""
    settings = load_settings()
    spec = _spec("check", type_, what) if "://" in what else _known_spec(settings, what)
    look = _look(settings, spec)
    if as_json:
        print_json(
            {
                "address": spec.url,
                "kind": look.kind,
                "title": look.title,
                "doubts": look.doubts,
                "articles": [_found_as_json(article) for article in look.articles],
            }
        )
    else:
        _show(look, settings)
    if not look.articles:
        raise typer.Exit(ExitCode.NO)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Small Latin letters, digits, hyphens.")],
    address: Annotated[str, typer.Argument(help="Where it is fetched, https://…")],
    *,
    type_: Type = "feed",
    rights: Annotated[Rights, typer.Option(help="What may be mailed of its articles.")] = Rights.EXCERPT,
    section: Annotated[str, typer.Option(help="Section of articles that name none.")] = "",
    purpose: Annotated[Purpose, typer.Option(help="Its articles, or its list of most-read ones.")] = Purpose.ARTICLES,
    pictures: Annotated[list[str] | None, typer.Option(help="A host of its pictures; may be repeated.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="You have the right to mail it; do not ask.")] = False,
) -> None:
    """Fetch a source, show what it would bring, and add it. The worker collects it from then on."""
    options = {"rights": rights, "purpose": purpose, "section": section.replace(" ", "_")}
    spec = _spec(name, type_, address, **options, pictures=",".join(pictures or ()))
    settings = load_settings()
    _show(_look(settings, spec), settings)
    if not yes and not typer.confirm(_QUESTION, err=True):
        problem("Not added.")
        raise typer.Exit(ExitCode.NO)

    async def store(_settings: "Settings", database: "Database") -> None:
        from digest.database import sources

        async with database.begin() as connection:
            await sources.add_source(connection, spec)

    with_database(store)
    say(f"{name} is added. Collect it now: digest collect {name}")


@app.command()
def remove(name: Annotated[str, typer.Argument(help="As `digest sources list` shows it.")]) -> None:
    """Stop fetching a source. Its articles stay. One of SOURCES is removed there."""

    async def act(_settings: "Settings", database: "Database") -> None:
        from digest.database import sources

        async with database.begin() as connection:
            await sources.remove_source(connection, name, at=clock.utc_now())

    with_database(act)
    say(f"{name} is not fetched any more.")


def collect(
    source: Annotated[str | None, typer.Argument(help="Only this one; without it every active source.")] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch sources now, whether due or not, and store what is new. Exit code 1 when one had a problem."""
    reports = with_database(lambda settings, database: _collect(settings, database, source))
    if as_json:
        print_json({"reports": [_report_as_json(report) for report in reports]})
    elif not reports:
        say("There is no source. Add a line to SOURCES, or: digest sources add")
    else:
        rows = [(r.source, r.found, r.new, r.revised, r.problem or "; ".join(r.doubts)) for r in reports]
        table(("source", "found", "new", "changed", ""), rows)
    if any(report.problem for report in reports):
        raise typer.Exit(ExitCode.NO)


async def _collect(settings: "Settings", database: "Database", name: str | None) -> "list[CollectReport]":
    from digest.collect import collector
    from digest.collect.reader import Reader
    from digest.database import sources
    from digest.errors import WrongStateError
    from digest.models import SourceState
    from digest.operate.house import owner_name
    from digest.outbound import Outbound, user_agent

    await collector.provision(database, settings, now=clock.utc_now())
    async with database.read() as connection:
        if name is None:
            stored = await sources.list_sources(connection)
            names = [each.spec.name for each in stored if each.state is SourceState.ACTIVE]
        else:
            names = [(await sources.get_source(connection, name)).spec.name]
    reports, owner = [], owner_name()
    async with (
        Outbound(private_hosts=settings.private_hosts, user_agent=user_agent(settings)) as outbound,
        Reader() as reader,
    ):
        for each in steps(names, "Collecting"):
            try:
                report = await collector.collect_source(
                    database, outbound, settings, each, clock=clock.utc_now, owner=owner, reader=reader
                )
            except WrongStateError as error:  # a worker is fetching it at this moment
                report = collector.CollectReport(each, problem=str(error))
            reports.append(report)
    return reports


def _spec(name: str, type_: str, address: str, **options: str) -> "SourceSpec":
    """Read the parts as a line of SOURCES is read, so that both take the same and say the same."""
    from digest import provisioned
    from digest.collect.sources import SOURCE_TYPES

    if type_ not in SOURCE_TYPES:
        raise typer.BadParameter(f"{type_!r} is none of {', '.join(SOURCE_TYPES)}.", param_hint="--type")
    given = " ".join(f"{key}={value}" for key, value in options.items() if value)
    try:
        (spec,) = provisioned.sources(f"{name} | {type_} | {address} | {given}", own_pages="")
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return spec


def _known_spec(settings: "Settings", name: str) -> "SourceSpec":
    """Return the source of that name from SOURCES, else from the database."""
    named = next((spec for spec in settings.sources if spec.name == name), None)
    if named is not None:
        return named

    async def load(_settings: "Settings", database: "Database") -> "SourceSpec":
        from digest.database import sources

        async with database.read() as connection:
            return (await sources.get_source(connection, name)).spec

    return with_database(load)


def _look(settings: "Settings", spec: "SourceSpec") -> "Look":
    import asyncio

    from digest.collect import collector
    from digest.outbound import Outbound, user_agent

    async def act() -> "Look":
        async with Outbound(private_hosts=settings.private_hosts, user_agent=user_agent(settings)) as outbound:
            return await collector.look(outbound, settings, spec)

    with waiting(f"Fetching {spec.url}"):
        return asyncio.run(act())


def _show(look: "Look", settings: "Settings") -> None:
    hosts = sorted({_host(article.text.picture.url) for article in look.articles if article.text.picture})
    pairs(
        [
            ("title", look.title),
            ("kind", look.kind),
            ("articles", str(len(look.articles))),
            ("pictures", ", ".join(hosts)),
        ]
    )
    rows = [
        (
            moment(article.text.registered_at, settings.zone) or "none",
            article.text.section,
            article.text.title,
            "yes" if article.text.picture else "no",
            "; ".join(article.doubts),
        )
        for article in look.articles[:_SHOWN]
    ]
    table(("date", "section", "title", "picture", "doubts"), rows)
    if len(look.articles) > _SHOWN:
        say(f"… and {len(look.articles) - _SHOWN} more")
    for doubt in look.doubts:
        note(doubt)


def _host(url: str) -> str:
    from urllib.parse import urlsplit

    return urlsplit(url).hostname or ""


def _as_json(source: "Source") -> dict[str, object]:
    spec = source.spec
    return {
        "name": spec.name,
        "type": spec.type,
        "address": spec.url,
        "purpose": spec.purpose,
        "rights": spec.rights,
        "section": spec.section,
        "state": source.state,
        "provisioned": source.provisioned,
        "first_fetched_at": source.first_fetched_at,
        "last_ok_at": source.last_ok_at,
        "next_fetch_at": source.next_fetch_at,
        "failures": source.failures,
        "problem": source.problem,
    }


def _found_as_json(article: "FoundArticle") -> dict[str, object]:
    text = article.text
    return {
        "title": text.title,
        "link": text.link,
        "section": text.section,
        "byline": text.byline,
        "excerpt": text.excerpt,
        "registered_at": text.registered_at,
        "modified_at": text.modified_at,
        "picture": text.picture.url if text.picture else None,
        "doubts": article.doubts,
    }


def _report_as_json(report: "CollectReport") -> dict[str, object]:
    return {
        "source": report.source,
        "found": report.found,
        "new": report.new,
        "revised": report.revised,
        "doubts": report.doubts,
        "problem": report.problem,
    }
