"""Prisma's migrations when a backup is taken, restored or verified: history against directory.

Prisma's own status reads nothing but its history: it says "up to date" with every other table dropped,
with an edited migration, and with one that is not here. Nothing of Prisma's is run for any of this.
"""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from dbsnap.errors import CannotRun, VerificationFailed
from dbsnap.inventory import object_name, split_name
from dbsnap.operations.migration_findings import MARK_APPLIED, Found, failed, migration_findings
from dbsnap.postgres.catalog import MIGRATIONS_TABLE
from dbsnap.prisma.history import HistoryRow, MigrationStatus, status_of
from dbsnap.prisma.migrations import LocalMigrations, read_migrations
from dbsnap.prisma.places import SAY_IT, migrations_directory
from dbsnap.report import Finding, errors_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from dbsnap.inventory import Inventory
    from dbsnap.operations.migration_findings import Moment
    from dbsnap.operations.opened import OpenedBackup

MARK_PURPOSE = "mark as applied each migration whose changes the database has"
PUBLIC_HISTORY = object_name("public", MIGRATIONS_TABLE)


@dataclass(frozen=True, slots=True)
class ProjectMigrations:
    """The migrations beside the project, and whether they must be in order.

    ``local`` is None where there are none; ``problem`` says why they could not be read. ``required`` is
    ``--require-migrations``: whatever is not in order is then an error.
    """

    local: LocalMigrations | None = None
    problem: str = ""
    required: bool = False


HISTORY_ALONE = ProjectMigrations()
"""There is no project, and so only what the history itself tells."""


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What is known of the migrations of one database or one backup, and what to say of it.

    ``history`` is the table it was read from, "" where there is none; ``status`` is None where there is
    nothing of Prisma's at all, or nothing is known. ``commands`` bring back a history that was emptied.
    """

    history: str = ""
    status: MigrationStatus | None = None
    findings: tuple[Finding, ...] = ()
    commands: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any] | None:
        """Return it as it stands in a ``--json`` document; None where there is nothing of Prisma's."""
        if self.status is None:
            return None
        return {"history": self.history, **asdict(self.status), "commands": self.commands}


NO_MIGRATIONS = MigrationReport()


def read_project(root: Path, configured: str | None, *, required: bool) -> ProjectMigrations:
    """Read the migrations of the project in ``root``; ``configured`` is where dbsnap.toml says they are.

    Raises UsageError where that is no directory. What cannot be read becomes a ``problem``.
    """
    directory, problem = migrations_directory(root, configured)
    if directory is None:
        return ProjectMigrations(None, problem, required)
    title = str(directory.relative_to(root)) if directory.is_relative_to(root) else str(directory)
    try:
        return ProjectMigrations(read_migrations(directory, title), "", required)
    except OSError as error:
        problem = f"{title} cannot be read: {error.strerror or type(error).__name__}"
        return ProjectMigrations(None, problem, required)


def report_migrations(
    inventory: Inventory,
    schema: str | None,
    project: ProjectMigrations,
    moment: Moment,
    *,
    recorded: Inventory | None = None,
) -> MigrationReport:
    """Return what is to be said of the migrations in an inventory; pure.

    ``schema`` is Prisma's ``?schema=``. ``recorded`` is what the backup holds that the inventory's
    database is compared with. An inventory read out of a dump knows nothing of migrations, and nothing
    is said of it. Raises CannotRun where migrations are required, and there are none on either side.
    """
    if "migration" not in inventory.objects:
        return NO_MIGRATIONS
    histories, local = _histories(inventory), project.local
    table = choose_history(histories, schema)
    findings = [
        failed(name, other, moment)
        for other, rows in histories.items()
        if other != table
        for name in status_of(rows, None).failed
    ]
    if project.problem:
        findings.append(Finding("advice", "migrations", project.problem, "warning"))
    if table is None and not (local and local.names):
        _refuse_nothing(project, histories)
        return MigrationReport(findings=_settled(findings, project))
    home = table or object_name(schema or "public", MIGRATIONS_TABLE)
    recorded_rows = _histories(recorded).get(home, []) if recorded else []
    found = Found(
        moment=moment,
        table=home,
        there=table is not None,
        status=status_of(histories.get(home, []), local),
        local=local,
        had_rows=bool(recorded_rows),
        holds_tables=any(name not in histories for name in _tables(inventory)),
    )
    findings += migration_findings(found)
    names = _to_mark(recorded_rows, local) if found.emptied else []
    commands = tuple(f"{MARK_APPLIED} {shlex.quote(name)}" for name in names)
    return MigrationReport(table or "", found.status, _settled(findings, project), commands)


def planned_migrations(
    opened: OpenedBackup, schema: str | None, project: ProjectMigrations | None
) -> MigrationReport:
    """Return what a restore of this backup would bring; raise VerificationFailed as ``demand`` does.

    Of a dump without a record this is known only when it is loaded. Nothing is said where there is no
    ``project``, nor of a backup of tables.
    """
    if project is None or _of_tables(opened):
        return NO_MIGRATIONS
    report = report_migrations(opened.expected, schema, project, "plan")
    demand(report, project, "nothing was restored")
    return report


def restored_migrations(
    opened: OpenedBackup,
    actual: Inventory,
    schema: str | None,
    project: ProjectMigrations | None,
) -> MigrationReport:
    """Return what a restore has brought, before it is live; raise as ``planned_migrations`` does."""
    if project is None or _of_tables(opened):
        return NO_MIGRATIONS
    report = report_migrations(actual, schema, project, "restore")
    demand(report, project, "nothing live was changed")
    return report


def live_migrations(
    opened: OpenedBackup, live: Inventory, schema: str | None, project: ProjectMigrations | None
) -> MigrationReport:
    """Return what is to be said of the live database that the backup is compared with."""
    if project is None or _of_tables(opened):
        return NO_MIGRATIONS
    return report_migrations(live, schema, project, "verify", recorded=opened.expected)


def demand(report: MigrationReport, project: ProjectMigrations, consequence: str) -> None:
    """Raise VerificationFailed where migrations are required to be in order, and are not.

    ``consequence`` says what was therefore not done.
    """
    wrong = errors_in(report.findings)
    if project.required and wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise VerificationFailed(
            f"Prisma's migrations are not in order, and {consequence}: {wrong[0].message}{more}",
            report.findings,
            hint=f"{MARK_PURPOSE}: {'; '.join(report.commands)}"
            if report.commands
            else "settle it, or leave --require-migrations out",
        )


def choose_history(histories: Iterable[str], schema: str | None) -> str | None:
    """Return which of these history tables is the project's.

    It is the one in the schema that the URL names (``?schema=``), as Prisma has it. A URL that names
    none may not be the one that Prisma uses: the one in ``public``, else the only one there is.
    """
    known = list(histories)
    if schema is not None:
        wanted = object_name(schema, MIGRATIONS_TABLE)
        return wanted if wanted in known else None
    if PUBLIC_HISTORY in known:
        return PUBLIC_HISTORY
    return known[0] if len(known) == 1 else None


def _of_tables(opened: OpenedBackup) -> bool:
    """Whether a backup is of tables alone: what it holds of a history is no database's."""
    return opened.record is not None and bool(opened.record.selection)


def _histories(inventory: Inventory) -> dict[str, list[HistoryRow]]:
    """Return the rows of each history table by its name, in the order of their attempts."""
    found: dict[str, list[HistoryRow]] = {
        name: [] for name in _tables(inventory) if split_name(name)[-1] == MIGRATIONS_TABLE
    }
    for name, facts in inventory.of("migration").items():
        row = HistoryRow(
            str(facts.get("migration_name", name)), str(facts.get("checksum")), facts["state"]
        )
        found.setdefault(facts.get("table", PUBLIC_HISTORY), []).append(row)
    return found


def _tables(inventory: Inventory) -> list[str]:
    """Return the tables that are the application's or Prisma's: not an extension's, not foreign ones."""
    return [
        name
        for name, facts in inventory.of("table").items()
        if facts.get("form") in {"table", "partitioned table"}
    ]


def _to_mark(recorded: Sequence[HistoryRow], local: LocalMigrations | None) -> list[str]:
    """Return the migrations to mark as applied: the backup's applied ones, else all that are here."""
    applied = status_of(recorded, None).applied
    if local is None:
        return list(applied)
    here = [migration.name for migration in local.migrations]
    return [name for name in applied if name in here] if applied else here


def _refuse_nothing(project: ProjectMigrations, histories: Iterable[str]) -> None:
    if project.required and not project.problem and not list(histories):
        raise CannotRun(
            "--require-migrations: there is no history of migrations in the database, and no directory "
            "of migrations here",
            hint=f"run it beside the project's directory prisma, or {SAY_IT}",
        )


def _settled(findings: Iterable[Finding], project: ProjectMigrations) -> tuple[Finding, ...]:
    """Return the findings, warnings as errors where migrations are required to be in order."""
    if not project.required:
        return tuple(findings)
    return tuple(
        replace(finding, severity="error") if finding.severity == "warning" else finding
        for finding in findings
    )
