"""Write the commands that begin an envelope, with what the relay offers (RFC 1870 SIZE, 6152 8BITMIME, 3461 DSN).

Where it offers DSN (RFC 3461) and bounces come back to us, failures are asked for, with the token of the delivery and
whom the mail was for; the headers are enough of what comes back. A mail without a sender asks for none.

A mail larger than the relay allows is refused by it at MAIL, in its own words, because its size is told there.
"""

import re
from dataclasses import dataclass

from digest.deliver.transport import Envelope

END_OF_MAIL = b".\r\n"
_FAILURE = b" NOTIFY=FAILURE ORCPT=rfc822;"
_NOT_XTEXT = re.compile(rb"[^!-*,-<>-~]")  # RFC 3461 §4: printable but + and =
_PATH = re.compile(rb"[!-;=?-~]*")  # what can stand between < and >


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the relay said it can do."""

    pipelining: bool
    eight_bit: bool
    size: bool
    dsn: bool = False


def make_commands(envelope: Envelope, abilities: Abilities) -> tuple[bytes, bytes, bytes]:
    """Return MAIL, RCPT and DATA. Raises `ValueError` for a path that would end its command early."""
    if not (_PATH.fullmatch(envelope.sender) and _PATH.fullmatch(envelope.recipient)):
        raise ValueError("an address of the envelope holds something that may not stand in a path")
    options = b" SIZE=%d" % (len(envelope.content) - len(END_OF_MAIL)) if abilities.size else b""
    if abilities.eight_bit and not envelope.content.isascii():
        options += b" BODY=8BITMIME"
    wanted = b""
    if abilities.dsn and envelope.envelope_id:
        options += b" RET=HDRS ENVID=" + envelope.envelope_id
        wanted = _FAILURE + xtext(envelope.recipient)
    elif abilities.dsn and not envelope.sender:
        wanted = b" NOTIFY=NEVER"
    recipient = b"RCPT TO:<%b>%b\r\n" % (envelope.recipient, wanted)
    return b"MAIL FROM:<%b>%b\r\n" % (envelope.sender, options), recipient, b"DATA\r\n"


def xtext(address: bytes) -> bytes:
    """Return an address as RFC 3461 §4 writes it: everything that could end a parameter as +XX."""
    return _NOT_XTEXT.sub(lambda match: b"+%02X" % match.group()[0], address)
