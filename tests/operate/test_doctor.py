"""`digest doctor`: what it finds wrong, and what it says to do about it."""

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from digest.clock import utc_now
from digest.config import Settings
from digest.database import Database, alerts, sources, turns
from digest.errors import RelayLoginError, TemplateError
from digest.models.deliveries import Tls
from digest.operate import doctor
from digest.operate.doctor import Check, Verdict
from tests.support.clock import StoppedClock
from tests.support.settings import make_settings
from tests.support.smtp_server import HostileServer, Script

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class _Relay:
    settings: Settings

    @classmethod
    def of(cls, server: HostileServer, **changes: Any) -> "_Relay":
        values = {"smtp_host": "127.0.0.1", "smtp_port": server.port, "smtp_tls": Tls.NONE, **changes}
        return cls(make_settings(base_url="https://news.gaon.example", smtp_timeout_seconds=5, **values))


def _verdicts(checks: list[Check]) -> dict[str, Verdict]:
    return {check.name: check.verdict for check in checks}


async def test_a_relay_that_takes_the_login_is_fine() -> None:
    """Asked over the same transport that delivers; nothing is sent."""
    async with HostileServer(Script(extensions=("8BITMIME", "AUTH PLAIN LOGIN"))) as server:
        relay = _Relay.of(server, smtp_user="gaon", smtp_password="right")
        found = await doctor.check_relay(relay.settings)

    assert _verdicts(found) == {"relay": Verdict.OK, "relay TLS": Verdict.OK, "relay login": Verdict.OK}
    assert server.mails == []


async def test_a_relay_that_refuses_the_login_is_told_in_its_words_without_the_password() -> None:
    """The commonest fault of a new installation."""
    script = Script({"AUTH": "535 5.7.8 Bad credentials"}, extensions=("AUTH PLAIN LOGIN",))
    async with HostileServer(script) as server:
        relay = _Relay.of(server, smtp_user="gaon", smtp_password="hush-hush")
        [check] = await doctor._careful("relay", lambda: doctor.check_relay(relay.settings))

    assert (check.name, check.verdict) == ("relay", Verdict.FAIL)
    assert "535 5.7.8 Bad credentials" in check.says
    assert "hush" not in check.says


async def test_each_further_relay_is_looked_at_and_told_of_by_its_name() -> None:
    """A backup whose password is wrong is found before the morning it is needed."""
    script = Script({"AUTH": "535 5.7.8 Bad credentials"}, extensions=("AUTH PLAIN LOGIN",))
    async with HostileServer(script) as server, HostileServer() as main:
        settings = _Relay.of(main, relays=f"backup | 127.0.0.1:{server.port} | tls=none").settings
        [spec] = settings.relays
        wrong = replace(spec, user="gaon", password="hush-hush")
        fine = await doctor.check_further_relay(settings, spec)
        [check] = await doctor._careful("relay backup", lambda: doctor.check_further_relay(settings, wrong))

    assert [each.name for each in fine] == ["relay backup", "relay backup TLS", "relay backup login"]
    assert (check.name, check.verdict) == ("relay backup", Verdict.FAIL)
    assert "Check user= and password_file= of backup in RELAYS" in check.says


async def test_a_relay_without_starttls_is_refused_rather_than_spoken_to_in_the_clear() -> None:
    """`SMTP_TLS=starttls` never falls back, so doctor must not either."""
    async with HostileServer() as server:
        relay = _Relay.of(server, smtp_tls=Tls.STARTTLS)
        with pytest.raises(RelayLoginError, match="STARTTLS"):
            await doctor.check_relay(relay.settings)


async def test_a_relay_that_is_away_fails_and_hides_no_other_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    """Each check stands alone: all faults are seen in one go, on either database."""
    lines = {
        "NEWSPAPER_NAME": "가온일보", "NEWSPAPER_SITE": "https://gaon.example", "SENDER_ADDRESS": "news@gaon.example",
        "POSTAL_ADDRESS": "가온시", "PHONE": "02", "PRIVACY_OFFICER": "박가온", "SECRET_KEY": "x" * 40,
        "BASE_URL": "https://news.gaon.example", "SMTP_HOST": "127.0.0.1", "SMTP_PORT": "1", "SMTP_TLS": "none",
        "DATABASE_URL": database_url, "DATA_DIR": str(tmp_path / "var"),
    }  # fmt: skip
    env_file = tmp_path / ".env"
    env_file.write_text("\n".join(f"{name}='{value}'" for name, value in lines.items()), encoding="utf-8")
    env_file.chmod(0o600)

    found = await doctor.examine(env_file)

    verdicts = _verdicts(found)
    assert doctor.is_failed(found)
    assert verdicts["relay"] is Verdict.FAIL
    assert verdicts["database"] is verdicts["templates"] is verdicts["pages"] is Verdict.OK
    assert verdicts["editions"] is Verdict.WARN  # none is named: nothing is sent by itself


async def test_without_a_relay_it_says_that_no_mail_leaves_the_machine() -> None:
    """Fine with the sample, a surprise without it."""
    [alone] = await doctor.check_relay(make_settings())
    [sample] = await doctor.check_relay(make_settings(sample="yes"))

    assert (alone.verdict, sample.verdict) == (Verdict.WARN, Verdict.OK)
    assert "SMTP_HOST" in alone.todo


async def test_database_without_schema_fails_with_the_command_that_helps(tmp_path: Path) -> None:
    """Not a traceback about a missing table."""
    settings = make_settings(database_url=f"sqlite:///{tmp_path}/new.sqlite3")

    [check] = await doctor._careful("database", lambda: doctor.check_database(settings, utc_now))

    assert check.verdict is Verdict.FAIL
    assert "digest migrate" in check.says


async def test_what_the_database_holds_for_a_person_is_pointed_at(database: Database, database_url: str) -> None:
    """Open alerts and failing sources are no fault of the setup, but must be seen."""
    settings = make_settings(database_url=database_url, sources="gaon | feed | https://gaon.example/rss")
    now = utc_now()
    async with database.begin() as connection:
        await sources.provision(connection, settings.sources, now=now)
        [source] = await sources.claim_due(connection, owner="w", now=now, lease=timedelta(minutes=1), limit=1)
        await turns.mark_failed(connection, source, owner="w", at=now, next_fetch_at=now, problem="It answers 500.")
        await alerts.raise_alert(connection, "relay", "The relay refuses the login.", at=now)

    found = await doctor.check_database(settings, utc_now)

    assert _verdicts(found) == {"database": Verdict.OK, "sources": Verdict.WARN, "alerts": Verdict.WARN}
    assert any("It answers 500." in check.says for check in found)


async def test_a_clock_that_differs_from_the_databases_is_told(database_url: str) -> None:
    """Leases and deadlines of several machines rest on their clocks."""
    wrong = StoppedClock(utc_now() + timedelta(minutes=3))

    found = await doctor.check_database(make_settings(database_url=database_url), wrong)

    [clock] = [check for check in found if check.name == "clock"]
    assert clock.verdict is Verdict.WARN


def test_a_broken_template_of_the_operators_is_found(tmp_path: Path) -> None:
    """Before an edition needs it; the error names the file."""
    (tmp_path / "digest").mkdir()
    (tmp_path / "digest" / "body.txt").write_text("{{ edition.no_such_thing.at_all }}", encoding="utf-8")

    with pytest.raises(TemplateError, match=r"body\.txt"):
        doctor.check_templates(make_settings(templates_dir=tmp_path))


def test_values_that_other_readers_would_expand_are_named(tmp_path: Path) -> None:
    """A password with ${ is right here and wrong wherever a shell reads the same file."""
    env_file = tmp_path / ".env"
    env_file.write_text("SMTP_PASSWORD='a${b}c'\nSMTP_USER=gaon\n", encoding="utf-8")
    env_file.chmod(0o644)

    braces, readable = sorted(doctor.check_env_file(env_file), key=lambda check: check.says)

    assert braces.says.startswith("SMTP_PASSWORD holds")
    assert "a${b}c" not in braces.says
    assert "chmod 600" in readable.todo


def test_slots_say_when_they_come_next(clock: StoppedClock) -> None:
    """A crontab line is easily wrong by a day; the next time shows it."""
    settings = make_settings(editions="morning | 아침 | 0 7 * * mon-fri\nleap | 윤날 | 0 7 30 feb *")

    morning, never = doctor.check_editions(settings, clock())

    assert "Tue 2026-11-24 at 07:00" in morning.says
    assert never.verdict is Verdict.WARN


def test_links_without_https_are_a_warning_once_there_is_a_relay() -> None:
    """Readers cannot open an address of this machine."""
    here = doctor.check_base_url(make_settings())
    out = doctor.check_base_url(make_settings(smtp_host="mail.gaon.example"))
    good = doctor.check_base_url(make_settings(smtp_host="mail.gaon.example", base_url="https://news.gaon.example"))

    assert [checks[0].verdict for checks in (here, out, good)] == [Verdict.OK, Verdict.WARN, Verdict.OK]


def test_a_data_folder_that_is_a_file_fails(tmp_path: Path) -> None:
    """Found now, not at the first mail."""
    (tmp_path / "var").write_text("in the way")

    check, *_ = doctor.check_folder(make_settings(data_dir=tmp_path / "var"))

    assert check.verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("sqlite:///{folder}/ledger/digest.sqlite3", {"data folder": Verdict.OK, "database folder": Verdict.WARN}),
        ("sqlite:///{folder}/var/digest.sqlite3", {"data folder": Verdict.OK}),
        ("postgresql://digest@127.0.0.1/digest", {"data folder": Verdict.OK}),
    ],
)
def test_a_full_disk_below_the_database_is_seen_wherever_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, told: dict[str, Verdict]
) -> None:
    """Nothing is sent while it cannot be written to, however much room the data folder has."""
    for name in ("var", "ledger"):
        (tmp_path / name).mkdir()
    free = {tmp_path / "var": 10**12, tmp_path / "ledger": 10**6}
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=free[path]))
    settings = make_settings(data_dir=tmp_path / "var", database_url=url.format(folder=tmp_path))

    assert {check.name: check.verdict for check in doctor.check_folder(settings)} == told


def test_webhooks_without_the_library_that_checks_signatures_are_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that comes would ever be believed, and nobody would see why."""
    settings = make_settings(hook_sendgrid_key="MFkw")
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)

    (check,) = doctor.check_hooks(settings)

    assert check.verdict is doctor.Verdict.FAIL
    assert "[dkim]" in check.todo
    assert doctor.check_hooks(make_settings()) == []
