"""What belongs to tables: keys, indexes, triggers, rules, policies, sequences; each by its address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbsnap.inventory import object_name
from dbsnap.postgres.connection import fetch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.tables.dependencies import Address

PARTS_QUERY = """
WITH parts AS (
    SELECT 'pg_constraint'::regclass::oid AS classid, oid AS objid, conrelid AS relation,
        CASE contype WHEN 'f' THEN 'foreign key' ELSE 'key' END AS kind, conname::text AS name,
        format('ALTER TABLE %%s%%s ADD CONSTRAINT %%I %%s',
               CASE (SELECT relkind FROM pg_catalog.pg_class WHERE oid = conrelid)
                   WHEN 'p' THEN '' ELSE 'ONLY ' END,
               conrelid::regclass, conname, pg_catalog.pg_get_constraintdef(oid)) AS statement,
        confrelid AS referenced, conparentid <> 0 AS inherited, true AS is_unique
    FROM pg_catalog.pg_constraint WHERE contype IN ('p', 'u', 'x', 'f')
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS whole
                        WHERE whole.oid = pg_constraint.conparentid
                            AND whole.conrelid = pg_constraint.conrelid)
    UNION ALL
    SELECT 'pg_class'::regclass, indexrelid, indrelid, 'index', relname,
        pg_catalog.pg_get_indexdef(indexrelid), 0, false, indisunique
    FROM pg_catalog.pg_index JOIN pg_catalog.pg_class ON oid = indexrelid
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_constraint
                      WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x'))
        AND (indisvalid OR relkind = 'I')
    UNION ALL
    SELECT 'pg_trigger'::regclass, oid, tgrelid, 'trigger', tgname,
        pg_catalog.pg_get_triggerdef(oid), 0,
        coalesce((to_jsonb(pg_trigger) ->> 'tgparentid')::oid, 0) <> 0, false
    FROM pg_catalog.pg_trigger WHERE NOT tgisinternal
    UNION ALL
    SELECT 'pg_rewrite'::regclass, oid, ev_class, 'rule', rulename,
        rtrim(pg_catalog.pg_get_ruledef(oid), ';'), 0, false, false
    FROM pg_catalog.pg_rewrite WHERE rulename <> '_RETURN'
    UNION ALL
    SELECT 'pg_policy'::regclass, oid, polrelid, 'policy', polname, concat_ws(' ',
        format('CREATE POLICY %%I ON %%s AS', polname, polrelid::regclass),
        CASE WHEN polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
        'FOR', CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                           WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
        'TO', coalesce((SELECT string_agg(format('%%I', rolname), ', ' ORDER BY rolname)
                        FROM pg_catalog.pg_roles WHERE oid = ANY (polroles)), 'PUBLIC'),
        'USING (' || pg_catalog.pg_get_expr(polqual, polrelid) || ')',
        'WITH CHECK (' || pg_catalog.pg_get_expr(polwithcheck, polrelid) || ')'), 0, false, false
    FROM pg_catalog.pg_policy
    UNION ALL
    SELECT 'pg_statistic_ext'::regclass, oid, stxrelid, 'statistics', stxname,
        pg_catalog.pg_get_statisticsobjdef(oid), 0, false, false
    FROM pg_catalog.pg_statistic_ext
    UNION ALL
    SELECT 'pg_class'::regclass, sequence.oid, refobjid, 'sequence', relname, '', 0, false, false
    FROM pg_catalog.pg_class AS sequence
    JOIN pg_catalog.pg_depend ON classid = 'pg_class'::regclass AND objid = sequence.oid
        AND refclassid = 'pg_class'::regclass AND deptype IN ('a', 'i')
    WHERE relkind = 'S'
)
SELECT classid::bigint, objid::bigint, relation, kind, name, statement, referenced, inherited,
    is_unique, ARRAY(SELECT attname::text FROM pg_catalog.pg_depend AS edge
          JOIN pg_catalog.pg_attribute ON attrelid = refobjid AND attnum = refobjsubid
          WHERE edge.classid = parts.classid AND edge.objid = parts.objid
              AND refclassid = 'pg_class'::regclass AND refobjid = relation)
FROM parts WHERE relation = ANY (%s)
ORDER BY relation, kind, name
"""

CHECKS_QUERY = """
SELECT conrelid, contype, conname::text, ARRAY(
        SELECT attname::text FROM pg_catalog.pg_attribute
        WHERE attrelid = conrelid AND attnum = ANY (conkey)),
    format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname,
           pg_catalog.pg_get_constraintdef(oid))
FROM pg_catalog.pg_constraint WHERE contype IN ('c', 'n') AND conrelid = ANY (%s)
ORDER BY conrelid, conname
"""

INVENTORY_KINDS = {"foreign key": "constraint", "key": "constraint"}


@dataclass(frozen=True, slots=True)
class Part:
    """Something that belongs to the table ``relation`` and is created after it.

    ``columns`` are those of the table that it depends on, ``referenced`` is the table that a foreign key
    refers to (0 for others), ``statement`` creates it. ``inherited`` says that a partition has it only
    because the partitioned table has.
    """

    address: Address
    relation: int
    kind: str
    name: str
    statement: str
    referenced: int
    inherited: bool
    is_unique: bool
    columns: frozenset[str]

    @property
    def is_copy(self) -> bool:
        """Whether a dump of both defines it on the partitioned table alone."""
        return self.inherited and self.kind != "key"

    @property
    def inventory_kind(self) -> str:
        """Return the kind under which an inventory has it."""
        return INVENTORY_KINDS.get(self.kind, self.kind)

    def inventory_name(self, schema: str, table: str) -> str:
        """Return the name under which an inventory has it."""
        if self.kind in ("index", "statistics", "sequence"):
            return object_name(schema, self.name)
        return object_name(schema, table, self.name)


@dataclass(frozen=True, slots=True)
class Check:
    """A CHECK or (from PostgreSQL 18 on) NOT NULL constraint of the table ``relation``."""

    relation: int
    is_not_null: bool
    name: str
    columns: frozenset[str]
    statement: str


def read_parts(connection: Connection, relations: Iterable[int]) -> list[Part]:
    """Return what belongs to these tables."""
    return [_part(*row) for row in fetch(connection, PARTS_QUERY, [list(relations)])]


def read_checks(connection: Connection, relations: Iterable[int]) -> list[Check]:
    """Return the constraints that are written into the CREATE TABLE statements of these tables."""
    return [
        Check(relation, kind == "n", name, frozenset(columns), statement)
        for relation, kind, name, columns, statement in fetch(
            connection, CHECKS_QUERY, [list(relations)]
        )
    ]


def _part(*row: Any) -> Part:
    catalogue, oid, relation, kind, name, statement, referenced, inherited, is_unique, columns = row
    return Part(
        address=(catalogue, oid),
        relation=relation,
        kind=kind,
        name=name,
        statement=statement,
        referenced=referenced,
        inherited=inherited,
        is_unique=is_unique,
        columns=frozenset(columns),
    )
