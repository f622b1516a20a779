"""An exported snapshot, held open, in which the inventory is read and every process dumps.

TRUNCATE and DROP are not MVCC-safe (documentation, "Concurrency Control", Caveats): after a snapshot
is taken, a TRUNCATE elsewhere makes pg_dump write no rows without a word. So every table is locked in
ACCESS SHARE mode *before* the snapshot exists, and the list of tables is checked again inside it.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import errors as postgres_errors

from dbsnap.errors import ServerFailed
from dbsnap.postgres.catalog import ask_connection, list_tables, quote_name
from dbsnap.postgres.connection import connect, execute, fetch_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbsnap.postgres.catalog import Name
    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.url import Database

ATTEMPTS = 5
"""How often the tables may change between being listed and being locked."""

LOCK_WAIT_SECONDS = 60
"""How long a table's ACCESS EXCLUSIVE holder is waited for, here and by pg_dump."""

TABLES_PER_LOCK = 500


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot that exists while its connection's transaction is open."""

    connection: Connection
    identifier: str


@contextmanager
def hold_snapshot(database: Database) -> Iterator[Snapshot]:
    """Lock all tables, export a snapshot, and hold both until the end of the block.

    Raises ServerFailed when a table stays locked by others for ``LOCK_WAIT_SECONDS``, or tables come
    and go faster than they can be locked; RightMissing when a table may not be read.
    """
    with connect(database, purpose="dbsnap snapshot") as connection:
        for _ in range(ATTEMPTS):
            identifier = _lock_and_export(connection)
            if identifier is not None:
                break
        else:
            raise ServerFailed(
                f"tables were created or dropped during each of {ATTEMPTS} attempts to lock them",
                hint="try again when no migration is running",
            )
        try:
            yield Snapshot(connection, identifier)
        finally:
            if not connection.closed:
                connection.execute("ROLLBACK")


def _lock_and_export(connection: Connection) -> str | None:
    ask = ask_connection(connection)
    tables = list_tables(ask)
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        _lock(connection, tables)
    except postgres_errors.UndefinedTable:
        connection.execute("ROLLBACK")
        return None
    except postgres_errors.LockNotAvailable:
        raise ServerFailed(
            f"a table is locked by another session for more than {LOCK_WAIT_SECONDS} seconds",
            hint="a migration or VACUUM FULL may be running; look at pg_stat_activity",
        ) from None
    identifier = str(fetch_value(connection, "SELECT pg_export_snapshot()"))
    if set(list_tables(ask)) - set(tables):
        connection.execute("ROLLBACK")
        return None
    return identifier


def _lock(connection: Connection, tables: list[Name]) -> None:
    execute(connection, f"SET LOCAL lock_timeout TO '{LOCK_WAIT_SECONDS}s'")
    for start in range(0, len(tables), TABLES_PER_LOCK):
        names = ", ".join(
            f"ONLY {quote_name(*name)}" for name in tables[start : start + TABLES_PER_LOCK]
        )
        execute(connection, f"LOCK TABLE {names} IN ACCESS SHARE MODE")
    connection.execute("SET LOCAL lock_timeout TO 0")
