"""The settings: read once, typed, and every mistake told at once.

In: the environment and the file `.env` (python-dotenv; the environment wins). Out: one frozen `Settings`. Each setting
is one field here with its range and default, and one entry with its words in `config.example.env`; a test fails if
the two differ. What was written where is merged by `given`; here the values get their meaning. A wrong or unknown
setting stops the start with one line each: which, why, and what to write instead. Nothing else in the package reads the
environment (ruff's banned-api rule).

Longer than other modules because it is the list of all settings, in the order of `config.example.env`.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from digest import addresses, given, limits, provisioned
from digest.errors import BadAddressError, SettingMistake, SettingsError
from digest.models.consents import Processor
from digest.models.deliveries import RelaySpec, Tls
from digest.models.editions import Slot
from digest.models.sources import SourceSpec
from digest.subaddress import OwnAddresses, longest_local
from digest.tokens import TOKEN_LENGTH, Keyring

ENV_FILE = Path(".env")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Settings(BaseModel):
    """Everything an operator decides. Field names are the settings' names in small letters."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, arbitrary_types_allowed=True)

    # The newspaper
    newspaper_name: str = Field(min_length=1, max_length=60, examples=["가온일보"])
    newspaper_site: str = Field(examples=["https://www.example.kr"])
    sender_name: str = Field("", max_length=60, examples=["가온일보 뉴스레터"])
    sender_address: str = Field(examples=["news@example.kr"])
    reply_address: str = Field("", examples=["desk@example.kr"])
    postal_address: str = Field(min_length=1, max_length=200, examples=["(12345) 가온시 큰길 1, 2층"])
    phone: str = Field(min_length=1, max_length=40, examples=["02-0000-0000"])
    registration_number: str = Field("", max_length=60)
    publisher: str = Field("", max_length=60)
    editor: str = Field("", max_length=60)
    privacy_officer: str = Field(min_length=1, max_length=100, examples=["홍길동 privacy@example.kr"])
    processors: tuple[Processor, ...] = ()
    privacy_since: date | None = Field(None, examples=["2026-12-01"])
    operator_email: str = Field("", examples=["operator@example.kr"])
    seed_addresses: tuple[str, ...] = Field((), examples=["gaon@naver.com,gaon@gmail.com"])
    time_zone: str = Field("Asia/Seoul", examples=["Asia/Seoul"])
    language: Literal["ko", "en"] = "ko"
    house_blocks_are_adverts: bool = True
    advert_consent_silence: Literal["keep", "stop"] = "keep"

    # 기사 메일전송
    share_address: str = Field("", examples=["share@share.example.kr"])
    abuse_contact: str = Field("", examples=["abuse@example.kr"])
    share_friends: int = Field(1, ge=1, le=3)
    shares_per_day: int = Field(200, ge=1, le=100_000)

    # Sources and editions
    sources: tuple[SourceSpec, ...] = ()
    editions: tuple[Slot, ...] = ()
    sample: bool = False

    # The relay
    smtp_host: str = ""
    smtp_port: int = Field(587, ge=1, le=65535)
    smtp_tls: Tls = Tls.STARTTLS
    smtp_verify: bool = True
    smtp_user: SecretStr = SecretStr("")
    smtp_password: SecretStr = SecretStr("")
    smtp_connections: int = Field(4, ge=1, le=50)
    smtp_messages_per_connection: int = Field(500, ge=1, le=100_000)
    smtp_timeout_seconds: int = Field(60, ge=1, le=600)
    relays: tuple[RelaySpec, ...] = ()
    pace: tuple[limits.Limit, ...] = ()
    warm_up: limits.WarmUp | None = None

    dkim_selector: str = Field("", pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9-]+)*)?$", examples=["mail2026"])
    dkim_domain: str = Field("", examples=["example.kr"])
    dkim_private_key: SecretStr = SecretStr("")

    # Mail that comes back
    inbound_address: str = Field("", examples=["news@example.kr"])
    bounce_address: str = Field("", examples=["bounce@bounce.example.kr"])
    inbound_delimiter: Literal["+", "-"] = "+"
    inbound_newsroom: str = Field("", examples=["desk@example.kr"])
    inbound_null_sender: bool = True
    inbound_authserv_id: str = Field("", pattern=r"^[A-Za-z0-9._-]*$", examples=["mail.example.kr"])
    inbound_max_bytes: int = Field(10_000_000, ge=100_000, le=50_000_000)
    inbound_protocol: Literal["lmtp", "smtp"] = "lmtp"
    inbound_host: str = Field("127.0.0.1", min_length=1)
    inbound_port: int = Field(0, ge=0, le=65535)
    inbound_imap_host: str = ""
    inbound_imap_port: int = Field(993, ge=1, le=65535)
    inbound_imap_tls: Tls = Tls.IMPLICIT
    inbound_imap_verify: bool = True
    inbound_imap_user: SecretStr = SecretStr("")
    inbound_imap_password: SecretStr = SecretStr("")
    inbound_imap_folder: str = Field("INBOX", min_length=1)
    inbound_imap_done: str = Field("digest-done", min_length=1)
    inbound_imap_unknown: str = Field("digest-unknown", min_length=1)
    inbound_imap_headers: tuple[str, ...] = Field(
        ("Delivered-To", "X-Original-To", "Envelope-To", "To", "Cc"), examples=["Delivered-To To Cc"]
    )

    # Webhooks of providers
    hook_ses_topics: tuple[str, ...] = Field((), examples=["arn:aws:sns:ap-northeast-2:123456789012:news-bounces"])
    hook_sendgrid_key: str = Field("", pattern=r"^[A-Za-z0-9+/=]*$", examples=["MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"])

    # Pages, database, files
    base_url: str = Field(examples=["https://news.example.kr"])
    web_host: str = Field("127.0.0.1", min_length=1)
    web_port: int = Field(8000, ge=1, le=65535)
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = Field(
        (IPv4Network("127.0.0.1"), IPv6Network("::1")), examples=["127.0.0.1 10.0.0.0/24"]
    )
    database_url: SecretStr = Field(
        SecretStr("sqlite:///var/digest.sqlite3"), examples=["sqlite:///var/digest.sqlite3"]
    )
    data_dir: Path = Path("var")
    templates_dir: Path | None = None
    secret_key: SecretStr = Field(examples=["(the output of: digest secret)"])
    retired_secret_keys: SecretStr = SecretStr("")
    suppression_key: SecretStr = SecretStr("")

    # Collecting
    fetch_interval_seconds: int = Field(600, ge=5, le=86_400)
    fetch_interval_shortest_seconds: int = Field(300, ge=5, le=86_400)
    fetch_interval_longest_seconds: int = Field(86_400, ge=5, le=86_400)
    fetch_pause_seconds: float = Field(1.0, ge=0, le=60)
    fetch_timeout_seconds: int = Field(30, ge=1, le=300)
    fetch_max_bytes: int = Field(5_000_000, ge=10_000, le=100_000_000)
    private_hosts: tuple[str, ...] = ()

    # Watching
    metrics_token: SecretStr = SecretStr("")

    # Logs
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "lines", "json"] = "auto"

    @property
    def zone(self) -> ZoneInfo:
        """The newspaper's time zone."""
        return ZoneInfo(self.time_zone)

    @property
    def sender(self) -> addresses.Address:
        """The From address, checked."""
        return addresses.parse(self.sender_address)

    @property
    def reply_to(self) -> addresses.Address:
        """Where answers of readers go; the sender's address if no other is set."""
        return addresses.parse(self.reply_address or self.sender_address)

    @property
    def share_sender(self) -> addresses.Address | None:
        """The From address of shares; None: sharing is off, because it or the abuse contact is not set."""
        return addresses.parse(self.share_address) if self.share_address and self.abuse_contact else None

    @property
    def has_door(self) -> bool:
        """Whether mail comes back to us: a listener or a mailbox is set up."""
        return bool(self.inbound_port or self.inbound_imap_host)

    @property
    def own_addresses(self) -> OwnAddresses:
        """Every address of ours that mail may come back to; those with details only where there is a door."""
        command = self.inbound_address if self.has_door else ""
        bounce = self.bounce_address if self.has_door else ""
        others = (self.sender_address, self.reply_address, self.share_address)
        return OwnAddresses(
            command=addresses.parse(command) if command else None,
            bounce=addresses.parse(bounce) if bounce else None,
            delimiter=self.inbound_delimiter,
            plain=frozenset(addresses.parse(each) for each in others if each),
            bounce_domains=frozenset({self.share_sender.domain} if self.share_sender else ()),
        )

    @property
    def newsroom(self) -> addresses.Address | None:
        """Where mails of people are passed on to; None: they stay here."""
        return addresses.parse(self.inbound_newsroom) if self.inbound_newsroom else None

    @property
    def seeds(self) -> tuple[addresses.Address, ...]:
        """The operator's own mailboxes that a copy of each edition goes to first; each once."""
        return tuple({seed.key: seed for seed in map(addresses.parse, self.seed_addresses)}.values())

    @property
    def from_name(self) -> str:
        """The constant display name of the From header (rule D9)."""
        return self.sender_name or self.newspaper_name

    @property
    def has_relay(self) -> bool:
        """Whether mail leaves this machine; without a relay the built-in outbox keeps every mail."""
        return bool(self.smtp_host)

    @property
    def keyring(self) -> Keyring:
        """The keys of links in mails: `SECRET_KEY`, and retired ones that still verify (newest first)."""
        return Keyring.of(
            self.secret_key.get_secret_value(),
            [key for key in self.retired_secret_keys.get_secret_value().replace(",", " ").split() if key],
        )

    @property
    def hash_key(self) -> bytes:
        """The key of the hashes people are known by after erasing: `SUPPRESSION_KEY`, else of the oldest secret."""
        given = self.suppression_key.get_secret_value() or self.keyring.secrets[-1]
        return hashlib.sha256(b"digest-suppression\0" + given.encode()).digest()

    def slot(self, name: str) -> Slot | None:
        """Return the slot `name` of `EDITIONS`, or None."""
        return next((slot for slot in self.editions if slot.name == name), None)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{value!r} is no time zone") from error
        return value

    @field_validator("templates_dir")
    @classmethod
    def _existing_folder(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_dir():
            raise ValueError(f"there is no folder {value}")
        return value

    @field_validator(
        "sender_address",
        "reply_address",
        "operator_email",
        "share_address",
        "abuse_contact",
        "inbound_address",
        "bounce_address",
        "inbound_newsroom",
    )
    @classmethod
    def _mail_address(cls, value: str) -> str:
        if value:
            try:
                addresses.parse(value)
            except BadAddressError as error:
                raise ValueError(error.why.rstrip(".")) from error
        return value

    @field_validator("seed_addresses")
    @classmethod
    def _mail_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            try:
                addresses.parse(each)
            except BadAddressError as error:
                raise ValueError(f"{each}: {error.why.rstrip('.')}") from error
        return value

    @field_validator("metrics_token")
    @classmethod
    def _long_token(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < 16:
            raise ValueError("it is shorter than 16 characters, so it could be guessed")
        return value

    @field_validator("newspaper_site", "base_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        split = urlsplit(value)
        if split.scheme not in ("http", "https") or not split.hostname or split.query or split.fragment:
            raise ValueError(f"{value!r} is no web address")
        return value.rstrip("/")

    @field_validator("newspaper_name", "sender_name", "publisher", "editor", "postal_address", "phone")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("it holds a line break or an invisible character")
        return value

    @field_validator(
        "sample", "smtp_verify", "house_blocks_are_adverts", "inbound_imap_verify", "inbound_null_sender", mode="before"
    )
    @classmethod
    def _yes_or_no(cls, value: object) -> object:
        if isinstance(value, str) and value not in ("yes", "no"):
            raise ValueError(f"{value!r} is neither yes nor no")
        return value == "yes" if isinstance(value, str) else value

    @field_validator("private_hosts", "seed_addresses", "inbound_imap_headers", "hook_ses_topics", mode="before")
    @classmethod
    def _list(cls, value: object) -> object:
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return tuple(ip_network(each) for each in value.replace(",", " ").split())
        except ValueError as error:
            raise ValueError(f"{error}, so it is no network") from error

    @field_validator("suppression_key")
    @classmethod
    def _long_suppression_key(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < 32:
            raise ValueError("it is shorter than 32 characters, so addresses could be guessed from their hashes")
        return value

    @field_validator("secret_key")
    @classmethod
    def _long_secret(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < 32:
            raise ValueError("it is shorter than 32 characters, so links could be guessed")
        return value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(("sqlite:///", "postgresql://")):
            raise ValueError("it begins neither with sqlite:/// nor with postgresql://")
        return value

    @model_validator(mode="before")
    @classmethod
    def _read_lines(cls, values: Any) -> Any:  # Any: whatever was handed to the class
        """Prepare what is read with the help of another setting: own pages and lines of the timetable."""
        if not isinstance(values, dict):
            return values
        values = dict(values)
        own = _own_pages(values)
        values.setdefault("base_url", own)
        site = values.get("newspaper_site")
        if isinstance(site, str) and site.startswith("/"):
            values["newspaper_site"] = f"{str(values['base_url']).rstrip('/')}{site}"
        if isinstance(values.get("sources"), str):
            values["sources"] = _Lines(values["sources"], own)
            if any(part.strip().startswith("/") for part in values["sources"].text.split("|")):
                values["private_hosts"] = f"{values.get('private_hosts', '')} {urlsplit(own).netloc}"
        if isinstance(values.get("editions"), str):
            values["editions"] = _Lines(values["editions"], str(values.get("time_zone") or "Asia/Seoul"))
        return values

    @field_validator("sources", mode="before")
    @classmethod
    def _sources(cls, value: object) -> object:
        return provisioned.sources(value.text, own_pages=value.context) if isinstance(value, _Lines) else value

    @field_validator("editions", mode="before")
    @classmethod
    def _slots(cls, value: object) -> object:
        if not isinstance(value, _Lines):
            return value
        try:
            zone = ZoneInfo(value.context)
        except (ZoneInfoNotFoundError, ValueError):
            zone = ZoneInfo("Asia/Seoul")  # the zone's own check reports the mistake
        return provisioned.slots(value.text, zone)

    @field_validator("relays", mode="before")
    @classmethod
    def _relays(cls, value: object) -> object:
        return tuple(map(_with_password, provisioned.relays(value))) if isinstance(value, str) else value

    @field_validator("processors", mode="before")
    @classmethod
    def _processors(cls, value: object) -> object:
        return provisioned.processors(value) if isinstance(value, str) else value

    @field_validator("privacy_since", mode="before")
    @classmethod
    def _day(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return date.fromisoformat(value) if value else None
        except ValueError as error:
            raise ValueError(f"{value!r} is no day") from error

    @field_validator("pace", mode="before")
    @classmethod
    def _pace(cls, value: object) -> object:
        return limits.pace(value) if isinstance(value, str) else value

    @field_validator("warm_up", mode="before")
    @classmethod
    def _warm_up(cls, value: object) -> object:
        return (limits.warm_up(value) if value.strip() else None) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _doors(self) -> Self:
        """Check what belongs together about mail that comes back."""
        if wrong := [each for each in self.hook_ses_topics if not each.startswith("arn:aws")]:
            raise ValueError(
                f"HOOK_SES_TOPICS: {wrong[0]} is no ARN of a topic. Write it as the SNS console shows it, for example "
                "HOOK_SES_TOPICS=arn:aws:sns:ap-northeast-2:123456789012:news-bounces"
            )
        # Return paths hold tokens without a door, too: a provider's webhook may be what tells of bounces.
        _require_room("BOUNCE_ADDRESS", self.bounce_address, longest_local(TOKEN_LENGTH, for_bounces=True))
        if not self.has_door:
            return self
        if not self.inbound_address:
            raise ValueError(
                "INBOUND_ADDRESS: there is a door for mail, but no address that people write to. "
                "Write for example INBOUND_ADDRESS=news@example.kr"
            )
        _require_room("INBOUND_ADDRESS", self.inbound_address, longest_local(TOKEN_LENGTH))
        if self.newsroom is not None and self.own_addresses.is_own(self.newsroom):
            raise ValueError(
                "INBOUND_NEWSROOM: mail to it comes back to this service, which would pass it on to itself. "
                "Write a mailbox of its own, for example INBOUND_NEWSROOM=desk@example.kr"
            )
        return self

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.share_address and addresses.parse(self.share_address).key == self.sender.key:
            raise ValueError(
                "SHARE_ADDRESS: shares need a sender of their own, so that complaints about them do not hurt the "
                "editions. Write for example SHARE_ADDRESS=share@share.example.kr"
            )
        if not self.has_relay:
            if self.relays:
                raise ValueError("RELAYS: there is no first relay that these could help. Write SMTP_HOST=…")
            return self
        if self.sample:
            raise ValueError(
                "SAMPLE: its subscribers do not exist, so a relay must not get mail for them. Write SAMPLE=no"
            )
        split = urlsplit(self.base_url)
        if split.scheme != "https" and split.hostname not in _LOOPBACK:
            raise ValueError("BASE_URL: one-click unsubscribing needs https (RFC 8058). Write BASE_URL=https://…")
        return self


@dataclass(frozen=True)
class _Lines:
    """The text of a setting of lines, and the other setting it is read with."""

    text: str
    context: str


def _require_room(name: str, address: str, longest: int) -> None:
    if len(address.partition("@")[0]) > longest:
        raise ValueError(
            f"{name}: with a token behind it the part before the @ would be longer than 64 letters "
            f"(RFC 5321). Take one of at most {longest} letters"
        )


def _with_password(spec: RelaySpec) -> RelaySpec:
    """Read the password of a further relay from its file."""
    if not spec.password_file:
        return spec
    try:
        return replace(spec, password=given.read_secret(Path(spec.password_file)))
    except (OSError, UnicodeDecodeError) as error:
        why = f"relay {spec.name}: password_file={spec.password_file} cannot be read ({error})"
        raise provisioned.LineError(f"{why}; name a file this user may read") from error


def _own_pages(values: Mapping[str, Any]) -> str:
    """Return the address under which this process reaches its own pages."""
    host, port = values.get("web_host") or "127.0.0.1", values.get("web_port") or 8000
    return f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}"  # noqa: S104 (compared, not bound)


def load(
    environ: Mapping[str, str] | None = None,
    env_file: Path = ENV_FILE,
    overrides: Mapping[str, str] | None = None,
) -> Settings:
    """Read the settings, or raise `SettingsError` with every mistake found.

    `environ` None: the environment of the process. An `env_file` that does not exist is an empty one. `overrides` are
    settings given on the command line; they win over both.
    """
    environ = {**(os.environ if environ is None else environ), **(overrides or {})}
    values, mistakes = given.read(environ, env_file, {name.upper() for name in Settings.model_fields})
    try:
        settings = Settings.model_validate({key.lower(): value for key, value in values.items()})
    except ValidationError as error:
        mistakes += [_mistake(detail) for detail in error.errors(include_url=False)]
        raise SettingsError(mistakes) from error
    if mistakes:
        raise SettingsError(mistakes)
    return settings


@dataclass(frozen=True, slots=True)
class Login:
    """What the environment tells of whoever is at the terminal; empty where it tells nothing."""

    sudo_user: str
    ssh_client: str


def login() -> Login:
    """Return who became another account by `sudo`, and the address a remote login came from (OpenSSH)."""
    return Login(os.environ.get("SUDO_USER", ""), os.environ.get("SSH_CONNECTION", "").partition(" ")[0])


def has_secret(env_file: Path = ENV_FILE) -> bool:
    """Whether somebody has set this installation up: a settings file is there, or the environment brings the secret."""
    return env_file.exists() or not {"SECRET_KEY", "SECRET_KEY_FILE"}.isdisjoint(os.environ)


def names_with_braces(env_file: Path = ENV_FILE) -> list[str]:
    """Return the names in `env_file` whose values hold `${`: taken literally here, but replaced by other readers.

    Raises `SettingsError` for a file that cannot be read.
    """
    return [key for key, value in given.read_env_file(env_file).items() if "${" in value]


def _mistake(detail: ErrorDetails) -> SettingMistake:
    if not detail["loc"]:  # a check of several settings together names its own
        name, _, rest = str(detail["ctx"]["error"]).partition(": ")
        why, _, instead = rest.rpartition(". ")
        return SettingMistake(name, why, instead)
    field = str(detail["loc"][0])
    name = field.upper()
    if isinstance(detail.get("ctx", {}).get("error"), provisioned.LineError):
        why, _, instead = str(detail["ctx"]["error"]).partition("; ")
        return SettingMistake(name, why, f"{instead[:1].upper()}{instead[1:]}." if instead else "")
    examples = Settings.model_fields[field].examples if field in Settings.model_fields else None
    instead = f"Write for example {name}={examples[0]}" if examples else ""
    if detail["type"] == "missing":
        return SettingMistake(name, "it is not set", instead)
    why = str(detail["ctx"]["error"]) if detail["type"] == "value_error" else detail["msg"].rstrip(".")
    return SettingMistake(name, why, instead)
