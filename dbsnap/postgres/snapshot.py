"""An exported snapshot, held open, in which the inventory is read and every process dumps.

TRUNCATE and DROP are not MVCC-safe (documentation, "Concurrency Control", Caveats): after a snapshot
is taken, a TRUNCATE elsewhere makes pg_dump write no rows without a word. So every table is locked in
ACCESS SHARE mode *before* the snapshot exists, and the list of tables is checked again inside it.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors as postgres_errors

from dbsnap.errors import OperationFailed, ServerFailed
from dbsnap.inventory import object_name
from dbsnap.postgres.asking import ask_connection, copied_rows
from dbsnap.postgres.catalog import list_tables
from dbsnap.postgres.connection import connect, execute, fetch, fetch_value, json_answers
from dbsnap.postgres.quoting import quote_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from dbsnap.postgres.asking import Ask, Name
    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.url import Database

ATTEMPTS = 5
"""How often the tables may change between being listed and being locked."""

LOCK_WAIT_SECONDS = 60
"""How long a table's ACCESS EXCLUSIVE holder is waited for, here and by pg_dump."""

TABLES_PER_LOCK = 500

FOR_THE_INVENTORY = "SET LOCAL work_mem TO '32MB'; SET LOCAL jit TO off"
"""Thousands of columns are sorted in memory; compiling a question takes longer than answering it."""

HOLDERS_QUERY = """
SELECT format('%s is locked by session %s (%s)', relation::regclass, pid,
              concat_ws(', ', usename, nullif(application_name, ''), state))
FROM pg_catalog.pg_locks JOIN pg_catalog.pg_stat_activity USING (pid)
WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock' AND pid <> pg_backend_pid()
    AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
    AND relation IN (SELECT oid FROM pg_catalog.pg_class
                     WHERE relkind IN ('r', 'p') AND relnamespace <> 'pg_catalog'::regnamespace)
ORDER BY granted DESC, relation
LIMIT 5
"""
"""Only ACCESS EXCLUSIVE conflicts with ACCESS SHARE; who waits for it is waited for, too."""


SEQUENCE_VALUES = """
SELECT jsonb_build_array(ARRAY[nspname, relname], value)
FROM pg_catalog.pg_class AS sequence
JOIN pg_catalog.pg_namespace AS schema ON schema.oid = relnamespace
CROSS JOIN LATERAL (
    SELECT CASE WHEN has_sequence_privilege(sequence.oid, 'SELECT, USAGE')
        THEN pg_catalog.pg_sequence_last_value(sequence.oid) END) AS known(value)
WHERE relkind = 'S' AND relpersistence <> 't' AND value IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot that exists while its connection's transaction is open."""

    connection: Connection
    identifier: str
    _asking: threading.Lock = field(default_factory=threading.Lock)

    def check(self) -> None:
        """Raise ServerFailed if the server has ended the session.

        Silent while a question is being answered in another thread, which would hear of it itself.
        """
        if self._asking.acquire(blocking=False):
            try:
                _refuse_lost_session(self.connection)
            finally:
                self._asking.release()

    def ask(self, sql: str) -> Iterable[Any]:
        """Answer a question as ``catalog.Ask`` does, and release the locks that it took.

        Words for an index lock it, and counting a table locks its indexes: of many tables that would be
        more than a server with usual settings can remember (``max_locks_per_transaction``).
        """
        statement = f"SAVEPOINT question;\n{sql};\nROLLBACK TO SAVEPOINT question"
        with self._asking:
            cursor = self.connection.execute(statement.encode())
            cursor.nextset()
            answers = json_answers(cursor)
            cursor.nextset()
        return answers

    def copied_rows(self, statements: Sequence[str]) -> list[int]:
        """Answer as ``asking.copied_rows`` does, and release the locks that it took, as ``ask`` does."""
        held = ["SAVEPOINT question", *statements, "ROLLBACK TO SAVEPOINT question"]
        with self._asking:
            return copied_rows(self.connection, held)

    def sequence_values(self) -> dict[str, int]:
        """Return the last value that each sequence gave, as it is now; without those that gave none."""
        return {object_name(*path): value for path, value in self.ask(SEQUENCE_VALUES)}


@contextmanager
def hold_snapshot(
    database: Database,
    *,
    lock_wait_seconds: int = LOCK_WAIT_SECONDS,
    tables_to_lock: Callable[[Ask], list[Name]] = list_tables,
) -> Iterator[Snapshot]:
    """Lock all tables, export a snapshot, and hold both until the end of the block.

    ``tables_to_lock`` says which tables that are, where it is not all of them.

    Raises ServerFailed when a table stays locked by others for ``lock_wait_seconds``, when tables come
    and go faster than they can be locked, or when the block failed because the server had ended the
    session that holds the snapshot; RightMissing when a table may not be read.
    """
    with connect(database, purpose="dbsnap snapshot") as connection:
        for _ in range(ATTEMPTS):
            identifier = _lock_and_export(connection, lock_wait_seconds, tables_to_lock)
            if identifier is not None:
                break
        else:
            raise ServerFailed(
                f"tables were created or dropped during each of {ATTEMPTS} attempts to lock them",
                hint="try again when no migration is running",
            )
        try:
            yield Snapshot(connection, identifier)
        except (OperationFailed, psycopg.Error):
            _refuse_lost_session(connection)
            raise
        finally:
            # Whoever used the snapshot has what it needed: its end can fail nothing any more.
            with suppress(psycopg.Error):
                connection.execute("ROLLBACK")


def limit_waits(connection: Connection, lock_wait_seconds: int) -> None:
    """Let no statement of a session wait longer for a lock: what reads a definition takes one, too."""
    execute(connection, f"SET lock_timeout TO '{lock_wait_seconds}s'")


def _refuse_lost_session(connection: Connection) -> None:
    try:
        connection.execute("SELECT")
    except psycopg.OperationalError:
        raise ServerFailed(
            "the server ended the session that holds the snapshot, so the dump could not be finished",
            hint="somebody terminated it, or the server restarted: look at the server's log",
        ) from None
    except psycopg.Error:
        return  # the transaction is aborted, but it is there


def _lock_and_export(
    connection: Connection, lock_wait_seconds: int, tables_to_lock: Callable[[Ask], list[Name]]
) -> str | None:
    ask = ask_connection(connection)
    tables = tables_to_lock(ask)
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        _lock(connection, tables, lock_wait_seconds)
    except (postgres_errors.UndefinedTable, postgres_errors.DeadlockDetected):
        connection.execute("ROLLBACK")
        return None
    except postgres_errors.LockNotAvailable:
        connection.execute("ROLLBACK")
        holders = [row[0] for row in fetch(connection, HOLDERS_QUERY)]
        raise ServerFailed(
            f"a table could not be locked within {lock_wait_seconds} seconds: "
            f"{'; '.join(holders) or 'another session held a lock on it'}",
            hint="a migration or VACUUM FULL may be running; try again when it has ended",
        ) from None
    identifier = str(fetch_value(connection, "SELECT pg_export_snapshot()"))
    if set(tables_to_lock(ask)) - set(tables):
        connection.execute("ROLLBACK")
        return None
    return identifier


def _lock(connection: Connection, tables: list[Name], lock_wait_seconds: int) -> None:
    execute(connection, f"SET LOCAL lock_timeout TO '{lock_wait_seconds}s'")
    for start in range(0, len(tables), TABLES_PER_LOCK):
        names = ", ".join(
            f"ONLY {quote_name(*name)}" for name in tables[start : start + TABLES_PER_LOCK]
        )
        execute(connection, f"LOCK TABLE {names} IN ACCESS SHARE MODE")
    execute(connection, f"SET LOCAL lock_timeout TO 0; {FOR_THE_INVENTORY}")
