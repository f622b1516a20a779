"""What a table backup needs to know of columns: which can be left out, and what that touches."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dbsnap.postgres.connection import fetch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dbsnap.postgres.connection import Connection

COLUMNS_QUERY = """
WITH RECURSIVE made_of(column_type, part) AS (
    SELECT atttypid, atttypid FROM pg_catalog.pg_attribute WHERE attrelid = ANY (%s)
    UNION
    SELECT column_type, next.oid FROM made_of JOIN pg_catalog.pg_type AS type ON type.oid = part
    CROSS JOIN LATERAL (
        VALUES (typelem), (typbasetype)
        UNION ALL SELECT atttypid FROM pg_catalog.pg_attribute
                  WHERE attrelid = typrelid AND attnum > 0
        UNION ALL SELECT rngsubtype FROM pg_catalog.pg_range WHERE rngtypid = type.oid
    ) AS next(oid)
)
SELECT attrelid, attname::text, pg_catalog.quote_ident(attname), attgenerated <> '', attnotnull,
    adbin IS NOT NULL OR attidentity <> '',
    coalesce(indisprimary, false), own_type.typnotnull,
    EXISTS (SELECT FROM made_of JOIN pg_catalog.pg_type AS type ON type.oid = part
            WHERE column_type = atttypid AND typname ~ '^reg'
                AND typnamespace = 'pg_catalog'::regnamespace),
    ARRAY(SELECT source.attname::text FROM pg_catalog.pg_depend
          JOIN pg_catalog.pg_attribute AS source
              ON source.attrelid = refobjid AND source.attnum = refobjsubid
          WHERE classid = 'pg_catalog.pg_attrdef'::regclass AND objid = expression.oid
              AND refclassid = 'pg_catalog.pg_class'::regclass
              AND refobjid = attribute.attrelid AND refobjsubid NOT IN (0, attribute.attnum))
FROM pg_catalog.pg_attribute AS attribute
JOIN pg_catalog.pg_type AS own_type ON own_type.oid = atttypid
LEFT JOIN pg_catalog.pg_attrdef AS expression ON adrelid = attrelid AND adnum = attnum
LEFT JOIN pg_catalog.pg_index ON indrelid = attrelid AND indisprimary AND attnum = ANY (indkey)
WHERE attrelid = ANY (%s) AND attnum > 0 AND NOT attisdropped
ORDER BY attrelid, attnum
"""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    ``sql_name`` is the name as pg_dump writes it. ``filled`` says that it has a default or is an
    identity, ``names_objects`` that the text of its values depends on the search path (``regclass``),
    ``computed_from`` lists the columns that its generation expression reads.
    """

    name: str
    sql_name: str
    generated: bool
    not_null: bool
    filled: bool
    in_primary_key: bool
    type_not_null: bool
    names_objects: bool
    computed_from: tuple[str, ...]


def read_columns(connection: Connection, oids: Iterable[int]) -> dict[int, list[Column]]:
    """Return the columns of each of these tables in the table's order."""
    found: dict[int, list[Column]] = {oid: [] for oid in oids}
    for row in fetch(connection, COLUMNS_QUERY, [list(found), list(found)]):
        found[row[0]].append(_column(*row[1:]))
    return found


def _column(*row: Any) -> Column:
    return replace(Column(*row), computed_from=tuple(row[-1]))


def affected_columns(columns: Sequence[Column], excluded: Iterable[str]) -> frozenset[str]:
    """Return the columns that cannot have their values where some are left out.

    Those are the excluded ones, and the generated ones that are computed from them.
    """
    gone = set(excluded)
    computed = {c.name for c in columns if c.generated and gone & set(c.computed_from)}
    return frozenset(gone | computed)


def unfilled_columns(columns: Sequence[Column], affected: frozenset[str]) -> frozenset[str]:
    """Return the NOT NULL columns that would have no value if rows came without the affected ones."""
    return frozenset(
        c.name
        for c in columns
        if c.name in affected and c.not_null and (c.generated or not c.filled)
    )
