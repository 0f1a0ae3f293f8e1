"""Proving that an address was erased: the whole database, the files of SQLite as bytes, and the folder of files.

In: an address. Out: each place where it stands, in words. Bytes of a mail are looked through as they are, unfolded, and
for the three forms that an address can take inside base64. SQLite's own files are looked through too, because a row
that is gone may live on in a page nobody uses; where a living row holds the address as a part of a longer one, its
bytes prove nothing and are left out.
"""

import base64
from collections.abc import Iterator
from pathlib import Path

from digest.addresses import Address
from digest.config import Settings
from digest.database import Database, searching

_CHUNK = 1 << 20
_SQLITE = "sqlite:///"


async def find_everywhere(database: Database, settings: Settings, address: Address) -> list[str]:
    """Return where the address stands, a line each; empty: nowhere."""
    async with database.read() as connection:
        standing = await searching.find_address(connection, address)
    found = [f"{each.where} ({each.rows} rows)" for each in standing if not each.is_part]
    own = _own_files(settings)
    if not standing:
        await database.forget_erased()
        found += [f"{file} (bytes that no row holds any more)" for file in own if _holds(file, address, plain=True)]
    found += [str(file) for file in _files(settings.data_dir, but=own) if _holds(file, address, plain=False)]
    return found


def _own_files(settings: Settings) -> list[Path]:
    url = settings.database_url.get_secret_value()
    if not url.startswith(_SQLITE):
        return []
    path = Path(url.removeprefix(_SQLITE).partition("?")[0])
    return [file for file in (path, path.with_name(f"{path.name}-wal")) if file.is_file()]


def _files(folder: Path, *, but: list[Path]) -> Iterator[Path]:
    own = {file.resolve() for file in but}
    own |= {file.with_name(f"{file.name}-shm") for file in own}
    for file in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if file.is_file() and file.resolve() not in own:
            yield file


def _holds(file: Path, address: Address, *, plain: bool) -> bool:
    """Whether a file holds the address. `plain`: its bytes alone are looked at, in any neighbourhood."""
    needle = address.key.encode()
    try:
        if plain:
            return any(needle in chunk.lower() for chunk in _chunks(file, len(needle)))
        content = file.read_bytes()
    except FileNotFoundError:
        return False  # removed in this moment
    if searching.is_whole(content.decode("utf-8", "replace"), address):
        return True
    unfolded = content.replace(b"=\r\n", b"").replace(b"\r\n", b"").replace(b"\n", b"")
    return any(form in unfolded for text in {needle, str(address).encode()} for form in _in_base64(text))


def _chunks(file: Path, overlap: int) -> Iterator[bytes]:
    with file.open("rb") as opened:
        before = b""
        while chunk := opened.read(_CHUNK):
            yield before + chunk
            before = chunk[-overlap:]


def _in_base64(text: bytes) -> list[bytes]:
    """The letters of base64 that surely stand for `text`, at each of the three ways it can begin."""
    forms = []
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + text)
        first = (0, 2, 3)[shift]
        last = len(text) + shift
        forms.append(encoded[first : last * 8 // 6])
    return forms
