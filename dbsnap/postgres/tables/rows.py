"""The rows of chosen tables, counted and streamed as COPY text in one open snapshot."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from select import select
from typing import TYPE_CHECKING

import psycopg
from psycopg.pq import ExecStatus

from dbsnap.errors import ServerFailed
from dbsnap.postgres.connection import execute, fetch, fetch_value

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from psycopg.pq.abc import PGresult

    from dbsnap.postgres.connection import Connection

PIECE_BYTES = 1 << 20

WAIT_SECONDS = 1.0
"""How long libpq is waited for before it is asked again: an interruption is heard in between."""

SIZE_QUERY = """
SELECT coalesce(sum(pg_catalog.pg_table_size(oid)), 0)::bigint,
    coalesce(sum(greatest(reltuples, 0)), 0)::float8
FROM pg_catalog.pg_class WHERE oid = ANY (%s)
"""

SEQUENCE_QUERY = "SELECT last_value, is_called FROM {}"


@dataclass(frozen=True, slots=True)
class RowsToCopy:
    """Which rows and columns to read: ``columns`` as SQL, ``source`` is ``FROM … WHERE …``.

    ``search_path`` is the one under which the source is to be understood; "" where it names everything
    in full.
    """

    columns: tuple[str, ...]
    source: str
    search_path: str = ""

    @property
    def copy_statement(self) -> str:
        """Return the COPY that writes the rows as pg_dump does."""
        return f"COPY (SELECT {', '.join(self.columns)} {self.source}) TO STDOUT"

    @property
    def count_statement(self) -> str:
        """Return the query for the exact number of rows."""
        return f"SELECT pg_catalog.count(*) {self.source}"


def count_rows(connection: Connection, rows: RowsToCopy) -> int:
    """Return the exact number of rows as the connection's snapshot has them."""
    with _understood(connection, rows):
        return int(fetch_value(connection, rows.count_statement))


def estimated_bytes(connection: Connection, oids: Iterable[int], rows: int) -> int:
    """Return about how many bytes so many rows of these tables take on the server's disk."""
    ((size, known_rows),) = fetch(connection, SIZE_QUERY, [list(oids)])
    share = rows / known_rows if known_rows > rows else 1.0
    return int(size * share)


def copy_rows(connection: Connection, rows: RowsToCopy, *, expected: int) -> Iterator[bytes]:
    """Yield the rows as COPY text in pieces of about ``PIECE_BYTES``.

    Close the iterator if it is not read to its end: the connection can then be used again. Raises
    ServerFailed at the end where the server says that it sent another number of rows than expected.
    """
    with _understood(connection, rows):
        sent = yield from _copied(connection, rows.copy_statement)
    if sent != expected:
        raise ServerFailed(
            f"the server counted {expected:,} rows and sent {sent:,}",
            hint="a filter must give the same rows each time: leave out random() and the clock",
        )


def _copied(connection: Connection, statement: str) -> Generator[bytes, None, int | None]:
    """Yield what a COPY writes, and return the number of rows that the server says it sent.

    libpq gives one row at a time; psycopg's own loop around it takes twice as long as all the rest.
    """
    pgconn = connection.pgconn
    _raise_error(connection, pgconn.exec_(statement.encode()), ExecStatus.COPY_OUT)
    pending: list[bytes] = []
    size = 0
    try:
        while (length := (received := pgconn.get_copy_data(1))[0]) >= 0:
            if length == 0:  # nothing there yet
                select([pgconn.socket], [], [], WAIT_SECONDS)
                pgconn.consume_input()
                continue
            pending.append(bytes(received[1]))
            size += length
            if size >= PIECE_BYTES:
                yield b"".join(pending)
                pending, size = [], 0
    except BaseException:
        _end_copy(connection)
        raise
    result = _last_result(connection)
    _raise_error(connection, result, ExecStatus.COMMAND_OK)
    yield b"".join(pending)
    return result.command_tuples


def _end_copy(connection: Connection) -> None:
    with suppress(psycopg.Error):
        connection.cancel()
        while connection.pgconn.get_copy_data(0)[0] > 0:
            pass
    _last_result(connection)


def _last_result(connection: Connection) -> PGresult:
    result = connection.pgconn.get_result()
    while following := connection.pgconn.get_result():
        result = following
    if result is None:
        raise ServerFailed("the server gave no answer to the end of a COPY")
    return result


def _raise_error(connection: Connection, result: PGresult, expected: ExecStatus) -> None:
    if result.status != expected:
        raise psycopg.errors.error_from_result(result, connection.info.encoding)


def sequence_values(
    connection: Connection, sequences: Sequence[str]
) -> dict[str, tuple[int, bool]]:
    """Return ``last_value`` and ``is_called`` of sequences, by their names in SQL."""
    found = {}
    for name in sequences:
        ((last_value, is_called),) = fetch(connection, SEQUENCE_QUERY.format(name))
        found[name] = (int(last_value), bool(is_called))
    return found


@contextmanager
def copied_as(connection: Connection, encoding: str) -> Iterator[None]:
    """Have rows sent in an encoding inside the block."""
    execute(connection, f"SET client_encoding TO '{encoding}'")
    yield
    execute(connection, "SET client_encoding TO 'UTF8'")


@contextmanager
def _understood(connection: Connection, rows: RowsToCopy) -> Iterator[None]:
    if rows.search_path:
        change = "SELECT pg_catalog.set_config('search_path', %s, false)"
        fetch(connection, change, [rows.search_path])
    yield
    if rows.search_path:
        execute(connection, "SET search_path TO ''")
