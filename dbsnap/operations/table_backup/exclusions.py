"""Columns that never reach a file: by the command line, or by a standing rule of dbsnap.toml."""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING

from dbsnap.errors import UsageError
from dbsnap.postgres.tables.patterns import table_pattern
from dbsnap.postgres.tables.selection import matching
from dbsnap.report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dbsnap.operations.table_backup.plan import PlannedTable, TableRequest
    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.tables.selection import Choice, Relation
    from dbsnap.postgres.url import Database


def not_applied(standing_exclusions: Mapping[str, Sequence[str]]) -> list[Finding]:
    """Say that a whole-database backup holds what the standing rules leave out of table backups.

    Without those values it could not be put in the place of the database.
    """
    columns = [f"{table}.{name}" for table, names in standing_exclusions.items() for name in names]
    if not columns:
        return []
    message = (
        "a backup of the whole database holds everything, also what dbsnap.toml leaves out of table "
        f"backups: {', '.join(columns)}"
    )
    return [_warning("standing rules", message)]


class ColumnExclusions:
    """Finds the columns to leave out, of the command line and of the standing rules."""

    def __init__(
        self, connection: Connection, database: Database, request: TableRequest, choice: Choice
    ) -> None:
        self._connection = connection
        self._database = database
        self._request = request
        self._choice = choice
        self._excluded: dict[int, set[str]] = {}
        self._findings: list[Finding] = []

    def applied(self, tables: list[PlannedTable]) -> tuple[list[PlannedTable], list[Finding]]:
        """Return the tables without the columns; raise UsageError where one cannot be left out."""
        for wish in self._request.exclude_columns:
            name, column = _table_and_column(wish)
            if not self._exclude(tables, name, column):
                raise UsageError(
                    f"--exclude-column {wish}: {name} is not among the tables of this backup",
                    hint="name it with -t too, or leave the option out",
                )
        for name, columns in self._request.standing_exclusions.items():
            for column in columns:
                self._exclude(tables, name, column)
            if columns and not self._relations(name):
                message = (
                    f"dbsnap.toml excludes columns of {name}, but there is no such table: "
                    "was it renamed?"
                )
                self._findings.append(_warning(f"table {name}", message))
        settled = [
            replace(table, excluded=_in_order(table, self._excluded.get(table.relation.oid, set())))
            for table in tables
        ]
        for table in settled:
            self._findings += _excluded_findings(table)
        return settled, self._findings

    def _exclude(self, tables: Iterable[PlannedTable], name: str, column: str) -> bool:
        """Take a column from a table and what inherits from it; return whether it is among them."""
        relations = self._choice.relations
        meant = {relation.oid for relation in self._relations(name)}
        meant |= {heir.oid for oid in meant for heir in relations.descendants(oid)}
        meant |= {relations.root(oid).oid for oid in meant}
        found = [table for table in tables if table.relation.oid in meant]
        for table in found:
            self._excluded.setdefault(table.relation.oid, set()).add(_column_named(table, column))
        return bool(found)

    def _relations(self, name: str) -> list[Relation]:
        return matching(
            self._connection,
            table_pattern(name, database=self._database.name),
            self._choice.relations,
            models=self._request.models,
        )


def _table_and_column(wish: str) -> tuple[str, str]:
    """Split ``TABLE.COLUMN`` at its last dot outside of quotes."""
    quoted = False
    for index in range(len(wish) - 1, 0, -1):
        quoted ^= wish[index] == '"'
        if wish[index] == "." and not quoted and wish[index + 1 :]:
            return wish[:index], wish[index + 1 :]
    raise UsageError(
        f"--exclude-column {wish} does not name a table and a column",
        hint="write TABLE.COLUMN, for example users.password",
    )


def _column_named(table: PlannedTable, wanted: str) -> str:
    """Return the column that is meant: as it is written, or in lower case where it is not quoted."""
    names = [column.name for column in table.columns]
    if wanted.startswith('"') and wanted.endswith('"') and len(wanted) > 2:
        candidates = [wanted[1:-1].replace('""', '"')]
    else:
        candidates = [wanted, wanted.lower()]
    found = next((name for name in candidates if name in names), None)
    if found is None:
        near = difflib.get_close_matches(wanted, names, n=3, cutoff=0.5)
        raise UsageError(
            f"{table.relation.shown} has no column {wanted} that could be left out",
            hint=f"perhaps {near[0]}" if near else f"it has {', '.join(names)}",
        )
    return found


def _in_order(table: PlannedTable, excluded: set[str]) -> tuple[str, ...]:
    """Return the excluded columns in the table's order, if they can be left out."""
    shown = table.relation.shown
    for column in table.columns:
        if column.name not in excluded:
            continue
        if column.in_primary_key:
            raise UsageError(
                f"{shown}.{column.name} is part of the primary key and cannot be left out",
                hint="without its key no row could be put back",
            )
        if column.type_not_null and not column.filled:
            raise UsageError(
                f"{shown}.{column.name} cannot be left out: its type allows no NULL, and it has "
                "no default",
                hint="no row of the backup could be put into an empty database",
            )
    if excluded and all(c.generated or c.name in excluded for c in table.columns):
        raise UsageError(f"every column of {shown} is excluded: nothing would be left of it")
    return tuple(column.name for column in table.columns if column.name in excluded)


def _excluded_findings(table: PlannedTable) -> list[Finding]:
    shown = table.relation.shown
    found = []
    if table.excluded:
        names = ", ".join(table.excluded)
        found.append(_note(f"table {table.title}", f"{shown}: not in the file: {names}"))
    if table.excluded and not any(column.in_primary_key for column in table.columns):
        message = (
            f"{shown} has no primary key: its rows can hardly be told apart without "
            f"{', '.join(table.excluded)}"
        )
        found.append(_warning(f"table {table.title}", message))
    return found


def _note(object_name: str, message: str) -> Finding:
    return Finding("advice", object_name, message, severity="note")


def _warning(object_name: str, message: str) -> Finding:
    return Finding("advice", object_name, message, severity="warning")
