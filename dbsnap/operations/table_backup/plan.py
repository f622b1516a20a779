"""What a table backup is asked for, and what that comes to: tables, columns, rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dbsnap.operations.table_backup.row_filter import source_sql
from dbsnap.postgres.tables.columns import affected_columns, unfilled_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dbsnap.operations.table_backup.row_filter import RowFilter
    from dbsnap.postgres.tables.columns import Column
    from dbsnap.postgres.tables.selection import ChosenTable, Relation, Relations
    from dbsnap.prisma.models import PrismaModel
    from dbsnap.report import Finding


@dataclass(frozen=True, slots=True)
class TableRequest:
    """What was asked for, as it was typed.

    ``where`` holds one condition where one table was asked for, and otherwise ``TABLE=condition`` for
    any of them. ``exclude_columns`` are ``TABLE.COLUMN``; ``standing_exclusions`` the columns that are
    left out of every backup of a table, by its name. ``models`` are Prisma's names for tables.
    """

    tables: Sequence[str]
    where: Sequence[str] = ()
    exclude_columns: Sequence[str] = ()
    standing_exclusions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    models: Sequence[PrismaModel] = ()


@dataclass(frozen=True, slots=True)
class PlannedTable:
    """One table to dump: which columns of which rows.

    ``columns`` are all it has; ``excluded`` those of them that are left out by wish, in its order;
    without a ``condition`` all rows are dumped.
    """

    chosen: ChosenTable
    columns: tuple[Column, ...]
    excluded: tuple[str, ...] = ()
    condition: RowFilter | None = None

    @property
    def relation(self) -> Relation:
        """Return the table itself."""
        return self.chosen.relation

    @property
    def title(self) -> str:
        """Return the full name, as an inventory has it."""
        return self.relation.title

    @property
    def partitioned(self) -> bool:
        """Whether the rows are those of partitions."""
        return self.relation.kind == "p"

    @property
    def dumped(self) -> tuple[Column, ...]:
        """Return the columns whose values are dumped."""
        return tuple(c for c in self.columns if not c.generated and c.name not in self.excluded)

    @property
    def affected(self) -> frozenset[str]:
        """Return the columns that do not have their values in the dump."""
        return affected_columns(self.columns, self.excluded)

    @property
    def unfilled(self) -> frozenset[str]:
        """Return the NOT NULL columns that no row of the dump has a value for."""
        return unfilled_columns(self.columns, self.affected)

    @property
    def source(self) -> str:
        """Return ``FROM … WHERE …`` of the rows to dump."""
        return source_sql(self.title, self.condition, partitioned=self.partitioned)


@dataclass(frozen=True, slots=True)
class TablePlan:
    """All tables to dump, all relations there are, and what there is to say about the choice."""

    tables: tuple[PlannedTable, ...]
    relations: Relations
    findings: tuple[Finding, ...]

    def names_to_lock(self) -> list[tuple[str, str]]:
        """Return schema and name of every table and partition whose rows are dumped."""
        relations = [relation for table in self.tables for relation in table.chosen.relations]
        return [(relation.schema, relation.name) for relation in relations]
