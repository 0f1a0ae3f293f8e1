"""`digest inbound`: take mail that comes back, and look at what came."""

import typer

from digest.operate.cli.room import load_settings

app = typer.Typer(help="Take mail that comes back (commands, bounces, answers) and act upon it.")


@app.callback(invoke_without_command=True)
def serve(context: typer.Context) -> None:
    """Take mail at the doors that are set up (INBOUND_…), and act upon it. SIGTERM ends it in order."""
    if context.invoked_subcommand is not None:
        return
    settings = load_settings(as_service=True)
    from digest.operate import inbound as service

    raise typer.Exit(service.serve(settings))
