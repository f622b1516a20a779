"""Growth: the same contest with ever larger databases, and with ever more tables.

A database is made when its turn comes and dropped behind it: the largest needs twice its size on disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from arena import ORDERS, SMALL, Arena
from contest import Contest
from dump_contests import backup_of, pg_dump_of, program_with_zstd

if TYPE_CHECKING:
    from collections.abc import Iterator

GIGABYTES = (1, 4, 16)
ROWS_A_GIGABYTE = 3_800_000
TABLES = (10, 1_000, 10_000)
GROWN = "grown"
WITHOUT_INDEXES = ORDERS.partition(";\n")[0]


def contests(arena: Arena) -> Iterator[Contest]:
    """Yield a row for each size and each number of tables."""
    if peer := program_with_zstd(arena):
        for gigabytes in GIGABYTES:
            rows = int(gigabytes * ROWS_A_GIGABYTE * arena.size)
            arena.make(GROWN, [WITHOUT_INDEXES.format(name="public.orders", rows=rows)])
            other = pg_dump_of(arena, GROWN, "-Fd", "-j2", "-Z", "zstd:1", program=str(peer.path))
            row = f"dump of {gigabytes} GB, zstd, against pg_dump {peer.major} -Fd -j2 -Z zstd:1"
            yield Contest(row, 1.25, backup_of(arena, GROWN, "zstd"), other)
    for count in TABLES:
        arena.make(GROWN, [_tables(int(count * arena.size) or 1)])
        row = f"dump of {count:,} tables, against pg_dump -Fp"
        yield Contest(row, 1.3, backup_of(arena, GROWN, "none"), pg_dump_of(arena, GROWN, "-Fp"))


def _tables(count: int) -> str:
    """Return a statement that makes so many small tables, a few at a time for the sake of locks."""
    statements = SMALL.format(name="public.%1$I", rows=20)
    return (
        f"DO $do$ BEGIN FOR n IN 1..{count} LOOP EXECUTE format($${statements}$$, 'table_' || n); "
        "IF n % 20 = 0 THEN COMMIT; END IF; END LOOP; END $do$"
    )
