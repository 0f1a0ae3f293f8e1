"""Signatures by threads and by processes: the same, whatever becomes of the processes."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from digest import child
from digest.deliver.signatures import Signatures

pytestmark = pytest.mark.anyio

TEXTS = [b"from:news@gaon.example\r\nto:reader%d@naver.example" % number for number in range(40)]


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
async def signatures(key: rsa.RSAPrivateKey) -> AsyncIterator[Signatures]:
    """Signatures whose processes stand ready."""
    signatures = Signatures(key)
    signatures.expect_many()
    await signatures.started()
    assert signatures.pids
    yield signatures
    await signatures.close()


def _verify(key: rsa.RSAPrivateKey, made: list[bytes], texts: list[bytes]) -> None:
    for signature, text in zip(made, texts, strict=True):
        key.public_key().verify(signature, text, padding.PKCS1v15(), hashes.SHA256())


async def test_before_the_processes_are_there_threads_sign(key: rsa.RSAPrivateKey) -> None:
    """A confirmation does not wait for them, and an edition begins at once."""
    signatures = Signatures(key)
    _verify(key, await signatures.make(TEXTS), TEXTS)
    assert signatures.pids == []
    await signatures.close()


async def test_each_text_gets_its_own_signature_from_the_processes(
    key: rsa.RSAPrivateKey, signatures: Signatures
) -> None:
    """Many questions at once, answered by several: none gets another's answer."""
    some = [TEXTS[start : start + 3] for start in range(len(TEXTS))]
    for made, texts in zip(await asyncio.gather(*map(signatures.make, some)), some, strict=True):
        _verify(key, made, texts)


async def test_where_nothing_is_to_be_signed_no_process_ends(key: rsa.RSAPrivateKey, signatures: Signatures) -> None:
    """A whole group may be mails that cannot be made; to a process nothing more to read is the end."""
    before = signatures.pids
    assert await signatures.make([]) == []
    _verify(key, await signatures.make(TEXTS), TEXTS)
    assert signatures.pids == before


async def test_what_a_killed_process_had_been_asked_for_is_signed_by_threads(
    key: rsa.RSAPrivateKey, signatures: Signatures
) -> None:
    """Memory may run out: its mails are not held up by it."""
    for pid in signatures.pids:
        os.kill(pid, signal.SIGSTOP)
    asked = [asyncio.create_task(signatures.make(TEXTS)) for _ in range(4)]
    await asyncio.sleep(0)
    for pid in signatures.pids:
        os.kill(pid, signal.SIGKILL)
    for made in await asyncio.gather(*asked):
        _verify(key, made, TEXTS)
    _verify(key, await signatures.make(TEXTS), TEXTS)
    assert signatures.pids == []


async def test_the_processes_leave_signals_to_the_sender(key: rsa.RSAPrivateKey, signatures: Signatures) -> None:
    """Ctrl-C and systemd reach the whole group, and the sender still finishes what is on its way."""
    before = signatures.pids
    for pid in before:
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGINT)
    _verify(key, await signatures.make(TEXTS), TEXTS)
    assert signatures.pids == before


async def test_closed_there_is_no_process_left(signatures: Signatures) -> None:
    """They hold the key."""
    pids = signatures.pids
    await signatures.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_processes_that_are_being_started_are_ended_before_closing_is_over(
    key: rsa.RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them, not only the first: what is left runs into the end of the loop."""
    begun, ended, all_begun = [], [], asyncio.Event()

    async def start(module: str) -> asyncio.subprocess.Process:
        begun.append(module)
        number = len(begun)
        if number == 3:
            all_begun.set()
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0.01 * number)  # until it has ended
            ended.append(module)
        raise AssertionError("it was to be given up")

    monkeypatch.setattr("os.cpu_count", lambda: 3)
    monkeypatch.setattr(child, "start", start)
    signatures = Signatures(key)
    signatures.expect_many()
    await all_begun.wait()
    await signatures.close()
    assert len(ended) == 3
