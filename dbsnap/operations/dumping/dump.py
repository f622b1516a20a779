"""A database dumped on a snapshot into one file: by one pg_dump, or by several processes at once.

At once are, where the database is large enough: a pg_dump of everything up to data but for the rows of
large tables, psql sessions that copy those out part by part (``postgres.row_parts``), and a pg_dump of
what follows data, which waits in a file. ``dumpfile.frames`` puts them together to what one pg_dump
would have written. There are never more connections than jobs and two.
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
    DumpInFile,
    dump_stream,
    section_arguments,
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
        self._stack = ExitStack()
        self._main = ExitStack()
        self._plan: ParallelPlan | None = None
        self._psql: Program | None = None
        self._read: Callable[[int], bytes] | None = None
        self._post: DumpInFile | None = None
        self._watch: Callable[[], None] = lambda: None
        self._watched = time.monotonic()

    def __enter__(self) -> Self:
        source = self._source
        with ExitStack() as stack:
            self._make_plan()
            arguments = self._main_arguments()
            stack.enter_context(self._main)
            stream = dump_stream(source.pg_dump, source.database, arguments, meanwhile=self._look)
            self._read = self._main.enter_context(stream)
            if self._plan is not None:
                arguments = section_arguments(source.arguments, "post-data")
                self._post = DumpInFile(source.pg_dump, source.database, arguments)
                stack.enter_context(self._post)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

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
        if self._plan is None or self._psql is None or self._post is None:
            with self._main:  # pg_dump must have succeeded at its end
                return write_dump(read, output, compression, on_progress=on_progress)
        with MemberWriter(output, compression) as members:
            writer = DumpWriter(members, on_progress)
            frames = RowFrames(self._plan, members, rate=rate, meanwhile=self._look)
            self._write_in_parallel(writer, read, frames, self._post, self._psql)
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

    def _main_arguments(self) -> list[str]:
        """Return the arguments of the pg_dump that begins at once: for everything, or up to data."""
        arguments = self._source.arguments
        if self._plan is None:
            return arguments
        names = [(table.schema, table.name) for table in self._plan.tables]
        return without_rows_of(section_arguments(arguments, "pre-data", "data"), names)

    def _write_in_parallel(
        self,
        writer: DumpWriter,
        read: Callable[[int], bytes],
        frames: RowFrames,
        post: DumpInFile,
        psql: Program,
    ) -> None:
        source = self._source

        def session() -> RowSession:
            return RowSession(
                psql,
                source.database,
                snapshot=source.snapshot.identifier,
                encoding=source.encoding,
                version=source.version,
            )

        with ExitStack() as stack:
            stack.callback(frames.stop)
            for _ in range(self._options.jobs - 1):
                frames.work_with(session())
            with self._main:
                writer.take_main(read, frames)
            frames.work_with(session())
            writer.take_frames(frames)
            writer.take_post(post.finished())
