"""One of several sessions that load a database: a connection of dbsnap's own.

Rows go to the server in large pieces, as they stand in the dump; psql would look at each of their lines
first, which takes a tenth of the time that the server needs for them. And nothing that is sent this way
can be one of psql's commands, whatever code of the dump's own makes of its quotes.
"""

from __future__ import annotations

import re
import socket
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from dbsnap.errors import OperationFailed, ServerFailed
from dbsnap.postgres.connection import connect_as_it_is, reason, server_version
from dbsnap.postgres.load import LOAD_SETTINGS, NOTICE_CLIENT_DEATH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.url import Database

PURPOSE = "dbsnap load"

NOT_OF_THE_DUMP = 0
"""The line of what dbsnap adds of its own."""

FREEZING_IS_ENOUGH_SINCE = 140000
"""Since 14 COPY … FREEZE says of its pages that all see them (release notes); before, VACUUM must."""

LEAVE_ROWS_UNCOUNTED = b"""
SELECT pg_catalog.set_config('track_counts', 'off', false)
FROM pg_catalog.pg_roles WHERE rolname = current_user AND rolsuper
"""
"""Else autovacuum comes in the middle of the load, and takes a processor and locks for seconds.

Rows that are loaded frozen need no VACUUM, and each table gets its ANALYZE at the end. Only a superuser
may set it; for all others the load goes on as it was.
"""

COUNT_ROWS = b"""SELECT pg_catalog.set_config(name, reset_val, true)
FROM pg_catalog.pg_settings WHERE name = 'track_counts' AND source = 'session'"""
"""For the rows of a transaction that are not frozen: autovacuum shall come when they are committed."""

CANCEL_SECONDS = 2.0
"""How long the server is asked to end a statement before its connection is cut."""

_LINE_OF_ROWS = re.compile(r"^COPY .+, line ([0-9]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Command:
    """SQL for the server, and the line of the dump where it begins."""

    text: bytes
    line: int = NOT_OF_THE_DUMP


@dataclass(frozen=True, slots=True)
class IncomingRows:
    """A ``COPY … FROM stdin``, the line of the dump where it stands, and its rows, in any pieces."""

    statement: bytes
    line: int
    rows: Iterable[bytes]


Piece = Command | IncomingRows


class LoadSession:
    """Does one piece of work after the other; any one thread at a time may tell it to."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._stopped = False

    def run(self, pieces: Iterable[Piece]) -> None:
        """Let the server do these pieces, one after the other.

        Raises ServerFailed, with the line of the dump, where it refuses or the connection is lost,
        OperationFailed where the session was stopped, and what those who give the pieces raise.
        """
        for piece in pieces:
            self._refuse_if_stopped()
            try:
                self._do(piece)
            except psycopg.Error as error:
                raise _failure(piece, error) from None

    def stop(self) -> None:
        """Make ``run`` end soon, whatever it does; for any thread, and as often as one likes."""
        self._stopped = True
        with suppress(psycopg.Error):
            self._connection.cancel_safe(timeout=CANCEL_SECONDS)

    def cut(self) -> None:
        """End the connection under whoever uses it: for a server that does not let itself be told."""
        with suppress(OSError, psycopg.Error):
            end = socket.socket(fileno=self._connection.fileno())
            try:
                end.shutdown(socket.SHUT_RDWR)
            finally:
                end.detach()  # it is libpq's to close

    def _do(self, piece: Piece) -> None:
        if isinstance(piece, Command):
            self._cursor.execute(piece.text)
            return
        with self._cursor.copy(piece.statement) as copy:
            for some in piece.rows:
                self._refuse_if_stopped()
                copy.write(some)

    def _refuse_if_stopped(self) -> None:
        if self._stopped:
            raise OperationFailed("the load was stopped")


@contextmanager
def load_session(database: Database, *, settings: str = "") -> Iterator[LoadSession]:
    """Connect for a load; ``settings`` are options of the server, added to those of every load."""
    options = f"{LOAD_SETTINGS} {settings}".strip()
    with connect_as_it_is(database, purpose=PURPOSE, options=options) as connection:
        session = LoadSession(connection)
        session.run([Command(NOTICE_CLIENT_DEATH)])
        if server_version(connection) >= FREEZING_IS_ENOUGH_SINCE:
            session.run([Command(LEAVE_ROWS_UNCOUNTED)])
        yield session


def _failure(piece: Piece, error: psycopg.Error) -> ServerFailed:
    """Return what is to be said of an error: where, why, and what else the server said."""
    line = _line(piece, error)
    place = f"line {line:,} of the dump" if line else "what prepares the load"
    if error.sqlstate is None or isinstance(error, psycopg.errors.AdminShutdown):
        return ServerFailed(f"the server closed the connection at {place}: {reason(error)}")
    said = {"DETAIL": error.diag.message_detail, "CONTEXT": error.diag.context}
    message = f"{error.diag.severity or 'ERROR'}:  {error.diag.message_primary or error}"
    detail = "\n".join([message, *(f"{kind}:  {text}" for kind, text in said.items() if text)])
    hint = error.diag.message_hint or ""
    return ServerFailed(f"PostgreSQL refused {place}: {reason(error)}", detail=detail, hint=hint)


def _line(piece: Piece, error: psycopg.Error) -> int:
    """Return the line of the dump that the server speaks of; else where the piece begins."""
    if piece.line == NOT_OF_THE_DUMP:
        return NOT_OF_THE_DUMP
    if isinstance(piece, IncomingRows):
        row = _LINE_OF_ROWS.search(error.diag.context or "")
        return piece.line + piece.statement.count(b"\n") + int(row[1]) if row else piece.line
    before = int(error.diag.statement_position or 1) - 1
    return piece.line + piece.text.decode("utf-8", "replace")[:before].count("\n")
