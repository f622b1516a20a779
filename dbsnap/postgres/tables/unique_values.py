"""The SQL for values that can be there only once: who holds one that a restored row needs. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsnap.postgres.quoting import quote_name
from dbsnap.postgres.tables.after_image import LIVE, RELATION, after_image, planned
from dbsnap.postgres.tables.staged_table import (
    PLAN,
    UPDATED,
    Kind,
    StagedTable,
    at_address,
    key_texts,
    names,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from dbsnap.postgres.tables.live_table import LiveColumn, UniqueKey


def conflicts(table: StagedTable, key: UniqueKey, kinds: Sequence[Kind]) -> str:
    """Return the query for restored rows whose value a row that stays holds.

    It yields (number of all, name of the restored row, name of the one that stays) for three.
    """
    shown = table.shown_columns
    restored = _values(
        key, f"{after_image(table, kinds)} AS r", f"{key_texts('r', shown)} AS shown"
    )
    staying = _values(
        key,
        f"{table.live.relation.rows} AS l",
        f"{key_texts('l', shown)} AS shown",
        condition=f"NOT {planned('l')}",
    )
    return (
        "SELECT pg_catalog.count(*) OVER (), r.shown, l.shown "
        f"FROM ({restored}) AS r JOIN ({staying}) AS l ON {_same_value(key)} LIMIT 3"
    )


def held_by_updated_rows(table: StagedTable, key: UniqueKey) -> str:
    """Return the query for updated rows that hold what another updated row takes: their addresses.

    Unique values are checked row by row, so these must let go of theirs first.
    """
    taking = _values(
        key, f"{after_image(table, (UPDATED,))} AS r", f"{RELATION} AS relation, {LIVE} AS live"
    )
    rows = (
        f"(SELECT l.* , l.tableoid AS {RELATION}, l.ctid AS {LIVE} "
        f"FROM {table.live.relation.rows} AS l "
        f"JOIN {PLAN} AS p ON {at_address(table)} "
        f"WHERE p.number = {table.number} AND p.kind = '{UPDATED}') AS h"
    )
    holding = _values(key, rows, f"{RELATION} AS relation, {LIVE} AS live")
    return (
        f"SELECT DISTINCT l.relation, l.live FROM ({taking}) AS r JOIN ({holding}) AS l "
        f"ON {_same_value(key)} WHERE (r.relation, r.live) <> (l.relation, l.live)"
    )


def let_go(table: StagedTable, key: UniqueKey, column: str) -> str:
    """Return the statement by which those rows give up their value; the plan follows them."""
    return (
        f"WITH gone AS (UPDATE {table.live.relation.rows} AS l SET {quote_name(column)} = NULL "
        f"FROM ({held_by_updated_rows(table, key)}) AS h "
        "WHERE l.tableoid = h.relation AND l.ctid = h.live "
        "RETURNING h.relation AS old_relation, h.live AS old_live, "
        "l.tableoid AS relation, l.ctid AS live) "
        f"UPDATE {PLAN} AS p SET relation = gone.relation, live = gone.live FROM gone "
        f"WHERE p.number = {table.number} AND p.relation = gone.old_relation "
        "AND p.live = gone.old_live"
    )


def column_to_let_go(
    table: StagedTable, key: UniqueKey, changed: Collection[str]
) -> LiveColumn | None:
    """Return the column that is NULL for a moment, if there is one that may be; None if none can."""
    never = {
        column for other in table.live.unique_keys if other.primary for column in other.columns
    }
    candidates = [
        column
        for column in table.live.columns
        if column.name in key.columns
        and column.name in changed
        and column.name not in never
        and not column.identity
    ]
    candidates.sort(key=lambda column: column.not_null)
    return candidates[0] if candidates and not key.nulls_equal else None


def _values(key: UniqueKey, source: str, also: str, *, condition: str = "true") -> str:
    """Return rows with their key's values ``k1``, ``k2`` …, as the index holds them."""
    parts = "".join(f", ({part.expression}) AS k{n}" for n, part in enumerate(key.parts))
    predicate = f"({key.predicate})" if key.predicate else "true"
    return f"SELECT {also}{parts} FROM {source} WHERE {predicate} AND {condition}"


def _same_value(key: UniqueKey) -> str:
    if key.nulls_equal:
        columns = [f"k{n}" for n in range(len(key.parts))]
        return (
            f"ROW({names(columns, 'r')})::pg_catalog.text = "
            f"ROW({names(columns, 'l')})::pg_catalog.text"
        )
    return " AND ".join(f"r.k{n} {part.operator} l.k{n}" for n, part in enumerate(key.parts))
