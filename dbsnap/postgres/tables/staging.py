"""The backup's rows, brought into temporary tables beside the live ones."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg

from dbsnap.errors import OperationFailed
from dbsnap.postgres.connection import execute, fetch_value
from dbsnap.postgres.quoting import quote_literal
from dbsnap.postgres.tables.staged_table import copy_into_stage, create_stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.tables.staged_table import StagedTable

NOTHING_CHANGED = "nothing was changed"


def stage_rows(
    connection: Connection,
    table: StagedTable,
    blocks: Iterable[tuple[Sequence[str], Iterator[bytes]]],
    *,
    encoding: str,
    codec: str | None,
    on_progress: Callable[[int], None],
) -> int:
    """Create a table's stage and fill it with rows in COPY's text format; return how many there are.

    Each block comes with the names of its columns. ``encoding`` is the text's, as PostgreSQL calls it,
    ``codec`` Python's name of it, None where bytes stay as they are. ``on_progress`` is told how many
    bytes the server took. Raises OperationFailed naming the row that does not fit the table as it is
    now.
    """
    execute(connection, create_stage(table))
    for columns, pieces in blocks:
        # The server reads the names in the statement under the same encoding as the rows.
        statement = copy_into_stage(table, columns).encode(codec or "utf-8", "surrogateescape")
        with (
            _encoded(connection, encoding),
            _misfits(table),
            connection.cursor() as cursor,
            cursor.copy(statement) as copy,
        ):
            for piece in pieces:
                copy.write(piece)
                on_progress(len(piece))
    execute(connection, f"ANALYZE {table.stage}")
    return int(fetch_value(connection, f"SELECT pg_catalog.count(*) FROM {table.stage}"))


@contextmanager
def _encoded(connection: Connection, encoding: str) -> Iterator[None]:
    execute(connection, f"SET LOCAL client_encoding TO {quote_literal(encoding)}")
    yield
    execute(connection, "SET LOCAL client_encoding TO 'UTF8'")


@contextmanager
def _misfits(table: StagedTable) -> Iterator[None]:
    """Say which of the backup's rows does not fit the live table's types."""
    try:
        yield
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        place = (error.diag.context or "").splitlines()
        where = place[0].partition(", ")[2] if place else ""
        raise OperationFailed(
            f"the backup's rows do not fit {table.live.relation.title}: "
            f"{error.diag.message_primary}" + (f" ({where})" if where else ""),
            hint=f"{NOTHING_CHANGED}; restore the backup into another database, or --ignore-columns",
        ) from None
