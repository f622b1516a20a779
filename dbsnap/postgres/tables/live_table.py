"""Tables of a live database, as far as a restore of their rows depends on them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

from dbsnap.inventory import object_name, short_name
from dbsnap.postgres.connection import fetch
from dbsnap.postgres.quoting import quote_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from dbsnap.postgres.connection import Connection

Identity = Literal["", "always", "by default"]

OID_OF = """
SELECT relation.oid::bigint, relkind
FROM pg_catalog.pg_class AS relation
JOIN pg_catalog.pg_namespace AS schema ON schema.oid = relnamespace
WHERE nspname = %s AND relname = %s
"""

DOMAINS = """
SELECT pg_catalog.format_type(oid, NULL), pg_catalog.format_type(typbasetype, NULL)
FROM pg_catalog.pg_type WHERE typtype = 'd'
"""

EQUAL_IS_SAME = re.compile(
    r"(?:smallint|integer|bigint|boolean|uuid|bytea|date|oid"
    r"|(?P<text>text|character varying(?:\(\d+\))?)"
    r"|(?:time|timestamp)(?:\(\d\))? without time zone|timestamp(?:\(\d\))? with time zone)\Z"
)
"""Types of which two values that are equal have one text, and two that are not have two."""

TABLE_KINDS = frozenset({"r", "p"})


@dataclass(frozen=True, slots=True)
class TableName:
    """A table by name. ``readable``: the role may select from it, and no policy hides rows from it."""

    oid: int
    schema: str
    name: str
    partitioned: bool
    readable: bool

    @property
    def full_name(self) -> str:
        """Return the name as an inventory has it."""
        return object_name(self.schema, self.name)

    @property
    def title(self) -> str:
        """Return the name as people know it."""
        return short_name(self.full_name)

    @property
    def sql(self) -> str:
        """Return the name as it stands in SQL."""
        return quote_name(self.schema, self.name)

    @property
    def rows(self) -> str:
        """Return what to read or change for exactly this table's rows: partitions, but no children."""
        return self.sql if self.partitioned else f"ONLY {self.sql}"


@dataclass(frozen=True, slots=True)
class LiveColumn:
    """A column; ``type`` as ``format_type`` words it, ``generated`` is the expression, if it is."""

    name: str
    type: str
    not_null: bool
    not_null_name: str
    has_default: bool
    generated: str
    identity: Identity

    @property
    def equal_is_same(self) -> bool:
        """Whether the type's own equality says that two values have the same text."""
        return EQUAL_IS_SAME.match(self.type) is not None

    @property
    def is_text(self) -> bool:
        """Whether the column has a collation, which might call different texts equal."""
        found = EQUAL_IS_SAME.match(self.type)
        return bool(found and found["text"])


@dataclass(frozen=True, slots=True)
class KeyPart:
    """A column or expression of a key, and the operator by which two of its values are the same."""

    column: str
    expression: str
    operator: str


@dataclass(frozen=True, slots=True)
class UniqueKey:
    """A unique index or exclusion constraint. ``columns`` are all that its value depends on.

    ``predicate`` limits it to some rows, "" does not. ``immediate``: checked row by row.
    """

    name: str
    primary: bool
    is_btree: bool
    immediate: bool
    nulls_equal: bool
    predicate: str
    columns: tuple[str, ...]
    parts: tuple[KeyPart, ...]


@dataclass(frozen=True, slots=True)
class LiveTable:
    """A table with all that a restore of its rows must respect.

    ``triggers`` are the user's enabled ones, (schema, table, trigger, mode), those of partitions too;
    ``rules`` the enabled ones but for SELECT, (rule, mode); ``sequences`` those that its columns own or
    take their defaults from. ``row_security``: policies would hide rows from this role.
    """

    relation: TableName
    row_security: bool
    owned: bool
    partitions: tuple[tuple[str, str], ...]
    columns: tuple[LiveColumn, ...]
    unique_keys: tuple[UniqueKey, ...]
    triggers: tuple[tuple[str, str, str, str], ...]
    rules: tuple[tuple[str, str], ...]
    sequences: tuple[tuple[str, str], ...]

    def column(self, name: str) -> LiveColumn | None:
        """Return a column by name."""
        return next((column for column in self.columns if column.name == name), None)

    @property
    def primary_key(self) -> tuple[str, ...]:
        """Return the columns of the primary key, if there is one."""
        return next((key.columns for key in self.unique_keys if key.primary), ())

    def same_definition(self, other: LiveTable) -> bool:
        """Return whether nothing but who may read it differs from what was read at another time."""
        return self._without_rights() == other._without_rights()

    def _without_rights(self) -> LiveTable:
        return replace(self, row_security=False, relation=replace(self.relation, readable=True))


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key. Operators compare (referenced, referencing); actions are as in pg_constraint.

    A partition's own entry of a key of the whole table is marked as the side's helper.
    """

    name: str
    table: TableName
    referenced: TableName
    columns: tuple[str, ...]
    referenced_columns: tuple[str, ...]
    operators: tuple[str, ...]
    deferrable: bool
    deferred: bool
    on_delete: str
    on_update: str
    helper_of_table: bool
    helper_of_referenced: bool


@dataclass(frozen=True, slots=True)
class ForeignKeys:
    """The foreign keys of a database."""

    keys: tuple[ForeignKey, ...]

    def of(self, table: int) -> list[ForeignKey]:
        """Return the keys by which a table references others."""
        return [key for key in self.keys if key.table.oid == table and not key.helper_of_table]

    def definitions(self, tables: Collection[int]) -> set[tuple[str, ...]]:
        """Return what the keys of and to these tables are, but for who may read which table."""
        return {
            (
                *(key.table.full_name, key.name, key.on_delete, key.on_update),
                *(str(key.deferrable), str(key.deferred), *key.columns, *key.referenced_columns),
            )
            for key in self.keys
            if key.table.oid in tables or key.referenced.oid in tables
        }

    def to(self, table: int) -> list[ForeignKey]:
        """Return the keys by which others reference a table."""
        return [
            key for key in self.keys if key.referenced.oid == table and not key.helper_of_referenced
        ]


def find_table(connection: Connection, schema: str, name: str) -> int | None:
    """Return a table's oid; None where nothing has the name, 0 where something else than a table has."""
    found = fetch(connection, OID_OF, [schema, name])
    if not found:
        return None
    oid, kind = found[0]
    return int(oid) if kind in TABLE_KINDS else 0


def read_live_tables(connection: Connection, oids: Sequence[int]) -> dict[int, LiveTable]:
    """Return tables by oid."""
    rows = fetch(connection, _query("live_table"), [list(oids)])
    return {document["oid"]: _live_table(document) for (document,) in rows}


def read_foreign_keys(connection: Connection) -> ForeignKeys:
    """Return all enforced foreign keys of the database but those with a period (since 18)."""
    rows = fetch(connection, _query("foreign_keys"))
    return ForeignKeys(tuple(_foreign_key(document) for (document,) in rows))


def read_domains(connection: Connection) -> dict[str, str]:
    """Return the base type of each domain, both as ``format_type`` words them."""
    return dict(fetch(connection, DOMAINS))


def _query(name: str) -> str:
    return (resources.files("dbsnap.postgres.tables") / f"{name}.sql").read_text()


def _live_table(document: dict[str, Any]) -> LiveTable:
    return LiveTable(
        relation=_relation(document),
        row_security=document["row_security"],
        owned=document["owned"],
        partitions=_pairs(document["partitions"]),
        columns=tuple(
            LiveColumn(**{**column, "not_null_name": column["not_null_name"] or ""})
            for column in document["columns"]
        ),
        unique_keys=tuple(_unique_key(key) for key in document["unique_keys"]),
        triggers=tuple(
            (schema, table, name, on) for schema, table, name, on in document["triggers"]
        ),
        rules=_pairs(document["rules"]),
        sequences=_pairs(document["sequences"]),
    )


def _relation(document: dict[str, Any]) -> TableName:
    return TableName(
        document["oid"],
        document["schema"],
        document["name"],
        document["partitioned"],
        document["readable"],
    )


def _unique_key(document: dict[str, Any]) -> UniqueKey:
    parts = tuple(
        KeyPart(part["column"] or "", part["expression"], part["operator"] or "")
        for part in document["parts"]
    )
    return UniqueKey(**{**document, "columns": tuple(document["columns"]), "parts": parts})


def _foreign_key(document: dict[str, Any]) -> ForeignKey:
    return ForeignKey(
        name=document["name"],
        table=_relation(document["table"]),
        referenced=_relation(document["referenced"]),
        columns=tuple(document["columns"]),
        referenced_columns=tuple(document["referenced_columns"]),
        operators=tuple(document["operators"]),
        deferrable=document["deferrable"],
        deferred=document["deferred"],
        on_delete=document["on_delete"],
        on_update=document["on_update"],
        helper_of_table=document["helper_of_table"],
        helper_of_referenced=document["helper_of_referenced"],
    )


def _pairs(rows: Iterable[Iterable[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((one, other) for one, other in rows)
