"""The command line: one module per group of commands, put together here.

In: words of an operator or a script. Out: tables or JSON, and an exit code that means the same everywhere
(`terminal.ExitCode`). Every error of ours becomes one clear line on standard error and the exit code of its kind, here
and nowhere else; a traceback is a fault of this program. Commands import what they need when they run: `digest --help`
answers at once.
"""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import digest
from digest.errors import DatabaseNotReadyError, DatabaseUnavailableError, DigestError, FixSetupError, TryLaterError
from digest.operate.cli import (
    alerts,
    articles,
    audit,
    blocks,
    consents,
    domains,
    editions,
    explain,
    inbound,
    keys,
    privacy,
    service,
    shares,
    sources,
    subscribers,
    subscribers_lists,
    suppressions,
)
from digest.operate.cli.terminal import ExitCode, problem

_EXIT_CODES = (
    "Exit codes: 0 done · 1 the answer is no, or a check failed · 2 wrong usage · 3 a setting or a file is wrong · "
    "4 the database is not ready or cannot be used · 5 not now, try later · 130 broken off by Ctrl-C."
)

_KINDS: tuple[tuple[type[DigestError], ExitCode], ...] = (
    (DatabaseNotReadyError, ExitCode.DATABASE),
    (DatabaseUnavailableError, ExitCode.DATABASE),
    (FixSetupError, ExitCode.SETTINGS),
    (TryLaterError, ExitCode.LATER),
)


class _Commands(TyperGroup):
    """The group of all commands, where errors of ours become a line and an exit code."""

    def invoke(self, ctx: Any) -> Any:  # Any: the types of the library's inner click
        try:
            return super().invoke(ctx)
        except DigestError as error:
            problem(str(error))
            raise typer.Exit(exit_code_of(error)) from None


def exit_code_of(error: DigestError) -> ExitCode:
    """Return the exit code for an error that ended a command."""
    return next((code for kind, code in _KINDS if isinstance(error, kind)), ExitCode.NO)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EXIT_CODES,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"digest {digest.__version__}")
        raise typer.Exit


@app.callback()
def _digest(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it."),
    ] = False,
) -> None:
    """The newspaper's mail service: collects articles, composes the digest, delivers it.

    Settings are read from the environment and from .env in the current folder.
    """


_RUN, _SET_UP, _LOOK, _ROWS = "Run it", "Set it up", "Ask it", "What it holds"

app.command(rich_help_panel=_RUN)(service.run)
app.command(rich_help_panel=_RUN)(service.worker)
app.command(rich_help_panel=_RUN)(service.web)
app.add_typer(inbound.app, name="inbound", rich_help_panel=_RUN)
app.command(rich_help_panel=_RUN)(sources.collect)

app.command(rich_help_panel=_SET_UP)(service.init)
app.command(rich_help_panel=_SET_UP)(service.secret)
app.command(rich_help_panel=_SET_UP)(service.migrate)
app.command(rich_help_panel=_SET_UP)(service.doctor)
app.command("send-test", rich_help_panel=_SET_UP)(service.send_test)

app.command(rich_help_panel=_LOOK)(explain.explain)
app.add_typer(alerts.app, name="alerts", rich_help_panel=_LOOK)

app.add_typer(sources.app, name="sources", rich_help_panel=_ROWS)
app.add_typer(articles.app, name="articles", rich_help_panel=_ROWS)
app.add_typer(domains.app, name="domains", rich_help_panel=_ROWS)
app.add_typer(editions.app, name="editions", rich_help_panel=_ROWS)
app.add_typer(blocks.app, name="blocks", rich_help_panel=_ROWS)
app.add_typer(subscribers.app, name="subscribers", rich_help_panel=_ROWS)
app.add_typer(suppressions.app, name="suppressions", rich_help_panel=_ROWS)
app.add_typer(consents.app, name="consent", rich_help_panel=_ROWS)
app.add_typer(shares.app, name="shares", rich_help_panel=_ROWS)
app.add_typer(keys.app, name="keys", rich_help_panel=_ROWS)
app.add_typer(privacy.app, name="privacy", rich_help_panel=_ROWS)
app.add_typer(audit.app, name="audit", rich_help_panel=_ROWS)

subscribers.app.command("import")(subscribers_lists.import_)
subscribers.app.command()(subscribers_lists.export)
subscribers.app.command()(subscribers_lists.erase)
