"""A database dumped on a snapshot into one file: by one pg_dump, or by several processes at once.

At once are, where the database is large enough: a pg_dump of everything but the rows of large tables,
and psql sessions that copy those out part by part (``postgres.row_parts``). ``dumpfile.frames`` puts all
together as pg_dump alone would have written it. Where pg_dump has come to what follows rows, it waits
for theirs. There are never more connections than jobs and two.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO, Self

from dbsnap.dumpfile.frames import DumpWriter, write_dump
from dbsnap.dumpfile.members import MemberWriter
from dbsnap.errors import ToolUnavailable
from dbsnap.operations.dumping.plan import USUAL, Thresholds, plan_parallel
from dbsnap.operations.dumping.rate import Rate
from dbsnap.operations.dumping.row_frames import RowFrames
from dbsnap.postgres.connection import fetch, server_version
from dbsnap.postgres.discovery import choose
from dbsnap.postgres.dump import (
    LOOK_SECONDS,
    dump_stream,
    whole_database_arguments,
    without_rows_of,
)
from dbsnap.postgres.row_parts import PARTS_SINCE, stored_tables
from dbsnap.postgres.row_session import RowSession

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    from dbsnap.dumpfile.compression import Compression
    from dbsnap.dumpfile.frames import WrittenDump
    from dbsnap.operations.dumping.plan import ParallelPlan
    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.snapshot import Snapshot
    from dbsnap.postgres.url import Database


@dataclass(frozen=True, slots=True)
class DumpOptions:
    """How a dump is made: by how many jobs, and reading how many bytes a second at most."""

    jobs: int = 1
    max_rate: int | None = None
    thresholds: Thresholds = USUAL


ONE_JOB = DumpOptions()

STORED_BYTES = """
SELECT coalesce(sum(bytes), 0)::bigint, coalesce(max(bytes), 0)::bigint
FROM pg_catalog.pg_class
CROSS JOIN LATERAL (SELECT pg_catalog.pg_relation_size(oid)) AS own(pages)
CROSS JOIN LATERAL (
    SELECT pages + CASE WHEN pages > 0 AND reltoastrelid <> 0
        THEN coalesce(pg_catalog.pg_relation_size(reltoastrelid), 0) ELSE 0 END) AS stored(bytes)
WHERE relkind = 'r'
    AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
"""
"""What all tables and the largest one take.

Where a table has no page, nothing in its TOAST table belongs to a row: it need not be opened.
"""


@dataclass(frozen=True, slots=True)
class DumpSource:
    """What is dumped, in which snapshot and with which programs.

    ``encoding`` is that of the dump's text. psql, which more than one job needs, is found when it is
    needed: beside pg_dump, else in ``pg_bin`` first.
    """

    database: Database
    snapshot: Snapshot
    pg_dump: Program
    pg_bin: Sequence[Path]
    encoding: str

    @property
    def version(self) -> int:
        """Return the server's ``server_version_num``."""
        return server_version(self.snapshot.connection)

    @property
    def arguments(self) -> list[str]:
        """Return pg_dump's arguments for the whole database."""
        return whole_database_arguments(self.snapshot.identifier, self.encoding)

    def psql(self) -> Program | None:
        """Return the psql that came with pg_dump, else another that fits; None if there is none."""
        beside = self.pg_dump.path.with_name("psql")
        if os.access(beside, os.X_OK):
            return replace(self.pg_dump, name="psql", path=beside)
        tls = self.database.needs_tls
        try:
            return choose("psql", self.version, pg_bin=self.pg_bin, needs_tls=tls)
        except ToolUnavailable:
            return None


class Dumping:
    """A dump that has begun: pg_dump reads the catalogue while others still look at the database.

    At the end of the ``with`` block all processes have ended.
    """

    def __init__(self, source: DumpSource, options: DumpOptions) -> None:
        self.stored_bytes = 0
        """About how many bytes of rows are stored: what progress can be measured against."""
        self._source = source
        self._options = options
        self._running = ExitStack()
        self._plan: ParallelPlan | None = None
        self._psql: Program | None = None
        self._read: Callable[[int], bytes] | None = None
        self._watch: Callable[[], None] = lambda: None
        self._watched = time.monotonic()

    def __enter__(self) -> Self:
        source = self._source
        self._make_plan()
        arguments = self._arguments()
        stream = dump_stream(source.pg_dump, source.database, arguments, meanwhile=self._look)
        self._read = self._running.enter_context(stream)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._running.__exit__(kind, error, traceback)

    def write(
        self,
        output: BinaryIO,
        compression: Compression,
        *,
        on_progress: Callable[[int, str], None],
        watch: Callable[[], None] = lambda: None,
    ) -> WrittenDump:
        """Dump everything into ``output``, and say what was written.

        ``watch`` is called now and then, and may raise to end it. Raises ToolFailed, ServerFailed or
        DumpRefused when any process fails, stops early or loses the snapshot, and OSError when the disk
        is full.
        """
        if self._read is None:
            raise ValueError("the dump has not begun")
        self._watch = watch
        rate = Rate(self._options.max_rate)
        read = rate.limited(self._read)
        with self._running:  # pg_dump must have succeeded at its end
            if self._plan is None:
                return write_dump(read, output, compression, on_progress=on_progress)
            with MemberWriter(output, compression) as members:
                writer = DumpWriter(read, members, on_progress)
                with RowFrames(
                    self._plan,
                    members,
                    self._row_session,
                    jobs=self._options.jobs,
                    rate=rate,
                    meanwhile=self._look,
                ) as frames:
                    writer.take_with_frames(frames)
                return writer.written()

    def _make_plan(self) -> None:
        """Decide what goes past pg_dump; without a psql, nothing does."""
        source, options = self._source, self._options
        connection = source.snapshot.connection
        ((self.stored_bytes, largest),) = fetch(connection, STORED_BYTES)
        pays = options.thresholds.reached(self.stored_bytes, largest)
        if options.jobs < 2 or source.version < PARTS_SINCE or not pays:
            return
        tables = stored_tables(connection)
        if source.encoding == "SQL_ASCII":  # what is no ASCII in names could not be said to pg_dump
            tables = [each for each in tables if (each.quoted_name + each.quoted_columns).isascii()]
        self._plan = plan_parallel(tables, jobs=options.jobs, thresholds=options.thresholds)
        self._psql = source.psql() if self._plan else None
        if self._psql is None:
            self._plan = None

    def _look(self) -> None:
        """Raise what makes the dump worthless: what ``watch`` raises, or that the snapshot is lost."""
        if time.monotonic() > self._watched + LOOK_SECONDS:
            self._watch()
            self._source.snapshot.check()
            self._watched = time.monotonic()

    def _arguments(self) -> list[str]:
        """Return pg_dump's arguments: for everything, or for all but what sessions copy."""
        arguments = self._source.arguments
        if self._plan is None:
            return arguments
        return without_rows_of(
            arguments, [(table.schema, table.name) for table in self._plan.tables]
        )

    def _row_session(self) -> RowSession:
        source = self._source
        if self._psql is None:
            raise ValueError("nothing goes past pg_dump without a psql")
        return RowSession(
            self._psql,
            source.database,
            snapshot=source.snapshot.identifier,
            encoding=source.encoding,
            version=source.version,
        )
