"""restore: guard → plan → confirm → side database → psql → compare → swap."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg

from dbsnap.errors import DbsnapError, OperationFailed, VerificationFailed
from dbsnap.operations.comparing import proof
from dbsnap.operations.comparing.reading import expected_content, read_live
from dbsnap.operations.migrations import (
    NO_MIGRATIONS,
    planned_migrations,
    restored_migrations,
)
from dbsnap.operations.opened import as_a_database, content_not_compared, opened_backup
from dbsnap.operations.restoring.in_place import restore_in_place
from dbsnap.operations.restoring.loading import load_dump
from dbsnap.operations.restoring.plan import RestoreOptions, RestorePlan
from dbsnap.operations.restoring.preflight import plan_restore, refuse_existing
from dbsnap.operations.restoring.privileges import apply_privileges, privileges_left_out
from dbsnap.postgres.connection import connect, execute, fetch
from dbsnap.postgres.maintenance import end_session, maintain
from dbsnap.postgres.properties import finish_properties, read_properties
from dbsnap.postgres.quoting import quote_name
from dbsnap.postgres.side import (
    create_side_database,
    discarded_name,
    drop_abandoned_side_databases,
    drop_database,
    give_to,
    kept_databases,
    lock_restores_into,
    moment_after,
    refuse_if_replaced_since,
    side_name,
)
from dbsnap.postgres.swap import swap
from dbsnap.progress import NoProgress
from dbsnap.report import Finding, errors_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from dbsnap.dumpfile.rows import UnorderedSum
    from dbsnap.inventory import Inventory
    from dbsnap.operations.migrations import MigrationReport
    from dbsnap.operations.opened import OpenedBackup
    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.maintenance import Maintenance
    from dbsnap.postgres.url import Database
    from dbsnap.progress import Progress


@dataclass(frozen=True, slots=True)
class Restored:
    """A finished restore. ``inventory`` is what was read back and found to be the backup's.

    A finding that is an error is one of ``migrations``: the backup's history of migrations is empty.
    """

    plan: RestorePlan
    inventory: Inventory
    findings: tuple[Finding, ...]
    duration_seconds: float
    migrations: MigrationReport = NO_MIGRATIONS


def restore(
    dump: Path,
    database: Database,
    *,
    confirm: Callable[[RestorePlan], None],
    options: RestoreOptions | None = None,
    pg_bin: Sequence[Path] = (),
    progress: Progress | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Restored:
    """Put a whole-database backup back, and prove it before anything live changes.

    One of tables makes a database of its own: ``options.to`` must name a new one.
    ``confirm`` is shown the plan and raises ConfirmationNeeded to end it there. The live database is
    the old one until the swap, which is one transaction and the last step; on every failure before it
    the side database is dropped and the live one untouched. Raises DumpRefused, CannotRun,
    VerificationFailed (what was loaded is not the backup, or its migrations are not in order though
    ``options`` require it), or OperationFailed.
    """
    progress = progress or NoProgress()
    options = options or RestoreOptions()
    started = time.monotonic()
    with (
        opened_backup(
            dump,
            progress=progress,
            allowed=options.allow,
            untrusted=options.untrusted,
            keep_outline=options.jobs > 1 and not options.in_place,
        ) as guarded,
        maintain(database) as maintenance,
    ):
        opened = as_a_database(guarded)
        replaced = kept_databases(maintenance, database.name)
        now = moment_after(replaced, clock())
        plan = plan_restore(opened, database, maintenance, options, now=now, pg_bin=pg_bin)
        plan = plan.bringing(planned_migrations(opened, database.schema, options.migrations))
        progress.done()
        confirm(plan)
        name = plan.filled if plan.way == "beside" else database.name
        lock_restores_into(maintenance, name)
        refuse_if_replaced_since(maintenance, database.name, replaced)
        if plan.way == "beside":
            refuse_existing(maintenance, plan.filled)
        dropped, others = drop_abandoned_side_databases(maintenance, name)
        for leftover in dropped:
            progress.note(f"dropped {leftover}, which a restore that was killed had left behind")
        for leftover in others:
            progress.warn(
                f"a restore that was killed left {leftover} behind: its owner can drop it"
            )
        if plan.way == "in place":
            actual, findings = restore_in_place(opened, plan, options, progress=progress)
        else:
            with side_database(maintenance, plan, side_name(name, now)) as side:
                findings, shuffled = fill(opened, plan, side, options, progress=progress)
                actual, differences = compare_side(
                    opened, plan, side, options, shuffled, progress=progress
                )
                findings += differences
                # What must be in order, and is not, does not go live.
                restored_migrations(opened, actual, database.schema, options.migrations)
                findings += keep_properties(maintenance, plan, side.name)
                discarded = discarded_name(name, now)
                put_in_place(maintenance, plan, side.name, discarded, progress=progress)
            if plan.way == "swap" and plan.kept is None:
                drop_replaced(maintenance, plan, discarded)
        findings += content_not_compared(opened)
        migrations = restored_migrations(opened, actual, database.schema, options.migrations)
    progress.done()
    findings += migrations.findings
    return Restored(plan, actual, tuple(findings), time.monotonic() - started, migrations)


@contextmanager
def side_database(maintenance: Maintenance, plan: RestorePlan, name: str) -> Iterator[Database]:
    """Create the database that is filled; it is dropped again if anything raises.

    Where that fails too (the server is gone), the next restore drops it: its name says what it is.
    """
    session = maintenance.connection.info.backend_pid
    try:
        create_side_database(maintenance, name, plan.properties_while_loading)
        yield plan.database.with_name(name)
    except BaseException as error:
        try:
            with maintain(plan.database) as another:
                end_session(
                    another, session
                )  # it may be what failed, or in the middle of something
                drop_database(another, name)
        except DbsnapError:
            if isinstance(error, DbsnapError):
                error.hint = f"if {name} is still there, the next restore drops it"
        raise


def fill(
    opened: OpenedBackup,
    plan: RestorePlan,
    side: Database,
    options: RestoreOptions,
    *,
    progress: Progress,
) -> tuple[list[Finding], dict[str, UnorderedSum]]:
    """Load the dump, then owners and privileges, and let the planner know the new tables.

    Returns what is to be said, and the rows of the tables where they are in another order now.
    """
    progress.phase(f"loading into {side.name}", total_bytes=opened.raw_bytes)
    with connect(side) as connection:
        left_out, findings = privileges_left_out(opened, connection, options)
        shuffled = load_dump(opened, plan, side, connection, options, left_out, progress=progress)
        if opened.record is not None and "public" not in opened.expected.of("schema"):
            execute(connection, "DROP SCHEMA public RESTRICT")  # template0 brings one
        findings += apply_privileges(opened, plan.psql, side, options.privileges)
        progress.phase("analysing")
        findings += analyse(connection)
    return findings, shuffled


def analyse(connection: Connection) -> list[Finding]:
    """Give the planner statistics of the restored tables; a failure is a warning only.

    All at once; but a foreign child that cannot be reached would end it for all others, too, which are
    then done one by one.
    """
    tables = fetch(
        connection,
        "SELECT nspname, relname FROM pg_catalog.pg_class AS c "
        "JOIN pg_catalog.pg_namespace AS n ON n.oid = relnamespace "
        "WHERE relkind IN ('r', 'm') AND nspname !~ '^pg_' AND nspname <> 'information_schema'",
    )
    names = [quote_name(*table) for table in tables]
    try:
        if names:
            execute(connection, f"ANALYZE {', '.join(names)}")
    except psycopg.Error:
        return [finding for name in names for finding in _analyse_one(connection, name)]
    return []


def _analyse_one(connection: Connection, name: str) -> list[Finding]:
    try:
        execute(connection, f"ANALYZE {name}")
    except psycopg.Error as error:
        reason = str(error).strip()
        message = f"ANALYZE of {name} failed, so queries of it may be slow: {reason}"
        return [Finding("advice", "statistics", message, "warning")]
    return []


def keep_properties(maintenance: Maintenance, plan: RestorePlan, filled: str) -> list[Finding]:
    """Give the filled database what is in no dump.

    A database that is replaced must come back with all of it; one that was gone with what can be had.
    """
    if plan.properties_while_loading.owner != plan.properties.owner:
        give_to(maintenance, filled, plan.properties.owner)
    refused = finish_properties(
        maintenance.connection, filled, plan.properties, required=plan.way == "swap"
    )
    return [Finding("advice", "database", message, "warning") for message in refused]


def compare_side(
    opened: OpenedBackup,
    plan: RestorePlan,
    side: Database,
    options: RestoreOptions,
    shuffled: Mapping[str, UnorderedSum],
    *,
    progress: Progress,
) -> tuple[Inventory, list[Finding]]:
    """Read back what was loaded; raise VerificationFailed where it is not what the backup holds."""
    expected = proof.with_content(opened.expected, expected_content(opened))
    jobs = options.jobs if opened.raw_bytes >= options.parallel_from else 1
    with read_live(
        side, opened, psql=plan.psql, progress=progress, jobs=jobs, shuffled=shuffled
    ) as reading:
        findings = proof.restore_differences(
            expected, reading.inventory, privileges=options.privileges == "require"
        )
    if errors_in(findings):
        raise VerificationFailed(
            f"what was restored is not what the backup holds: "
            f"{proof.messages(errors_in(findings))}",
            findings,
            hint=f"{plan.database.name} was not touched",
        )
    return reading.inventory, findings


def put_in_place(
    maintenance: Maintenance, plan: RestorePlan, side: str, discarded: str, *, progress: Progress
) -> None:
    """Give the filled database the name it was made for: the commit point of a restore."""
    if plan.way != "swap":
        name = plan.filled if plan.way == "beside" else plan.database.name
        progress.phase(f"giving it the name {name}")
        swap(maintenance, [(side, name)])
        return
    name = plan.database.name
    progress.phase(f"putting it in the place of {name}")
    present = read_properties(maintenance.connection, name)
    filled = read_properties(maintenance.connection, side)
    if present is None or filled is None or (differing := present.differences(filled)):
        what = ", ".join(differing) if present and filled else "its existence"
        raise OperationFailed(
            f"{name} was changed during the restore ({what}); nothing was swapped"
        )

    def said() -> None:  # at once: an interruption from here on no longer changes what is live
        progress.note(f"{name} is now the restored database")

    swap(maintenance, [(name, plan.kept or discarded), (side, name)], on_commit=said)


def drop_replaced(maintenance: Maintenance, plan: RestorePlan, discarded: str) -> None:
    """Drop the database that was replaced; a failure does not undo the restore, and says so."""
    try:
        drop_database(maintenance, discarded)
    except DbsnapError as error:
        raise OperationFailed(
            f"{plan.database.name} is restored, but what it replaced could not be dropped: {error}",
            hint=f"it is {discarded}; the next restore drops it",
        ) from None
