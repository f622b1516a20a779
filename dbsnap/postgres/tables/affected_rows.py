"""The SQL for the keys of all rows that a restore of tables will touch. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsnap.postgres.tables.after_image import CASCADE
from dbsnap.postgres.tables.staged_table import (
    DELETED,
    INSERTED,
    PLAN,
    UPDATED,
    StagedTable,
    at_address,
    key_texts,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbsnap.postgres.tables.live_table import TableName


def planned_keys(table: StagedTable) -> str:
    """Return the query for the keys of the rows that are inserted, updated or deleted."""
    columns = table.key_columns
    chosen = f"p.number = {table.number} AND p.kind IN"
    return (
        f"SELECT {key_texts('s', columns)} FROM {PLAN} AS p "
        f"JOIN {table.stage} AS s ON s.ctid = p.stage WHERE {chosen} ('{INSERTED}') "
        f"UNION ALL SELECT {key_texts('l', columns)} FROM {PLAN} AS p "
        f"JOIN {table.live.relation.rows} AS l ON {at_address(table)} "
        f"WHERE {chosen} ('{UPDATED}', '{DELETED}')"
    )


def cascaded_keys(relation: TableName, columns: Sequence[str]) -> str:
    """Return the query for the keys of the rows that foreign keys delete or change."""
    return (
        f"SELECT DISTINCT {key_texts('l', columns)} FROM {CASCADE} AS x "
        f"JOIN {relation.rows} AS l ON l.tableoid = x.relation AND l.ctid = x.live"
    )
