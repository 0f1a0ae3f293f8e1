"""The errors of this service, sorted by what the one who catches them does next.

Every error carries its facts as fields and says in its text what happened and what to do, in words for the person
who will read it (an operator; never a stranger: web pages answer with a general text and keep the detail in the log).

    DigestError
    ├── TryLaterError      it may work by itself: back off and try again
    ├── GiveUpError        it will never work as asked: record it and go on with the rest
    ├── FixSetupError      somebody has to change a setting or a file: stop, or skip only what depends on it
    └── AskHumanError      nothing is wrong with the setup, but a person has to decide
"""

from dataclasses import dataclass


class DigestError(Exception):
    """Root of all errors raised on purpose by this package."""


class TryLaterError(DigestError):
    """It may work by itself after a while. `retry_after_seconds` is what the other side asked for, if it did."""

    def __init__(self, text: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(text)
        self.retry_after_seconds = retry_after_seconds


class GiveUpError(DigestError):
    """It will never work as asked. Record why and go on with the rest."""


class FixSetupError(DigestError):
    """A setting, a file or a right is wrong. Only a person can repair it; the text says which and how."""


class AskHumanError(DigestError):
    """The service could go on either way and must not decide. The text names the commands that decide."""


# ── setup ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class SettingMistake:
    """One wrong setting: its name, what is wrong and what to write instead."""

    name: str
    why: str
    instead: str

    def __str__(self) -> str:
        return f"{self.name}: {self.why}. {self.instead}" if self.instead else f"{self.name}: {self.why}."


class SettingsError(FixSetupError):
    """One or more settings are wrong; `mistakes` holds all of them, so that they are repaired in one go."""

    def __init__(self, mistakes: list[SettingMistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = mistakes


class DatabaseNotReadyError(FixSetupError):
    """The database has no schema, or one of another release. Run `digest migrate`."""


class RelayLoginError(FixSetupError):
    """The relay refuses our name and password, or its certificate; no delivery is charged for it."""


class LoginRefusedError(RelayLoginError):
    """The relay refuses our name and password. Whoever tries again soon and often may find the account locked."""


class TemplateError(FixSetupError):
    """A template cannot be read, compiled or rendered; `name` is the file."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name


class AdvertNotReadyError(FixSetupError):
    """An edition carries an advert, and the settings do not say who sends it; `missing` are their names."""

    def __init__(self, missing: tuple[str, ...]) -> None:
        names = ", ".join(missing)
        super().__init__(
            f"It carries an advert, and {names} does not say who sends it (정보통신망법 제50조④). Correct the setting, "
            "or take the advert out with: digest blocks end ID"
        )
        self.missing = missing


# ── the world outside ────────────────────────────────────────────────────────────────────────────────────────────


class SourceUnreachableError(TryLaterError):
    """A source does not answer, answers an error, is too slow or too large."""


class SourceGoneError(GiveUpError):
    """A source answers 404 or 410; whether it is gone for good is for the operator to say."""


class AddressRefusedError(GiveUpError):
    """An outgoing request was for an address we do not connect to (private, loopback, not http)."""


class SourceUnreadableError(GiveUpError):
    """The bytes of a source hold no articles at all: not a feed, empty, or broken beyond reading."""


class RelayUnavailableError(TryLaterError):
    """The relay cannot be reached or answers 421; no delivery is charged for it."""


class DatabaseUnavailableError(TryLaterError):
    """The database is locked by somebody else, full, or gone; nothing of the transaction was kept. Try again later."""


class MailboxError(FixSetupError):
    """The mailbox of mail that comes back cannot be opened; the text holds the server's words."""


class MailTooLargeError(GiveUpError):
    """A mail that came in is larger than `INBOUND_MAX_BYTES`; its peer is told 552."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"The mail is larger than {max_bytes} bytes.")


class UnsendableMailError(GiveUpError):
    """A composed mail breaks the rules of RFC 5322 or has a hole where a value belongs; no server may be given it."""


# ── the ledger ───────────────────────────────────────────────────────────────────────────────────────────────────


class NotFoundError(GiveUpError):
    """What a command or a link named does not exist. `what` and `which` say it."""

    def __init__(self, what: str, which: object) -> None:
        super().__init__(f"There is no {what} {which}.")
        self.what, self.which = what, which


class WrongStateError(AskHumanError):
    """An act does not fit the state a thing is in (releasing a cancelled edition)."""


class SuppressedError(GiveUpError):
    """An address must not be written to: its mailbox bounced, its reader complained, left for good, or was erased."""

    def __init__(self) -> None:
        super().__init__("This address must not be written to: it is suppressed. Why says: digest consent show ADDRESS")


class BadAddressError(GiveUpError):
    """A mail address is not one we can write to; `why` says it in a short sentence."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class HookRefusedError(GiveUpError):
    """What was posted to a webhook is not its provider's, too old, or cannot be read."""


class BadTokenError(GiveUpError):
    """A link's token is mistyped, forged, or for another purpose."""
