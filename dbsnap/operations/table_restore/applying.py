"""Doing what a restore of tables has planned, and proving it before anybody can see it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
from psycopg import errors as postgres_errors

from dbsnap.errors import OperationFailed, VerificationFailed
from dbsnap.operations.table_restore.staging import select_scope
from dbsnap.postgres.connection import execute, fetch, fetch_value
from dbsnap.postgres.tables.change_statement import change_statement
from dbsnap.postgres.tables.live_table import read_foreign_keys, read_live_tables
from dbsnap.postgres.tables.locks import lock_refused
from dbsnap.postgres.tables.row_differences import remaining_differences
from dbsnap.postgres.tables.selection import search_path
from dbsnap.postgres.tables.staged_table import DELETED, INSERTED, KEPT, UPDATED
from dbsnap.postgres.tables.switches import (
    Statements,
    foreign_key_switch,
    not_null_switch,
    switches,
)
from dbsnap.postgres.tables.unique_values import let_go
from dbsnap.report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbsnap.operations.table_restore.work import TableWork
    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.tables.live_table import TableName
    from dbsnap.postgres.tables.staged_table import Kind, StagedTable

ROLLED_BACK = "everything was rolled back: nothing was changed"

WORDS = {INSERTED: "are missing", UPDATED: "differ", DELETED: "are too many"}

COUNT = """\
SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (
    WHERE t.xmin = pg_catalog.pg_current_xact_id()::pg_catalog.xid) FROM {} AS t"""
"""All rows of a table, and those of them that this transaction wrote."""


def apply_plan(connection: Connection, work: TableWork, *, lock_seconds: float) -> None:
    """Do what is planned, with triggers and rules off, and check that it was exactly that.

    Raises OperationFailed where the server refuses a row, VerificationFailed where the numbers are not
    the plan's; the transaction is then to be rolled back.
    """
    with (
        _bounded_waits(connection, work, lock_seconds),
        _switched_off(connection, _switches(work)),
        _refusals(),
        search_path(connection, work.search_path),  # functions of checks may rely on it
    ):
        execute(connection, "SET CONSTRAINTS ALL DEFERRED")
        for table, key, column in work.letting_go:
            execute(connection, let_go(table, key, column.name))
        statement, counted = change_statement(work.tables, work.counts, work.changed)
        if counted:
            done = fetch_value(connection, statement)
            for (number, kind), rows in zip(counted, done, strict=True):
                _refuse_other_number(work, number, kind, rows)
        execute(connection, "SET CONSTRAINTS ALL IMMEDIATE")


def verify_tables(connection: Connection, work: TableWork) -> None:
    """Compare the tables with the backup: every row, and all numbers with the plan's.

    Raises VerificationFailed naming every difference.
    """
    findings = [
        finding for table in work.tables for finding in _row_findings(connection, work, table)
    ]
    for expected in work.expectations():
        rows, written = fetch(connection, COUNT.format(expected.relation.rows))[0]
        if (rows, written) != (expected.rows, expected.written):
            findings.append(
                _finding(
                    expected.relation,
                    f"{expected.relation.title} has {rows:,} rows, {written:,} of them written now; "
                    f"planned were {expected.rows:,} and {expected.written:,}",
                )
            )
    if findings:
        raise VerificationFailed(
            f"what was restored is not what the backup holds: {findings[0].message}",
            findings,
            hint=ROLLED_BACK,
        )


def verify_definitions(connection: Connection, work: TableWork) -> None:
    """Compare the tables themselves, triggers and all, with what they were; raise VerificationFailed.

    Policies that were off come on again before.
    """
    for _, on in work.unhidden:
        execute(connection, on)
    affected = {*(table.live.relation.oid for table in work.tables), *work.cascaded}
    now = read_live_tables(connection, list(affected))
    keys = read_foreign_keys(connection)
    changed = {oid for oid in affected if not now[oid].same_definition(work.live[oid])}
    changed |= {
        oid for oid in affected if keys.definitions([oid]) != work.foreign_keys.definitions([oid])
    }
    findings = [
        _finding(
            work.live[oid].relation, f"{work.live[oid].relation.title} is not defined as before"
        )
        for oid in sorted(changed)
    ]
    if findings:
        raise VerificationFailed(findings[0].message, findings, hint=ROLLED_BACK)


def _row_findings(connection: Connection, work: TableWork, table: StagedTable) -> list[Finding]:
    if table.mode == "replace":
        select_scope(connection, work, table)
    left = dict(fetch(connection, remaining_differences(table)))
    if left.pop(KEPT, 0) != work.count(table, KEPT):
        left[UPDATED] = work.count(table, KEPT)
    title = table.live.relation.title
    return [
        _finding(table.live.relation, f"{rows:,} rows of {title} {WORDS[kind]}")
        for kind, rows in left.items()
    ]


def _switches(work: TableWork) -> list[Statements]:
    """Return what is to be off: only where something will happen, because locks are needed for it."""
    tables = {table.live.relation.oid: table for table in work.tables if work.changes(table)}
    listed: list[Statements] = []
    for oid in sorted({*tables, *work.cascaded}):
        updated = work.changed.get(tables[oid].number, {}) if oid in tables else {}
        listed += switches(work.live[oid], updated)
    for table, _, column in work.letting_go:
        if column.not_null:
            listed.append(not_null_switch(table.live, column))
        listed += [
            foreign_key_switch(key)
            for key in work.foreign_keys.to(table.live.relation.oid)
            if column.name in key.referenced_columns and key.on_update == "a" and not key.deferrable
        ]
    return list(dict.fromkeys(listed))


@contextmanager
def _bounded_waits(connection: Connection, work: TableWork, lock_seconds: float) -> Iterator[None]:
    """Say who holds what was waited for: readers too, where a table's triggers or rules change."""
    try:
        yield
    except (postgres_errors.LockNotAvailable, postgres_errors.DeadlockDetected):
        relations = [live.relation for live in work.live.values()]
        raise lock_refused(connection, relations, lock_seconds, by_readers=True) from None


@contextmanager
def _switched_off(connection: Connection, listed: Sequence[Statements]) -> Iterator[None]:
    for off, _ in listed:
        execute(connection, off)
    yield
    for _, on in reversed(listed):
        execute(connection, on)


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what the server has against a row into an error that says that nothing happened."""
    try:
        yield
    except (psycopg.IntegrityError, psycopg.DataError) as error:
        table = error.diag.table_name
        detail = error.diag.message_detail
        raise OperationFailed(
            f"a row of the backup cannot be restored{f' into {table}' if table else ''}: "
            f"{error.diag.message_primary}" + (f" ({detail})" if detail else ""),
            hint=f"{ROLLED_BACK}; the rules of the table have changed since the backup",
        ) from None


def _refuse_other_number(work: TableWork, number: int, kind: Kind, rows: int) -> None:
    planned = work.counts[number, kind]
    if rows != planned:
        relation = next(t.live.relation for t in work.tables if t.number == number)
        verb = {INSERTED: "inserted", UPDATED: "updated"}.get(kind, "deleted")
        message = f"{rows:,} rows of {relation.title} were {verb}, planned were {planned:,}"
        raise VerificationFailed(message, [_finding(relation, message)], hint=ROLLED_BACK)


def _finding(relation: TableName, message: str) -> Finding:
    return Finding("different", f"table {relation.full_name}", message)
