"""Who acts at the command line, for the audit log: the account of the operating system and the machine."""

import getpass
import socket


def who() -> str:
    """Return the name of the account that runs this command."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in a container
        return "unknown account"


def from_where() -> str:
    """Return where the command was given."""
    return f"command on {socket.gethostname()}"
