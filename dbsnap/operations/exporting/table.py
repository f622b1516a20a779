"""The table that an export is of: found by its name, with its columns' types and its rows' place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.dumpfile.conversion.copy_text import text_codec
from dbsnap.dumpfile.defining.column_types import read_declared_types
from dbsnap.errors import DumpRefused, UsageError
from dbsnap.inventory import short_name
from dbsnap.operations.table_names import table_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dbsnap.dumpfile.copy_blocks import CopyBlock
    from dbsnap.operations.opened import OpenedBackup
    from dbsnap.prisma.models import PrismaModel
    from dbsnap.progress import Progress

NEAREST = 5
"""How many names are suggested."""


@dataclass(frozen=True, slots=True)
class ExportedTable:
    """A table and where its rows are: ``blocks`` by their number among all COPY blocks of the dump.

    ``columns`` are those that the dump has values of, in the order of COPY; ``types`` are canonical
    (``column_types``), and empty where the dump does not define the table. ``domains`` gives base types.
    """

    name: str
    columns: tuple[str, ...]
    types: dict[str, str]
    domains: dict[str, str]
    blocks: dict[int, CopyBlock]

    @property
    def copy_bytes(self) -> int:
        """Return the size of the rows in the dump, in bytes."""
        return sum(block.end - block.offset for block in self.blocks.values())


def choose_table(
    opened: OpenedBackup,
    wanted: str | None,
    *,
    models: Sequence[PrismaModel] = (),
    progress: Progress,
) -> ExportedTable:
    """Return the table of a backup that a name stands for; without one, its only table.

    A name can be that of one of Prisma's ``models``. A partitioned table has the rows of its partitions.
    Raises UsageError naming the nearest names, or why there are no rows to export.
    """
    names = list(opened.contents.inventory.of("table"))
    blocks = opened.contents.copy_blocks
    name = table_named(names, wanted, models) if wanted is not None else ""
    first = next(
        (number for number, block in enumerate(blocks) if block.table == name), len(blocks)
    )
    declared = read_declared_types(
        opened.dump.raw(), blocks=first, codec=text_codec(opened.encoding)
    )
    name = name or _only_table([table for table in names if table not in declared.parents])
    family = {name} | {table for table in names if name in _ancestors(table, declared.parents)}
    own = {number: block for number, block in enumerate(blocks) if block.table in family}
    if not own:
        raise _no_rows(opened, name)
    if name not in declared.columns:
        progress.warn(f"the dump does not define {short_name(name)}: all its values become text")
    return ExportedTable(
        name=name,
        columns=_columns(own.values()),
        types=declared.columns.get(name, {}),
        domains=declared.domains,
        blocks=own,
    )


def _only_table(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    shown = ", ".join(short_name(name) for name in names[:NEAREST])
    more = f" and {len(names) - NEAREST} more" if len(names) > NEAREST else ""
    raise UsageError(
        f"the backup has {len(names)} tables, and one is exported at a time",
        hint=f"name it with -t: {shown}{more}" if names else "there is nothing to export in it",
    )


def _ancestors(table: str, parents: dict[str, str]) -> list[str]:
    found: list[str] = []
    while (table := parents.get(table, "")) and table not in found:
        found.append(table)
    return found


def _columns(blocks: Iterable[CopyBlock]) -> tuple[str, ...]:
    """Return the columns of the first block, which all the others must have too."""
    first, *others = [block.columns for block in blocks]
    for other in others:
        if sorted(other) != sorted(first):
            raise DumpRefused(
                "the rows of a table and its partitions do not have the same columns",
                rule="columns",
                hint="export the partitions one by one",
            )
    return first


def _no_rows(opened: OpenedBackup, name: str) -> UsageError:
    rows = opened.contents.inventory.of("table").get(name, {}).get("rows")
    if rows:
        return UsageError(
            f"the dump holds the rows of {short_name(name)} as INSERT statements, not as COPY",
            hint="restore it, and export a backup of the result",
        )
    return UsageError(
        f"the backup holds the definition of {short_name(name)} but none of its rows",
        hint="it was dumped without data, or it is a foreign table",
    )
