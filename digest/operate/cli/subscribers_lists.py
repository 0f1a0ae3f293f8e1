"""`digest subscribers import | export | erase`: whole lists of readers in and out, and one person's data gone.

An import is checked first and shown; nothing is written before the operator says yes. Each refused line is written to
a report with its reason, and each one that is imported with a domain that looks mistyped, with what may be meant. Lists
in and out hold many addresses: what was done is in the audit log, and files are readable for their owner alone.
"""

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from digest import clock
from digest.models.readers import Format
from digest.operate.cli.room import with_database
from digest.operate.cli.terminal import ExitCode, note, problem, progress, say, table

if TYPE_CHECKING:
    from digest.config import Settings
    from digest.database import Database
    from digest.subscribe.importing import Doubtful, Plan
    from digest.subscribe.lists import Line

_SHOWN = 10
_PAGE = 1000
_HEADS = ("email", "status", "slots", "language", "format", "subscribed at", "advert consent", "advert consent at")


def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV in UTF-8 or CP949.")],
    *,
    source: Annotated[str, typer.Option(help="Where and when these people agreed, in your words. Kept as the proof.")],
    slot: Annotated[
        list[str] | None, typer.Option(help="What they get; may be repeated. Needed if EDITIONS names several.")
    ] = None,
    language: Annotated[Literal["ko", "en"] | None, typer.Option(help="Without it the newspaper's.")] = None,
    format_: Annotated[Format, typer.Option("--format", help="html (with a text part) or text alone.")] = Format.HTML,
    report: Annotated[
        Path | None, typer.Option(help="Where refused and doubtful lines go; without it FILE.refused.csv.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take over a list of readers from elsewhere: checked and shown first, then imported. Nobody is brought back.

    Exit code 1 if you say no, or if lines were refused.
    """
    if not source.strip():
        raise typer.BadParameter("Say where and when these people agreed.", param_hint="--source")
    from digest.operate.cli.subscribers import slots_of
    from digest.subscribe.lists import read_list, tell_columns

    content = file.read_bytes()
    lines = read_list(content)
    say(f"Columns: {tell_columns(content) or 'no heads; the first one with an address'}.")

    async def act(settings: "Settings", database: "Database") -> "tuple[Plan, int | None]":
        from digest.operate import operator
        from digest.subscribe import importing

        wish = importing.Wish(slots_of(settings, slot), language or settings.language, format_, source.strip())
        with progress(len(lines), "Checking") as step:
            plan = await importing.check(database, settings, lines, step=step)
        _show(plan, lines)
        if dry_run or not plan.new or not (yes or typer.confirm(f"Import {len(plan.new)} new readers?", err=True)):
            return plan, None
        with progress(len(plan.new), "Importing") as step:
            added = await importing.carry_out(
                database,
                plan,
                wish,
                who=operator.who(),
                from_where=operator.from_where(),
                now=clock.utc_now(),
                step=step,
            )
        return plan, added

    plan, added = with_database(act)
    if plan.refused or plan.doubtful:
        _write_report(plan, report or file.with_name(f"{file.name}.refused.csv"))
    say("Nothing was imported." if added is None else f"{added} imported.")
    declined = added is None and bool(plan.new) and not dry_run
    if declined or plan.refused:
        raise typer.Exit(ExitCode.NO)


def export(
    reason: Annotated[str, typer.Option(help="What the list is needed for. Written to the audit log.")],
    file: Annotated[Path, typer.Option(help="The new file; an existing one is not touched.")],
) -> None:
    """Write all readers to a CSV file (UTF-8 with a BOM), in the order they came."""
    if not reason.strip():
        raise typer.BadParameter("Say what it is needed for.", param_hint="--reason")

    async def act(_settings: "Settings", database: "Database") -> int:
        from digest.database import subscribers
        from digest.operate import operator
        from digest.operate.writing import private_file
        from digest.subscribe.lists import safe_cell

        with private_file(file) as stream:
            async with database.begin() as connection:  # noted before a byte is handed out
                told: dict[str, object] = {"reason": reason.strip()}
                await operator.note(connection, "subscribers.export", at=clock.utc_now(), details=told)
            writer = csv.writer(stream)
            writer.writerow(_HEADS)
            written, after_id = 0, 0
            async with database.read() as connection:
                while page := await subscribers.list_subscribers(connection, limit=_PAGE, after_id=after_id):
                    for each in page:
                        advert = each.advert_consent_at
                        cells = (str(each.address), each.state, " ".join(each.slots), each.language, each.format,
                                 each.created_at.isoformat(timespec="seconds"), "yes" if advert else "",
                                 advert.isoformat(timespec="seconds") if advert else "")  # fmt: skip
                        writer.writerow([safe_cell(cell) for cell in cells])
                    written, after_id = written + len(page), page[-1].id
        return written

    written = with_database(act)
    say(f"{written} readers written to {file}. It holds personal data: remove it when it has served.")


def erase(
    address: Annotated[str, typer.Argument(help="The mail address.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase everything about an address now; only a keyed hash stays, so that nobody writes to it again.

    Exit code 5 if a mail to it is being handed over in this moment: the reader is stopped, the next hourly pass erases.
    """
    if not yes and not typer.confirm(f"Erase everything about {address}? It cannot be undone.", err=True):
        raise typer.Exit(ExitCode.NO)

    async def act(settings: "Settings", database: "Database") -> "tuple[int, bool]":
        from digest import addresses
        from digest.hashes import address_hash
        from digest.models.consents import ConsentWay
        from digest.operate import operator
        from digest.subscribe import retention

        parsed, now = addresses.parse(address), clock.utc_now()
        erased = await retention.erase(database, settings, parsed, how=ConsentWay.COMMAND, now=now)
        async with database.begin() as connection:
            told: dict[str, object] = {"rows": erased.rows, "on_the_wire": erased.on_the_wire}
            whose = address_hash(settings, parsed)
            await operator.note(connection, "subscribers.erase", at=now, whose=whose, details=told)
        return erased.rows, erased.on_the_wire

    rows, on_the_wire = with_database(act)
    if on_the_wire:
        problem("A mail to this address is being handed over. Nothing more is sent; it is erased within the hour.")
        raise typer.Exit(ExitCode.LATER)
    say(f"Erased from {rows} rows. Prove it with: digest privacy prove {address}")


def _show(plan: "Plan", lines: "list[Line]") -> None:
    say(f"{len(lines)} lines: {len(plan.new)} new, {plan.known} readers already, {len(plan.refused)} refused.")
    if plan.refused:
        table(("refused because", "lines"), plan.reasons.most_common(_SHOWN))
    _show_doubtful(plan.doubtful)
    adverts = sum(reader.advert_consent_at is not None for _, reader in plan.new)
    undated = sum(line.advert and line.since is None for line, _ in plan.new)
    if adverts:
        say(f"{adverts} of the new ones agreed to advertising as well.")
    if undated:
        note(f"{undated} agreed to advertising without a day; that does not count, because the law asks when.")


def _show_doubtful(doubtful: "Sequence[Doubtful]") -> None:
    """Name the domains that look mistyped; the lines themselves stand in the report."""
    if not doubtful:
        return
    say(f"{len(doubtful)} of the new ones have a domain that looks mistyped. They are imported as they stand:")
    pairs = Counter((each.address.domain, each.meant.domain) for each in doubtful)
    rows = [(typed, meant, lines) for (typed, meant), lines in pairs.most_common(_SHOWN)]
    table(("typed", "did you mean", "lines"), rows)
    if len(pairs) > _SHOWN:
        say(f"and {len(pairs) - _SHOWN} more such domains.")


def _write_report(plan: "Plan", path: Path) -> None:
    from digest.languages import LANGUAGES, words
    from digest.operate.writing import private_file
    from digest.subscribe.lists import safe_cell

    asks = [words(language).gettext("Did you mean %(address)s?") for language in reversed(LANGUAGES)]
    lines = [(each.number, each.address, each.reason) for each in plan.refused]
    for each in plan.doubtful:
        offered = " / ".join(ask % {"address": each.meant} for ask in asks)
        lines.append((each.number, str(each.address), f"not refused. {offered}"))
    path.unlink(missing_ok=True)  # of an earlier try with the same list
    with private_file(path) as stream:
        writer = csv.writer(stream)
        writer.writerow(("line", "address", "reason"))
        writer.writerows((number, safe_cell(address), safe_cell(reason)) for number, address, reason in sorted(lines))
    if plan.refused:
        problem(f"{len(plan.refused)} lines were refused; which and why is in {path}. Remove it when it has served.")
    else:
        note(f"Which lines look mistyped is in {path}. Remove it when it has served.")
