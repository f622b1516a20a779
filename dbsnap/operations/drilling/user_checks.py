"""The user's own checks: queries on the restored database, by a role that can change nothing.

Three things hold a query back, and each would do for most of what could go wrong. Its session is that of
a role made for it, which may read everything and do nothing else: there is no role to reset to. Its
transaction is read-only, has taken its snapshot, and is rolled back. And it runs as the query of a
cursor, in the extended protocol: one SELECT, and nothing else that is a statement (documentation,
DECLARE; 55.2.3 "Extended Query"). Functions that run with the rights of a superuser who owns them
(SECURITY DEFINER) run with the role's own in the restored copy.
"""

from __future__ import annotations

import secrets
import threading
import time
import zlib
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors as postgres_errors
from psycopg.pq import TransactionStatus

from dbsnap.errors import DbsnapError, UsageError
from dbsnap.operations.drilling.expectation import ROWS_READ
from dbsnap.postgres.connection import connect, execute, fetch, server_errors
from dbsnap.postgres.quoting import quote_literal, quote_name
from dbsnap.report import Finding
from dbsnap.reports.outcome import Check

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbsnap.archive.record import Record
    from dbsnap.operations.drilling.expectation import UserCheck
    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.maintenance import Maintenance
    from dbsnap.postgres.url import Database

PREFIX = "check: "
ROLE_PREFIX = "dbsnap_check_"
DEFAULT_SEARCH_PATH = '"$user", public'
GRACE_SECONDS = 5.0
"""How long a query may go on behind its timeout, as one that catches the server's own can."""

DEFUSE = """
SELECT format('ALTER ROUTINE %s SECURITY INVOKER', pg_proc.oid::regprocedure)
FROM pg_catalog.pg_proc JOIN pg_catalog.pg_roles ON pg_roles.oid = proowner
WHERE prosecdef AND rolsuper AND prokind IN ('f', 'p')
"""


def check_name(check: UserCheck) -> str:
    """Return what a user's check is called among all others."""
    return PREFIX + check.name


def role_name(known_as: str) -> str:
    """Return the role that checks run under for a drill of this name."""
    return f"{ROLE_PREFIX}{zlib.crc32(known_as.encode()):08x}"


def run_user_checks(
    maintenance: Maintenance,
    database: Database,
    checks: Sequence[UserCheck],
    *,
    known_as: str,
    search_path: str,
) -> list[Check]:
    """Run every check on the restored database; one that gives no answer is NOT RUN.

    ``known_as`` is the same for every drill of one database, so that the next one removes the role that
    a killed one left.
    ``search_path`` is what the database has set for itself, "" if nothing. The role is gone at the end.
    Raises RightMissing where the role cannot be made, UsageError where the file of a query is gone.
    """
    if not checks:
        return []
    queries = [check.query() for check in checks]
    with _reading_role(maintenance, database, known_as) as address:
        return [
            _run(maintenance, address, check, query, search_path or DEFAULT_SEARCH_PATH)
            for check, query in zip(checks, queries, strict=True)
        ]


def database_search_path(record: Record | None) -> str:
    """Return the search path that the source database has set for everybody, "" if none."""
    settings = record.source.properties.get("settings") or [] if record else []
    found = [value for role, value in settings if role is None]
    return next((v.partition("=")[2] for v in found if v.startswith("search_path=")), "")


@contextmanager
def _reading_role(
    maintenance: Maintenance, database: Database, known_as: str
) -> Iterator[Database]:
    """Make a role that can read all of the database and log in, and drop it at the end."""
    connection = maintenance.connection
    role = role_name(known_as)
    password = secrets.token_urlsafe(24)
    with server_errors("(creating the role for your checks)"):
        _drop_role(connection, role)
        superuser = fetch(
            connection, "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user"
        )[0][0]
        # A policy would hide rows from any other role; it takes a superuser to say so.
        execute(
            connection,
            f"CREATE ROLE {quote_name(role)} LOGIN PASSWORD {quote_literal(password)} NOSUPERUSER "
            f"NOCREATEDB NOCREATEROLE NOREPLICATION {'BYPASSRLS' if superuser else ''}",
        )
    try:
        with server_errors("(letting the role for your checks read)"):
            execute(connection, f"GRANT pg_read_all_data TO {quote_name(role)}")
            with connect(database) as inside:
                for (statement,) in fetch(inside, DEFUSE):
                    execute(inside, statement)
        yield database.with_role(role, password)
    finally:
        with suppress(psycopg.Error):
            _drop_role(connection, role)


def _drop_role(connection: Connection, role: str) -> None:
    execute(connection, f"DROP ROLE IF EXISTS {quote_name(role)}")


def _run(
    maintenance: Maintenance, address: Database, check: UserCheck, query: str, search_path: str
) -> Check:
    name = check_name(check)
    started = time.monotonic()
    try:
        rows = _rows(maintenance, address, check, query, search_path)
        problem = check.expect.problem(rows)
        message, outcome = problem or f"{check.expect.words}, as expected", "FAIL"
    except (psycopg.Error, DbsnapError) as error:
        if isinstance(error, UsageError):
            raise
        message, outcome = _why(error, check), "NOT RUN"
        problem = message
    seconds = time.monotonic() - started
    if not problem:
        return Check(name, "PASS", message, (), seconds)
    finding = Finding("different" if outcome == "FAIL" else "not-compared", name, message)
    return Check(name, "FAIL" if outcome == "FAIL" else "NOT RUN", message, (finding,), seconds)


def _rows(
    maintenance: Maintenance, address: Database, check: UserCheck, query: str, search_path: str
) -> list[tuple[Any, ...]]:
    """Return the first rows of a query. A session of its own keeps what it sets from the next one."""
    with connect(address, purpose="dbsnap drill check") as connection:
        fetch(connection, "SELECT set_config('search_path', %s, false)", [search_path])
        execute(connection, f"SET statement_timeout TO {max(int(check.timeout_seconds * 1000), 1)}")
        execute(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        execute(connection, "SELECT 1")  # from the first query on it stays read-only
        with _ended_after(maintenance, connection, check.timeout_seconds + GRACE_SECONDS):
            # binary: psycopg then sends it as one statement, so nothing can follow the cursor's query
            declare = b"DECLARE dbsnap_check NO SCROLL CURSOR FOR " + query.encode()
            connection.cursor(binary=True).execute(declare)
            rows = fetch(connection, f"FETCH {ROWS_READ + 1} FROM dbsnap_check")
        if connection.info.transaction_status is not TransactionStatus.INTRANS:
            raise psycopg.OperationalError("it ended its transaction")
        execute(connection, "ROLLBACK")
    return rows


@contextmanager
def _ended_after(
    maintenance: Maintenance, connection: Connection, seconds: float
) -> Iterator[None]:
    """End the session of a query that catches its own timeout and goes on."""
    pid = connection.info.backend_pid

    def end() -> None:
        with suppress(DbsnapError), connect(maintenance.address) as another:
            fetch(another, "SELECT pg_terminate_backend(%s)", [pid])

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _why(error: Exception, check: UserCheck) -> str:
    cause = error.__context__ if isinstance(error, DbsnapError) else error
    if isinstance(cause, postgres_errors.QueryCanceled):
        return f"it took longer than {check.timeout_seconds:g} s"
    if isinstance(cause, psycopg.Error) and cause.diag.message_primary:
        return f"PostgreSQL refused it: {cause.diag.message_primary}"
    return f"it could not be run: {error}"
