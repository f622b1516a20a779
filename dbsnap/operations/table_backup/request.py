"""Settling what a table backup is asked for against one database."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dbsnap.errors import UsageError
from dbsnap.operations.table_backup.exclusions import ColumnExclusions
from dbsnap.operations.table_backup.plan import PlannedTable, TablePlan
from dbsnap.operations.table_backup.row_filter import row_filter
from dbsnap.postgres.tables.columns import read_columns
from dbsnap.postgres.tables.selection import choose_tables
from dbsnap.report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dbsnap.operations.table_backup.plan import TableRequest
    from dbsnap.operations.table_backup.row_filter import RowFilter
    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.url import Database


def settle(connection: Connection, database: Database, request: TableRequest) -> TablePlan:
    """Return what the request stands for in this database; nothing is written or locked.

    Raises UsageError where a name matches nothing, a filter is no condition by itself, a column does
    not exist or cannot be left out. The filters are not yet shown to the server.
    """
    choice = choose_tables(connection, request.tables, database=database, models=request.models)
    oids = [table.relation.oid for table in choice.tables]
    columns = read_columns(connection, oids)
    tables = [PlannedTable(table, tuple(columns[table.relation.oid])) for table in choice.tables]
    findings = [Finding("advice", "selection", text, severity="note") for text in choice.notes]
    tables = _with_filters(tables, request)
    exclusions = ColumnExclusions(connection, database, request, choice)
    tables, more = exclusions.applied(tables)
    return TablePlan(tuple(tables), choice.relations, (*findings, *more))


def _with_filters(tables: list[PlannedTable], request: TableRequest) -> list[PlannedTable]:
    asked = [table for table in tables if table.chosen.asked]
    if len(request.where) == 1 and len(asked) == 1 and not _assignments(request.where[0], asked):
        return [replace(table, condition=row_filter(request.where[0])) for table in tables]
    filters: dict[int, RowFilter] = {}
    for text in request.where:
        table, condition = _assigned(text, asked)
        if table.relation.oid in filters:
            raise UsageError(
                f"there are two filters for {table.relation.shown}",
                hint="join the two conditions with AND",
            )
        filters[table.relation.oid] = row_filter(condition)
    inherited = {
        child: filters[table.relation.oid]
        for table in asked
        if table.relation.oid in filters
        for child in _heirs(table, tables)
    }
    known = {**inherited, **filters}
    return [replace(table, condition=known.get(table.relation.oid)) for table in tables]


def _heirs(table: PlannedTable, tables: Iterable[PlannedTable]) -> list[int]:
    """Return the tables that are there only because they inherit from this one."""
    return [
        other.relation.oid
        for other in tables
        if not other.chosen.asked and set(other.chosen.patterns) & set(table.chosen.patterns)
    ]


def _assigned(text: str, asked: Sequence[PlannedTable]) -> tuple[PlannedTable, str]:
    """Return the table that ``TABLE=condition`` is for, and the condition."""
    assignments = _assignments(text, asked)
    if not assignments:
        shown = ", ".join(table.relation.shown for table in asked)
        raise UsageError(
            f"it is not said which table the filter {text!r} is for",
            hint=f"write TABLE=condition, where TABLE is one of {shown}",
        )
    return assignments[0]


def _assignments(text: str, asked: Sequence[PlannedTable]) -> list[tuple[PlannedTable, str]]:
    """Return what ``TABLE=condition`` can mean, the longest name first.

    A table has its own name and those of the patterns that led to it alone. The name of a column of
    that table makes a condition: ``id=1``.
    """
    names: dict[str, PlannedTable] = {}
    for table in asked:
        names |= {table.relation.shown: table, table.title: table}
        for pattern in table.chosen.patterns:
            if sum(pattern in other.chosen.patterns for other in asked) == 1:
                names[pattern] = table
    found = []
    for name in sorted(names, key=len, reverse=True):
        rest = text.strip().removeprefix(name)
        is_column = name in {column.name for column in names[name].columns}
        if rest != text.strip() and rest.lstrip().startswith("=") and not is_column:
            found.append((names[name], rest.lstrip()[1:]))
    return found
