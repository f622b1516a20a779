"""Which definitions a table backup holds, so that it restores into an empty database.

What a table needs to be created comes along. What belongs to a table comes along too, unless it needs
a table that does not, or a column whose values are left out: that is kept in the record instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.archive.record import OmittedObject
from dbsnap.dumpfile.defining.loosened import Loosening
from dbsnap.inventory import object_name
from dbsnap.postgres.tables.belongings import read_checks, read_parts
from dbsnap.postgres.tables.dependencies import PG_CLASS, functions_called, needed_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from dbsnap.operations.table_backup.plan import PlannedTable
    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.tables.belongings import Check, Part
    from dbsnap.postgres.tables.dependencies import Address
    from dbsnap.postgres.tables.selection import Relation, Relations


@dataclass(frozen=True, slots=True)
class Definitions:
    """What the dump defines, by address, and what it leaves out.

    ``relations`` are the tables, views and sequences among it; ``bare`` those tables that are there
    only because another needs their definition, without rows. ``tables`` are in the order in which
    rows can be put into them: those that others reference first, as far as there is such an order.
    ``omitted`` is by the table's full name, ``loosenings`` are what ``dumpfile.loosened`` takes.
    """

    tables: tuple[PlannedTable, ...]

    wanted: frozenset[Address]
    relations: tuple[Relation, ...]
    bare: tuple[Relation, ...]
    omitted: dict[str, tuple[OmittedObject, ...]]
    loosenings: dict[str, Loosening]


def define(
    connection: Connection, relations: Relations, tables: Sequence[PlannedTable]
) -> Definitions:
    """Return what a dump of these tables defines, as the connection's snapshot has it."""
    return _Choice(connection, relations, tables).definitions()


class _Choice:
    def __init__(
        self, connection: Connection, relations: Relations, tables: Sequence[PlannedTable]
    ) -> None:
        self._connection = connection
        self._relations = relations
        self._tables = tables
        self._table_of = {r.oid: table for table in tables for r in table.chosen.relations}
        self._wanted: set[Address] = set()
        self._omitted: dict[str, list[OmittedObject]] = {}
        self._refused: dict[Address, str] = {}

    def definitions(self) -> Definitions:
        (needed,) = needed_by(self._connection, [[(PG_CLASS, oid) for oid in self._table_of]])
        self._wanted |= needed
        parts = read_parts(self._connection, self._table_of)
        needs = needed_by(self._connection, [[part.address] for part in parts])
        # A foreign key may need a key that is left out, and a partition has what its table has.
        order = sorted(
            zip(parts, needs, strict=True),
            key=lambda pair: (pair[0].is_copy, pair[0].referenced != 0),
        )
        for part, needed_here in order:
            self._take_or_leave(part, needed_here)
        for needed_here in functions_called(self._connection, self._wanted).values():
            if not self._tables_missing(needed_here):
                self._wanted |= needed_here
        checks = read_checks(self._connection, self._table_of)
        defined = [
            r for oid, r in self._relations.by_oid.items() if (PG_CLASS, oid) in self._wanted
        ]
        bare = [r for r in defined if r.kind in "rp" and r.oid not in self._table_of]
        loosenings = self._loosenings(checks, bare)
        return Definitions(
            tables=tuple(_referenced_first(self._tables, self._references(parts))),
            wanted=frozenset(self._wanted),
            relations=tuple(defined),
            bare=tuple(bare),
            omitted={name: tuple(objects) for name, objects in self._omitted.items()},
            loosenings=loosenings,
        )

    def _references(self, parts: Iterable[Part]) -> dict[str, set[str]]:
        """Return the tables that each table has foreign keys to, those left out included."""
        found: dict[str, set[str]] = {}
        for part in parts:
            if part.referenced in self._table_of:
                own = self._table_of[part.relation].title
                found.setdefault(own, set()).add(self._table_of[part.referenced].title)
        return found

    def _take_or_leave(self, part: Part, needed: frozenset[Address]) -> None:
        if part.is_copy and self._parent_is_here(part.relation):
            if part.name not in self._refused.values():
                self._wanted.add(part.address)  # pg_dump has an entry where it differs
            return
        reason = self._reason_to_leave(part, needed)
        if not reason:
            self._wanted |= needed
            return
        self._refused[part.address] = part.name
        relation = self._relations.by_oid[part.relation]
        referenced = self._relations.by_oid.get(part.referenced)
        self._leave(
            relation,
            OmittedObject(
                part.inventory_kind,
                part.inventory_name(relation.schema, relation.name),
                part.statement,
                referenced.title if referenced else "",
                reason,
            ),
        )

    def _reason_to_leave(self, part: Part, needed: frozenset[Address]) -> str:
        gone = sorted(part.columns & self._table_of[part.relation].affected)
        if gone and (part.is_unique or part.kind == "foreign key"):
            return f"the values of {', '.join(gone)} are not in the backup"
        if part.is_copy:
            return "it comes from the table that this is a partition of"
        if part.referenced and (reason := self._reference_problem(part)):
            return reason
        if refused := [name for address, name in self._refused.items() if address in needed]:
            return f"it needs {refused[0]}, which is left out"
        if missing := self._tables_missing(needed - {(PG_CLASS, part.referenced)}):
            return f"it needs {missing[0].shown}, which is not in the backup"
        return ""

    def _reference_problem(self, part: Part) -> str:
        referenced = self._relations.by_oid.get(part.referenced)
        if referenced is None or referenced.oid not in self._table_of:
            shown = referenced.shown if referenced else "a table"
            return f"it references {shown}, which is not in the backup"
        if self._table_of[referenced.oid].condition:
            return f"it references {referenced.shown}, of which only some rows are in the backup"
        return ""

    def _tables_missing(self, needed: Iterable[Address]) -> list[Relation]:
        found = [
            self._relations.by_oid.get(oid)
            for catalogue, oid in sorted(needed)
            if catalogue == PG_CLASS and (catalogue, oid) not in self._wanted
        ]
        return [r for r in found if r is not None and r.kind in "rpvmf" and not r.extension]

    def _parent_is_here(self, oid: int) -> bool:
        relation = self._relations.by_oid[oid]
        return relation.is_partition and relation.parents[0] in self._table_of

    def _leave(self, relation: Relation, omitted: OmittedObject) -> None:
        title = self._table_of[relation.oid].title
        self._omitted.setdefault(title, []).append(omitted)

    def _loosenings(
        self, checks: Sequence[Check], bare: Sequence[Relation]
    ) -> dict[str, Loosening]:
        """Return what is taken out of CREATE TABLE for columns that have no values in the dump."""
        found: dict[str, Loosening] = {}
        for table in self._tables:
            if not table.affected:
                continue
            ancestors = [r for r in bare if self._inherits(table.relation, r)]
            touched = frozenset(
                check.name
                for check in checks
                if self._table_of[check.relation] is table
                and not check.is_not_null
                and check.columns & table.affected
            )
            for relation in (*table.chosen.relations, *ancestors):
                found[relation.title] = Loosening(table.unfilled, touched)
            self._leave_checks(table, checks, touched)
        return found

    def _inherits(self, relation: Relation, ancestor: Relation) -> bool:
        return any(r.oid == relation.oid for r in self._relations.descendants(ancestor.oid))

    def _leave_checks(
        self, table: PlannedTable, checks: Iterable[Check], touched: frozenset[str]
    ) -> None:
        named: set[tuple[int, str]] = set()
        for check in checks:
            relation = self._relations.by_oid[check.relation]
            if relation.oid not in {r.oid for r in table.chosen.relations}:
                continue
            if check.is_not_null and check.columns & table.unfilled:
                named |= {(relation.oid, column) for column in check.columns}
                self._leave_constraint(relation, "not-null constraint", check.name, check.statement)
            elif not check.is_not_null and check.name in touched:
                self._leave_constraint(relation, "constraint", check.name, check.statement)
        for column in table.columns:
            if column.name in table.unfilled and (table.relation.oid, column.name) not in named:
                own_name = object_name(table.relation.schema, table.relation.name)
                statement = f"ALTER TABLE {own_name} ALTER COLUMN {column.sql_name} SET NOT NULL"
                self._leave_constraint(
                    table.relation, "not-null constraint", column.name, statement
                )

    def _leave_constraint(self, relation: Relation, kind: str, name: str, statement: str) -> None:
        full_name = object_name(relation.schema, relation.name, name)
        reason = "the values of its columns are not in the backup"
        self._leave(relation, OmittedObject(kind, full_name, statement, "", reason))


def _referenced_first(
    tables: Sequence[PlannedTable], references: Mapping[str, set[str]]
) -> Iterator[PlannedTable]:
    """Yield every table once, after those it references; circles are broken where they are met."""
    by_title = {table.title: table for table in tables}
    seen: set[str] = set()
    for first in by_title:
        waiting = [first]
        while waiting:
            title = waiting[-1]
            further = [] if title in seen else sorted(references.get(title, set()) - seen)
            fresh = [name for name in further if name not in waiting]
            if fresh:
                waiting.append(fresh[0])
                continue
            waiting.pop()
            if title not in seen:
                seen.add(title)
                yield by_title[title]
