"""The plan of a restore of tables: what foreign keys make of it, here and in other tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsnap.errors import RightMissing
from dbsnap.operations.table_restore.plan import Effect, Rows, counted, row_name
from dbsnap.postgres.connection import execute, fetch, fetch_value
from dbsnap.postgres.tables import references
from dbsnap.postgres.tables.after_image import CREATE_CASCADE
from dbsnap.postgres.tables.staged_table import DELETED, INSERTED, UPDATED
from dbsnap.report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from dbsnap.operations.table_restore.work import TableWork
    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.tables.live_table import ForeignKey, ForeignKeys, TableName
    from dbsnap.postgres.tables.references import Cause
    from dbsnap.postgres.tables.staged_table import Kind, StagedTable

SHOWN_COLUMNS = 3


def reachable_tables(
    tables: Iterable[TableName], keys: ForeignKeys, *, deletes: bool
) -> dict[int, TableName]:
    """Return the tables that foreign keys may change when rows of these change, and these. Pure.

    ``deletes``: rows may be deleted, or else only updated.
    """
    found = {table.oid: table for table in tables}
    queue = [(oid, True) for oid in found]
    while queue:
        oid, updated = queue.pop()
        for key in keys.to(oid):
            updating = updated and key.on_update not in references.HOLDING
            deleting = deletes and key.on_delete not in references.HOLDING
            if (updating or deleting) and key.table.oid not in found:
                found[key.table.oid] = key.table
                queue.append((key.table.oid, False))
    return found


def tied_tables(tables: Iterable[int], keys: ForeignKeys) -> set[int]:
    """Return these tables and those that a foreign key ties to one of them. Pure."""
    found = {*tables}
    for oid in [*found]:
        found |= {key.table.oid for key in keys.to(oid)}
        found |= {key.referenced.oid for key in keys.of(oid)}
    return found


def follow_foreign_keys(connection: Connection, work: TableWork) -> list[Effect]:
    """Return what foreign keys will do to rows that the plan does not speak of.

    Rows that stay although a row they reference goes, and rows of the backup that a foreign key would
    delete again, become problems. Raises RightMissing where the role may not look.
    """
    execute(connection, CREATE_CASCADE)
    walk = _Walk(connection, work)
    walk.go()
    for oid, relation in {key.table.oid: key.table for key, _ in walk.acting}.items():
        deleted, changed = fetch(connection, references.cascaded_rows(relation))[0]
        if deleted or changed:
            work.cascaded[oid] = (deleted, changed)
            work.present[oid] = fetch_value(
                connection, f"SELECT pg_catalog.count(*) FROM {relation.rows}"
            )
    for (key, cause), gone in walk.holding.items():
        restricts = references.action_of(key, cause) == "r"
        restored = [] if restricts else work.restored(key.referenced)
        _find_held(connection, work, key, gone, restored)
    for table in work.tables:
        if walk.acting and table.key:
            _find_undone(connection, work, table)
    return _effects(connection, work, walk)


def find_missing_references(connection: Connection, work: TableWork) -> list[str]:
    """Note restored rows that reference a row which will not be there; return what was not checked."""
    unchecked = []
    for table in work.tables:
        for key in work.foreign_keys.of(table.live.relation.oid):
            if not work.kinds(table):
                continue
            if not key.referenced.readable:
                unchecked.append(
                    f"the role may not read {key.referenced.title}: whether it has the rows that "
                    f"{key.name} needs is seen only when they are restored"
                )
                continue
            restored = work.restored(key.referenced)
            going = _going(work, restored, key)
            if kinds := _kinds_to_check(work, table, key, may_be_gone=bool(going)):
                query = references.missing_references(key, table, kinds, restored, going=going)
                if found := fetch(connection, query):
                    work.problems.append(_missing(table, key, found))
    return unchecked


class _Walk:
    """Follows foreign keys from the rows that the plan takes away to all that these take with them."""

    def __init__(self, connection: Connection, work: TableWork) -> None:
        self._connection = connection
        self._work = work
        self._deleted_in: list[int] = []
        self.acting: dict[tuple[ForeignKey, Cause], int] = {}
        self.holding: dict[tuple[ForeignKey, Cause], str] = {}

    def go(self) -> None:
        for table in self._work.tables:
            for key in self._work.foreign_keys.to(table.live.relation.oid):
                if self._work.count(table, DELETED):
                    self._take(key, "delete", references.gone_by_plan(key, table, "delete"))
                if self._work.updates_any(table, key.referenced_columns):
                    self._take(key, "update", references.gone_by_plan(key, table, "update"))
        while self._deleted_in:
            for key in self._work.foreign_keys.to(self._deleted_in.pop()):
                self._take(key, "delete", references.gone_by_cascade(key))
        execute(self._connection, references.FORGET_CHANGES_OF_DELETED)

    def _take(self, key: ForeignKey, cause: Cause, gone: str) -> None:
        if not key.table.readable:
            raise RightMissing(
                f"the role may not read {key.table.title}, whose rows reference rows that would go",
                hint=f"GRANT SELECT ON {key.table.sql} to it, or connect as the owner of both",
            )
        if references.action_of(key, cause) in references.HOLDING:
            before = self.holding.get((key, cause))
            self.holding[key, cause] = f"{before} UNION {gone}" if before else gone
            return
        number = self.acting.setdefault((key, cause), len(self.acting))
        statement = references.follow(number, key, cause, gone)
        hit = self._connection.execute(statement.encode()).rowcount
        if hit and references.effect_of(key, cause) == "d":
            self._deleted_in.append(key.table.oid)
        _find_followed_wrongly(self._connection, self._work, key, gone)
        if hit and cause == "update" and key.on_update == "c":
            _find_followed_twice(self._connection, self._work, key, gone)


def _effects(connection: Connection, work: TableWork, walk: _Walk) -> list[Effect]:
    effects = []
    for (key, cause), number in walk.acting.items():
        kind = references.effect_of(key, cause)
        shown = _shown_columns(work, key.table)
        query = references.cascade_samples(number, kind, key.table, shown)
        if found := fetch(connection, query):
            action = references.ACTIONS[references.action_of(key, cause)]
            names = tuple(row_name(shown, values) for _, values in found)
            rows = Rows(found[0][0], names)
            effects.append(Effect(key.table.title, key.name, action, kind == "d", rows))
    return effects


def _find_followed_wrongly(
    connection: Connection, work: TableWork, key: ForeignKey, gone: str
) -> None:
    restored = [table for table in work.restored(key.table) if work.kinds(table)]
    for table, query in zip(
        restored, references.followed_wrongly(key, gone, restored), strict=True
    ):
        if found := fetch(connection, query):
            names = ", ".join(row_name(table.shown_columns, values) for _, values in found)
            message = (
                f"{counted(found[0][0], 'row')} of {key.table.title} ({names}) reference a key of "
                f"{key.referenced.title} that one row gives up to another, so {key.name} would act on "
                f"them: restore {key.table.title} after it"
            )
            work.problems.append(_problem(key.table, message))


def _find_followed_twice(
    connection: Connection, work: TableWork, key: ForeignKey, gone: str
) -> None:
    restored = work.restored(key.referenced)
    count = fetch_value(connection, references.taken_again(key, gone, restored))
    if count:
        message = (
            f"{counted(count, 'row')} of {key.referenced.title} give up a key that others take, and "
            f"{key.name} of {key.table.title} cannot tell whom to follow"
        )
        work.problems.append(_problem(key.referenced, message))


def _find_held(
    connection: Connection,
    work: TableWork,
    key: ForeignKey,
    gone: str,
    restored: Sequence[StagedTable],
) -> None:
    shown = _shown_columns(work, key.table)
    found = fetch(connection, references.holding(key, gone, restored, shown))
    if found:
        names = ", ".join(row_name(shown, values) for _, values in found)
        message = (
            f"{counted(found[0][0], 'row')} of {key.table.title} ({names}) would reference rows of "
            f"{key.referenced.title} that go ({key.name}): restore {key.table.title} with it, or "
            "remove them"
        )
        work.problems.append(_problem(key.table, message))


def _find_undone(connection: Connection, work: TableWork, table: StagedTable) -> None:
    found = fetch(connection, references.undone_rows(table))
    if found:
        names = ", ".join(row_name(table.shown_columns, values) for _, values in found)
        message = (
            f"{counted(found[0][0], 'row')} of {table.live.relation.title} ({names}) are in the "
            "backup, but reference rows that are not and would go"
        )
        work.problems.append(_problem(table.live.relation, message))


def _kinds_to_check(
    work: TableWork, table: StagedTable, key: ForeignKey, *, may_be_gone: bool
) -> list[Kind]:
    """Return the kinds of restored rows that may reference what will not be there."""
    any_deleted = may_be_gone or any(deleted for deleted, _ in work.cascaded.values())
    return [
        kind
        for kind in work.kinds(table)
        if kind == INSERTED or any_deleted or work.updates_any(table, key.columns)
    ]


def _going(work: TableWork, restored: Sequence[StagedTable], key: ForeignKey) -> list[Kind]:
    """Return the kinds of the referenced table's plan that take referenced keys away."""
    going: list[Kind] = []
    if any(work.count(table, DELETED) for table in restored):
        going.append(DELETED)
    if any(work.updates_any(table, key.referenced_columns) for table in restored):
        going.append(UPDATED)
    return going


def _missing(table: StagedTable, key: ForeignKey, found: Sequence[tuple[Any, ...]]) -> Finding:
    names = ", ".join(row_name(table.shown_columns, values) for _, values in found)
    message = (
        f"{counted(found[0][0], 'row')} of {table.live.relation.title} ({names}) reference rows of "
        f"{key.referenced.title} that are not there ({key.name}): restore {key.referenced.title} too"
    )
    return _problem(table.live.relation, message)


def _shown_columns(work: TableWork, relation: TableName) -> tuple[str, ...]:
    live = work.live[relation.oid]
    return live.primary_key or tuple(column.name for column in live.columns[:SHOWN_COLUMNS])


def _problem(relation: TableName, message: str) -> Finding:
    return Finding("different", f"table {relation.full_name}", message)
