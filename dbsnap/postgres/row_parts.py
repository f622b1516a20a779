r"""Rows of large tables, copied out part by part by sessions that share one snapshot.

A part is a range of a table's pages (``ctid``), which servers since 14 find without reading the others
("TID Range Scan", release notes of PostgreSQL 14), or a whole table. What comes is what pg_dump writes
between a COPY statement and its ``\.``: psql with pg_dump's settings writes it.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.errors import ToolFailed
from dbsnap.postgres.catalog import quote_literal
from dbsnap.postgres.client import client_environment
from dbsnap.postgres.connection import fetch, settings_sql
from dbsnap.postgres.snapshot import LOCK_WAIT_SECONDS
from dbsnap.postgres.tools import PIPE_BYTES, channel, start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.url import Database

PARTS_SINCE = 140000
"""The first ``server_version_num`` that reads a range of pages alone."""

SESSION_ARGUMENTS = ("-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "--no-password", "-f", "-")

END_OF_ROWS = b"\\.\n"
"""What no row looks like: COPY doubles every backslash in a value."""

_SAY_END = "COPY (SELECT NULL) TO STDOUT WITH (NULL '\\.');\n"

_TABLES = """
SELECT n.nspname, c.relname, columns.names,
    pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), columns.quoted,
    pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::bigint,
    pg_catalog.pg_relation_size(c.oid)
        + coalesce(pg_catalog.pg_relation_size(c.reltoastrelid), 0) AS bytes
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_am a ON a.oid = c.relam
CROSS JOIN LATERAL (
    SELECT array_agg(attname::text ORDER BY attnum),
        string_agg(pg_catalog.quote_ident(attname), ', ' ORDER BY attnum) FROM pg_catalog.pg_attribute
    WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
) AS columns(names, quoted)
WHERE c.relkind = 'r' AND a.amname = 'heap' AND columns.names IS NOT NULL
    AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_t(oast|emp)'
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend d WHERE d.deptype = 'e'
        AND (d.classid, d.objid) IN (('pg_catalog.pg_class'::pg_catalog.regclass, c.oid),
                                     ('pg_catalog.pg_namespace'::pg_catalog.regclass, n.oid)))
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_partition_ancestors(c.oid) AS ancestor(id)
        JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = ancestor.id WHERE p.partstrat = 'h')
ORDER BY bytes DESC
"""
"""Tables whose rows a plain COPY of them gives as pg_dump's would.

Not the tables of extensions, of which pg_dump dumps some rows or none, nor partitions by hash, whose
rows it may load through the table that they are part of (``getPartitioningInfo`` in pg_dump.c).
"""


@dataclass(frozen=True, slots=True)
class StoredTable:
    """A table that can be copied out in parts: its columns but generated ones, its size as stored.

    ``quoted_name`` and ``quoted_columns`` are the names as the server, and pg_dump, writes them.
    ``bytes`` are those of ``pages`` and of what is stored out of line.
    """

    schema: str
    name: str
    columns: tuple[str, ...]
    quoted_name: str
    quoted_columns: str
    pages: int
    bytes: int


@dataclass(frozen=True, slots=True)
class RowPart:
    """The rows of a table on the pages from ``first`` to before ``end``; None: to the last one."""

    table: StoredTable
    first: int
    end: int | None

    def copy_statement(self) -> str:
        """Return the COPY that writes the rows as pg_dump does."""
        columns, name = self.table.quoted_columns, self.table.quoted_name
        if self.first == 0 and self.end is None:
            return f"COPY {name} ({columns}) TO STDOUT;\n"
        condition = f"ctid >= '({self.first},0)'"
        if self.end is not None:
            condition += f" AND ctid < '({self.end},0)'"
        return f"COPY (SELECT {columns} FROM ONLY {name} WHERE {condition}) TO STDOUT;\n"


def stored_tables(connection: Connection) -> list[StoredTable]:
    """Return the tables that can be copied out in parts, the largest first."""
    rows = fetch(connection, _TABLES)
    return [
        StoredTable(schema, name, tuple(columns), quoted, quoted_columns, pages, size)
        for schema, name, columns, quoted, quoted_columns, pages, size in rows
    ]


def parts_of(table: StoredTable, part_bytes: int) -> list[RowPart]:
    """Return a table's rows in parts of about ``part_bytes`` as stored, in their order."""
    count = max(1, min(table.pages, round(table.bytes / part_bytes)))
    bounds = [table.pages * number // count for number in range(count)]
    ends: list[int | None] = [*bounds[1:], None]
    return [RowPart(table, *bound) for bound in zip(bounds, ends, strict=True)]


class RowSession:
    """A psql in the snapshot. Start it in the main thread; any one thread may copy with it.

    ``close`` it when all is copied, ``stop`` it otherwise.
    """

    def __init__(
        self, program: Program, database: Database, *, snapshot: str, encoding: str, version: int
    ) -> None:
        self._ending = threading.Lock()
        self._commands, commands = channel()
        self._rows, rows = channel()
        try:
            self._process = start(
                program.path,
                SESSION_ARGUMENTS,
                environment=client_environment(database, application="dbsnap psql"),
                stdin=commands.fileno(),
                stdout=rows.fileno(),
                large_pieces=True,
            )
        except BaseException:
            self._commands.close()
            self._rows.close()
            raise
        finally:
            commands.close()
            rows.close()
        self._send(session_script(snapshot, encoding, version))

    def copy(self, part: RowPart) -> Iterator[bytes]:
        """Yield the rows of a part in pieces; raise ToolFailed where psql fails."""
        self._send(part.copy_statement() + _SAY_END)
        last = b""
        begins = True
        while True:
            piece = self._rows.recv(PIPE_BYTES)
            if not piece:
                self._wait()
                raise ToolFailed("psql ended before it had copied all rows")
            if len(piece) <= len(END_OF_ROWS):
                piece, last = last + piece, b""
            if last:
                yield last
                begins = False
            last = piece
            if piece.endswith(b"\n" + END_OF_ROWS) or (begins and piece == END_OF_ROWS):
                break
        if rest := last[: -len(END_OF_ROWS)]:
            yield rest

    def close(self) -> None:
        """End the session; raise ToolFailed if psql did not succeed in everything."""
        self._send("COMMIT;\n")
        with suppress(OSError):
            self._commands.shutdown(socket.SHUT_WR)
        self._wait()

    def stop(self) -> None:
        """End the session whatever it does; who waits for rows gets an error. For any thread."""
        for end in (self._commands, self._rows):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        if self._process.running:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGTERM)
        with self._ending:
            self._process.stop()
        self._commands.close()
        self._rows.close()

    def _wait(self) -> None:
        with self._ending:
            self._process.wait()

    def _send(self, text: str) -> None:
        try:
            self._commands.sendall(text.encode())
        except (BrokenPipeError, ConnectionResetError):
            self._wait()
            raise ToolFailed("psql ended before it had copied all rows") from None


def session_script(snapshot: str, encoding: str, version: int) -> str:
    """Return what a session begins with: pg_dump's settings, and the snapshot; pure.

    A table is locked already by the snapshot's holder; but a statement of others that waits for it makes
    new readers wait, too, so waiting has an end, as pg_dump's has.
    """
    newer = {140000: "idle_session_timeout", 170000: "transaction_timeout"}
    settings = [f"SET {name} TO 0;\n" for since, name in newer.items() if version >= since]
    return "".join(
        [
            settings_sql(),
            *settings,
            f"SET lock_timeout TO '{LOCK_WAIT_SECONDS}s';\n",
            f"SET client_encoding TO {quote_literal(encoding)};\n",
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n",
            f"SET TRANSACTION SNAPSHOT {quote_literal(snapshot)};\n",
        ]
    )
