"""What a restore of tables has staged and counted so far: it follows the plan in the database."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dbsnap.postgres.tables.staged_table import DELETED, INSERTED, UPDATED

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from dbsnap.operations.table_backup.row_filter import RowFilter
    from dbsnap.operations.table_restore.columns import ColumnMapping
    from dbsnap.operations.table_restore.creation import Created
    from dbsnap.postgres.tables.live_table import (
        ForeignKeys,
        LiveColumn,
        LiveTable,
        TableName,
        UniqueKey,
    )
    from dbsnap.postgres.tables.staged_table import Kind, StagedTable
    from dbsnap.postgres.tables.switches import Statements
    from dbsnap.report import Finding


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must be found of a table afterwards: its rows, and how many of them were written."""

    relation: TableName
    rows: int
    written: int


@dataclass(slots=True)
class TableWork:
    """The tables in question, live and staged, and the numbers that the plan has come to.

    ``search_path`` is the one that filters are read under. ``live`` are the restored tables and all
    that foreign keys tie to them, ``present`` their rows and ``cascaded`` those of them that foreign
    keys delete and change, by oid. ``unhidden`` are the switches of policies that are off, ``created``
    is what was missing. By number of the table are ``mappings``, ``filters`` (those of this restore),
    ``staged_rows``, ``counts`` (of planned rows, by kind too) and ``changed`` (the columns that updates
    change, with the number of rows each).
    """

    search_path: str
    live: Mapping[int, LiveTable]
    foreign_keys: ForeignKeys
    unhidden: Sequence[Statements]
    created: Created
    tables: list[StagedTable] = field(default_factory=list)
    mappings: dict[int, ColumnMapping] = field(default_factory=dict)
    filters: dict[int, RowFilter] = field(default_factory=dict)
    staged_rows: dict[int, int] = field(default_factory=dict)
    present: dict[int, int] = field(default_factory=dict)
    counts: dict[tuple[int, str], int] = field(default_factory=dict)
    changed: dict[int, dict[str, int]] = field(default_factory=dict)
    letting_go: list[tuple[StagedTable, UniqueKey, LiveColumn]] = field(default_factory=list)
    cascaded: dict[int, tuple[int, int]] = field(default_factory=dict)
    problems: list[Finding] = field(default_factory=list)

    def count(self, table: StagedTable, kind: Kind) -> int:
        """Return how many rows of one kind are planned."""
        return self.counts.get((table.number, kind), 0)

    def updates_any(self, table: StagedTable, columns: Collection[str]) -> bool:
        """Return whether updates change any of these columns, or perhaps a generated one of them."""
        if not self.count(table, UPDATED):
            return False
        generated = {column.name for column in table.live.columns if column.generated}
        return bool({*self.changed.get(table.number, {}), *generated} & {*columns})

    def restored(self, relation: TableName) -> list[StagedTable]:
        """Return the restored tables that share rows with a table: it, its partitions, or its whole."""
        name = (relation.schema, relation.name)
        parts = self.live[relation.oid].partitions if relation.oid in self.live else ()
        return [
            table
            for table in self.tables
            if table.live.relation.oid == relation.oid
            or (table.live.relation.schema, table.live.relation.name) in parts
            or name in table.live.partitions
        ]

    def expectations(self) -> list[Expectation]:
        """Return what must be found of every table that anything happens to."""
        tables = {table.live.relation.oid: table for table in self.tables}
        found = []
        for oid in {*tables, *self.cascaded}:
            deleted, changed = self.cascaded.get(oid, (0, 0))
            rows, written = self.present[oid] - deleted, changed
            if table := tables.get(oid):
                inserted = self.count(table, INSERTED)
                rows += inserted - self.count(table, DELETED)
                written += inserted + self.count(table, UPDATED)
            found.append(Expectation(self.live[oid].relation, rows, written))
        return found

    def changes(self, table: StagedTable) -> bool:
        """Return whether anything is planned for a table."""
        return any(self.count(table, kind) for kind in (INSERTED, UPDATED, DELETED))

    def kinds(self, table: StagedTable) -> list[Kind]:
        """Return the kinds of rows that are written into a table."""
        return [kind for kind in (INSERTED, UPDATED) if self.count(table, kind)]
