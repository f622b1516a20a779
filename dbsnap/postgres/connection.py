"""One connection to one database, and the server's own errors turned into dbsnap's."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors as postgres_errors
from psycopg.conninfo import make_conninfo

from dbsnap.errors import CannotRun, ConnectionFailed, DbsnapError, RightMissing, ServerFailed
from dbsnap.postgres.client import CONNECT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg.pq.abc import PGresult

    from dbsnap.postgres.url import Database

Connection = psycopg.Connection[tuple[Any, ...]]

PINNED_SETTINGS = {
    "search_path": "",
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "synchronize_seqscans": "off",
    "quote_all_identifiers": "off",
    "array_nulls": "on",
    "row_security": "off",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}
"""What every session of dbsnap sets, so that no role's or database's own settings change an answer.

With an empty search path the server words every definition with full names; the output settings are
those of pg_dump (``src/bin/pg_dump/pg_dump.c``, ``setup_connection``).
"""


@contextmanager
def connect(database: Database, *, purpose: str = "dbsnap") -> Iterator[Connection]:
    """Connect in autocommit mode with the pinned settings, and close at the end.

    Raises ConnectionFailed with a hint where the server cannot be reached or refuses. Errors of the
    server inside the block become ServerFailed or RightMissing.
    """
    connection = _open(database, purpose)
    with connection, server_errors(f"on {database.label}"):
        pin_settings(connection)
        yield connection


@contextmanager
def connect_as_it_is(database: Database, *, purpose: str, options: str) -> Iterator[Connection]:
    """Connect as ``connect`` does, but with the settings that role, database and ``options`` have.

    ``options`` are command-line options for the server session, added to those of the address. Errors
    inside the block stay psycopg's.
    """
    given = database.parameters.get("options", os.environ.get("PGOPTIONS", ""))
    connection = _open(database, purpose, options=f"{given} {options}".strip())
    try:
        yield connection
    finally:
        connection.close()


def _open(database: Database, purpose: str, **parameters: str) -> Connection:
    known = {
        "connect_timeout": CONNECT_SECONDS,
        **database.parameters,
        **parameters,
        "application_name": purpose,
        "client_encoding": "UTF8",  # psycopg gives bytes for text under SQL_ASCII
    }
    try:
        return psycopg.connect(make_conninfo("", **known), autocommit=True, prepare_threshold=None)
    except psycopg.Error as error:
        raise ConnectionFailed(
            f"cannot connect to {database.label}: {reason(error)}",
            hint=_connection_hint(str(error)),
        ) from None


NO_IDLE_TIMEOUT = (
    "SELECT set_config(name, '0', false) FROM pg_catalog.pg_settings "
    "WHERE name IN ('idle_session_timeout', 'transaction_timeout')"
)
"""Settings that only newer servers have (14, 17) and that would end a session which waits."""


def pin_settings(connection: Connection) -> None:
    """Give this session the settings that every answer depends on, and nothing a role set."""
    execute(connection, settings_sql())
    execute(connection, NO_IDLE_TIMEOUT)


def settings_sql() -> str:
    """Return the pinned settings as SET statements, for psycopg and for psql."""
    return "".join(f"SET {name} TO '{value}';\n" for name, value in PINNED_SETTINGS.items())


@contextmanager
def server_errors(where: str) -> Iterator[None]:
    """Turn psycopg's errors inside the block into dbsnap's, without the statement's text."""
    try:
        yield
    except postgres_errors.InsufficientPrivilege as error:
        raise RightMissing(
            f"the role lacks a right {where}: {reason(error)}", hint=_right_hint(str(error))
        ) from None
    except postgres_errors.FeatureNotSupported as error:
        raise CannotRun(f"the server cannot do this {where}: {reason(error)}") from None
    except (postgres_errors.AdminShutdown, postgres_errors.CrashShutdown) as error:
        raise ServerFailed(f"the server closed the connection {where}: {reason(error)}") from None
    except psycopg.Error as error:
        raise ServerFailed(f"PostgreSQL refused a statement {where}: {reason(error)}") from None


def fetch(
    connection: Connection, sql: str, parameters: Sequence[Any] = ()
) -> list[tuple[Any, ...]]:
    """Return all rows of one query that dbsnap itself wrote."""
    return connection.execute(sql.encode(), parameters or None).fetchall()


ANSWERS_AT_ONCE = 2000
"""How many JSON values are decoded together: many cost less so, all of them too much memory."""


def json_answers(cursor: psycopg.Cursor[Any]) -> Iterator[Any]:
    """Return an iterator of the JSON values that a query gave, one a row; no cursor is needed then."""
    return _decoded(cursor.pgresult)


def _decoded(result: PGresult | None) -> Iterator[Any]:
    total = 0 if result is None else result.ntuples
    for first in range(0, total, ANSWERS_AT_ONCE):
        numbers = range(first, min(first + ANSWERS_AT_ONCE, total))
        values = (result.get_value(number, 0) for number in numbers) if result else ()
        yield from json.loads(b"[" + b",".join(value or b"null" for value in values) + b"]")


def execute(connection: Connection, sql: str) -> None:
    """Execute SQL that dbsnap itself wrote: one statement, or several without parameters.

    psycopg takes bytes for SQL put together at run time; names in it are quoted by ``quote_name``.
    """
    connection.execute(sql.encode())


def fetch_value(connection: Connection, sql: str, parameters: Sequence[Any] = ()) -> Any:
    """Return the single value of a query that yields exactly one."""
    rows = fetch(connection, sql, parameters)
    if len(rows) != 1:
        raise ServerFailed(f"a query that yields one row yielded {len(rows)}")
    return rows[0][0]


def server_version(connection: Connection) -> int:
    """Return ``server_version_num`` (180006)."""
    return connection.info.server_version


def reason(error: psycopg.Error) -> str:
    """Return what the server, or libpq, says is wrong, in one line."""
    primary = error.diag.message_primary
    text = primary or str(error).strip() or type(error).__name__
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    detail = error.diag.message_detail
    return " ".join(lines) + (f" ({detail})" if detail else "")


def is_server_error(error: BaseException) -> bool:
    """Return whether an error came from a server, in dbsnap's or psycopg's words."""
    return isinstance(error, psycopg.Error | DbsnapError)


def _right_hint(text: str) -> str:
    if "row-level security" in text:
        return (
            "row security hides rows from this role: connect as one with BYPASSRLS, or a superuser"
        )
    return "connect as the owner of the database, or grant the right"


def _connection_hint(text: str) -> str:
    if "password authentication failed" in text or "no password supplied" in text:
        return "check user and password in the URL; special characters must be percent-encoded"
    if "does not exist" in text and "database" in text:
        return "check the database's name in the URL"
    if "SSL" in text or "certificate" in text:
        return "check sslmode and the certificates named in the URL"
    if "pg_hba" in text:
        return "the server's pg_hba.conf does not let this user in from here"
    if "startup parameter" in text:
        return "this looks like a connection pooler: set DIRECT_URL to the server's own address"
    return "check that the server runs, and host and port in the URL"
