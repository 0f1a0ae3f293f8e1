"""Many rows as one bound value, so that a statement is the same for one row and for five hundred.

`column IN (…)` with a parameter per id is another statement for each number of ids, and running a statement once per
row costs a call of the driver each. SQLite reads the value as JSON (`json_each`), PostgreSQL as arrays. The
statements are put together once, when their module is imported; `run` also puts them into SQLite's words only once.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from digest.database.connection import Connection, PlainConnection
from digest.database.tables import microseconds

IDS = "ids_"
ROWS = "rows_"


def is_among(
    column: sa.ColumnElement[Any], *, sqlite: bool, kind: type[sa.types.TypeEngine[Any]] = sa.BigInteger
) -> sa.ColumnElement[bool]:
    """Return the condition that `column` is one of the ids, or other values of that `kind`, given to `ids_for`."""
    if sqlite:
        value = sa.func.json_each(sa.bindparam(IDS, type_=sa.Text)).table_valued("value")
        return column.in_(sa.select(value.c.value))
    return column == sa.any_(sa.bindparam(IDS, type_=postgresql.ARRAY(kind)))


def given_ids(*, sqlite: bool) -> sa.FromClause:
    """Return the ids given to `ids_for` as rows to select from, with one column, `value`."""
    if sqlite:
        return sa.func.json_each(sa.bindparam(IDS, type_=sa.Text)).table_valued(sa.column("value", sa.BigInteger))
    each = sa.func.unnest(sa.bindparam(IDS, type_=postgresql.ARRAY(sa.BigInteger)))
    return each.table_valued(sa.column("value", sa.BigInteger), name="given").render_derived()


def ids_for(connection: PlainConnection | Connection, ids: Collection[int] | Collection[str]) -> dict[str, Any]:
    """Return the parameter that `is_among` wants. Sorted: rows are locked in the same order everywhere."""
    ordered = sorted(ids)
    return {IDS: json.dumps(ordered) if connection.dialect.name == "sqlite" else ordered}


def given_rows(columns: Sequence[sa.ColumnClause[Any]], *, sqlite: bool) -> sa.FromClause:
    """Return the rows given to `rows_for` as something to select from, its columns named as `columns` are."""
    if sqlite:
        each = sa.func.json_each(sa.bindparam(ROWS, type_=sa.Text)).table_valued("value")
        picked = [
            sa.func.json_extract(each.c.value, f"$[{number}]").label(column.name)
            for number, column in enumerate(columns)
        ]
        return sa.select(*picked).select_from(each).subquery("given")
    arrays = [
        sa.bindparam(f"{ROWS}{number}", type_=postgresql.ARRAY(column.type)) for number, column in enumerate(columns)
    ]
    names = [sa.column(column.name, column.type) for column in columns]
    return sa.func.unnest(*arrays).table_valued(*names, name="given").render_derived()


def rows_for(connection: PlainConnection | Connection, rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    """Return the parameters that `given_rows` wants, one tuple per row."""
    if connection.dialect.name == "sqlite":
        return {ROWS: json.dumps(rows, default=_as_stored, ensure_ascii=False)}
    return {f"{ROWS}{number}": list(values) for number, values in enumerate(zip(*rows, strict=True))}


def run(
    connection: PlainConnection, statement: sa.Select[Any] | sa.UpdateBase, values: Mapping[str, Any]
) -> sa.CursorResult[Any]:
    """Execute a statement of this module's kind, many times a second, with a value for each of its parameters.

    SQLite's rows come as it keeps them, times as numbers (`tables.from_microseconds`). SQLAlchemy takes longer over
    such a statement (0.3 ms) than SQLite does over thirty rows; what it works out anew each time is worked out once
    here. No list may stand in it (`IN` with values): that is spelled out at each execution.
    """
    if connection.dialect.name != "sqlite":
        return connection.execute(statement, values)
    words, parameters = _in_words(statement, connection.dialect)
    given = {**values, "": None}  # the nameless are fixed
    return connection.exec_driver_sql(
        words, tuple([given[name] if make is None else make(given[name]) for name, make in parameters])
    )


def run_each(connection: PlainConnection, statement: sa.UpdateBase, rows: Sequence[Mapping[str, Any]]) -> None:
    """As `run`, once for each of `rows`; for values that no JSON holds."""
    if connection.dialect.name != "sqlite":
        connection.execute(statement, rows)
        return
    words, parameters = _in_words(statement, connection.dialect)
    columns = [_column(rows, name, make) for name, make in parameters]
    connection.exec_driver_sql(words, list(zip(*columns, strict=True)))


def _column(rows: Sequence[Mapping[str, Any]], name: str, make: Callable[[Any], Any] | None) -> list[Any]:
    """Return the driver's values of one parameter; the very same value for all rows, as the time is, is made once."""
    if not name:
        return [make and make(None)] * len(rows)  # a fixed one
    values = [row[name] for row in rows]
    if make is None:
        return values
    made: list[Any] = []
    before: Any = made  # Any: what a parameter may be; no value is this list
    for value in values:
        made.append(made[-1] if value is before else make(value))
        before = value
    return made


@lru_cache(maxsize=64)
def _in_words(
    statement: sa.Select[Any] | sa.UpdateBase, dialect: sa.Dialect
) -> tuple[str, tuple[tuple[str, Callable[[Any], Any] | None], ...]]:
    """Return a statement's text, and for each parameter in it its name and what makes the driver's value of it."""
    compiled = statement.compile(dialect=dialect)
    parameters: list[tuple[str, Callable[[Any], Any] | None]] = []
    for name in compiled.positiontup or ():
        parameter = compiled.binds[name]
        make = parameter.type.dialect_impl(dialect).bind_processor(dialect)
        if not parameter.required:
            fixed = parameter.effective_value if make is None else make(parameter.effective_value)
            parameters.append(("", partial(_always, fixed)))
        else:
            parameters.append((parameter.key, make))
    return str(compiled), tuple(parameters)


def _always(fixed: object, _: object) -> object:
    return fixed


def _as_stored(value: object) -> int:
    """Write a time as SQLite keeps it."""
    if isinstance(value, datetime):
        return microseconds(value)
    raise TypeError(f"{type(value).__name__} cannot be given to a statement")
