"""The built-in receiving server: real SMTP, mails as files."""

import errno
import json
import os
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from digest.config import Tls
from digest.deliver.transport import Envelope
from digest.deliver.transports import TRANSPORTS, name_for
from digest.deliver.transports.outbox import OutboxServer, list_mails, read_mail
from digest.deliver.transports.smtp import Relay, SmtpTransport
from digest.errors import NotFoundError
from digest.models.deliveries import DeliveryState
from tests.support.clock import StoppedClock
from tests.support.relay import hand_over_all, send_all
from tests.support.settings import make_settings

pytestmark = pytest.mark.anyio

CONTENT = "Subject: test\r\n\r\n가온일보\r\n.\r\nend\r\n".encode()
ON_THE_WIRE = CONTENT.replace(b"\r\n.", b"\r\n..") + b".\r\n"


async def _keep(folder: Path, clock: StoppedClock, *recipients: str, kept: int = 2000) -> list[DeliveryState]:
    settings = make_settings(data_dir=folder)
    states = []
    async with OutboxServer(folder, clock, kept=kept) as server:
        lane = await SmtpTransport(Relay("127.0.0.1", server.port, Tls.NONE)).open_lane()
        for recipient in recipients:
            clock.advance(seconds=1)
            envelope = Envelope(1, str(settings.sender).encode(), recipient.encode(), ON_THE_WIRE)
            states += [outcome.state for _, outcome in await hand_over_all(lane, [envelope])]
        await lane.close()
    return states


async def test_a_mail_is_kept_exactly_as_received(tmp_path: Path, clock: StoppedClock) -> None:
    """What the operator looks at must be what a reader's server would have got."""
    assert await _keep(tmp_path, clock, "reader@b.example") == [DeliveryState.ACCEPTED]

    [mail] = list_mails(tmp_path, 10)
    about, content = read_mail(tmp_path, mail.name)
    assert content == CONTENT
    assert message_from_bytes(content, policy=policy.SMTP)["Subject"] == "test"
    assert about == mail
    assert (mail.recipient, mail.envelope_from, mail.size) == ("reader@b.example", "news@gaon.example", len(CONTENT))
    assert mail.received_at == clock()


async def test_the_newest_mails_come_first_and_the_oldest_go(tmp_path: Path, clock: StoppedClock) -> None:
    """A sample that runs for weeks must not fill the disk."""
    await _keep(tmp_path, clock, "a@b.example", "b@b.example", "c@b.example", kept=2)
    assert [mail.recipient for mail in list_mails(tmp_path, 10)] == ["c@b.example", "b@b.example"]
    assert [mail.recipient for mail in list_mails(tmp_path, 1)] == ["c@b.example"]

    await _keep(tmp_path, clock, "d@b.example", kept=2)
    assert [mail.recipient for mail in list_mails(tmp_path, 10)] == ["d@b.example", "c@b.example"]
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize(
    "name", ["../secret", "..", "", "secret", "20261122T220001000000Z-0123abcd/../../secret", "/etc/passwd", "a\0b"]
)
def test_a_name_from_outside_reaches_no_other_file(tmp_path: Path, name: str) -> None:
    """The page under /outbox/ takes the name from the address bar."""
    folder = tmp_path / "outbox"
    folder.mkdir()
    for path in (tmp_path / "secret.eml", folder / "secret.eml"):
        path.write_bytes(b"secret")
        path.with_suffix(".json").write_text("{}")
    with pytest.raises(NotFoundError):
        read_mail(folder, name)


def test_a_folder_that_is_not_there_or_holds_strangers_lists_nothing(tmp_path: Path) -> None:
    """The page is asked for before the first mail came."""
    assert list_mails(tmp_path / "none", 10) == []
    (tmp_path / "20261122T220001000000Z-0123abcd.eml").write_bytes(b"half a mail, without its envelope")
    (tmp_path / "20261122T220002000000Z-0123abcd.eml").write_bytes(b"one with a broken envelope")
    (tmp_path / "20261122T220002000000Z-0123abcd.json").write_text(json.dumps({"recipient": "a@b.example"}))
    assert list_mails(tmp_path, 10) == []


async def test_a_full_disk_defers_and_leaves_no_half_mail(
    tmp_path: Path, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Like a relay with a full disk: the sender waits, nothing is lost, and no file without its end is shown."""

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("digest.deliver.transports.outbox.os.fsync", full)
    assert await _keep(tmp_path, clock, "reader@b.example") == [DeliveryState.DEFERRED]
    assert list(tmp_path.iterdir()) == []


async def test_the_settings_choose_the_way_out(tmp_path: Path, clock: StoppedClock) -> None:
    """As soon as a relay is set the outbox is off, and the other way round."""
    assert name_for(make_settings(smtp_host="smtp.example.kr", base_url="https://news.example.kr")) == "smtp"
    settings = make_settings(data_dir=tmp_path)
    assert name_for(settings) == "outbox"
    async with TRANSPORTS["outbox"](settings, clock) as transport:
        report = await transport.check()
        assert report.eight_bit
        [[(_, outcome)]] = await send_all(transport, [Envelope(1, b"a@b.example", b"c@d.example", ON_THE_WIRE)])
        assert outcome.state is DeliveryState.ACCEPTED
    assert [mail.recipient for mail in list_mails(tmp_path / "outbox", 5)] == ["c@d.example"]
