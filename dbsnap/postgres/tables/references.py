"""The SQL for what foreign keys make of a plan: rows they miss, delete, change, or hold. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from dbsnap.postgres.quoting import quote_name
from dbsnap.postgres.tables.after_image import CASCADE, after_image, cascaded, planned
from dbsnap.postgres.tables.staged_table import (
    DELETED,
    INSERTED,
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
    from collections.abc import Sequence

    from dbsnap.postgres.tables.live_table import ForeignKey, TableName

Cause = Literal["delete", "update"]

ACTIONS = {"c": "cascade", "n": "set null", "d": "set default", "a": "no action", "r": "restrict"}
"""What ``confdeltype`` and ``confupdtype`` in pg_constraint say."""

HOLDING = frozenset({"a", "r"})


def action_of(key: ForeignKey, cause: Cause) -> str:
    """Return what a foreign key does when the row it references goes or takes another key."""
    return key.on_delete if cause == "delete" else key.on_update


def effect_of(key: ForeignKey, cause: Cause) -> Literal["d", "c"]:
    """Return what becomes of the referencing row, as kind of the cascade."""
    return "d" if cause == "delete" and key.on_delete == "c" else "c"


def missing_references(
    key: ForeignKey,
    table: StagedTable,
    kinds: Sequence[Kind],
    restored: Sequence[StagedTable],
    *,
    going: Sequence[Kind],
) -> str:
    """Return the query for restored rows whose reference leads nowhere: (count, names of three).

    ``restored`` is the referenced table where it is restored too (or partitions of it), ``going`` the
    kinds of the plan that take a referenced key away; rows that foreign keys will delete are away too.
    """
    present = " AND ".join(f"r.{quote_name(column)} IS NOT NULL" for column in key.columns)
    away = [planned("q", going)] if going else []
    away.append(cascaded("q"))
    stays = "".join(f" AND NOT {condition}" for condition in away)
    live = f"SELECT FROM {key.referenced.rows} AS q WHERE {_leads_to(key, 'q', 'r')}{stays}"
    found = f"NOT EXISTS ({live}){_nor_in(restored, key, 'r')}"
    return _counted(
        f"{key_texts('r', table.shown_columns)} FROM {after_image(table, kinds)} AS r "
        f"WHERE {present} AND {found}"
    )


def follow(number: int, key: ForeignKey, cause: Cause, gone: str) -> str:
    """Return the statement that adds what a foreign key does to the cascade.

    Rows of the plan are not hit: their references are those of the backup. ``gone`` is the query for
    the keys that no row has any more.
    """
    return (
        f"INSERT INTO {CASCADE} SELECT {number}, '{effect_of(key, cause)}', c.tableoid, c.ctid "
        f"FROM {key.table.rows} AS c JOIN ({gone}) AS g ON {_leads_to(key, 'g', 'c')} "
        f"WHERE NOT {planned('c')} AND NOT {cascaded('c')}" + _not_yet(number, key, cause)
    )


def followed_wrongly(key: ForeignKey, gone: str, restored: Sequence[StagedTable]) -> list[str]:
    """Return the queries for restored rows that a foreign key would act on: (count, names of three).

    They reference a key that one row gives up and another takes: the server knows only the value.
    """
    return [
        _counted(
            f"{key_texts('r', table.shown_columns)} FROM {after_image(table, (INSERTED, UPDATED))} "
            f"AS r JOIN ({gone}) AS g ON {_leads_to(key, 'g', 'r')}"
        )
        for table in restored
    ]


def taken_again(key: ForeignKey, gone: str, restored: Sequence[StagedTable]) -> str:
    """Return the query for how many of the keys that rows give up are taken by others."""
    columns = key.referenced_columns
    images = " UNION ALL ".join(
        f"SELECT {names(columns, 'q')} FROM {after_image(table, (INSERTED, UPDATED))} AS q"
        for table in restored
    )
    return (
        f"SELECT pg_catalog.count(*) FROM ({gone}) AS g JOIN ({images}) AS q "
        f"ON {text_of('g', columns)} = {text_of('q', columns)}"
    )


def holding(
    key: ForeignKey, gone: str, restored: Sequence[StagedTable], shown: Sequence[str]
) -> str:
    """Return the query for rows that stay and reference a row that goes: (count, names of three).

    It is no matter if another row takes the key, unless ``restored`` is empty, as for RESTRICT.
    """
    return _counted(
        f"{key_texts('c', shown)} FROM {key.table.rows} AS c "
        f"JOIN ({gone}) AS g ON {_leads_to(key, 'g', 'c')} "
        f"WHERE NOT {planned('c')} AND NOT {cascaded('c')}{_nor_in(restored, key, 'c')}"
    )


def gone_by_plan(key: ForeignKey, table: StagedTable, cause: Cause) -> str:
    """Return the query for the referenced keys that planned deletes or updates take away.

    As the server does, a key that merely looks different counts as another (``ri_KeysEqual`` in
    ``src/backend/utils/adt/ri_triggers.c``).
    """
    columns = key.referenced_columns
    source = f"{table.live.relation.rows} AS l JOIN {PLAN} AS p ON {at_address(table)}"
    if cause == "delete":
        return (
            f"SELECT {names(columns, 'l')} FROM {source} "
            f"WHERE p.number = {table.number} AND p.kind = '{DELETED}'"
        )
    image = after_image(table, (UPDATED,))
    return (
        f"SELECT {names(columns, 'l')} FROM {table.live.relation.rows} AS l JOIN {image} AS r "
        'ON l.tableoid = r."(relation)" AND l.ctid = r."(live)" '
        f"WHERE {text_of('l', columns)} OPERATOR(pg_catalog.<>) {text_of('r', columns)}"
    )


def gone_by_cascade(key: ForeignKey) -> str:
    """Return the query for the referenced keys of rows that foreign keys will delete."""
    return (
        f"SELECT {names(key.referenced_columns, 'l')} FROM {key.referenced.rows} AS l "
        f"WHERE {cascaded('l')}"
    )


FORGET_CHANGES_OF_DELETED = f"""\
DELETE FROM {CASCADE} AS c WHERE c.kind = 'c' AND EXISTS (
    SELECT FROM {CASCADE} AS d WHERE d.kind = 'd' AND d.relation = c.relation AND d.live = c.live)"""
"""A row that one foreign key changes and another deletes is deleted."""


def cascade_samples(number: int, kind: str, relation: TableName, shown: Sequence[str]) -> str:
    """Return the query for what one foreign key does to a table: (count, names of three)."""
    return _counted(
        f"{key_texts('l', shown)} FROM {CASCADE} AS x JOIN {relation.rows} AS l "
        "ON l.tableoid = x.relation AND l.ctid = x.live "
        f"WHERE x.key = {number} AND x.kind = '{kind}'"
    )


def cascaded_rows(relation: TableName) -> str:
    """Return the query for how many rows of a table foreign keys delete and change: (d, c)."""
    count = "pg_catalog.count(DISTINCT (x.relation, x.live))"
    return (
        f"SELECT {count} FILTER (WHERE x.kind = 'd'), {count} FILTER (WHERE x.kind = 'c') "
        f"FROM {CASCADE} AS x WHERE x.relation IN "
        f"(SELECT {relation.oid} UNION ALL "
        f"SELECT relid FROM pg_catalog.pg_partition_tree({relation.oid}))"
    )


def undone_rows(table: StagedTable) -> str:
    """Return the query for rows of the backup that foreign keys would delete or change again."""
    return _counted(
        f"{key_texts('s', table.shown_columns)} FROM {CASCADE} AS x "
        f"JOIN {table.live.relation.rows} AS l ON l.tableoid = x.relation AND l.ctid = x.live "
        f"JOIN {table.stage} AS s ON {same_key(table)}"
    )


def _nor_in(restored: Sequence[StagedTable], key: ForeignKey, referencing: str) -> str:
    return "".join(
        f" AND NOT EXISTS (SELECT FROM {after_image(table, (INSERTED, UPDATED))} AS q "
        f"WHERE {_leads_to(key, 'q', referencing)})"
        for table in restored
    )


def _leads_to(key: ForeignKey, referenced: str, referencing: str) -> str:
    return " AND ".join(
        f"{referenced}.{quote_name(theirs)} {operator} {referencing}.{quote_name(own)}"
        for theirs, operator, own in zip(
            key.referenced_columns, key.operators, key.columns, strict=True
        )
    )


def _not_yet(number: int, key: ForeignKey, cause: Cause) -> str:
    if effect_of(key, cause) == "d":
        return ""
    return (
        f" AND NOT EXISTS (SELECT FROM {CASCADE} AS x WHERE x.key = {number} "
        "AND x.relation = c.tableoid AND x.live = c.ctid)"
    )


def _counted(selected: str) -> str:
    """Return a query that yields three of its rows, each with the number of all."""
    return f"SELECT pg_catalog.count(*) OVER (), {selected} LIMIT 3"
