"""Settings: every mistake told at once, in words that help."""

import re
from pathlib import Path

import pytest

from digest import config, provisioned
from digest.config import Settings
from digest.errors import SettingsError
from digest.models.deliveries import Tls
from digest.models.sources import Purpose, Rights
from tests.support.settings import SECRET, make_settings

EXAMPLE = Path(__file__).resolve().parents[2] / "config.example.env"
GOOD = {
    "NEWSPAPER_NAME": "가온일보",
    "NEWSPAPER_SITE": "https://gaon.example",
    "SENDER_ADDRESS": "news@gaon.example",
    "POSTAL_ADDRESS": "가온시 큰길 1",
    "PHONE": "02-0000-0000",
    "PRIVACY_OFFICER": "박가온",
    "SECRET_KEY": SECRET,
}


def mistakes(environ: dict[str, str], env_file: Path = Path("/nonexistent/.env")) -> dict[str, str]:
    """Return the mistakes of these settings, name -> sentence."""
    with pytest.raises(SettingsError) as refused:
        config.load(environ, env_file)
    return {mistake.name: str(mistake) for mistake in refused.value.mistakes}


def test_the_example_names_every_setting_once_and_no_other() -> None:
    """The example is the manual of settings; what it leaves out nobody finds."""
    text = EXAMPLE.read_text(encoding="utf-8")
    named = re.findall(r"^([A-Z_]+)=", text, flags=re.MULTILINE)
    assert sorted(named) == sorted(name.upper() for name in Settings.model_fields)


def test_the_example_works_with_a_secret_alone(tmp_path: Path) -> None:
    """`make run` copies it and writes nothing else into it."""
    copy = tmp_path / ".env"
    copy.write_text(EXAMPLE.read_text(encoding="utf-8").replace("SECRET_KEY=\n", f"SECRET_KEY={SECRET}\n", 1))
    settings = config.load({}, copy)
    assert [source.name for source in settings.sources] == ["sample", "most-read"]
    assert settings.sources[0].rights is Rights.FULL_TEXT_MAIL
    assert settings.sources[1].purpose is Purpose.MOST_READ
    assert settings.editions[0].at_start
    assert not settings.has_relay


def test_the_defaults_of_the_example_are_the_defaults_of_the_code(tmp_path: Path) -> None:
    """A line the operator deletes must not change anything silently, unless the example is for the sample."""
    for_the_sample = {"sample", "sources", "editions", "fetch_interval_seconds", "private_hosts", "secret_key"}
    # BASE_URL has no fixed default: it follows WEB_HOST and WEB_PORT, and counts as required here.
    copy = tmp_path / ".env"
    copy.write_text(EXAMPLE.read_text(encoding="utf-8").replace("SECRET_KEY=\n", f"SECRET_KEY={SECRET}\n", 1))
    example = config.load({}, copy)
    identity = {name for name, field in Settings.model_fields.items() if name in _identity() or field.is_required()}
    for name, field in Settings.model_fields.items():
        if name not in for_the_sample | identity:
            assert getattr(example, name) == field.default, name


def _identity() -> set[str]:
    return {"sender_name", "reply_address", "registration_number", "publisher", "editor", "operator_email"}


def test_the_sample_follows_the_port_the_pages_listen_on(tmp_path: Path) -> None:
    """Where 8000 is taken, WEB_PORT is the only line to change."""
    copy = tmp_path / ".env"
    copy.write_text(EXAMPLE.read_text(encoding="utf-8").replace("SECRET_KEY=\n", f"SECRET_KEY={SECRET}\n", 1))
    settings = config.load({}, copy, overrides={"WEB_PORT": "8123"})
    assert settings.base_url == "http://127.0.0.1:8123"
    assert settings.newspaper_site == "http://127.0.0.1:8123/sample"
    assert settings.sources[0].url == "http://127.0.0.1:8123/sample/rss.xml"
    assert settings.private_hosts == ("127.0.0.1:8123",)


def test_a_source_elsewhere_opens_no_private_host(tmp_path: Path) -> None:
    """Only the paths of this very service are let through the address guard without being named."""
    settings = config.load({**GOOD, "SOURCES": "gaon | feed | https://gaon.example/rss/all.xml"}, tmp_path / "no.env")
    assert settings.private_hosts == ()


def test_several_mistakes_are_told_together() -> None:
    """Who starts a service for the first time makes more than one, and wants to restart once."""
    found = mistakes({**GOOD, "SMTP_PORT": "many", "SENDER_ADDRESS": "nobody", "LANGUAGE": "fr"})
    assert set(found) == {"SMTP_PORT", "SENDER_ADDRESS", "LANGUAGE"}


def test_a_missing_setting_is_named_with_an_example() -> None:
    """The sentence says what to write."""
    without = {name: value for name, value in GOOD.items() if name != "PHONE"}
    assert "PHONE=02-0000-0000" in mistakes(without)["PHONE"]


def test_an_unknown_setting_in_the_file_names_the_nearest(tmp_path: Path) -> None:
    """A mistyped name would otherwise leave the default in force, silently."""
    env = tmp_path / ".env"
    env.write_text("SMPT_HOST=relay.example\n")
    assert "Did you mean SMTP_HOST?" in mistakes(GOOD, env)["SMPT_HOST"]


def test_a_mistyped_name_in_the_environment_is_noticed_too() -> None:
    """Only near misses: the environment holds much that is not ours."""
    found = mistakes({**GOOD, "SMTP_PASSWROD": "x", "SMTP_FOR_ANOTHER_PROGRAM": "x", "HOME": "/"})
    assert set(found) == {"SMTP_PASSWROD"}


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    """A container overrides what its image brings."""
    env = tmp_path / ".env"
    env.write_text("SMTP_PORT=25\nWEB_PORT=9000\n")
    settings = config.load({**GOOD, "SMTP_PORT": "465"}, env)
    assert (settings.smtp_port, settings.web_port) == (465, 9000)


def test_a_password_with_a_dollar_sign_stays_as_it_is(tmp_path: Path) -> None:
    """The library would expand it, even in single quotes."""
    env = tmp_path / ".env"
    env.write_text("SMTP_PASSWORD='pa${HOME}ss'\n")
    assert config.load(GOOD, env).smtp_password.get_secret_value() == "pa${HOME}ss"


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    """systemd credentials and container secrets are files."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n")
    given = {name: value for name, value in GOOD.items() if name != "SECRET_KEY"}
    settings = config.load({**given, "SECRET_KEY_FILE": str(secret)}, tmp_path / "no.env")
    assert settings.secret_key.get_secret_value() == SECRET


def test_a_secret_file_that_cannot_be_read_is_a_mistake_with_its_name(tmp_path: Path) -> None:
    """Not a traceback."""
    given = {name: value for name, value in GOOD.items() if name != "SECRET_KEY"}
    assert "cannot be read" in mistakes({**given, "SECRET_KEY_FILE": str(tmp_path / "gone")})["SECRET_KEY_FILE"]


def test_a_secret_and_its_file_together_are_a_mistake(tmp_path: Path) -> None:
    """One of them is not what the operator believes to be in force."""
    assert "Keep one" in mistakes({**GOOD, "SECRET_KEY_FILE": str(tmp_path)})["SECRET_KEY_FILE"]


def test_secrets_never_print() -> None:
    """Settings end up in error reports."""
    settings = make_settings(smtp_password="hunter2", database_url="postgresql://a:hunter2@db/digest")
    assert "hunter2" not in repr(settings)
    assert SECRET not in repr(settings)


def test_the_sample_and_a_relay_exclude_each_other() -> None:
    """The sample's readers do not exist; a real relay would bounce them all."""
    assert "SAMPLE=no" in mistakes({**GOOD, "SAMPLE": "yes", "SMTP_HOST": "relay.example"})["SAMPLE"]


@pytest.mark.parametrize("door", [{}, {"INBOUND_ADDRESS": "news@gaon.example", "INBOUND_PORT": "2424"}])
def test_a_return_path_has_room_for_its_token(door: dict[str, str]) -> None:
    """Without a door too: webhooks tell of bounces, and a path of 65 letters would be refused with every mail."""
    assert "26 letters" in mistakes({**GOOD, **door, "BOUNCE_ADDRESS": f"{'b' * 27}@gaon.example"})["BOUNCE_ADDRESS"]


def test_a_relay_needs_https_pages() -> None:
    """One-click unsubscribing is https only (RFC 8058 §3.1)."""
    found = mistakes({**GOOD, "SMTP_HOST": "relay.example", "BASE_URL": "http://news.gaon.example"})
    assert "BASE_URL=https://" in found["BASE_URL"]


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("morning | 아침 | 0 7 * * 1-5", "names"),
        ("morning | 아침 | 0 7 * *", "five fields"),
        ("Morning | 아침 | 0 7 * * *", "small Latin letters"),
        ("morning | 아침 | 0 7 * * * | cutof=10m", "no option"),
        ("morning | 아침 | 0 7 * * * | cutoff=ten", "90s, 10m, 3h, 2d"),
        ("morning | 아침 | 0 7 * * * | except=evening", "names no other slot"),
        ("morning | 아침 | 0 7 * * *\nmorning | 아침 | 0 8 * * *", "twice"),
        ("morning | 아침 | 0 7 * * * | minimum=0", "from 1 to"),
    ],
)
def test_a_wrong_line_of_editions_says_what_to_write(line: str, word: str) -> None:
    """The timetable is what editors change most."""
    assert word in mistakes({**GOOD, "EDITIONS": line})["EDITIONS"]


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("gaon | feed", "NAME | TYPE | ADDRESS"),
        ("gaon | feed | file:///etc/passwd", "https://"),
        ("gaon | feed | https://gaon.example/rss | rights=everything", "link_only"),
    ],
)
def test_a_wrong_line_of_sources_says_what_to_write(line: str, word: str) -> None:
    """An editor pastes the feed's address here."""
    assert word in mistakes({**GOOD, "SOURCES": line})["SOURCES"]


def test_a_control_character_in_the_newspapers_name_is_refused() -> None:
    """It stands in every From header."""
    assert "line break" in mistakes({**GOOD, "NEWSPAPER_NAME": "가온\r\nBcc: x@example.com"})["NEWSPAPER_NAME"]


def test_a_folder_of_templates_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    """Readers would get the packed templates, and nobody would notice."""
    missing = str(tmp_path / "missing")
    assert "there is no folder" in mistakes({**GOOD, "TEMPLATES_DIR": missing})["TEMPLATES_DIR"]


def _relays(lines: str) -> dict[str, str]:
    return {**GOOD, "BASE_URL": "https://news.gaon.example", "SMTP_HOST": "smtp.gaon.example", "RELAYS": lines}


def test_a_further_relay_is_read_with_its_password_from_a_file_and_never_prints_it(tmp_path: Path) -> None:
    """One line, and the secret somewhere else."""
    secret = tmp_path / "backup.password"
    secret.write_text("hush-hush\n")
    line = f"backup | smtp.example.kr:465 | tls=implicit user=news password_file={secret} verify=no connections=1"
    settings = config.load(_relays(f"{line}\nlast | [::1]:25 | tls=none"), Path("/nonexistent/.env"))

    backup, last = settings.relays
    assert (backup.name, backup.host, backup.port, backup.tls) == ("backup", "smtp.example.kr", 465, Tls.IMPLICIT)
    assert (backup.user, backup.password, backup.verify, backup.connections) == ("news", "hush-hush", False, 1)
    assert (last.host, last.port, last.verify, last.connections) == ("::1", 25, True, 2)
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("backup | smtp.example.kr", "smtp.example.kr:587"),
        ("backup | user@smtp.example.kr:587", "smtp.example.kr:587"),
        ("backup | smtp.example.kr:0", "smtp.example.kr:587"),
        ("backup", "HOST:PORT"),
        ("main | smtp.example.kr:587", "another name"),
        ("backup | a.kr:25\nbackup | b.kr:25", "twice"),
        ("backup | a.kr:25 | tls=ssl", "implicit"),
        ("backup | a.kr:25 | user=news", "password_file="),
        ("backup | a.kr:25 | user=news password_file=/nonexistent/secret", "/nonexistent/secret cannot be read"),
        ("backup | a.kr:25 | connections=0", "from 1 to 50"),
    ],
)
def test_a_wrong_line_of_relays_says_what_to_write(line: str, word: str) -> None:
    """A backup that is wrong is noticed when it is needed, unless the start says so."""
    assert word in mistakes(_relays(line))["RELAYS"]


def test_a_password_in_a_line_of_relays_is_a_mistake_that_does_not_repeat_it() -> None:
    """Mistakes are logged."""
    told = mistakes(_relays("backup | a.kr:25 | user=news password=hush-hush"))["RELAYS"]
    assert "password_file=" in told
    assert "hush" not in told


def test_further_relays_need_a_first_one() -> None:
    """Without SMTP_HOST everything stays in the outbox."""
    assert "SMTP_HOST" in mistakes({**GOOD, "RELAYS": "backup | a.kr:25"})["RELAYS"]


def test_values_with_blanks_and_bars_stand_between_quotes() -> None:
    """Selectors and permissions have both; an apostrophe within a word is none of these quotes."""
    (spec,) = provisioned.sources(
        "gaon | listpage | https://gaon.example/l | links='a | b' pattern=/v?i=* permission=\"reader's\"", own_pages=""
    )
    assert spec.options == (("links", "a | b"), ("pattern", "/v?i=*"))
    assert spec.permission == "reader's"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ("rights=full_text_mail", "permission="),
        ("pages=3", "listpage and sitemap"),
        ("regex=(", "no regular expression"),
        ("permission=", "leave it out"),
    ],
)
def test_options_that_a_source_cannot_have_are_told(options: str, why: str) -> None:
    """At the start, not at the first fetch."""
    type_ = "listpage" if options.startswith("regex") else "feed"
    with pytest.raises(provisioned.LineError, match=why):
        provisioned.sources(f"gaon | {type_} | https://gaon.example/ | {options}", own_pages="")


def test_where_things_stand_on_article_pages_is_an_option_of_every_source_type() -> None:
    """A feed's articles have pages as well as a list's."""
    for type_ in ("feed", "listpage", "sitemap"):
        line = f"gaon | {type_} | https://gaon.example/ | page.body='#news .body' page.title=h1 read=yes"
        (spec,) = provisioned.sources(line, own_pages="")
        assert spec.options == (("page.body", "#news .body"), ("page.title", "h1"), ("read", "yes"))
        assert spec.reads_pages


def test_processors_are_read_and_those_abroad_tell_everything() -> None:
    """개인정보 보호법 제28조의8②: half of it on the privacy page would be worth nothing."""
    line = "Mail Inc. | 발송 | country=미국 contact=a@mail.example items='주소' how='발송할 때' until='30일'"
    [korean, abroad] = make_settings(processors=f"# ours\n한국호스팅 | 서버 운영\n{line}").processors

    assert (korean.name, korean.task, korean.country) == ("한국호스팅", "서버 운영", "")
    assert (abroad.country, abroad.items, abroad.until) == ("미국", "주소", "30일")
    told = mistakes({**GOOD, "PROCESSORS": "Mail Inc. | 발송 | country=미국 items=주소"})["PROCESSORS"]
    assert "contact=, how=, until=" in told
    assert "WHO | WHAT FOR" in mistakes({**GOOD, "PROCESSORS": "Mail Inc."})["PROCESSORS"]
    assert "PRIVACY_SINCE=2026-12-01" in mistakes({**GOOD, "PRIVACY_SINCE": "1 December"})["PRIVACY_SINCE"]
    assert make_settings(privacy_since="").privacy_since is None


def test_trusted_proxies_are_networks() -> None:
    """One that is none would be believed by nobody, silently."""
    assert [str(each) for each in make_settings(trusted_proxies="10.0.0.0/24, ::1").trusted_proxies] == [
        "10.0.0.0/24",
        "::1/128",
    ]
    assert make_settings(trusted_proxies="").trusted_proxies == ()
    assert "no network" in mistakes({**GOOD, "TRUSTED_PROXIES": "10.0.0.1/24"})["TRUSTED_PROXIES"]
    assert "no network" in mistakes({**GOOD, "TRUSTED_PROXIES": "nginx"})["TRUSTED_PROXIES"]
