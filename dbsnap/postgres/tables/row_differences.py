"""The SQL by which staged rows are compared with live ones, and the plan is made of it. Pure.

Two rows are the same when their text is, as COPY writes it: that is what a backup holds, and it needs
no equality operator of the types (json, xml and point have none). Where the type's own equality says
the same it is used, and elsewhere ``*<>`` compares the stored bytes first, because both are quicker
(documentation, "Composite Type Comparison").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsnap.postgres.quoting import quote_name
from dbsnap.postgres.tables.staged_table import (
    DELETED,
    INSERTED,
    KEPT,
    PLAN,
    UPDATED,
    Kind,
    StagedTable,
    at_address,
    key_texts,
    names,
    same_key,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Collection


NO_COLUMNS = "NULL::boolean[]"


def differs(table: StagedTable, columns: Collection[str], one: str = "s", other: str = "l") -> str:
    """Return the condition that two rows are not the same in these columns."""
    conditions = []
    others = []
    for column in table.live.columns:
        if column.name not in columns:
            continue
        name = quote_name(column.name)
        if column.equal_is_same:
            collation = ' COLLATE pg_catalog."C"' if column.is_text else ""
            conditions.append(f"{one}.{name}{collation} IS DISTINCT FROM {other}.{name}{collation}")
        else:
            others.append(column.name)
    if others or not conditions:
        conditions.append(
            f"(ROW({names(others, one)})::record OPERATOR(pg_catalog.*<>) "
            f"ROW({names(others, other)})::record "
            f"AND {text_of(one, others)} OPERATOR(pg_catalog.<>) {text_of(other, others)})"
        )
    return f"({' OR '.join(conditions)})"


def plan_changes(table: StagedTable) -> list[str]:
    """Return the statements that put what is to be done with a table into the plan."""
    return [
        f"INSERT INTO {PLAN} SELECT {table.number}, d.* FROM ({query}) AS d"
        for query in _differences(table)
    ]


def remaining_differences(table: StagedTable) -> str:
    """Return the query that counts what still differs, by kind: by rights nothing after a restore."""
    union = " UNION ALL ".join(_differences(table))
    return f"SELECT kind, pg_catalog.count(*) FROM ({union}) AS d GROUP BY kind"


def planned_counts() -> str:
    """Return the query for how many rows are planned: number, kind, which columns change, rows."""
    return (
        f"SELECT number, kind, changed, pg_catalog.count(*) FROM {PLAN} "
        "GROUP BY number, kind, changed"
    )


def repeated_keys(table: StagedTable) -> str:
    """Return the query for keys that several of the backup's rows share (three at most)."""
    key = table.key_columns
    return (
        f"SELECT {key_texts('s', key)} FROM {table.stage} AS s GROUP BY {names(key, 's')} "
        "HAVING pg_catalog.count(*) > 1 LIMIT 3"
    )


def samples(table: StagedTable, kind: Kind, count: int) -> str:
    """Return the query for the names of the first rows of one kind."""
    chosen = f"FROM {PLAN} AS p WHERE p.number = {table.number} AND p.kind = '{kind}'"
    first = f"(SELECT * {chosen} ORDER BY p.ctid LIMIT {count}) AS p"
    if kind == DELETED:
        source = f"{table.live.relation.rows} AS l ON {at_address(table)}"
        return f"SELECT {key_texts('l', table.shown_columns)} FROM {first} JOIN {source}"
    source = f"{table.stage} AS s ON s.ctid = p.stage"
    return f"SELECT {key_texts('s', table.shown_columns)} FROM {first} JOIN {source}"


def nulls_in(table: StagedTable, columns: Collection[str]) -> str:
    """Return the query for an array: in how many of the planned rows each of these columns is NULL."""
    counts = ", ".join(
        f"pg_catalog.count(*) FILTER (WHERE {names([column], 's')} IS NULL)" for column in columns
    )
    return (
        f"SELECT ARRAY[{counts}]::bigint[] "
        f"FROM {PLAN} AS p JOIN {table.stage} AS s ON s.ctid = p.stage "
        f"WHERE p.number = {table.number} AND p.kind IN ('{INSERTED}', '{UPDATED}')"
    )


def _differences(table: StagedTable) -> list[str]:
    """Return the queries for what differs, each yielding a row of the plan but for its number."""
    queries = [_compared_by_key(table) if table.key else _missing_by_count(table)]
    if table.mode == "replace":
        queries.append(_surplus(table))
    return queries


def _compared_by_key(table: StagedTable) -> str:
    other = KEPT if table.mode == "insert" else UPDATED
    each = ", ".join(differs(table, [column]) for column in table.restored)
    changed = f"CASE WHEN l.ctid IS NOT NULL THEN ARRAY[{each}]::boolean[] END"
    return (
        f"SELECT CASE WHEN l.ctid IS NULL THEN '{INSERTED}' ELSE '{other}' END::\"char\" AS kind, "
        "s.ctid AS stage, l.tableoid AS relation, l.ctid AS live, "
        f"{changed if other == UPDATED else NO_COLUMNS} AS changed "
        f"FROM {table.stage} AS s LEFT JOIN {table.live.relation.rows} AS l ON {same_key(table)} "
        f"WHERE l.ctid IS NULL OR {differs(table, table.restored)}"
    )


def _missing_by_count(table: StagedTable) -> str:
    return (
        f"SELECT '{INSERTED}'::\"char\" AS kind, stage, NULL::oid AS relation, NULL::tid AS live, "
        f"{NO_COLUMNS} AS changed "
        f"FROM ({_counted(table)}) AS counted WHERE live IS NULL"
    )


def _surplus(table: StagedTable) -> str:
    """Return the query for the live rows that are in scope and not in the backup."""
    chosen = f"SELECT '{DELETED}'::\"char\" AS kind, NULL::tid AS stage, "
    if not table.key:
        in_scope = f" AND (relation, live) IN (SELECT * FROM {table.scope})" if table.filter else ""
        return (
            f"{chosen} relation, live, {NO_COLUMNS} AS changed FROM ({_counted(table)}) AS counted "
            f"WHERE stage IS NULL{in_scope}"
        )
    in_scope = f"JOIN {table.scope} AS p ON {at_address(table)} " if table.filter else ""
    return (
        f"{chosen} l.tableoid AS relation, l.ctid AS live, {NO_COLUMNS} AS changed "
        f"FROM {table.live.relation.rows} AS l {in_scope}"
        f"WHERE NOT EXISTS (SELECT FROM {table.stage} AS s WHERE {same_key(table)})"
    )


def _counted(table: StagedTable) -> str:
    """Return the rows of both sides, the n-th of several that are the same beside the other's n-th."""

    def numbered(address: str, source: str) -> str:
        content = text_of("r", table.restored)
        return (
            f"(SELECT {address}, {content} AS content, "
            f"pg_catalog.row_number() OVER (PARTITION BY {content} ORDER BY r.tableoid, r.ctid) AS n "
            f"FROM {source} AS r)"
        )

    live = numbered("r.tableoid AS relation, r.ctid AS live", table.live.relation.rows)
    return (
        "SELECT s.stage, l.relation, l.live FROM "
        f"{numbered('r.ctid AS stage', table.stage)} AS s FULL JOIN {live} AS l "
        "ON s.content = l.content AND s.n = l.n"
    )
