"""A dump's statements and rows as the work of several sessions: what a plan says."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dbsnap.dumpfile.copy_blocks import CopyBlock
    from dbsnap.dumpfile.lexing.events import CopyStart, Statement
    from dbsnap.dumpfile.loading.outline import Part
    from dbsnap.dumpfile.loading.statement_kinds import ForeignKey

SMALL_BYTES = 1 << 20
"""Tables with less than this are worked on several at a time."""

BATCH_STEPS = 32

ROW_BYTES = 40
"""A row takes the server as long as so many bytes, beside its own.

Measured with PostgreSQL 17: 300 MB are loaded in 5.0 s where rows have 43 bytes, in 3.1 s where they
have 230; their indexes are built in half a second per million rows of either.
"""


@dataclass(frozen=True, slots=True)
class Rows:
    """One COPY block and its statement."""

    statement: CopyStart
    block: CopyBlock


@dataclass(frozen=True, slots=True)
class TableRows:
    """All rows of a table, in the dump's order, and how much work for the server they are.

    To load them is ``size``: their bytes, and ``ROW_BYTES`` for each. To build an index of them is
    ``keys_size``: the latter alone, for an index takes of a row what is indexed, however long it is.
    ``emptied`` is the table as its COPY statements write it if it may be truncated first, in the
    transaction that loads it: the dump makes it, as a plain table, so that it has no other rows.
    """

    table: str
    rows: tuple[Rows, ...]
    size: int
    keys_size: int
    emptied: bytes = b""


@dataclass(frozen=True, slots=True)
class BuildStep:
    """An index or key to be built; ``size`` is its table's ``keys_size``."""

    statement: Statement
    table: str
    exclusive: bool
    size: int


@dataclass(frozen=True, slots=True)
class ForeignKeyStep:
    """A foreign key to be added; see ``statement_kinds.ForeignKey``."""

    statement: Statement
    table: str
    key: ForeignKey
    size: int


@dataclass(frozen=True, slots=True)
class Step:
    """Part of what is behind the rows; its fields are done in their order.

    ``settings`` for every session; ``serial`` statements by one; ``builds`` in any order, side by side
    as far as their tables allow; ``foreign_keys`` added by one session, their rows then read by all;
    ``finish`` by one session again.
    """

    settings: tuple[Statement, ...] = ()
    serial: tuple[Statement, ...] = ()
    builds: tuple[BuildStep, ...] = ()
    foreign_keys: tuple[ForeignKeyStep, ...] = ()
    finish: tuple[Statement, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What is to be done, part by part, each when the one before is done.

    ``before``: one session, in order; the ``settings`` among it are for all others too. ``shared``: all
    sessions, each taking the next block, so that the rows come in another order. ``tables``: by all
    sessions, each list of tables by one; ``aside`` by one meanwhile. ``late_tables``: what calls
    code of the dump's own for its rows, which may read other tables; by one session, in order.
    ``steps``: what is left. With ``overlap`` the builds of the first step need not wait for the rows of
    other tables. ``repeated`` are settings that set what is set already, and need not be sent.
    """

    before: tuple[Statement, ...]
    settings: tuple[Statement, ...]
    shared: tuple[TableRows, ...]
    tables: tuple[tuple[TableRows, ...], ...]
    aside: tuple[Statement, ...]
    late_tables: tuple[TableRows, ...]
    steps: tuple[Step, ...]
    overlap: bool
    repeated: tuple[Statement, ...] = ()

    def parts(self) -> Iterator[Part]:
        """Yield every part of the dump that the plan has a place for, once."""
        yield from self.before
        for table in itertools.chain(self.shared, *self.tables, self.late_tables):
            yield from (rows.statement for rows in table.rows)
        yield from self.aside
        yield from self.repeated
        for step in self.steps:
            yield from (*step.settings, *step.serial)
            yield from (build.statement for build in step.builds)
            yield from (key.statement for key in step.foreign_keys)
            yield from step.finish


class OfTable(Protocol):
    """Something to be done for a table; ``size`` is how much work that is (``TableRows``)."""

    @property
    def table(self) -> str:
        """Return the table's name."""

    @property
    def size(self) -> int:
        """Return how much work it is."""


T = TypeVar("T", bound=OfTable)


def in_batches(steps: Iterable[T]) -> list[list[T]]:
    """Return what sessions are given to do at a time: the largest first, small ones together.

    All that concerns one small table is in one batch, in its order.
    """
    large: list[T] = []
    small: dict[str, list[T]] = {}
    for step in steps:
        if step.size >= SMALL_BYTES:
            large.append(step)
        else:
            small.setdefault(step.table, []).append(step)
    batches: list[list[T]] = [[step] for step in sorted(large, key=lambda each: -each.size)]
    gathered: list[T] = []
    for of_table in small.values():
        gathered += of_table
        if len(gathered) >= BATCH_STEPS:
            batches.append(gathered)
            gathered = []
    return [*batches, gathered] if gathered else batches
