"""Tables that are missing, created from the dump's own statements before their rows are restored."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg import errors as postgres_errors

from dbsnap.dumpfile.defining.table_statements import creation
from dbsnap.errors import CannotRun, OperationFailed, UsageError
from dbsnap.inventory import object_name, short_name, split_name
from dbsnap.postgres.connection import execute, fetch
from dbsnap.postgres.quoting import quote_literal
from dbsnap.postgres.tables.live_table import find_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbsnap.archive.record import OmittedObject
    from dbsnap.operations.table_restore.source import TablesSource
    from dbsnap.postgres.connection import Connection

EXISTING = """
SELECT 'schema', ARRAY[nspname]::text[] FROM pg_catalog.pg_namespace
UNION ALL SELECT 'relation', ARRAY[nspname, relname]::text[]
FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace AS schema ON schema.oid = relnamespace
UNION ALL SELECT 'type', ARRAY[nspname, typname]::text[]
FROM pg_catalog.pg_type JOIN pg_catalog.pg_namespace AS schema ON schema.oid = typnamespace
UNION ALL SELECT 'function', ARRAY[nspname, proname]::text[]
FROM pg_catalog.pg_proc JOIN pg_catalog.pg_namespace AS schema ON schema.oid = pronamespace
"""


@dataclass(frozen=True, slots=True)
class Created:
    """The full names of the tables that were missing, and what is not as it was with them."""

    tables: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def create_missing_tables(connection: Connection, source: TablesSource) -> Created:
    """Create the tables, and partitions of them, that do not exist, with all that belongs to them.

    Types, sequences and functions that they need and that are missing come with them. Raises CannotRun
    where the dump does not define a table, UsageError where something else has its name, OperationFailed
    where the server does not take its definition.
    """
    missing = _missing(connection, source)
    if not missing:
        return Created()
    there = {(kind, object_name(*path)) for kind, path in fetch(connection, EXISTING)}
    chosen = creation(source.statements(), missing, there)
    if undefined := missing - chosen.tables:
        raise CannotRun(
            f"{short_name(min(undefined))} does not exist, and the backup does not say what it was",
            hint="create the table first",
        )
    notes = [
        f"the foreign key {short_name(left.part)} is left out: there is no table "
        f"{short_name(left.references)}"
        for left in chosen.left_out
    ]
    _create(connection, chosen.statements, source.encoding)
    for table in source.tables:
        if table.name in missing:
            notes += [note for each in table.omitted if (note := _add(connection, each))]
    notes.append("owners and grants are not restored: they stand in the backup's _privileges.sql")
    return Created(frozenset(missing), tuple(notes))


def _missing(connection: Connection, source: TablesSource) -> set[str]:
    missing = set()
    for name in {each for table in source.tables for each in (table.name, *table.partitions)}:
        oid = find_table(connection, *split_name(name))
        if oid is None:
            missing.add(name)
        elif oid == 0:
            raise UsageError(
                f"{short_name(name)} is no table any more",
                hint="restore the backup into another database",
            )
    return missing


def _create(connection: Connection, statements: Sequence[bytes], encoding: str) -> None:
    with _definition_errors():
        execute(connection, "SET LOCAL check_function_bodies TO off")
        execute(connection, f"SET LOCAL client_encoding TO {quote_literal(encoding)}")
        for statement in statements:
            connection.execute(statement)
        execute(connection, "SET LOCAL client_encoding TO 'UTF8'")


def _add(connection: Connection, omitted: OmittedObject) -> str:
    """Add what a table backup had to leave out, now that it may fit; return why it does not."""
    if omitted.references:
        try:
            execute(connection, f"SAVEPOINT omitted;\n{omitted.statement};\nRELEASE omitted")
        except psycopg.Error as error:
            execute(connection, "ROLLBACK TO omitted; RELEASE omitted")
            return f"{omitted.kind} {short_name(omitted.name)} is left out: {error.diag.message_primary}"
        return ""
    return f"{omitted.kind} {short_name(omitted.name)} is left out: {omitted.reason}"


@contextmanager
def _definition_errors() -> Iterator[None]:
    try:
        yield
    except (
        postgres_errors.InsufficientPrivilege,
        postgres_errors.LockNotAvailable,
        postgres_errors.DeadlockDetected,
    ):
        raise
    except psycopg.Error as error:
        raise OperationFailed(
            f"a missing table cannot be created: {error.diag.message_primary}",
            hint="nothing was changed; create what it needs first",
        ) from None
