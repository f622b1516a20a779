"""The SQL for rows as a restore will leave them, and for live rows that it leaves alone. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsnap.postgres.quoting import quote_name
from dbsnap.postgres.tables.staged_table import (
    DELETED,
    INSERTED,
    PLAN,
    UPDATED,
    Kind,
    StagedTable,
    at_address,
    fill_value,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbsnap.postgres.tables.live_table import LiveColumn

CASCADE = "pg_temp.cascade"

CREATE_CASCADE = f"""\
CREATE TEMPORARY TABLE {CASCADE} (
    key integer NOT NULL, kind "char" NOT NULL, relation oid NOT NULL, live tid NOT NULL
) ON COMMIT DROP"""
"""Rows that foreign keys will delete (kind ``d``) or change (``c``); ``key`` numbers the foreign key."""

STAGE, RELATION, LIVE = '"(stage)"', '"(relation)"', '"(live)"'
"""Columns with a row's addresses, beside the table's own: no name that a table's column has."""


def after_image(table: StagedTable, kinds: Sequence[Kind]) -> str:
    """Return the rows that are inserted or updated as they will be, with all columns of the table.

    Of what the backup does not have, updated rows keep the live value; inserted rows have a fill or, as
    nobody knows what a default yields until it does, NULL.
    """
    base = [column for column in table.live.columns if not column.generated]
    listed = "".join(f", {_value(table, column)} AS {quote_name(column.name)}" for column in base)
    needs_live = any(column.name not in table.restored for column in base)
    live = (
        f" LEFT JOIN {table.live.relation.rows} AS l ON {at_address(table)}" if needs_live else ""
    )
    chosen = ", ".join(f"'{kind}'" for kind in kinds)
    rows = (
        f"SELECT p.stage AS {STAGE}, p.relation AS {RELATION}, p.live AS {LIVE}{listed} "
        f"FROM {PLAN} AS p JOIN {table.stage} AS s ON s.ctid = p.stage{live} "
        f"WHERE p.number = {table.number} AND p.kind IN ({chosen})"
    )
    generated = "".join(
        f", ({column.generated}) AS {quote_name(column.name)}"
        for column in table.live.columns
        if column.generated
    )
    return f"(SELECT *{generated} FROM ({rows}) AS base)" if generated else f"({rows})"


def planned(alias: str, kinds: Sequence[Kind] = (UPDATED, DELETED)) -> str:
    """Return the condition that a live row is one that the plan updates or deletes."""
    chosen = ", ".join(f"'{kind}'" for kind in kinds)
    return (
        f"EXISTS (SELECT FROM {PLAN} AS planned WHERE planned.kind IN ({chosen}) "
        f"AND planned.relation = {alias}.tableoid AND planned.live = {alias}.ctid)"
    )


def cascaded(alias: str) -> str:
    """Return the condition that a live row is one that a foreign key will delete."""
    return (
        f"EXISTS (SELECT FROM {CASCADE} AS cascaded WHERE cascaded.kind = 'd' "
        f"AND cascaded.relation = {alias}.tableoid AND cascaded.live = {alias}.ctid)"
    )


def _value(table: StagedTable, column: LiveColumn) -> str:
    if column.name in table.restored:
        return f"s.{quote_name(column.name)}"
    live = f"l.{quote_name(column.name)}"
    if column.name not in table.fills:
        return live
    fill = fill_value(table.fills[column.name], column.type)
    return f"CASE WHEN p.kind = '{INSERTED}' THEN {fill} ELSE {live} END"
