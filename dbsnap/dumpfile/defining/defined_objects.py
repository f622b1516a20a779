"""The objects that the statements of a dump define, by kind and name, as they are learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsnap.inventory import ALL_LARGE_OBJECTS, KINDS_IN_DUMPS, Facts, Objects, object_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

CONSTRAINT_TYPES = {
    "primary": "primary key",
    "unique": "unique constraint",
    "foreign": "foreign key",
    "check": "check constraint",
    "exclude": "exclusion constraint",
    "not": "not-null constraint",
}
"""What a constraint is, by the word with which it begins."""

INDEX_CONSTRAINTS = frozenset({"primary key", "unique constraint", "exclusion constraint"})

MAXIMUM_COLUMNS = 1600
"""No table has more (``MaxHeapAttributeNumber``), whatever a file says."""


class DefinedObjects:
    """Grows with each definition; names are full names, as ``object_name`` writes them."""

    def __init__(self) -> None:
        self.objects: Objects = {kind: {} for kind in KINDS_IN_DUMPS}
        self.languages: set[str] = set()
        self.any = False
        """Whether the dump defines anything, or holds data only."""
        self.schema = "public"
        """Where names without a schema belong, as in dumps by pg_dump 10.2 and older."""
        self.sequence_values: dict[str, Facts] = {}
        """What ``setval`` said, of sequences that are defined or not."""
        self.parents: dict[str, str] = {}
        """The partitioned table of each partition."""
        self.columns: dict[str, Collection[str]] = {}
        """The names of the columns of each table and composite type."""
        self.names_not_null = True
        """Whether NOT NULL constraints are wanted; before PostgreSQL 18 they are no objects."""
        self._not_null: dict[str, list[str]] = {}

    def qualified(self, name: tuple[str, ...], *own: str) -> str:
        """Return an object's full name; ``own`` are further parts (a column, a constraint)."""
        return object_name(*(name if len(name) > 1 else (self.schema, *name)), *own)

    def add(self, kind: str, name: str, **facts: object) -> None:
        """Add an object once; a second statement for it (a dummy view) adds facts."""
        self.objects[kind].setdefault(name, {}).update(facts)

    def add_table(self, table: str, columns: Iterable[str], *, form: str, unlogged: bool) -> None:
        """Add a table with its columns, named in the order in which they come."""
        persistence = "unlogged" if unlogged else "permanent"
        self.add("table", table, form=form, persistence=persistence)
        own = list(dict.fromkeys(columns))[:MAXIMUM_COLUMNS]
        self.columns[table] = own
        facts = {"table": table}  # the same for all its columns: they have no others, and are many
        self.objects["column"].update({f"{table}.{object_name(column)}": facts for column in own})

    def add_not_null(self, table: str, own_name: str, **facts: object) -> None:
        """Add a not-null constraint of a table by its own name, as it is without quotes."""
        if not self.names_not_null:
            return
        name = f"{table}.{object_name(own_name)}"
        self.objects["not-null constraint"].setdefault(name, {}).update(facts, table=table)
        self._not_null.setdefault(table, []).append(name)

    def add_constraint(self, table: str, own_name: str, kind: str, *, validated: bool) -> None:
        """Add another constraint of a table by its own name, as it is without quotes."""
        name = f"{table}.{object_name(own_name)}"
        self.add("constraint", name, table=table, type=kind, validated=validated)

    def add_large_object(self) -> None:
        """Count a large object."""
        count = self.objects["large objects"].get(ALL_LARGE_OBJECTS, {}).get("count", 0)
        self.add("large objects", ALL_LARGE_OBJECTS, count=count + 1)

    def switch(self, kind: str, name: str, state: str) -> None:
        """Say whether a trigger or rule is enabled, if the dump defines it."""
        if name in self.objects[kind]:
            self.add(kind, name, enabled=state)

    def turn_into_view(self, table: str) -> None:
        """Take back a table that pg_dump 9.6 wrote for a view that others depend on in a circle."""
        for column in self.columns.pop(table, ()):
            self.objects["column"].pop(f"{table}.{object_name(column)}", None)
        for name in self._not_null.pop(table, ()):
            self.objects["not-null constraint"].pop(name, None)
        self.objects["table"].pop(table, None)
        self.add("view", table)
