"""Whether a text stands anywhere in the database: every column that holds text or bytes is looked through.

For proving that an address was erased. It goes by the tables themselves and not by the table of personal columns, so
that a column somebody forgot there is found. Slow on purpose: nothing has an index for it.
"""

import re
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from digest.addresses import Address
from digest.database.connection import Connection
from digest.database.tables import metadata

_LOOKED_AT = 1000
_OF_AN_ADDRESS = r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an address stands: `where` is "table.column"; `is_part`: only as a part of a longer address."""

    where: str
    rows: int
    is_part: bool


async def find_address(connection: Connection, address: Address) -> list[Standing]:
    """Return every column in which the address stands, in any case of its letters."""
    found = []
    for table in metadata.sorted_tables:
        for column in table.columns:
            condition = _holds(connection, column, address.key)
            if condition is None:
                continue
            values = (await connection.execute(sa.select(column).where(condition).limit(_LOOKED_AT))).scalars().all()
            whole = sum(is_whole(_as_text(value), address) for value in values)
            if values:
                found.append(Standing(f"{table.name}.{column.name}", whole or len(values), is_part=whole == 0))
    return found


def is_whole(text: str, address: Address) -> bool:
    """Whether the address stands in the text by itself, not as a part of a longer one."""
    pattern = rf"(?<!{_OF_AN_ADDRESS}){re.escape(address.key)}(?![a-z0-9-]|\.[a-z0-9])"
    return re.search(pattern, text.lower()) is not None


def _holds(connection: Connection, column: sa.Column[Any], key: str) -> sa.ColumnElement[bool] | None:
    """The condition that a column holds the text; None for one that cannot (numbers, times, states)."""
    if isinstance(column.type, sa.Enum):
        return None
    if isinstance(column.type, sa.LargeBinary):
        if connection.dialect.name == "postgresql":
            return sa.func.strpos(sa.func.lower(sa.func.encode(column, "escape")), key) > 0
        return sa.func.instr(sa.func.lower(sa.cast(column, sa.Text)), key) > 0
    if isinstance(column.type, sa.String | sa.JSON):
        return sa.func.lower(sa.cast(column, sa.Text)).contains(key, autoescape=True)
    return None


def _as_text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
