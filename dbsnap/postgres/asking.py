"""How what reads a database asks it: in one form, whoever holds the session that answers.

The same questions are answered by a connection of dbsnap's own, by one that holds a snapshot
(``postgres.snapshot``) and by a psql that holds an uncommitted restore (``postgres.verified_commit``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.waiting import Wait

from dbsnap.postgres.connection import json_answers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from psycopg.abc import PQGen
    from psycopg.pq.abc import PGconn

    from dbsnap.postgres.connection import Connection

RELATIONS_PER_QUERY = 500
"""How many relations one UNION ALL asks: far below the parser's stack, few round trips."""

Name = tuple[str, str]


class Ask(Protocol):
    """Answers a query that yields one JSON value per row, in an open transaction or out of one."""

    def __call__(self, sql: str) -> Iterable[Any]:
        """Return the JSON values, decoded."""


class CopiedRows(Protocol):
    """Runs statements of the form ``COPY … TO STDOUT``, and throws the rows away."""

    def __call__(self, statements: Sequence[str]) -> list[int]:
        """Return how many rows the server says that each statement gave."""


def ask_connection(connection: Connection) -> Ask:
    """Return an Ask that uses one of dbsnap's own connections."""

    def ask(sql: str) -> Iterable[Any]:
        return json_answers(connection.execute(sql.encode()))

    return ask


def copied_rows(connection: Connection, statements: Sequence[str]) -> list[int]:
    """Run statements at once, and return how many rows each COPY among them gave.

    psycopg runs one COPY at a time, which takes longer than a small table. Raises psycopg.Error, as
    ``execute`` does; the statements behind the one that failed were not run then. psycopg waits here as
    for any other query, so that an interruption is heard and other threads go on: its ``get_result``
    alone would wait within libpq, and let no Python run meanwhile (3.3, ``pq/pgconn.pyx``).
    """
    return connection.wait(_copied_rows(connection.pgconn, ";\n".join(statements).encode()))


def _copied_rows(libpq: PGconn, statements: bytes) -> PQGen[list[int]]:
    counts: list[int] = []
    failure: Exception | None = None
    libpq.send_query(statements)
    while libpq.flush():
        yield Wait.RW
        libpq.consume_input()
    while True:
        while libpq.is_busy():
            yield Wait.R
            libpq.consume_input()
        if (result := libpq.get_result()) is None:
            break
        if result.status == ExecStatus.COPY_OUT:
            yield from _throw_rows_away(libpq)
        elif result.status == ExecStatus.FATAL_ERROR:
            failure = error_from_result(result)
        elif result.command_status is not None and result.command_status.startswith(b"COPY "):
            counts.append(result.command_tuples or 0)
    if failure is not None:
        raise failure
    return counts


def _throw_rows_away(libpq: PGconn) -> PQGen[None]:
    while (length := libpq.get_copy_data(1)[0]) >= 0:
        if length == 0:  # nothing has come yet
            yield Wait.R
            libpq.consume_input()


def in_batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield names, as many at a time as one query may ask."""
    for start in range(0, len(names), RELATIONS_PER_QUERY):
        yield names[start : start + RELATIONS_PER_QUERY]
