"""What must not act while rows are put back: switched off in the transaction, and on again as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsnap.postgres.quoting import quote_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from dbsnap.postgres.tables.live_table import ForeignKey, LiveColumn, LiveTable

Statements = tuple[str, str]
"""The statement that switches something off, and the one that switches it on again."""

MODES = {"O": "ENABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}
"""What ``tgenabled`` and ``ev_enabled`` say, as ALTER TABLE has it."""


def switches(table: LiveTable, updated: Collection[str] = ()) -> list[Statements]:
    """Return the switches of a table's user triggers and rules, and of columns that refuse updates.

    An identity column that is always generated can be inserted (OVERRIDING) but not updated. Triggers
    that enforce foreign keys are the server's own and stay on.
    """
    return [
        *_triggers(table),
        *_rules(table),
        *(
            _identity(table, column)
            for column in table.columns
            if column.identity == "always" and column.name in updated
        ),
    ]


def row_security_switch(table: LiveTable) -> Statements:
    """Return the switch that lets a table's owner see all rows although policies are forced on it."""
    alter = f"ALTER TABLE {table.relation.sql}"
    return f"{alter} NO FORCE ROW LEVEL SECURITY", f"{alter} FORCE ROW LEVEL SECURITY"


def not_null_switch(table: LiveTable, column: LiveColumn) -> Statements:
    """Return the switch that lets a column be NULL; since PostgreSQL 18 the constraint has a name."""
    alter = f"ALTER TABLE {table.relation.rows}"
    name = quote_name(column.name)
    again = f"ALTER COLUMN {name} SET NOT NULL"
    if column.not_null_name:
        again = f"ADD CONSTRAINT {quote_name(column.not_null_name)} NOT NULL {name}"
    return f"{alter} ALTER COLUMN {name} DROP NOT NULL", f"{alter} {again}"


def foreign_key_switch(key: ForeignKey) -> Statements:
    """Return the switch that lets a foreign key wait for the end, for its table's owner."""
    alter = f"ALTER TABLE {key.table.sql} ALTER CONSTRAINT {quote_name(key.name)}"
    return f"{alter} DEFERRABLE", f"{alter} NOT DEFERRABLE"


def _triggers(table: LiveTable) -> Iterable[Statements]:
    for schema, relation, trigger, mode in table.triggers:
        alter = f"ALTER TABLE ONLY {quote_name(schema, relation)}"
        name = quote_name(trigger)
        yield f"{alter} DISABLE TRIGGER {name}", f"{alter} {MODES[mode]} TRIGGER {name}"


def _rules(table: LiveTable) -> Iterable[Statements]:
    alter = f"ALTER TABLE {table.relation.sql}"
    for rule, mode in table.rules:
        name = quote_name(rule)
        yield f"{alter} DISABLE RULE {name}", f"{alter} {MODES[mode]} RULE {name}"


def _identity(table: LiveTable, column: LiveColumn) -> Statements:
    alter = f"ALTER TABLE {table.relation.sql} ALTER COLUMN {quote_name(column.name)} SET GENERATED"
    return f"{alter} BY DEFAULT", f"{alter} ALWAYS"
