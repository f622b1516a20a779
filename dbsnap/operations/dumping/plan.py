"""Which tables' rows go past pg_dump, copied out by sessions side by side: a pure decision."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.postgres.row_parts import RowPart, parts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbsnap.postgres.row_parts import StoredTable

FRAMES_AHEAD = 2
"""How many frames of one session may wait to be written."""

FRAMES_MEMORY = 64 << 20
"""About how many bytes of rows may be held: of each session frames ahead, one begun, one in writing."""

MOST_TIMES_STORED = 2
"""A frame ends before its text is this many times as long as what is stored in so many pages."""

LEAST_TABLE_BYTES = 256 << 10
"""No table below this goes past pg_dump: being told to leave it out costs pg_dump a question."""

LEAST_FRAME_BYTES, MOST_FRAME_BYTES = 1 << 20, 16 << 20


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From where on more than one process pays; sizes in bytes as the server stores tables.

    A database with fewer than ``database_bytes`` of rows is dumped by one pg_dump; a table with fewer
    than ``table_bytes`` may leave its rows to it. ``frame_bytes`` None: as ``jobs`` and memory allow.
    """

    database_bytes: int = 64 << 20
    table_bytes: int = 2 << 20
    frame_bytes: int | None = None

    def reached(self, database_bytes: int, largest_bytes: int) -> bool:
        """Return whether a closer look at the tables may end in a plan; sizes of all and the largest."""
        least = min(self.table_bytes, LEAST_TABLE_BYTES)
        return database_bytes >= self.database_bytes and largest_bytes >= least


USUAL = Thresholds()


@dataclass(frozen=True, slots=True)
class ParallelPlan:
    """What the sessions copy, in this order: whole tables by one session each, then tables in parts.

    A part is about ``frame_bytes`` as stored. A whole table costs the server less; parts make all
    sessions end at the same time.
    """

    whole: tuple[StoredTable, ...]
    divided: tuple[StoredTable, ...]
    frame_bytes: int

    @property
    def tables(self) -> tuple[StoredTable, ...]:
        """Return the tables in their order."""
        return self.whole + self.divided

    def parts(self) -> list[list[RowPart]]:
        """Return the parts of each table, in their order."""
        return [
            *([RowPart(table, 0, None)] for table in self.whole),
            *(parts_of(table, self.frame_bytes) for table in self.divided),
        ]


def plan_parallel(
    tables: Sequence[StoredTable], *, jobs: int, thresholds: Thresholds
) -> ParallelPlan | None:
    """Return which tables' rows go past pg_dump; None where one pg_dump is as good.

    ``tables`` are the largest first. The small ones stay with pg_dump, as long as it does not become the
    last to finish: together they are at most half of one job's share. The very small ones always do.
    """
    total = rest = sum(table.bytes for table in tables)
    if jobs < 2 or total < thresholds.database_bytes:
        return None
    chosen: list[StoredTable] = []
    for table in tables:
        is_small = table.bytes < thresholds.table_bytes
        if is_small and (rest <= total / jobs / 2 or table.bytes < LEAST_TABLE_BYTES):
            break
        if table.pages:
            chosen.append(table)
            rest -= table.bytes
    share = FRAMES_MEMORY // ((FRAMES_AHEAD + 2) * MOST_TIMES_STORED * jobs)
    frame_bytes = thresholds.frame_bytes or max(LEAST_FRAME_BYTES, min(share, MOST_FRAME_BYTES))
    whole, divided = _shared_out(chosen, jobs)
    return ParallelPlan(tuple(whole), tuple(divided), frame_bytes) if chosen else None


def _shared_out(
    tables: Sequence[StoredTable], jobs: int
) -> tuple[list[StoredTable], list[StoredTable]]:
    """Return the tables that fit into even shares of the sessions, and those that do not.

    Each is given to the session that is the least busy one so far.
    """
    share = sum(table.bytes for table in tables) / jobs
    busy = [0] * jobs
    whole: list[StoredTable] = []
    divided: list[StoredTable] = []
    for table in tables:
        least = heapq.heappop(busy)
        fits = least + table.bytes <= share
        (whole if fits else divided).append(table)
        heapq.heappush(busy, least + table.bytes if fits else least)
    return whole, divided
