"""Sequences of restored tables: moved up to the backup's value where they are behind, never back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dbsnap.inventory import object_name, short_name
from dbsnap.operations.table_restore.plan import SequenceMove
from dbsnap.postgres.connection import fetch
from dbsnap.postgres.quoting import quote_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.tables.staged_table import StagedTable

LIVE_VALUE = """
SELECT last_value, is_called, seqincrement
FROM {} CROSS JOIN pg_catalog.pg_sequence WHERE seqrelid = %s::regclass
"""


def sequences_behind(
    connection: Connection, tables: Iterable[StagedTable], recorded: Mapping[str, Mapping[str, Any]]
) -> list[SequenceMove]:
    """Return the sequences of these tables that are behind the backup's values.

    ``recorded`` are the backup's sequences by name.
    """
    moves = []
    for schema, name in sorted({each for table in tables for each in table.live.sequences}):
        facts = recorded.get(object_name(schema, name), {})
        if "last_value" not in facts:
            continue
        sql = quote_name(schema, name)
        last_value, is_called, increment = fetch(connection, LIVE_VALUE.format(sql), [sql])[0]
        backup = (facts["last_value"], facts["is_called"])
        if is_ahead(backup, (last_value, is_called), increment):
            title = short_name(object_name(schema, name))
            moves.append(SequenceMove(title, sql, *backup))
    return moves


def move_sequences(connection: Connection, moves: Iterable[SequenceMove]) -> None:
    """Move sequences up, unless they have gone further meanwhile.

    A sequence's value is not part of the transaction: this is the last thing before the commit, and
    what is left of it if that fails is a gap, which sequences have anyway.
    """
    for move in moves:
        value = (move.value, move.is_called)
        ((last_value, is_called, increment),) = fetch(
            connection, LIVE_VALUE.format(move.sql), [move.sql]
        )
        if is_ahead(value, (last_value, is_called), increment):
            fetch(connection, "SELECT pg_catalog.setval(%s::regclass, %s, %s)", [move.sql, *value])


def is_ahead(one: tuple[int, bool], other: tuple[int, bool], increment: int) -> bool:
    """Return whether a sequence's value (last_value, is_called) comes after another. Pure."""
    if one[0] == other[0]:
        return one[1] and not other[1]
    return (one[0] > other[0]) == (increment > 0)
