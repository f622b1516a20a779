"""The one statement that does what is planned. Pure: SQL out."""

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
    names,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

ORDER = (DELETED, UPDATED, INSERTED)
"""Within a table rows go before others take their unique values."""


def change_statement(
    tables: Sequence[StagedTable],
    counts: Mapping[tuple[int, str], int],
    changed: Mapping[int, Collection[str]],
) -> tuple[str, list[tuple[int, Kind]]]:
    """Return the statement, and of which table and kind the counts in the array it yields are.

    ``counts`` are the planned rows by table and kind, ``changed`` the columns that updates set. It is
    one statement because foreign keys are checked, and act, at a statement's end: then every row is
    where it belongs, whatever way tables reference each other or themselves, and nothing cascades to
    rows that the same statement leads elsewhere (documentation, "SET CONSTRAINTS" and "Data-Modifying
    Statements in WITH"). Each part counts the rows of the part that must come before it.
    """
    parts: list[str] = []
    counted: list[tuple[int, Kind]] = []
    for table in tables:
        before = "true"
        for kind in ORDER:
            if not counts.get((table.number, kind)):
                continue
            name = f"{kind}_{table.number}"
            change = _change(table, kind, before, changed.get(table.number, ()))
            parts.append(f"{name} AS ({change} RETURNING 1)")
            counted.append((table.number, kind))
            before = f"(SELECT pg_catalog.count(*) FROM {name}) >= 0"
    values = ", ".join(
        f"(SELECT pg_catalog.count(*) FROM {kind}_{number})" for number, kind in counted
    )
    return "WITH " + ",\n".join(parts) + f"\nSELECT ARRAY[{values}]::bigint[]", counted


def _change(table: StagedTable, kind: Kind, before: str, changed: Collection[str]) -> str:
    chosen = f"p.number = {table.number} AND p.kind = '{kind}' AND {before}"
    staged = f"{PLAN} AS p JOIN {table.stage} AS s ON s.ctid = p.stage"
    if kind == DELETED:
        return (
            f"DELETE FROM {table.live.relation.rows} AS l USING {PLAN} AS p "
            f"WHERE {chosen} AND {at_address(table)}"
        )
    if kind == UPDATED:
        settings = ", ".join(
            f"{quote_name(column)} = s.{quote_name(column)}"
            for column in table.restored
            if column in changed
        )
        return (
            f"UPDATE {table.live.relation.rows} AS l SET {settings} FROM {staged} "
            f"WHERE {chosen} AND {at_address(table)}"
        )
    return _insert(table, f"FROM {staged} WHERE {chosen}")


def _insert(table: StagedTable, chosen: str) -> str:
    fills = {
        column.name: fill_value(table.fills[column.name], column.type)
        for column in table.live.columns
        if column.name in table.fills
    }
    values = ", ".join([*(f"s.{quote_name(column)}" for column in table.restored), *fills.values()])
    columns = names([*table.restored, *fills])
    listed = f"({columns}) " if columns else ""
    return (
        f"INSERT INTO {table.live.relation.sql} {listed}OVERRIDING SYSTEM VALUE "
        f"SELECT {values} {chosen}"
    )
