"""Refuse a time that SQLAlchemy would bind in its own way, and not as `Instant` keeps it.

SQLite keeps times as numbers. A datetime that stands in a statement beside no column (`sa.case((…, now))`) is bound as
text, which compares as later than every number and is stored without a word. So each statement that any test runs is
looked through, once when it is compiled.
"""

from weakref import WeakSet

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import ExecutionContext

_seen: WeakSet[sa.Compiled] = WeakSet()


def watch() -> None:
    """Look at every statement of every engine from now on."""
    sa.event.listen(sa.Engine, "before_cursor_execute", _look, named=True)


def _look(*, conn: sa.Connection, statement: str, context: ExecutionContext | None, **_: object) -> None:
    compiled = getattr(context, "compiled", None)
    if compiled is None or compiled in _seen or conn.dialect.name != "sqlite":
        return
    _seen.add(compiled)
    loose = sorted(name for name, bind in getattr(compiled, "binds", {}).items() if isinstance(bind.type, sa.DateTime))
    if loose:
        raise AssertionError(f"a time is bound outside of its column ({', '.join(loose)}): {statement}")
