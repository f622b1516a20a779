"""A restore of tables, up to the plan: tables locked and read, columns mapped, rows staged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsnap.errors import RightMissing, ServerFailed, UsageError
from dbsnap.inventory import split_name
from dbsnap.operations.table_backup.row_filter import filter_errors, row_filter
from dbsnap.operations.table_restore.columns import (
    columns_named,
    fills_given,
    filters_given,
    map_columns,
)
from dbsnap.operations.table_restore.plan_references import reachable_tables, tied_tables
from dbsnap.operations.table_restore.work import TableWork
from dbsnap.postgres.connection import execute, fetch_value
from dbsnap.postgres.tables.live_table import (
    find_table,
    read_domains,
    read_foreign_keys,
    read_live_tables,
)
from dbsnap.postgres.tables.locks import lock_tables
from dbsnap.postgres.tables.selection import search_path as searching
from dbsnap.postgres.tables.staged_table import (
    StagedTable,
    create_scope,
    fill_scope,
    leave_out_of_stage,
)
from dbsnap.postgres.tables.staging import stage_rows
from dbsnap.postgres.tables.switches import row_security_switch

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from dbsnap.operations.table_backup.row_filter import RowFilter
    from dbsnap.operations.table_restore.backup_table import BackupTable
    from dbsnap.operations.table_restore.creation import Created
    from dbsnap.operations.table_restore.plan import TableRestoreOptions
    from dbsnap.operations.table_restore.source import TablesSource
    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.tables.live_table import ForeignKeys, LiveTable
    from dbsnap.postgres.tables.staged_table import Mode
    from dbsnap.postgres.tables.switches import Statements
    from dbsnap.progress import Progress


def prepare_tables(
    connection: Connection,
    tables: Sequence[BackupTable],
    options: TableRestoreOptions,
    created: Created,
    path: str,
) -> TableWork:
    """Lock the live tables, and all that foreign keys may change with them, and map the columns.

    ``path`` is the search path that filters are read under. Raises ServerFailed where a lock is not to
    be had, UsageError where columns do not fit, RightMissing where policies hide rows from the role.
    """
    oids = {table.name: _live_oid(connection, table) for table in tables}
    live, keys, unhidden = _lock_and_read(connection, list(oids.values()), options)
    by_name = {name: live[oid] for name, oid in oids.items()}
    columns = {name: [column.name for column in by_name[name].columns] for name in by_name}
    filters = filters_given(options.where, tables)
    fills = fills_given(options.fills, tables, columns)
    ignored = columns_named(options.ignore_columns, tables, columns)
    work = TableWork(path, live, keys, unhidden, created)
    for number, table in enumerate(tables, start=1):
        work.mappings[number] = map_columns(
            table, by_name[table.name], ignored=ignored[table.name], fills=fills[table.name]
        )
        if table.name in filters:
            work.filters[number] = filters[table.name]
        work.tables.append(_staged(number, table, by_name[table.name], work, options.mode))
    return work


def stage_tables(
    connection: Connection,
    source: TablesSource,
    work: TableWork,
    progress: Progress,
) -> None:
    """Bring the backup's rows beside the live ones, those that the filters select.

    Raises OperationFailed where rows do not fit, UsageError where the server does not take a filter.
    """
    domains = read_domains(connection)
    for table, staged in zip(source.tables, work.tables, strict=True):
        progress.phase(f"reading the backup's rows of {table.title}", total_bytes=table.size)
        types = {column.name: column.type for column in staged.live.columns}
        with searching(connection, work.search_path):  # functions of domains may rely on it
            count = stage_rows(
                connection,
                staged,
                table.rows(types, domains),
                encoding=source.encoding,
                codec=source.codec,
                on_progress=progress.advance,
            )
        if staged.mode == "replace":
            execute(connection, create_scope(staged))
            select_scope(connection, work, staged)
        if condition := work.filters.get(staged.number):
            statement = leave_out_of_stage(staged, condition.condition())
            _run_filter(connection, work, staged, condition.condition(), statement)
            query = f"SELECT pg_catalog.count(*) FROM {staged.stage}"
            count = fetch_value(connection, query)
        work.staged_rows[staged.number] = count


def select_scope(connection: Connection, work: TableWork, table: StagedTable) -> None:
    """Find the live rows that the filter of a table selects now, if it has one."""
    if table.filter:
        execute(connection, f"TRUNCATE {table.scope}")
        _run_filter(connection, work, table, table.filter, fill_scope(table))
        execute(connection, f"ANALYZE {table.scope}")


def _lock_and_read(
    connection: Connection, oids: Collection[int], options: TableRestoreOptions
) -> tuple[dict[int, LiveTable], ForeignKeys, list[Statements]]:
    """Return what the locked tables are, and how policies forced on their owner come on again."""
    locked: set[int] = set()
    while True:  # until no table has gained a foreign key before it was locked
        keys = read_foreign_keys(connection)
        live = read_live_tables(connection, list(oids))
        relations = [table.relation for table in live.values()]
        wanted = reachable_tables(relations, keys, deletes=options.mode == "replace")
        if wanted.keys() <= locked:
            break
        lock_tables(connection, wanted.values(), options.lock_timeout_seconds)
        locked |= wanted.keys()
    unhidden = [_unhide(table) for table in live.values() if table.row_security]
    for off, _ in unhidden:
        execute(connection, off)
    keys = read_foreign_keys(connection)
    return read_live_tables(connection, list(tied_tables(wanted, keys))), keys, unhidden


def _staged(
    number: int, table: BackupTable, live: LiveTable, work: TableWork, mode: Mode
) -> StagedTable:
    mapping = work.mappings[number]
    if not mapping.key and mode == "upsert":
        raise UsageError(
            f"{table.title} has no key by which a changed row could be told from a new one",
            hint="--mode replace makes it exactly the backup's, --mode insert adds missing rows",
        )
    return StagedTable(
        number=number,
        live=live,
        dumped=table.columns or mapping.restored,
        restored=mapping.restored,
        key=mapping.key,
        mode=mode,
        filter=_whole_filter(table, work.filters.get(number)),
        fills=mapping.fills,
    )


def _live_oid(connection: Connection, table: BackupTable) -> int:
    oid = find_table(connection, *split_name(table.name))
    if not oid:
        raise ServerFailed(f"{table.title} went away", hint="nothing was changed; try again")
    return oid


def _whole_filter(table: BackupTable, asked: RowFilter | None) -> str:
    own = row_filter(table.where) if table.where else None
    if own and asked:
        return row_filter(f"{own.condition()} AND {asked.condition()}").condition()
    one = own or asked
    return one.condition() if one else ""


def _run_filter(
    connection: Connection,
    work: TableWork,
    table: StagedTable,
    condition: str,
    statement: str,
) -> None:
    name = table.live.relation.full_name
    read = row_filter(condition[1:-1])  # what stands in the parentheses
    with searching(connection, work.search_path), filter_errors(name, read, statement):
        # A binary result makes it the extended protocol, which takes one statement and no more.
        connection.execute(statement.encode(), binary=True)


def _unhide(table: LiveTable) -> Statements:
    if not table.owned:
        raise RightMissing(
            f"row security hides rows of {table.relation.title} from this role",
            hint="connect as its owner, or as a role with BYPASSRLS",
        )
    return row_security_switch(table)
