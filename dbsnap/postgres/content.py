r"""The rows of a live database, read in the very form a dump holds them in.

psql writes ``COPY … TO STDOUT`` of one table after the other, with the header and the ``\\.`` line of a
dump around each, so that the dump's own reader counts and hashes them.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.inventory import split_name
from dbsnap.postgres.connection import settings_sql
from dbsnap.postgres.load import PsqlInput, psql
from dbsnap.postgres.quoting import quote_literal, quote_name
from dbsnap.postgres.tools import channel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.url import Database

QUIET_ARGUMENTS = ("-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "--no-password", "-f", "-")


@dataclass(frozen=True, slots=True)
class TableContent:
    """Which columns of a table to read, in which order, and for which rows (an SQL condition).

    A ``partitioned`` table is read with all its partitions, which COPY alone does not do.
    """

    table: str
    columns: tuple[str, ...]
    condition: str = ""
    partitioned: bool = False

    def copy_statement(self) -> str:
        """Return the COPY that writes the rows as pg_dump does."""
        name = quote_name(*split_name(self.table))
        columns = ", ".join(quote_name(column) for column in self.columns)
        if self.partitioned:
            return f"COPY (SELECT {columns} FROM {name}) TO STDOUT;"
        if self.condition:
            return f"COPY (SELECT {columns} FROM ONLY {name} {self.condition}) TO STDOUT;"
        return f"COPY {name} ({columns}) TO STDOUT;" if columns else f"COPY {name} TO STDOUT;"


@contextmanager
def content_stream(
    program: Program,
    database: Database,
    tables: Sequence[TableContent],
    *,
    encoding: str,
    snapshot: str | None = None,
) -> Iterator[Callable[[int], bytes]]:
    """Give a function that reads the tables as COPY blocks named ``t0``, ``t1``, … in their order.

    With ``snapshot`` they are read in that exported snapshot. After the stream's end, the end of the
    block raises ToolFailed if psql did not read all of them.
    """
    ours, theirs = channel()
    try:
        with psql(
            program,
            database,
            arguments=QUIET_ARGUMENTS,
            options="",
            stdout=theirs.fileno(),
            bulk=True,
        ) as source:
            theirs.close()
            script = content_script(tables, encoding=encoding, snapshot=snapshot).encode()
            # psql writes rows while it still has to read statements: both ends must move.
            sender = threading.Thread(target=_send_all, args=(source, script), daemon=True)
            sender.start()
            with ours:
                yield ours.recv
            sender.join()
            source.process.wait()
    finally:
        theirs.close()
        ours.close()


def content_script(tables: Sequence[TableContent], *, encoding: str, snapshot: str | None) -> str:
    """Return the psql script that writes the tables; pure."""
    lines = [settings_sql(), "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n"]
    if snapshot is not None:
        lines.append(f"SET TRANSACTION SNAPSHOT {quote_literal(snapshot)};\n")
    return "".join([*lines, blocks_script(tables, encoding=encoding), "COMMIT;\n"])


def blocks_script(tables: Sequence[TableContent], *, encoding: str) -> str:
    """Return the part of it that writes the COPY blocks, for any session; pure."""
    blocks = [
        f"\\qecho COPY t{index} FROM stdin;\n{table.copy_statement()}\n\\qecho '\\\\.'\n"
        for index, table in enumerate(tables)
    ]
    return "".join([f"SET client_encoding TO {quote_literal(encoding)};\n", *blocks])


def _send_all(target: PsqlInput, script: bytes) -> None:
    try:
        target.send(script)
        target.end()
    except Exception:  # noqa: BLE001 - the reader meets the same end, and says so
        return
