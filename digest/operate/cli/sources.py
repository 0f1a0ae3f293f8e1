"""`digest sources` and `digest collect`: where articles come from, and fetching them now.

Sources stand in `SOURCES` or are added by command (`sources_add`); both kinds are stored and fetched alike, but those
of `SOURCES` are changed there alone.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from digest import clock
from digest.operate.cli.room import load_settings, with_database
from digest.operate.cli.sources_add import Option, Type, add, export, found_at, import_, make_spec
from digest.operate.cli.sources_pages import article_page, checked_pages, page_as_json, show_pages
from digest.operate.cli.sources_show import candidate_as_json, show, show_others, source_as_json
from digest.operate.cli.terminal import (
    AsJson,
    ExitCode,
    moment,
    note,
    print_json,
    say,
    steps,
    table,
)

if TYPE_CHECKING:
    from digest.collect.collector import CollectReport
    from digest.config import Settings
    from digest.database import Database
    from digest.models.sources import Source, SourceSpec

app = typer.Typer(help="Where articles come from: list, check, add, remove.", no_args_is_help=True)

app.command("add")(add)
app.command("import")(import_)
app.command("export")(export)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List sources and how fetching them goes."""

    async def load(settings: "Settings", database: "Database") -> "tuple[Settings, list[Source]]":
        from digest.database import sources

        async with database.read() as connection:
            return settings, await sources.list_sources(connection)

    settings, found = with_database(load)
    if as_json:
        print_json({"sources": [source_as_json(source) for source in found]})
        return
    rows = [
        (
            source.spec.name,
            source.spec.type,
            "given up" if source.given_up_at is not None else source.state,
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
    type_: Type = "",
    option: Option = None,
    as_json: AsJson = False,
) -> None:
    """Fetch a source and the pages of its first two articles, and show what would be collected.

    The address of an article's own page shows how that page is read. Stores nothing. Exit code 1 when there is no
    article in it.
    """
    from digest.errors import SourceUnreadableError

    settings = load_settings()
    spec = make_spec("check", type_, what, option) if "://" in what else _known_spec(settings, what)
    try:
        candidates = found_at(settings, spec)
    except SourceUnreadableError:
        if spec.type or not _is_shown_as_a_page(settings, spec, as_json=as_json, may_be_textless=True):
            raise
        return
    best = candidates[0]
    # Links to other articles look like a list, and a page leads to its site's feed.
    may_be_an_article = not spec.type and (best.type == "listpage" or best.url != spec.url)
    is_empty_itself = all(one.url != spec.url for one in candidates)
    if may_be_an_article and _is_shown_as_a_page(settings, spec, as_json=as_json, may_be_textless=is_empty_itself):
        if not as_json:
            show_others((best, *candidates), settings)
        return
    pages = checked_pages(settings, spec, best.parsed.articles)
    if as_json:
        print_json({**candidate_as_json(best), "pages": [page_as_json(page) for page in pages]})
    else:
        show(best, settings)
        show_pages(pages, settings)
        show_others(candidates, settings)
    if not best.parsed.articles:
        raise typer.Exit(ExitCode.NO)


def _is_shown_as_a_page(
    settings: "Settings", spec: "SourceSpec", *, as_json: bool, may_be_textless: bool = False
) -> bool:
    """Show what is read of an address as an article's page; False, and nothing is shown, if it is none."""
    page = article_page(settings, spec, may_be_textless=may_be_textless)
    if page is None:
        return False
    if as_json:
        print_json({"url": spec.url, "pages": [page_as_json(page)]})
    else:
        note("This is an article's page. So it is read where a source lists it:")
        show_pages([page], settings)
    return True


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
    from digest.models.sources import SourceState
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


def _report_as_json(report: "CollectReport") -> dict[str, object]:
    return {
        "source": report.source,
        "found": report.found,
        "new": report.new,
        "revised": report.revised,
        "doubts": report.doubts,
        "problem": report.problem,
    }
