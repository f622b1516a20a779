"""How what reads a database asks it: in one form, whoever holds the session that answers.

The same questions are answered by a connection of dbsnap's own, by one that holds a snapshot
(``postgres.snapshot``) and by a psql that holds an uncommitted restore (``postgres.verified_commit``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus

from dbsnap.postgres.connection import json_answers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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
    ``execute`` does; the statements behind the one that failed were not run then.
    """
    libpq = connection.pgconn
    libpq.send_query(";\n".join(statements).encode())
    counts: list[int] = []
    failure: Exception | None = None
    while result := libpq.get_result():
        if result.status == ExecStatus.COPY_OUT:
            while libpq.get_copy_data(0)[0] > 0:
                pass
        elif result.status == ExecStatus.FATAL_ERROR:
            failure = error_from_result(result)
        elif result.command_status is not None and result.command_status.startswith(b"COPY "):
            counts.append(result.command_tuples or 0)
    if failure is not None:
        raise failure
    return counts


def in_batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield names, as many at a time as one query may ask."""
    for start in range(0, len(names), RELATIONS_PER_QUERY):
        yield names[start : start + RELATIONS_PER_QUERY]
