"""Links that nobody can guess, change or use for something else."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import BadTokenError
from digest.tokens import TOKEN_LENGTH, Keyring, TokenPurpose

RING = Keyring.of("the-secret-in-use-0123456789abcdef")


@given(st.integers(0, 2**48 - 1))
def test_a_token_names_its_subject_and_has_a_fixed_length(subject_id: int) -> None:
    """A fixed length keeps the encoded runs of spliced mails aligned."""
    token = RING.make(TokenPurpose.LEAVE, subject_id)
    assert len(token) == TOKEN_LENGTH
    assert RING.read(TokenPurpose.LEAVE, token) == subject_id


def test_every_flipped_character_is_refused() -> None:
    """A link that was cut or retyped must not leave somebody else's subscription."""
    token = RING.make(TokenPurpose.LEAVE, 7)
    for position, letter in enumerate(token):
        changed = token[:position] + ("b" if letter != "b" else "c") + token[position + 1 :]
        with pytest.raises(BadTokenError):
            RING.read(TokenPurpose.LEAVE, changed)


def test_a_token_survives_mail_servers_that_fold_case() -> None:
    """Local parts are folded by some servers on the way."""
    assert RING.read(TokenPurpose.LEAVE, RING.make(TokenPurpose.LEAVE, 7).upper()) == 7


def test_a_token_for_one_purpose_is_noise_for_another() -> None:
    """The token of a Message-ID is public; it must not unsubscribe."""
    with pytest.raises(BadTokenError):
        RING.read(TokenPurpose.LEAVE, RING.make(TokenPurpose.MESSAGE_ID, 7))


def test_a_retired_key_goes_on_verifying() -> None:
    """Mails of last year are still in mailboxes when the secret is changed."""
    old = RING.make(TokenPurpose.LEAVE, 7)
    renewed = Keyring.of("a-new-secret-0123456789abcdefghij", ["the-secret-in-use-0123456789abcdef"])
    assert renewed.read(TokenPurpose.LEAVE, old) == 7
    assert renewed.make(TokenPurpose.LEAVE, 7) != old


def test_links_outlive_the_removal_of_an_older_key() -> None:
    """An operator who tidies up the retired keys must not break the links that newer ones made."""
    oldest, middle, newest = (f"{name}-secret-0123456789abcdefghijklm" for name in ("oldest", "middle", "newest"))
    ring = Keyring.of(newest, [middle, oldest])
    links = [ring.make(TokenPurpose.LEAVE, 7), Keyring.of(middle, [oldest]).make(TokenPurpose.LEAVE, 7)]
    for tidied in (Keyring.of(newest, [middle]), Keyring.of(newest, [oldest, middle])):
        assert [tidied.read(TokenPurpose.LEAVE, link) for link in links] == [7, 7]
    with pytest.raises(BadTokenError):
        Keyring.of(newest).read(TokenPurpose.LEAVE, links[1])


def test_a_lasting_token_is_the_same_after_the_secret_was_changed() -> None:
    """A mail that is tried again after the change must carry the Message-ID of its first try."""
    before = Keyring.of("the-first-secret-0123456789abcdef")
    after = Keyring.of("the-next-secret-0123456789abcdefg", ["the-first-secret-0123456789abcdef"])
    assert after.make_lasting(TokenPurpose.MESSAGE_ID, 7) == before.make_lasting(TokenPurpose.MESSAGE_ID, 7)
    assert before.make_lasting(TokenPurpose.MESSAGE_ID, 7) == before.make(TokenPurpose.MESSAGE_ID, 7)
    assert after.make(TokenPurpose.MESSAGE_ID, 7) != before.make(TokenPurpose.MESSAGE_ID, 7)


@pytest.mark.parametrize("token", ["", "a" * 36, "a" * 38, "가" * 37, "!" * 37, "1" * 37])
def test_rubbish_is_refused_like_any_other_wrong_token(token: str) -> None:
    """Strangers type anything behind /u/."""
    with pytest.raises(BadTokenError):
        RING.read(TokenPurpose.LEAVE, token)


@given(subject_id=st.integers(0, 2**48 - 1))
def test_tokens_made_together_are_those_made_alone(subject_id: int) -> None:
    """A mail's tokens are made in one go; each must be what a page would make and read, in plain base32."""
    ring = Keyring.of("s" * 40, ["r" * 40])
    purposes = (TokenPurpose.LEAVE, TokenPurpose.CHOOSE, TokenPurpose.SHARER)
    tokens = ring.minter(*purposes).make(subject_id)
    assert tokens == [ring.make(purpose, subject_id) for purpose in purposes]
    mac = hmac.digest(
        hashlib.sha256(b"digest-token\0leave\0" + b"s" * 40).digest(),
        b"\1" + subject_id.to_bytes(6, "big"),
        "sha256",
    )
    plain = base64.b32encode(b"\1" + subject_id.to_bytes(6, "big") + mac[:16])
    assert tokens[0] == plain.decode().rstrip("=").lower()
