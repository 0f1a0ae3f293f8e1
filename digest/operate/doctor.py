"""Everything that can be checked before the first mail goes out, each with what to do about it.

In: the settings as they stand in a folder. Out: a list of checks, each `ok`, `warn` (it works, but somebody may be
surprised) or `fail` (mail will not get out as meant). Nothing is mailed and nothing is stored. Each check stands alone,
so that one that fails hides no other; only wrong settings leave nothing to look at. Secrets are never shown.

What needs the relay is asked of the transport itself, so that doctor and delivery cannot differ.
"""

import os
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from digest import config, schedule
from digest.clock import Clock, utc_now
from digest.config import Settings
from digest.database import Database, alerts, blocks, migrate, sources
from digest.database.connection import server_time
from digest.deliver.webhooks import WEBHOOKS
from digest.errors import DigestError, SettingsError
from digest.models.deliveries import RelaySpec, Tls
from digest.models.editions import Block

if TYPE_CHECKING:
    from digest.deliver.transports.smtp import Relay

MAX_HTML_BYTES = 90_000  # mail-clients.md: larger ones are clipped by readers' mail programs
_LITTLE_SPACE_BYTES = 500_000_000
_HERE = ("localhost", "127.0.0.1", "::1")
_CLOCKS_APART = timedelta(seconds=5)


class Verdict(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: what it says, and what to do where it is not ok."""

    name: str
    verdict: Verdict
    says: str
    todo: str = ""


async def examine(env_file: Path = config.ENV_FILE, *, clock: Clock = utc_now) -> list[Check]:
    """Look at everything and return what was found, in the order in which it is best repaired."""
    try:
        settings = config.load(env_file=env_file)
    except SettingsError as error:
        return _wrong_settings(error, env_file)
    now = clock()
    found = [Check("settings", Verdict.OK, f"{settings.newspaper_name}, every setting can be used")]
    found += check_env_file(env_file)
    found += check_base_url(settings)
    found += check_clock(settings, now)
    found += check_editions(settings, now)
    found += check_seeds(settings)
    found += check_hooks(settings)
    found += await _careful("data folder", lambda: _wrapped(check_folder(settings)))
    found += await _careful("templates", lambda: _wrapped(check_templates(settings)))
    found += await _careful("database", lambda: check_database(settings, clock))
    found += await _careful("relay", lambda: check_relay(settings))
    found += check_inbound(settings)
    if settings.inbound_imap_host:
        found += await _careful("mailbox", partial(check_mailbox, settings))
    for spec in settings.relays:
        found += await _careful(f"relay {spec.name}", partial(check_further_relay, settings, spec))
    return found


def is_failed(checks: list[Check]) -> bool:
    """Whether any check failed; warnings do not count."""
    return any(check.verdict is Verdict.FAIL for check in checks)


def check_env_file(env_file: Path) -> list[Check]:
    """Look at how the file of settings is kept, and for values that other programs would read differently."""
    if not env_file.is_file():
        return []
    found = []
    if env_file.stat().st_mode & 0o077:
        found.append(
            Check(".env", Verdict.WARN, "other users of this machine can read it", f"Run: chmod 600 {env_file}")
        )
    if names := config.names_with_braces(env_file):
        says = f"{', '.join(names)} holds ${{…}}, which is taken as it stands"
        todo = "Fine for this program. A shell or docker compose that reads the file would replace it: use NAME_FILE."
        found.append(Check(".env", Verdict.WARN, says, todo))
    return found or [Check(".env", Verdict.OK, f"{env_file} is readable by its owner only")]


def check_hooks(settings: Settings) -> list[Check]:
    """Look whether the webhooks that are set can check signatures."""
    names = [name for name, adapter in WEBHOOKS.items() if adapter.is_on(settings)]
    if not names:
        return []
    if find_spec("cryptography") is None:
        says = f"{', '.join(names)}: signatures cannot be checked, so what comes waits and is never believed"
        return [Check("webhooks", Verdict.FAIL, says, "Install the extra: pip install 'newspaper-digest[dkim]'")]
    if "ses" in names and not settings.bounce_address:
        says = "ses: SES rewrites Message-IDs, so its notices are known only if the topics include the original headers"
        return [Check("webhooks", Verdict.WARN, says, "Set BOUNCE_ADDRESS, or include original headers at the topic.")]
    posted = ", ".join(f"{settings.base_url}/hooks/{name}" for name in names)
    return [Check("webhooks", Verdict.OK, f"providers post to {posted}")]


def check_base_url(settings: Settings) -> list[Check]:
    """Look whether readers can open the links of a mail."""
    split = urlsplit(settings.base_url)
    if split.scheme == "https":
        return [Check("pages", Verdict.OK, f"links in mails lead to {settings.base_url}")]
    says = f"links in mails lead to {settings.base_url}, without https"
    if split.hostname in _HERE:
        says = f"links in mails lead to {settings.base_url}, which only this machine can open"
    if not settings.has_relay:
        return [Check("pages", Verdict.OK, says)]
    return [Check("pages", Verdict.WARN, says, "Set BASE_URL to an https address that readers can open.")]


def check_clock(settings: Settings, now: datetime) -> list[Check]:
    """Show the newspaper's time, for a person to compare with the wall."""
    local = now.astimezone(settings.zone)
    says = f"{local:%Y-%m-%d %H:%M:%S} in {settings.time_zone}"
    return [Check("clock", Verdict.OK, says)]


def check_editions(settings: Settings, now: datetime) -> list[Check]:
    """Say when each slot comes next."""
    if not settings.editions:
        return [Check("editions", Verdict.WARN, "EDITIONS names no slot", "Nothing is sent by itself: add a line.")]
    found = []
    for slot in settings.editions:
        planned = schedule.next_planned(slot.crontab, settings.zone, after=now)
        if planned is None:
            todo = f"Correct its crontab line ({slot.crontab}) in EDITIONS."
            found.append(Check("editions", Verdict.WARN, f"{slot.name} never comes again", todo))
        else:
            local = planned.astimezone(settings.zone)
            found.append(Check("editions", Verdict.OK, f"{slot.name} comes next on {local:%a %Y-%m-%d at %H:%M}"))
    return found


def check_seeds(settings: Settings) -> list[Check]:
    """Say where the copies of each edition go, for which mails can be compared with what was approved."""
    if not settings.seeds:
        return []
    providers = ", ".join(dict.fromkeys(seed.domain for seed in settings.seeds))
    return [Check("seeds", Verdict.OK, f"a copy of each edition goes first to {len(settings.seeds)} at {providers}")]


def check_inbound(settings: Settings) -> list[Check]:
    """Say by which doors mail comes back, and what is missing for it to be believed and found."""
    if not settings.has_door:
        says = "no door is set up: nobody can write commands, and bounces go to the sender's mailbox"
        return [Check("inbound", Verdict.OK, says, "Set INBOUND_PORT or INBOUND_IMAP_HOST: docs/inbound.md")]
    found = []
    if settings.inbound_port:
        where = f"{settings.inbound_protocol} on {settings.inbound_host} port {settings.inbound_port}"
        verdict = Verdict.OK if settings.inbound_host in _HERE else Verdict.WARN
        todo = "" if verdict is Verdict.OK else "Let only your own mail server reach it (a firewall, 127.0.0.1)."
        found.append(Check("inbound", verdict, f"mail to {settings.inbound_address} comes by {where}", todo))
    if not settings.inbound_authserv_id:
        says = "nobody vouches for senders: who writes a command without a token is asked to confirm it"
        todo = "Set INBOUND_AUTHSERV_ID to the name your mail server writes into Authentication-Results."
        found.append(Check("inbound", Verdict.WARN, says, todo))
    if not settings.bounce_address:
        says = "return paths name no delivery: many bounces are not recognised"
        found.append(Check("bounces", Verdict.WARN, says, "Set BOUNCE_ADDRESS, best in a domain of its own."))
    if settings.newsroom is None:
        says = "answers of people stay here: digest inbound list --outcome person"
        found.append(Check("newsroom", Verdict.WARN, says, "Set INBOUND_NEWSROOM to pass them on."))
    return found


async def check_mailbox(settings: Settings) -> list[Check]:
    """Log in to the mailbox and look for its folder."""
    from digest.inbound.doors.imap import Mailbox

    return [Check("mailbox", Verdict.OK, await Mailbox.check(settings))]


def check_folder(settings: Settings) -> list[Check]:
    """Look whether files can be kept, and for how long; that of SQLite's database, too, where it lies elsewhere."""
    found = [_check_folder("data folder", settings.data_dir, "DATA_DIR")]
    scheme, _, path = settings.database_url.get_secret_value().partition(":///")
    folder = Path(path).parent
    if scheme == "sqlite" and path and folder.absolute() != settings.data_dir.absolute():
        found.append(_check_folder("database folder", folder, "DATABASE_URL"))
    return found


def _check_folder(name: str, folder: Path, setting: str) -> Check:
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        todo = f"Let this user write there, or let {setting} name another folder."
        return Check(name, Verdict.FAIL, f"{existing} cannot be written to", todo)
    free = shutil.disk_usage(existing).free
    says = f"{folder} has {free // 1_000_000:,} MB free"
    if free < _LITTLE_SPACE_BYTES:
        return Check(name, Verdict.WARN, says, "Make room before the disk is full: nothing is sent then.")
    return Check(name, Verdict.OK, says)


def check_templates(settings: Settings) -> list[Check]:
    """Compose a specimen of every kind of mail from the templates that would be used."""
    from digest.compose.kinds import KINDS
    from digest.compose.render import Renderer

    renderer, found = Renderer(settings.templates_dir), []
    for kind, module in KINDS.items():
        composed = module.specimen(renderer, settings, settings.language)
        says = f"{kind} composes, {len(composed.mail.html) / 1000:.1f} kB of HTML"
        if len(composed.mail.html) > MAX_HTML_BYTES:
            todo = f"Make templates/{kind} smaller: mail programs clip what is larger than 90 kB."
            found.append(Check("templates", Verdict.FAIL, says, todo))
        elif composed.warnings:
            found.append(Check("templates", Verdict.WARN, f"{says}; {' '.join(composed.warnings)}"))
        else:
            found.append(Check("templates", Verdict.OK, says))
    return found


async def check_database(settings: Settings, clock: Clock) -> list[Check]:
    """Look whether the database answers and has this release's schema, and what it holds for a person."""
    database = Database.open(settings.database_url.get_secret_value(), pool_size=1)
    try:
        await migrate.require_current(database)
        kind = "SQLite" if database.is_sqlite else "PostgreSQL"
        found = [Check("database", Verdict.OK, f"{kind} answers and has this release's schema")]
        async with database.read() as connection:
            theirs = await server_time(connection)
            apart = abs(theirs - clock())
            waiting = await alerts.list_open(connection)
            stored = await sources.list_sources(connection)
            carried = await blocks.list_blocks(connection, until_after=clock())
    finally:
        await database.close()
    if apart > _CLOCKS_APART:
        says = f"the database's clock differs from ours by {apart.total_seconds():.0f} s"
        found.append(Check("clock", Verdict.WARN, says, "Keep both machines' clocks by NTP."))
    if not stored and not settings.sources:
        todo = "Add a line to SOURCES, or: digest sources add"
        found.append(Check("sources", Verdict.WARN, "there is no source of articles", todo))
    for source in stored:
        if source.problem:
            todo = f"Look with: digest sources check {source.spec.name}"
            if source.given_up_at is not None:
                todo = f"It was given up, and is tried daily. Now: digest collect {source.spec.name}"
            found.append(Check("sources", Verdict.WARN, f"{source.spec.name}: {source.problem}", todo))
    found += check_adverts(settings, carried)
    if waiting:
        found.append(Check("alerts", Verdict.WARN, f"{len(waiting)} open", "Read them with: digest alerts"))
    return found


def check_adverts(settings: Settings, carried: Sequence[Block]) -> list[Check]:
    """Look whether editions that carry adverts can go out: the sender's particulars must be in them."""
    from digest.compose import adverts

    if not adverts.carries(carried, settings):
        return []
    missing = adverts.missing_particulars(settings)
    if missing:
        says = f"editions with adverts are held: {', '.join(missing)} does not say who sends them"
        return [Check("adverts", Verdict.FAIL, says, "Write your own into the setting (정보통신망법 제50조④).")]
    return [Check("adverts", Verdict.OK, "editions carry adverts, and who sends them stands in the settings")]


async def check_relay(settings: Settings) -> list[Check]:
    """Connect to the relay, secure the connection, log in and take leave."""
    if not settings.has_relay:
        todo = "" if settings.sample else "Set SMTP_HOST to reach readers."
        says = "SMTP_HOST is not set: mails are kept on this machine, in the outbox"
        return [Check("relay", Verdict.OK if settings.sample else Verdict.WARN, says, todo)]
    from digest.deliver.transports.smtp import Relay

    return await _look_at(Relay.of(settings), "relay")


async def check_further_relay(settings: Settings, spec: RelaySpec) -> list[Check]:
    """Do the same with a relay of `RELAYS`."""
    from digest.deliver.transports.smtp import Relay

    return await _look_at(Relay.further(spec, settings), f"relay {spec.name}")


async def _look_at(relay: "Relay", name: str) -> list[Check]:
    from digest.deliver.transports.smtp import SmtpTransport

    report = await SmtpTransport(relay).check()
    greeting = report.greeting.splitlines()[0] if report.greeting else ""
    found = [Check(name, Verdict.OK, f"{report.host} port {report.port} answers: {greeting}")]
    if report.tls:
        found.append(Check(f"{name} TLS", Verdict.OK, report.tls))
    else:
        verdict = Verdict.OK if relay.tls is Tls.NONE and report.host in _HERE else Verdict.WARN
        instead = relay.setting("SMTP_TLS=starttls (port 587) or implicit (port 465)", "tls=starttls or implicit")
        found.append(
            Check(
                f"{name} TLS",
                verdict,
                "the connection is in the clear",
                "" if verdict is Verdict.OK else f"Set {instead}.",
            )
        )
    login = f"no login is asked for ({relay.setting('SMTP_USER is empty', 'no user=')})"
    return [*found, Check(f"{name} login", Verdict.OK, "the login works" if report.logged_in else login)]


def _wrong_settings(error: SettingsError, env_file: Path) -> list[Check]:
    wrong = [Check("settings", Verdict.FAIL, f"{each.name}: {each.why}", each.instead) for each in error.mistakes]
    if env_file.is_file():
        return wrong
    todo = "Go to the folder that has it, or write one with: digest init"
    return [Check(".env", Verdict.WARN, f"there is none in {env_file.absolute().parent}", todo), *wrong]


async def _wrapped(checks: list[Check]) -> list[Check]:
    return checks


async def _careful(name: str, look: Callable[[], Awaitable[list[Check]]]) -> list[Check]:
    """Return what `look` finds; an error of ours becomes a failed check with the error's own words."""
    try:
        return await look()
    except DigestError as error:
        return [Check(name, Verdict.FAIL, str(error))]
