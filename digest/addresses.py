"""Mail addresses: one grammar for every way in.

An address that passes `parse` is a single `local@domain` that can be written into an SMTP command and a header as it
stands: ASCII dot-atom local part of at most 64 octets (RFC 5321 §4.5.3.1.1), domain in its A-label form (RFC 5890),
at most 254 octets in all. Quoted local parts, comments, groups, lists, control and bidi characters and
internationalised local parts are refused with a reason: half of them are attacks, and the other half cannot be mailed
without SMTPUTF8 on every hop. The case of the local part is kept for mailing and folded for comparing.
"""

import re
import unicodedata
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

from digest.errors import BadAddressError
from digest.records import record

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_MAX_OCTETS = 254


@record
class Address:
    """An address we can mail. `local` keeps its case; `domain` is lower-case ASCII (xn-- where needed)."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def key(self) -> str:
        """The form two spellings of one mailbox share: everything folded to lower case."""
        return f"{self.local.casefold()}@{self.domain}"

    @property
    def masked(self) -> str:
        """A form for logs and strangers: the first two letters of the local part and the domain."""
        return f"{self.local[:2]}***@{self.domain}"


def parse(text: str) -> Address:
    """Read one address, or raise `BadAddressError` saying what is wrong with it.

    Surrounding blanks are dropped (people paste); anything inside is taken literally, and a line end, which no field
    gives by itself, is refused wherever it stands.
    """
    if "\r" in text or "\n" in text:
        raise BadAddressError("The address holds a line end.")
    text = unicodedata.normalize("NFC", text).strip()
    if not text:
        raise BadAddressError("There is no address.")
    if len(text.encode("utf-8", "replace")) > _MAX_OCTETS:
        raise BadAddressError("The address is longer than 254 characters.")
    if any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"} for char in text):
        raise BadAddressError("The address holds a blank or an invisible character.")
    local, at, domain = text.rpartition("@")
    if not at or not local or not domain:
        raise BadAddressError("An address has one name, one @ and one domain.")
    if not local.isascii():
        raise BadAddressError("The part before @ may only hold Latin letters, digits and signs.")
    if not _LOCAL.fullmatch(local) or len(local) > 64:
        raise BadAddressError("The part before @ is not one that mail servers take.")
    ascii_domain = _ascii_domain(domain)
    if len(local) + 1 + len(ascii_domain) > _MAX_OCTETS:
        raise BadAddressError("The address is longer than 254 characters.")
    return Address(local, ascii_domain)


@lru_cache(maxsize=1000)  # lists of readers have few domains, and looking at one costs more than all the rest
def parse_or_none(text: str) -> Address | None:
    """Read one address as `parse` does; None for what is none."""
    try:
        return parse(text)
    except BadAddressError:
        return None


@lru_cache(maxsize=1000)  # the same few at every turn, our own among them
def _ascii_domain(domain: str) -> str:
    try:
        checked = validate_email(
            f"a@{domain}",
            check_deliverability=False,
            allow_smtputf8=False,
            allow_domain_literal=False,
            test_environment=True,
        )
    except EmailNotValidError as error:
        raise BadAddressError(f"The domain cannot be mailed to: {error}") from error
    return checked.ascii_domain.lower()
