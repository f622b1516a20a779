"""restore: guard → plan → confirm → side database → psql → compare → swap."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg

from dbsnap.dumpfile.omit import blanked, unknown_settings
from dbsnap.errors import OperationFailed, VerificationFailed
from dbsnap.operations import proof
from dbsnap.operations.opened import opened_backup
from dbsnap.operations.reading import expected_content, read_live
from dbsnap.operations.restore_in_place import restore_in_place
from dbsnap.operations.restore_plan import RestoreOptions, RestorePlan, plan_restore
from dbsnap.operations.restore_privileges import apply_privileges
from dbsnap.postgres.catalog import quote_name
from dbsnap.postgres.connection import connect, execute, fetch
from dbsnap.postgres.load import load
from dbsnap.postgres.properties import finish_properties, read_properties
from dbsnap.postgres.side import (
    create_side_database,
    drop_abandoned_side_databases,
    drop_database,
    lock_restores_into,
    maintain,
    swap,
)
from dbsnap.progress import NoProgress
from dbsnap.report import Finding, errors_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from dbsnap.inventory import Inventory
    from dbsnap.operations.opened import OpenedBackup
    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.side import Maintenance
    from dbsnap.postgres.url import Database
    from dbsnap.progress import Progress


@dataclass(frozen=True, slots=True)
class Restored:
    """A finished restore. ``inventory`` is what was read back and found to be the backup's."""

    plan: RestorePlan
    inventory: Inventory
    findings: tuple[Finding, ...]
    duration_seconds: float


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

    ``confirm`` is shown the plan and raises ConfirmationNeeded to end it there. The live database is
    the old one until the swap, which is one transaction and the last step; on every failure before it
    the side database is dropped and the live one untouched. Raises DumpRefused, CannotRun,
    VerificationFailed (what was loaded is not the backup), or OperationFailed.
    """
    progress = progress or NoProgress()
    options = options or RestoreOptions()
    started = time.monotonic()
    with opened_backup(dump, progress=progress) as opened, maintain(database) as maintenance:
        plan = plan_restore(opened, database, maintenance, options, now=clock(), pg_bin=pg_bin)
        progress.done()
        confirm(plan)
        lock_restores_into(maintenance, database.name)
        for leftover in drop_abandoned_side_databases(maintenance, database.name):
            progress.note(f"dropped {leftover}, which a restore that was killed had left behind")
        if plan.way == "in place":
            actual, findings = restore_in_place(opened, plan, options, progress=progress)
        else:
            with side_database(maintenance, plan) as side:
                findings = fill(opened, plan, side, options, progress=progress)
                actual, differences = compare_side(opened, plan, side, options, progress=progress)
                findings += differences
                finish_properties(maintenance.connection, plan.filled, plan.properties)
                put_in_place(maintenance, plan, progress=progress)
    progress.done()
    return Restored(plan, actual, tuple(findings), time.monotonic() - started)


@contextmanager
def side_database(maintenance: Maintenance, plan: RestorePlan) -> Iterator[Database]:
    """Create the database that is filled; it is dropped again if the block raises."""
    create_side_database(maintenance, plan.filled, plan.properties)
    try:
        yield plan.database.with_name(plan.filled)
    except BaseException:
        with maintain(plan.database) as another:  # the first connection may be what failed
            drop_database(another, plan.filled)
        raise


def fill(
    opened: OpenedBackup,
    plan: RestorePlan,
    side: Database,
    options: RestoreOptions,
    *,
    progress: Progress,
) -> list[Finding]:
    """Load the dump, then owners and privileges, and let the planner know the new tables."""
    progress.phase(f"loading into {side.name}", total_bytes=opened.raw_bytes)
    read, digest = opened.dump.hashing_reader()
    with connect(side) as connection:
        known = {row[0] for row in fetch(connection, "SELECT name FROM pg_catalog.pg_settings")}
        omitted = unknown_settings(opened.dump.raw(), known)
        for _, setting in omitted:
            progress.note(f"left out SET {setting}, which this server does not know")
        load(
            plan.psql,
            side,
            blanked(read, [span for span, _ in omitted]),
            on_progress=progress.advance,
        )
        if digest() != opened.sha256:
            raise OperationFailed(
                f"{opened.dump.path.name} was changed while it was loaded; nothing was swapped"
            )
        if opened.record is not None and "public" not in opened.expected.of("schema"):
            execute(connection, "DROP SCHEMA public RESTRICT")  # template0 brings one
        findings = apply_privileges(opened, plan.psql, side, options.privileges)
        progress.phase("analysing")
        findings += analyse(connection)
    return findings


def analyse(connection: Connection) -> list[Finding]:
    """Give the planner statistics of the restored tables; a failure is a warning only.

    Table by table, because a foreign table that cannot be reached would end it for all.
    """
    tables = fetch(
        connection,
        "SELECT nspname, relname FROM pg_catalog.pg_class AS c "
        "JOIN pg_catalog.pg_namespace AS n ON n.oid = relnamespace "
        "WHERE relkind IN ('r', 'm') AND nspname !~ '^pg_' AND nspname <> 'information_schema'",
    )
    names = ", ".join(quote_name(*table) for table in tables)
    try:
        if names:
            execute(connection, f"ANALYZE {names}")
    except psycopg.Error as error:
        message = f"ANALYZE failed, so queries may be slow until it is run: {error}"
        return [Finding("advice", "statistics", message.strip(), "warning")]
    return []


def compare_side(
    opened: OpenedBackup,
    plan: RestorePlan,
    side: Database,
    options: RestoreOptions,
    *,
    progress: Progress,
) -> tuple[Inventory, list[Finding]]:
    """Read back what was loaded; raise VerificationFailed where it is not what the backup holds."""
    expected = proof.with_content(opened.expected, expected_content(opened))
    with read_live(side, opened, psql=plan.psql, progress=progress) as reading:
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


def put_in_place(maintenance: Maintenance, plan: RestorePlan, *, progress: Progress) -> None:
    """Make the filled database the live one: the commit point of a restore."""
    name = plan.database.name
    if plan.way == "beside":
        return
    progress.phase(f"putting it in the place of {name}")
    if plan.way == "create":
        swap(maintenance, [(plan.filled, name)])
        return
    present = read_properties(maintenance.connection, name)
    filled = read_properties(maintenance.connection, plan.filled)
    if present is None or filled is None or (differing := present.differences(filled)):
        what = ", ".join(differing) if present and filled else "its existence"
        raise OperationFailed(
            f"{name} was changed during the restore ({what}); nothing was swapped"
        )
    discarded = plan.kept or plan.filled.replace("_restore_", "_discard_")
    swap(maintenance, [(name, discarded), (plan.filled, name)])
    if plan.kept is None:
        drop_database(maintenance, discarded)
