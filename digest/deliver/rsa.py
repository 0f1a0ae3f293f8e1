"""rsa-sha256 (RFC 6376 §3.3.2), and the process that signs with it for `signatures`.

The process imports little, so that it starts quickly and stays small.
"""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from digest import child

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_NICE = 5  # the sender goes first: what it does not send, nobody has to sign


def sign(key: "RSAPrivateKey", texts: Sequence[bytes]) -> list[bytes]:
    """Return the signature of each text (rsa-sha256, RFC 6376 §3.3.2)."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    return [key.sign(text, padding.PKCS1v15(), hashes.SHA256()) for text in texts]


def serve_stdin() -> None:
    """Take the key from standard input, then sign what comes, until it ends. Runs in the child."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    questions, answers = child.pipes()
    os.nice(_NICE)
    key = load_der_private_key(child.next_frame(questions), password=None)
    assert isinstance(key, RSAPrivateKey)
    child.answer(answers, b"")
    while question := child.next_frame(questions):
        child.answer(answers, b"".join(sign(key, child.frames(question))))
