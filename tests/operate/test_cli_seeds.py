"""`digest editions compare`: which edition a saved mail is of, by its own Message-ID, on both databases."""

from pathlib import Path

import pytest

from digest.database import Database, kept_mails
from digest.tokens import Keyring, TokenPurpose
from tests.support import ledger
from tests.support.clock import StoppedClock
from tests.support.commands import Commands
from tests.support.settings import SECRET

_MAIL = "To: {to}\r\nSubject: =?utf-8?b?7KGw6rCE?=\r\nMessage-ID: <{token}@gaon.example>\r\n\r\nNews.\r\n"


def _mail(to: str, delivery_id: int) -> bytes:
    token = Keyring.of(SECRET).make(TokenPurpose.MESSAGE_ID, delivery_id)
    return _MAIL.format(to=to, token=token).encode()


@pytest.mark.parametrize("whose", ["seed", "reader"])
def test_a_mail_of_another_edition_is_told_so(
    commands: Commands, just_now: StoppedClock, tmp_path: Path, whose: str
) -> None:
    """Else an operator would look for who has changed the words of a mail that nobody has touched."""
    saved = tmp_path / "saved.eml"

    async def fill(database: Database) -> None:
        seeds = {}
        for slot in ("morning", "evening"):
            edition = await ledger.make_edition(database, at=just_now(), readers=1, slot=slot)
            key = kept_mails.seed_key(edition.id)
            seeds[edition.id] = await ledger.make_single(database, at=just_now(), recipient="seed@naver.com", key=key)
        kept = {delivery_id: _mail("seed@naver.com", delivery_id) for delivery_id in seeds.values()}
        await database.write(lambda connection: kept_mails.keep(connection, kept, at=just_now()))
        mails = {"seed": kept[seeds[edition.id]], "reader": _mail("reader@gaon.example", edition.delivery_ids[0])}
        saved.write_bytes(mails[whose])

    commands.act(fill)
    assert "a mail of edition 2" in commands("editions", "compare", "1", str(saved), code=int(whose == "seed")).stderr
    assert "a mail of edition" not in commands("editions", "compare", "2", str(saved)).stderr
