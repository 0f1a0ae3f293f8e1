"""The addresses of our own that mail comes back to, with their details (RFC 5233): written here, and read here.

    news@               commands, and what people answer
    news+join@ +help@   a command without a word
    news+leave+TOKEN@ +confirm+TOKEN@ +never+TOKEN@
    bounce+TOKEN@       the return path of one delivery

Tokens are lower-case base32 (`tokens`), so they survive servers that fold the case. What the token proves is not looked
at here. Pure: values in, values out.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import quote

from digest.addresses import Address, parse_or_none

_MAX_LOCAL = 64  # octets (RFC 5321 §4.5.3.1.1)


class Detail(StrEnum):
    """What stands behind the delimiter. `plain`: nothing."""

    PLAIN = ""
    JOIN = "join"
    HELP = "help"
    LEAVE = "leave"
    CONFIRM = "confirm"
    NEVER = "never"
    BOUNCE = "bounce"


_OF_COMMANDS = frozenset({Detail.JOIN, Detail.HELP, Detail.LEAVE, Detail.CONFIRM, Detail.NEVER})
_WITH_TOKEN = frozenset({Detail.LEAVE, Detail.CONFIRM, Detail.NEVER})
_SUBJECTS = {
    Detail.JOIN: "subscribe",
    Detail.HELP: "help",
    Detail.LEAVE: "unsubscribe",
    Detail.CONFIRM: "confirm",
    Detail.NEVER: "unsubscribe",
}
_IN_LINKS = "+-._~!$*'\0"  # of a local part; NUL is that of a slot
_LONGEST = max(len(each) for each in _WITH_TOKEN) + 2


@dataclass(frozen=True, slots=True)
class Addressed:
    """What an address of ours says: `bounce` with its token, or a command's detail; `token` may be empty."""

    detail: Detail
    token: str = ""


@dataclass(frozen=True, slots=True)
class OwnAddresses:
    """Every address of ours. `command` and `bounce` None: none is set up. `plain`: those that only people answer to.

    Bounces come back to the same name in `bounce_domains`, too: each stream has return paths in its own domain.
    """

    command: Address | None
    bounce: Address | None
    delimiter: str
    plain: frozenset[Address] = frozenset()
    bounce_domains: frozenset[str] = frozenset()

    def read(self, recipient: str) -> Addressed | None:
        """Return what `recipient` says, None if it is no address of ours."""
        address = parse_or_none(recipient)
        if address is None:
            return None
        if self.bounce is not None and address.domain in self.bounce_domains:
            detail = self._detail(replace(address, domain=self.bounce.domain), self.bounce)
            if detail:  # without a token it may be somebody else's mailbox there
                return Addressed(Detail.BOUNCE, detail)
        if self.bounce is not None and (detail := self._detail(address, self.bounce)) is not None:
            return Addressed(Detail.BOUNCE, detail)
        if self.command is not None and (detail := self._detail(address, self.command)) is not None:
            name, _, token = detail.partition(self.delimiter)
            if name == "":
                return Addressed(Detail.PLAIN)
            return Addressed(Detail(name), token) if name in _OF_COMMANDS else None
        return Addressed(Detail.PLAIN) if address.key in {each.key for each in self.plain} else None

    def is_own(self, address: Address) -> bool:
        """Whether mail to this address comes (or might come) back to us: nothing of ours may be answered to it."""
        return self.read(str(address)) is not None

    def leave(self, token: str) -> str:
        """The address that unsubscribes whose token it is. Raises `ValueError` where there is no command address."""
        return self._written(self.command, Detail.LEAVE, token)

    def confirm(self, token: str) -> str:
        """The address that confirms a request."""
        return self._written(self.command, Detail.CONFIRM, token)

    def never(self, token: str) -> str:
        """The address that refuses all further shares."""
        return self._written(self.command, Detail.NEVER, token)

    def join(self) -> str:
        """The address that asks to subscribe."""
        return self._written(self.command, Detail.JOIN)

    def help(self) -> str:
        """The address that asks for the words we understand."""
        return self._written(self.command, Detail.HELP)

    def mailto(self, detail: Detail, token: str = "") -> str:
        """The link (RFC 6068) that writes a command's mail: `mailto:news+leave+TOKEN@…?subject=unsubscribe`."""
        address = self._written(self.command, detail, *([token] if token else []))
        local, _, domain = address.rpartition("@")
        return f"mailto:{quote(local, safe=_IN_LINKS)}@{domain}?subject={_SUBJECTS[detail]}"

    def further(self, detail: Detail, token: str) -> str:
        """What stands behind a link in List-Unsubscribe: `, <mailto:…>`, and only a blank where there is no door."""
        return f", <{self.mailto(detail, token)}>" if self.command is not None else " "

    def returning(self, token: str) -> str:
        """The return path of a delivery. Raises `ValueError` where there is no address for bounces."""
        return self._written(self.bounce, token)

    def _detail(self, address: Address, own: Address) -> str | None:
        """Return what stands behind the delimiter in lower case, empty for nothing; None for another mailbox."""
        local, base = address.local.lower(), own.local.lower()
        if address.domain != own.domain or not local.startswith(base):
            return None
        rest = local[len(base) :]
        return rest.removeprefix(self.delimiter) if not rest or rest.startswith(self.delimiter) else None

    def _written(self, own: Address | None, *details: str) -> str:
        if own is None:
            raise ValueError("there is no such address of our own")
        return f"{self.delimiter.join((own.local, *details))}@{own.domain}"


def longest_local(token_length: int, *, for_bounces: bool = False) -> int:
    """Return how many letters the address itself may have before the @, so that its longest detail fits."""
    return _MAX_LOCAL - token_length - (1 if for_bounces else _LONGEST)
