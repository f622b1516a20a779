"""The parts that rows of large tables are copied out in, by sessions that share one snapshot.

A part is a range of a table's pages (``ctid``), which servers since 14 find without reading the others
("TID Range Scan", release notes of PostgreSQL 14), or a whole table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.postgres.connection import fetch

if TYPE_CHECKING:
    from dbsnap.postgres.connection import Connection

PARTS_SINCE = 140000
"""The first ``server_version_num`` that reads a range of pages alone."""

_TABLES = """
SELECT n.nspname, c.relname, columns.names,
    pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), columns.quoted,
    pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::bigint,
    pg_catalog.pg_relation_size(c.oid)
        + coalesce(pg_catalog.pg_relation_size(c.reltoastrelid), 0) AS bytes
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_am a ON a.oid = c.relam
CROSS JOIN LATERAL (
    SELECT array_agg(attname::text ORDER BY attnum),
        string_agg(pg_catalog.quote_ident(attname), ', ' ORDER BY attnum) FROM pg_catalog.pg_attribute
    WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
) AS columns(names, quoted)
WHERE c.relkind = 'r' AND a.amname = 'heap' AND columns.names IS NOT NULL
    AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_t(oast|emp)'
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend d WHERE d.deptype = 'e'
        AND (d.classid, d.objid) IN (('pg_catalog.pg_class'::pg_catalog.regclass, c.oid),
                                     ('pg_catalog.pg_namespace'::pg_catalog.regclass, n.oid)))
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_partition_ancestors(c.oid) AS ancestor(id)
        JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = ancestor.id WHERE p.partstrat = 'h')
ORDER BY bytes DESC
"""
"""Tables whose rows a plain COPY of them gives as pg_dump's would.

Not the tables of extensions, of which pg_dump dumps some rows or none, nor partitions by hash, whose
rows it may load through the table that they are part of (``getPartitioningInfo`` in pg_dump.c).
"""


@dataclass(frozen=True, slots=True)
class StoredTable:
    """A table that can be copied out in parts: its columns but generated ones, its size as stored.

    ``quoted_name`` and ``quoted_columns`` are the names as the server, and pg_dump, writes them.
    ``bytes`` are those of ``pages`` and of what is stored out of line.
    """

    schema: str
    name: str
    columns: tuple[str, ...]
    quoted_name: str
    quoted_columns: str
    pages: int
    bytes: int


@dataclass(frozen=True, slots=True)
class RowPart:
    """The rows of a table on the pages from ``first`` to before ``end``; None: to the last one."""

    table: StoredTable
    first: int
    end: int | None

    def copy_statement(self) -> str:
        """Return the COPY that writes the rows as pg_dump does."""
        columns, name = self.table.quoted_columns, self.table.quoted_name
        if self.first == 0 and self.end is None:
            return f"COPY {name} ({columns}) TO STDOUT;"
        condition = f"ctid >= '({self.first},0)'"
        if self.end is not None:
            condition += f" AND ctid < '({self.end},0)'"
        return f"COPY (SELECT {columns} FROM ONLY {name} WHERE {condition}) TO STDOUT;"


def stored_tables(connection: Connection) -> list[StoredTable]:
    """Return the tables that can be copied out in parts, the largest first."""
    rows = fetch(connection, _TABLES)
    return [
        StoredTable(schema, name, tuple(columns), quoted, quoted_columns, pages, size)
        for schema, name, columns, quoted, quoted_columns, pages, size in rows
    ]


def parts_of(table: StoredTable, part_bytes: int) -> list[RowPart]:
    """Return a table's rows in parts of about ``part_bytes`` as stored, in their order."""
    count = max(1, min(table.pages, round(table.bytes / part_bytes)))
    bounds = [table.pages * number // count for number in range(count)]
    ends: list[int | None] = [*bounds[1:], None]
    return [RowPart(table, *bound) for bound in zip(bounds, ends, strict=True)]
