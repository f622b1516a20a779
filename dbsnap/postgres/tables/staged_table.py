"""A table's rows from a backup, staged in a temporary table beside the live one. Pure: SQL out.

What is to be done stands in one more temporary table, the plan: a row for each row that is inserted,
updated or deleted. Rows are pointed at by their physical address (``tableoid``, ``ctid``), which nothing
moves while the tables are locked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from dbsnap.postgres.quoting import quote_literal, quote_name

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from dbsnap.postgres.tables.live_table import KeyPart, LiveTable

Mode = Literal["upsert", "replace", "insert"]
Kind = Literal["i", "u", "d", "k"]

INSERTED: Kind = "i"
UPDATED: Kind = "u"
DELETED: Kind = "d"
KEPT: Kind = "k"
"""The row differs from the backup's and stays as it is: mode ``insert``."""

PLAN = "pg_temp.plan"

CREATE_PLAN = f"""\
CREATE TEMPORARY TABLE {PLAN} (
    number integer NOT NULL, kind "char" NOT NULL,
    stage tid, relation oid, live tid, changed boolean[]
) ON COMMIT DROP"""
"""``number`` is the table's; ``stage`` is the backup's row, ``relation`` and ``live`` the live one.

Of an update ``changed`` says of each restored column whether it changes.
"""


@dataclass(frozen=True, slots=True)
class StagedTable:
    """One table of a restore: the live one, and which of the backup's columns go into it.

    ``dumped`` are the columns as the backup has them, ``restored`` those of them that are written.
    ``key`` tells rows apart; empty: they have no key, and are told apart by all restored columns.
    ``filter`` is the SQL condition on the rows that the backup and this restore of it are about, in
    parentheses; "" where it is about all. It calls the table by its own name, and is to be read under
    the user's own search path.
    ``fills`` are values for columns of inserted rows that the backup does not have.
    """

    number: int
    live: LiveTable
    dumped: tuple[str, ...]
    restored: tuple[str, ...]
    key: tuple[KeyPart, ...]
    mode: Mode
    filter: str = ""
    fills: Mapping[str, str] = field(default_factory=dict)

    @property
    def stage(self) -> str:
        """Return the name of the temporary table with the backup's rows."""
        return f"pg_temp.stage_{self.number}"

    @property
    def scope(self) -> str:
        """Return the name of the temporary table with the addresses of the live rows in the filter."""
        return f"pg_temp.scope_{self.number}"

    @property
    def key_columns(self) -> tuple[str, ...]:
        """Return the columns of the key."""
        return tuple(part.column for part in self.key)

    @property
    def shown_columns(self) -> tuple[str, ...]:
        """Return the columns by which a row is named to people: its key, else its first few columns."""
        return self.key_columns or self.restored[:3]


def create_stage(table: StagedTable) -> str:
    """Return the statement that creates the stage: the backup's columns, of the live columns' types."""
    columns = ", ".join(
        f"l.{quote_name(column)}"
        if column in table.restored
        else f"NULL::pg_catalog.text AS {quote_name(column)}"
        for column in table.dumped
    )
    return (
        f"CREATE TEMPORARY TABLE {table.stage} ON COMMIT DROP AS "
        f"SELECT {columns} FROM {table.live.relation.rows} AS l WITH NO DATA"
    )


def copy_into_stage(table: StagedTable, columns: Sequence[str]) -> str:
    """Return the COPY that takes a block of the dump with these columns."""
    listed = f" ({names(columns)})" if columns else ""
    return f"COPY {table.stage}{listed} FROM STDIN"


def create_scope(table: StagedTable) -> str:
    """Return the statement that creates the scope."""
    return f"CREATE TEMPORARY TABLE {table.scope} (relation oid, live tid) ON COMMIT DROP"


def fill_scope(table: StagedTable) -> str:
    """Return the statement that finds the live rows that the filter selects."""
    alias = quote_name(table.live.relation.name)
    return (
        f"INSERT INTO {table.scope} SELECT {alias}.tableoid, {alias}.ctid "
        f"FROM {table.live.relation.rows} AS {alias} WHERE {table.filter}"
    )


def leave_out_of_stage(table: StagedTable, condition: str) -> str:
    """Return the statement that removes the backup's rows which a filter does not select.

    Replacing makes the rows that a filter selects the backup's: of a live row that it selects now the
    backup's row stays, whatever the filter says of that.
    """
    alias = quote_name(table.live.relation.name)
    rows = f"SELECT r.ctid, r.*{_generated(table)} FROM {table.stage} AS r"
    # By itself, so that the filter sees no other columns than those of its table.
    unselected = (
        f"WITH unselected AS (SELECT {alias}.ctid AS address "
        f"FROM ({rows}) AS {alias} WHERE {condition} IS NOT TRUE) "
        f"DELETE FROM {table.stage} AS s WHERE s.ctid IN (SELECT address FROM unselected)"
    )
    if table.mode != "replace" or not table.key:
        return unselected
    selected_now = (
        f"SELECT FROM {table.live.relation.rows} AS l JOIN {table.scope} AS p "
        f"ON {at_address(table)} WHERE {same_key(table)}"
    )
    return f"{unselected} AND NOT EXISTS ({selected_now})"


def _generated(table: StagedTable) -> str:
    """Return the generated columns, for filters, where the stage has all that they can depend on."""
    base = {column.name for column in table.live.columns if not column.generated}
    if not base <= {*table.restored}:
        return ""
    return "".join(
        f", ({column.generated}) AS {quote_name(column.name)}"
        for column in table.live.columns
        if column.generated and column.name not in table.dumped
    )


def names(columns: Collection[str], alias: str = "") -> str:
    """Return columns as a list, each with its table's alias."""
    prefix = f"{alias}." if alias else ""
    return ", ".join(prefix + quote_name(column) for column in columns)


def text_of(alias: str, columns: Collection[str]) -> str:
    """Return columns as one text, which tells NULL from an empty string (record_out)."""
    return f"ROW({names(columns, alias)})::pg_catalog.text"


def key_texts(alias: str, columns: Collection[str]) -> str:
    """Return columns as an array of texts."""
    texts = ", ".join(f"{alias}.{quote_name(column)}::pg_catalog.text" for column in columns)
    return f"ARRAY[{texts}]::pg_catalog.text[]"


def same_key(table: StagedTable, stage: str = "s", live: str = "l") -> str:
    """Return the condition that a staged and a live row have the same key, as its index sees it."""
    return " AND ".join(
        f"{stage}.{quote_name(part.column)} {part.operator} {live}.{quote_name(part.column)}"
        for part in table.key
    )


def at_address(table: StagedTable, live: str = "l", pointer: str = "p") -> str:
    """Return the condition that a live row is the one that a row of the plan points at."""
    same_row = f"{live}.ctid = {pointer}.live"
    if table.live.relation.partitioned:
        return f"{live}.tableoid = {pointer}.relation AND {same_row}"
    return same_row


def fill_value(value: str, column_type: str) -> str:
    """Return a fill as SQL: the text that the column's type reads, whatever it holds."""
    return f"{quote_literal(value)}::{column_type}"
