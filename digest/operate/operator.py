"""Who acts at the command line, and what they do with people's data, for the audit log.

Out: the account of the operating system (with the one behind `sudo`), and the machine, with the address a remote login
came from. Every command that looks at people, or hands out, adds, changes or erases them, notes it here in its own
transaction; a test goes through all commands.
"""

import getpass
import socket
from datetime import datetime

from digest import config
from digest.database import Connection, audit


def who() -> str:
    """Return the name of the account that runs this command."""
    try:
        account = getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in a container
        account = "unknown account"
    behind = config.login().sudo_user
    return f"{account} (sudo by {behind})" if behind and behind != account else account


def from_where() -> str:
    """Return where the command was given."""
    client = config.login().ssh_client
    return f"command on {socket.gethostname()}" + (f", login from {client}" if client else "")


async def note(
    connection: Connection, what: str, *, at: datetime, whose: str = "", details: dict[str, object] | None = None
) -> None:
    """Write one act into the audit log. `whose` is a keyed hash, empty for many people's (`database.audit`)."""
    await audit.note(connection, at=at, who=who(), from_where=from_where(), what=what, whose=whose, details=details)
