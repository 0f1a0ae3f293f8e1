"""Write the commands that begin an envelope, with the parameters the relay offers (RFC 1870 SIZE, RFC 6152 8BITMIME).

A mail larger than the relay allows is refused by it at MAIL, in its own words, because its size is told there.
"""

import re
from dataclasses import dataclass

from digest.deliver.transport import Envelope

END_OF_MAIL = b".\r\n"
_PATH = re.compile(rb"[!-;=?-~]*")  # what can stand between < and >


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the relay said it can do."""

    pipelining: bool
    eight_bit: bool
    size: bool


def make_commands(envelope: Envelope, abilities: Abilities) -> tuple[bytes, bytes, bytes]:
    """Return MAIL, RCPT and DATA. Raises `ValueError` for a path that would end its command early."""
    if not (_PATH.fullmatch(envelope.sender) and _PATH.fullmatch(envelope.recipient)):
        raise ValueError("an address of the envelope holds something that may not stand in a path")
    options = b" SIZE=%d" % (len(envelope.content) - len(END_OF_MAIL)) if abilities.size else b""
    if abilities.eight_bit and not envelope.content.isascii():
        options += b" BODY=8BITMIME"
    return b"MAIL FROM:<%b>%b\r\n" % (envelope.sender, options), b"RCPT TO:<%b>\r\n" % envelope.recipient, b"DATA\r\n"
