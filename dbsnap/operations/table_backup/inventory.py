"""What a table backup must hold, as the part of a database's inventory. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsnap.inventory import (
    ALL_LARGE_OBJECTS,
    KINDS_IN_DUMPS,
    Facts,
    Inventory,
    object_name,
    split_name,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbsnap.inventory import Objects
    from dbsnap.operations.table_backup.definitions import Definitions
    from dbsnap.postgres.tables.selection import Relation

KEYS = frozenset({"primary key", "unique constraint", "exclusion constraint"})
COUNTERPART = {"v": "view", "m": "materialized view", "S": "sequence"}


class PartOfInventory:
    """Takes out of everything that a database holds what a table backup must hold.

    ``objects`` is what ``postgres.catalog.read_definitions`` returned. ``rows`` are exact counts by
    table, ``sequences`` the values of sequences, both by their names in an inventory.
    """

    def __init__(self, objects: Objects, definitions: Definitions) -> None:
        self._objects = objects
        self._definitions = definitions
        self._tables = {r.title: r for r in definitions.relations if r.kind in "rp"}
        self._bare = {r.title for r in definitions.bare}
        self._by_oid = {r.oid: r for r in self._tables.values()}
        omitted = [o for objects in definitions.omitted.values() for o in objects]
        self._omitted = {(o.kind, o.name) for o in omitted}
        self._omitted |= {("index", _index_of(o.name)) for o in omitted if o.kind == "constraint"}
        self._omitted_statements = tuple(o.statement for o in omitted)

    def inventory(
        self,
        server_version: int,
        stated: Inventory,
        *,
        rows: Mapping[str, int],
        sequences: Mapping[str, tuple[int, bool]],
    ) -> Inventory:
        """Return what the dump must hold.

        Of what belongs to no table (types, functions, extensions, schemas) that is what the dump
        states: here it only has to be as it is in the database.
        """
        objects: Objects = {kind: {} for kind in KINDS_IN_DUMPS if kind in self._objects}
        for kind in objects:
            for name, facts in self._objects[kind].items():
                if self._belongs(kind, name, facts) or name in self._stated(stated, kind):
                    objects[kind][name] = self._settled(kind, name, facts)
        for name, facts in objects["table"].items():
            counted = {"rows": rows[name]} if name in rows else {}
            objects["table"][name] = {
                **facts,
                **counted,
                **({"rows": 0} if name in self._bare else {}),
            }
        for name, (last_value, is_called) in sequences.items():
            objects["sequence"][name].update(last_value=last_value, is_called=is_called)
        objects["large objects"] = {ALL_LARGE_OBJECTS: {"count": 0}}
        return Inventory(server_version, objects)

    def _stated(self, stated: Inventory, kind: str) -> Mapping[str, Facts]:
        """Return the objects of a kind that only the dump can tell that they are needed."""
        return stated.of(kind) if kind in ("schema", "extension", "type", "function") else {}

    def _belongs(self, kind: str, name: str, facts: Facts) -> bool:
        if kind == "table":
            return name in self._tables
        if kind in COUNTERPART.values():
            return any(
                r.title == name and COUNTERPART.get(r.kind) == kind
                for r in self._definitions.relations
            )
        table = facts.get("table")
        if table not in self._tables or (kind, name) in self._omitted:
            return False
        if table in self._bare:
            written_inline = kind in ("column", "not-null constraint")
            return written_inline or facts.get("type") == "check constraint"
        return not self._is_copy_of_omitted(facts)

    def _is_copy_of_omitted(self, facts: Facts) -> bool:
        """Whether a partition has this only because of something that the dump leaves out."""
        definition = str(facts.get("definition", ""))
        return bool(facts.get("inherited")) and any(
            statement.endswith(definition) for statement in self._omitted_statements
        )

    def _settled(self, kind: str, name: str, facts: Facts) -> Facts:
        """Return an object's facts as they are when it is restored without the rest."""
        facts = dict(facts)
        table = self._tables.get(facts.get("table", name if kind == "table" else ""))
        if table is not None and self._stands_alone(table):
            # The identity of a partition is that of the partitioned table, from PostgreSQL 17 on.
            for fact in ("parents", "partition_bound", "identity"):
                facts.pop(fact, None)
            if facts.get("inherited"):
                facts["inherited"] = False
        if kind == "column" and table is not None:
            loosening = self._definitions.loosenings.get(table.title)
            if loosening and split_name(name)[-1] in loosening.nullable:
                facts["nullable"] = True
        return facts

    def _stands_alone(self, relation: Relation) -> bool:
        """Whether this is a partition whose partitioned table is not in the backup."""
        return relation.is_partition and relation.parents[0] not in self._by_oid


def _index_of(constraint: str) -> str:
    """Return the name that the index of a constraint would have."""
    schema, _table, own_name = split_name(constraint)
    return object_name(schema, own_name)
