"""A dump loaded by several sessions, as its plan says.

What they are sent is what the guard has read: the statements were kept from its pass, and the rows of
each block are hashed again on their way.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from dbsnap.dumpfile.conversion.block_bytes import BlockReader
from dbsnap.dumpfile.loading.plan import in_batches
from dbsnap.dumpfile.loading.planning import Surroundings, plan_load
from dbsnap.dumpfile.rows import UnorderedSum, collecting
from dbsnap.postgres.connection import fetch_value
from dbsnap.postgres.load_session import COUNT_ROWS, Command, IncomingRows
from dbsnap.postgres.load_sessions import ALONE, Task, load_sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from dbsnap.dumpfile.lexing.events import Statement
    from dbsnap.dumpfile.loading.plan import (
        BuildStep,
        ForeignKeyStep,
        LoadPlan,
        Rows,
        Step,
        TableRows,
    )
    from dbsnap.dumpfile.omit import Span
    from dbsnap.operations.opened import OpenedBackup
    from dbsnap.operations.restoring.plan import RestoreOptions
    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.load_session import Piece
    from dbsnap.postgres.load_sessions import LoadSessions
    from dbsnap.postgres.url import Database

MAINTENANCE_KILOBYTES = 256 << 10
LEAST_MAINTENANCE_KILOBYTES = 64 << 10
"""``maintenance_work_mem`` of all sessions together, and the least of one: nobody knows the server's."""

MAINTENANCE_MEMORY = (
    "SELECT setting FROM pg_catalog.pg_settings WHERE name = 'maintenance_work_mem'"
)
"""In kilobytes."""

_FROM_STDIN = b" FROM stdin;"
_FROM_STDIN_FROZEN = b" FROM stdin WITH (FREEZE);"


def parallel_plan(
    opened: OpenedBackup, options: RestoreOptions, unneeded: Iterable[Span]
) -> LoadPlan | None:
    """Return how several sessions would load a backup; None where one psql is to read the whole dump.

    That is so with one job, for a small dump or one without a record, and where it is not known what of
    the dump depends on what.
    """
    outline = opened.outline
    if outline is None or not opened.trusted or opened.raw_bytes < options.parallel_from:
        return None
    made = opened.contents.inventory.of("table")
    surroundings = Surroundings(
        created={name for name, facts in made.items() if facts.get("form") == "table"},
        parents={
            name: tuple(parents)
            for name, facts in opened.expected.of("table").items()
            if (parents := facts.get("parents"))
        },
        code=opened.code,
    )
    sent = outline.without([*opened.not_sent, *unneeded])
    blocks = opened.contents.copy_blocks
    return plan_load(sent, blocks, surroundings, sessions=options.jobs)


def load_by_plan(
    opened: OpenedBackup,
    plan: LoadPlan,
    database: Database,
    connection: Connection,
    jobs: int,
    *,
    on_progress: Callable[[int], None],
) -> dict[str, UnorderedSum]:
    """Load a dump in ``jobs`` sessions; return the rows of the tables that these shared.

    ``on_progress`` is told how many bytes the server was sent. Raises ServerFailed with the server's
    message and the dump's line, and DumpRefused when the file's rows are no longer what the guard read;
    what was loaded until then stays, so load only into a database made for it.
    """
    memory = maintenance_kilobytes(int(fetch_value(connection, MAINTENANCE_MEMORY)), jobs)
    settings = f"-c maintenance_work_mem={memory}kB"
    with load_sessions(database, jobs, settings=settings) as sessions:
        load = Load(opened, sessions, on_progress)
        load.follow(plan)
    return load.sums


def maintenance_kilobytes(usual: int, jobs: int) -> int:
    """Return the memory for building indexes in each of ``jobs`` sessions: never less than ``usual``."""
    return max(usual, MAINTENANCE_KILOBYTES // jobs, LEAST_MAINTENANCE_KILOBYTES)


def workers_setting(size: int, waiting: int, *, sessions: int) -> bytes:
    """Let the server use processes of its own for a build where other sessions would be idle.

    That is where the rows of ``waiting`` tasks, which the others can begin meanwhile, are much less than
    those of this build; both in bytes.
    """
    if waiting >= size * (sessions - 1) / 2:
        return b"SET max_parallel_maintenance_workers = 0"
    return b"RESET max_parallel_maintenance_workers"


class Load:
    """Follows a plan."""

    def __init__(
        self, opened: OpenedBackup, sessions: LoadSessions, on_progress: Callable[[int], None]
    ) -> None:
        self._opened = opened
        self._sessions = sessions
        self._on_progress = on_progress
        self.sums: dict[str, UnorderedSum] = {}
        self._adding = threading.Lock()

    def follow(self, plan: LoadPlan) -> None:
        """Do everything that the plan says, part by part."""
        sessions = self._sessions
        sessions.run_by_one(self._pieces(plan.before))
        sessions.run_by_others([*self._pieces(plan.settings, counted=False)])
        self.sums = {table.table: UnorderedSum() for table in plan.shared}
        tasks = [task for table in plan.shared for task in self._sharing(table)]
        tasks += [self._loading(tables) for tables in plan.tables]
        if plan.aside:
            tasks.append(Task(partial(self._pieces, plan.aside)))
        steps = list(plan.steps)
        if plan.overlap and steps:
            tasks += map(self._building, in_batches(steps[0].builds))
            steps[0] = replace(steps[0], builds=())
        sessions.run(tasks)
        if plan.late_tables:
            sessions.run([self._loading(plan.late_tables)])
        for step in steps:
            self._do(step)

    def _do(self, step: Step) -> None:
        sessions = self._sessions
        if step.settings:
            sessions.run_by_all([*self._pieces(step.settings, counted=False)])
        if step.serial:
            sessions.run_by_one(self._pieces(step.serial))
        sessions.run([self._building(batch) for batch in in_batches(step.builds)])
        if step.foreign_keys:
            sessions.run_by_one(self._foreign_key_pieces(step.foreign_keys))
            deferred = [each for each in step.foreign_keys if each.key.validation]
            sessions.run([self._validating(batch) for batch in in_batches(deferred)])
        if step.finish:
            sessions.run_by_one(self._pieces(step.finish))

    def _loading(self, tables: Sequence[TableRows]) -> Task:
        names = frozenset(table.table for table in tables)
        return Task(partial(self._tables, tables), names, size=sum(each.size for each in tables))

    def _sharing(self, table: TableRows) -> list[Task]:
        """Return a task for each session; they take the next part of the table in turn."""
        sessions = len(self._sessions)
        pieces = partial(self._shared_rows, deque(table.rows), self.sums[table.table])
        size = table.size // sessions
        return [Task(pieces, frozenset({table.table}), "load", size)] * sessions

    def _building(self, batch: Sequence[BuildStep]) -> Task:
        size = sum(build.size for build in batch)
        return Task(
            partial(self._pieces, [build.statement for build in batch]),
            frozenset(build.table for build in batch),
            ALONE if len(batch) > 1 or batch[0].exclusive else "build",
            size,
            partial(workers_setting, size, sessions=len(self._sessions)),
        )

    def _validating(self, batch: Sequence[ForeignKeyStep]) -> Task:
        # Two of one table would wait for each other.
        tables = frozenset(step.table for step in batch)
        return Task(partial(self._validations, batch), tables)

    def _validations(self, batch: Iterable[ForeignKeyStep]) -> Iterator[Piece]:
        for step in batch:
            last_line = step.statement.line + step.statement.text.count(b"\n")
            yield Command(step.key.validation, last_line)

    def _pieces(self, statements: Iterable[Statement], *, counted: bool = True) -> Iterator[Piece]:
        for statement in statements:
            yield Command(statement.text, statement.line)
            if counted:
                self._on_progress(len(statement.text))

    def _foreign_key_pieces(self, steps: Iterable[ForeignKeyStep]) -> Iterator[Piece]:
        for step in steps:
            text = step.key.deferred or step.statement.text
            yield Command(text, step.statement.line)
            self._on_progress(len(step.statement.text))

    def _tables(self, tables: Iterable[TableRows]) -> Iterator[Piece]:
        reader = BlockReader(self._opened.dump)
        for table in tables:
            # Rows that are put into an empty table in one transaction keep their order, and are frozen
            # at once (documentation, COPY).
            first = b"TRUNCATE ONLY " + table.emptied if table.emptied else COUNT_ROWS
            yield Command(b"BEGIN; " + first, table.rows[0].statement.line)
            for rows in table.rows:
                yield self._block(reader, rows, frozen=bool(table.emptied))
            yield Command(b"COMMIT")

    def _shared_rows(self, parts: deque[Rows], sums: UnorderedSum) -> Iterator[Piece]:
        """Yield what one session loads, in one transaction: until its end autovacuum stays away."""
        found = UnorderedSum()
        reader = BlockReader(self._opened.dump)
        begun = False
        for rows in _taken(parts):
            if not begun:
                yield Command(b"BEGIN; " + COUNT_ROWS, rows.statement.line)
                begun = True
            yield self._block(reader, rows, passing=partial(collecting, sink=found))
        if begun:
            yield Command(b"COMMIT")
        with self._adding:
            sums.join(found)

    def _block(
        self,
        reader: BlockReader,
        rows: Rows,
        *,
        frozen: bool = False,
        passing: Callable[[Iterator[bytes]], Iterator[bytes]] = lambda bodies: bodies,
    ) -> IncomingRows:
        text = rows.statement.text
        if frozen:
            text = text.removesuffix(_FROM_STDIN) + _FROM_STDIN_FROZEN
        bodies = self._noting(passing(reader.pieces(rows.block)))
        return IncomingRows(text, rows.statement.line, bodies)

    def _noting(self, bodies: Iterable[bytes]) -> Iterator[bytes]:
        for body in bodies:
            yield body
            self._on_progress(len(body))


def _taken(parts: deque[Rows]) -> Iterator[Rows]:
    """Yield what no other session has taken."""
    with suppress(IndexError):
        while True:
            yield parts.popleft()
