"""Exact numbers of rows, each counted by the server in the session's own snapshot.

A query that counts costs most where there is least to count: the planner opens every index of the table
(``get_relation_info`` in ``src/backend/optimizer/util/plancat.c``), which takes longer than to read two
pages. COPY is not planned. So of very many tables the smallest are copied, a few bytes of each row, and
the server's own count is taken, which it says when it has done (``COPY 12``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsnap.postgres.asking import Ask, CopiedRows, Name, in_batches
from dbsnap.postgres.quoting import quote_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dbsnap.inventory import Facts

MANY_TABLES = 100
"""For fewer it is not worth asking which of them are small."""

SMALL_BYTES = 16 << 10

ROWS_ARE_ITS_OWN = frozenset({"table", "extension data"})
"""Forms of tables that hold rows themselves; partitioned and foreign tables do not."""

SMALL_TABLES = f"""
SELECT jsonb_build_array(nspname, relname, attname)
FROM pg_catalog.pg_class AS relation
JOIN pg_catalog.pg_namespace AS schema ON schema.oid = relnamespace
CROSS JOIN LATERAL (
    SELECT attname FROM pg_catalog.pg_attribute
    WHERE attrelid = relation.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
        AND attlen > 0 AND atttypid < 16384
    ORDER BY attnum LIMIT 1
) AS narrow
WHERE CASE WHEN relkind = 'r' AND nspname !~ '^pg_' AND nspname <> 'information_schema'
    THEN pg_catalog.pg_relation_size(relation.oid) <= {SMALL_BYTES} END
"""
"""Each with a column of a few bytes whose type is the system's own (``FirstNormalObjectId``)."""


def add_row_counts(
    ask: Ask,
    copied_rows: CopiedRows | None,
    tables: dict[str, Facts],
    names: Mapping[str, Name],
) -> None:
    """Add to the facts of each table that holds rows itself how many it has, or those of its condition.

    Raises what the session raises: where a row's visibility depends on policies (``row_security``), or
    where a right is missing, nothing is counted.
    """
    wanted = [name for name, facts in tables.items() if facts["form"] in ROWS_ARE_ITS_OWN]
    if copied_rows is not None and len(wanted) >= MANY_TABLES:
        columns = {(schema, name): column for schema, name, column in ask(SMALL_TABLES)}
        small = [n for n in wanted if names[n] in columns and not tables[n].get("condition")]
        for batch in in_batches(small):
            statements = (_copy(names[name], columns[names[name]]) for name in batch)
            for name, rows in zip(batch, copied_rows(list(statements)), strict=True):
                tables[name]["rows"] = rows
        wanted = [name for name in wanted if "rows" not in tables[name]]
    _add_counted(ask, wanted, tables, names)


def _copy(name: Name, column: str) -> str:
    return f"COPY {quote_name(*name)} ({quote_name(column)}) TO STDOUT"


def _add_counted(
    ask: Ask, wanted: list[str], tables: dict[str, Facts], names: Mapping[str, Name]
) -> None:
    for batch in in_batches(wanted):
        selects: Iterable[str] = (
            f"SELECT jsonb_build_array({index}, count(*)) FROM ONLY {quote_name(*names[name])} "
            + (tables[name].get("condition") or "")
            for index, name in enumerate(batch)
        )
        for index, rows in ask("\nUNION ALL ".join(selects)):
            tables[batch[index]]["rows"] = rows
