"""Locking tables against every other writer, for a bounded time, and saying who is in the way."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from psycopg import errors as postgres_errors

from dbsnap.errors import ServerFailed
from dbsnap.postgres.connection import execute, fetch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.tables.live_table import TableName

MODE = "SHARE ROW EXCLUSIVE"
"""Conflicts with everything that changes rows and with itself; readers go on (documentation,
"Explicit Locking")."""

HOLDERS_QUERY = """
SELECT DISTINCT pg_catalog.format(
    '%%s is held by session %%s (%%s)', relation::regclass, pid,
    pg_catalog.concat_ws(
        ', ', usename, nullif(application_name, ''), state,
        'since ' || pg_catalog.to_char(coalesce(query_start, xact_start), 'YYYY-MM-DD HH24:MI:SS TZ')))
FROM pg_catalog.pg_locks JOIN pg_catalog.pg_stat_activity USING (pid)
WHERE locktype = 'relation' AND granted AND pid <> pg_catalog.pg_backend_pid()
    AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
    AND relation IN (
        SELECT named FROM unnest(%s::oid[]) AS named
        UNION SELECT relid FROM unnest(%s::oid[]) AS named, pg_catalog.pg_partition_tree(named)
        UNION SELECT oid FROM pg_catalog.pg_class
            WHERE cardinality(%s::oid[]) = 0 AND relkind IN ('r', 'p'))
    AND mode = ANY (%s)
LIMIT 5
"""

READING = ("AccessShareLock", "RowShareLock")
WRITING = (
    *("RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock", "ShareRowExclusiveLock"),
    *("ExclusiveLock", "AccessExclusiveLock"),
)
AGAINST_READERS = ("AccessExclusiveLock",)
"""The modes of those in the way. Readers are in the way of ACCESS EXCLUSIVE alone, which few tables
need: those with rules, say."""


def lock_tables(connection: Connection, tables: Iterable[TableName], wait_seconds: float) -> None:
    """Let nobody but readers come near these tables until the transaction ends.

    Raises ServerFailed naming the sessions in the way after ``wait_seconds``; the transaction is then
    rolled back.
    """
    wanted = sorted(tables, key=lambda table: table.oid)
    listed = ", ".join(table.rows for table in wanted)
    try:
        _limit_waits(connection, wait_seconds)
        execute(connection, f"LOCK TABLE {listed} IN {MODE} MODE")
    except (postgres_errors.LockNotAvailable, postgres_errors.DeadlockDetected):
        raise lock_refused(connection, wanted, wait_seconds) from None


@contextmanager
def bounded_waits(connection: Connection, wait_seconds: float) -> Iterator[None]:
    """Let nothing inside wait longer for a lock; to read what a table is takes one on it, too.

    Raises ServerFailed naming the sessions that keep readers out; the transaction is then rolled back.
    """
    try:
        _limit_waits(connection, wait_seconds)
        yield
    except (postgres_errors.LockNotAvailable, postgres_errors.DeadlockDetected):
        raise _refused(connection, "what it needs", [], AGAINST_READERS, wait_seconds) from None


def lock_refused(
    connection: Connection,
    tables: Sequence[TableName],
    wait_seconds: float,
    *,
    by_readers: bool = False,
) -> ServerFailed:
    """Roll back, and return the error that says who holds a lock on these tables."""
    names = ", ".join(table.title for table in tables)
    modes = READING + WRITING if by_readers else WRITING
    return _refused(connection, names, [table.oid for table in tables], modes, wait_seconds)


def _limit_waits(connection: Connection, wait_seconds: float) -> None:
    execute(connection, f"SET LOCAL lock_timeout TO '{max(round(wait_seconds * 1000), 1)}ms'")


def _refused(
    connection: Connection,
    names: str,
    oids: Sequence[int],
    modes: Sequence[str],
    wait_seconds: float,
) -> ServerFailed:
    """Roll back, and say who has locks of these modes on these tables, or on any where none is known."""
    connection.rollback()
    asked = [list(oids), list(oids), list(oids), list(modes)]
    holders = [row[0] for row in fetch(connection, HOLDERS_QUERY, asked)]
    return ServerFailed(
        f"could not lock {names} within {wait_seconds:g} seconds: "
        f"{'; '.join(holders) or 'another session held a lock, and has let it go by now'}",
        hint="nothing was changed; end that session or wait for it, or give --lock-timeout",
    )
