"""What there is to say of the migrations of one database or backup, as findings. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dbsnap.inventory import split_name
from dbsnap.report import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbsnap.prisma.history import MigrationStatus
    from dbsnap.prisma.migrations import LocalMigrations
    from dbsnap.report import FindingKind, Severity

Moment = Literal["backup", "plan", "restore", "verify"]
"""When it is said: ``plan`` of what a backup would bring, the others of a database as it is."""

DEPLOY = "`npx prisma migrate deploy`"
MARK_APPLIED = "npx prisma migrate resolve --applied"
NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Found:
    """One history of migrations, and what is beside it.

    ``table`` is where it is, or would be if it were ``there``. ``had_rows``: the backup that the
    database is compared with has a history. ``holds_tables``: there are tables besides.
    """

    moment: Moment
    table: str
    there: bool
    status: MigrationStatus
    local: LocalMigrations | None
    had_rows: bool
    holds_tables: bool

    @property
    def emptied(self) -> bool:
        """Whether the history was lost: there is what migrations make, and nothing says which did."""
        status = self.status
        known_here = self.local is not None and bool(self.local.migrations)
        rows = (*status.applied, *status.failed, *status.rolled_back)
        return not rows and self.holds_tables and (self.there or self.had_rows or known_here)


def migration_findings(found: Found) -> list[Finding]:
    """Return every finding about one history; a note says so where all is in order.

    A history that was emptied is an error in a database that was restored or verified. All else are
    warnings, and notes where there is nothing to do.
    """
    findings = [failed(name, found.table, found.moment) for name in found.status.failed]
    findings += [_emptied(found)] if found.emptied else _pending(found)
    if found.local is not None:
        findings += _unlike_here(found, found.local)
    if found.status.applied and not found.holds_tables and _make_tables(found.status, found.local):
        findings.append(_without_tables(found))
    findings += _rolled_back(found)
    if not any(finding.severity != "note" for finding in findings):
        findings += _in_order(found)
    return findings


def failed(name: str, table: str, moment: Moment) -> Finding:
    """Say that a migration in this history failed."""
    own_schema = split_name(table)[0]
    title = name if own_schema == "public" else f"{own_schema}: {name}"
    message = (
        f"migration {title} failed, or still runs: it is neither finished nor rolled back; "
        "prisma migrate resolve settles it"
    )
    return _finding(moment, "advice", title, message)


def _emptied(found: Found) -> Finding:
    what = (
        f"the history of migrations ({found.table}) is empty, though there are tables: {DEPLOY} would "
        "apply every migration again"
        if found.there
        else f"there is no history of migrations ({found.table}), though there are tables: Prisma "
        "refuses to migrate such a database (P3005)"
    )
    message = f"{what}. Mark each migration whose changes are there: {MARK_APPLIED} NAME"
    fatal = found.moment in {"restore", "verify"} and (found.there or found.had_rows)
    return _finding(found.moment, "missing", "", message, "error" if fatal else "warning")


def _pending(found: Found) -> list[Finding]:
    pending = found.status.pending
    if not pending:
        return []
    planned = found.moment == "plan"
    when = "will be pending after this restore" if planned else _are(pending, "pending")
    message = f"{_counted(pending)} {when}: run {DEPLOY} ({_listed(pending)})"
    return [Finding("missing", "migrations", message, "warning")]


def _unlike_here(found: Found, local: LocalMigrations) -> list[Finding]:
    """Say how history and directory differ otherwise, and what Prisma refuses of the directory."""
    findings = []
    for name in found.status.edited:
        message = (
            f"migration {name} was edited after it was applied: the checksum of "
            f"{local.directory}/{name}/migration.sql is not that of the history"
        )
        findings.append(_finding(found.moment, "different", name, message))
    if missing := found.status.missing_here:
        message = (
            f"the history has {_counted(missing)} that {local.directory} lacks ({_listed(missing)})"
        )
        findings.append(_finding(found.moment, "unexpected", "", message))
    for name in local.without_script:
        message = f"{local.directory}/{name} has no migration.sql, which Prisma refuses (P3015)"
        findings.append(Finding("damaged", f"migration {name}", message, "warning"))
    for name in local.unreadable:
        message = f"{local.directory}/{name}/migration.sql cannot be read"
        findings.append(Finding("advice", f"migration {name}", message, "warning"))
    return findings


def _without_tables(found: Found) -> Finding:
    applied = found.status.applied
    message = (
        f"the history says that {_counted(applied)} {_are(applied, 'applied')}, but there is no other "
        "table: Prisma's own status calls that up to date"
    )
    return _finding(found.moment, "missing", "", message)


def _rolled_back(found: Found) -> list[Finding]:
    settled = [name for name in found.status.rolled_back if name not in found.status.pending]
    if not settled:
        return []
    message = f"{_counted(settled)} {_are(settled, 'rolled back')} ({_listed(settled)})"
    return [_finding(found.moment, "advice", "", message, "note")]


def _in_order(found: Found) -> list[Finding]:
    applied, local = found.status.applied, found.local
    if local is None or not applied:
        return []
    message = (
        f"{_counted(applied)} of {local.directory} {_are(applied, 'applied')}, none is pending"
    )
    return [_finding(found.moment, "advice", "", message, "note")]


def _make_tables(status: MigrationStatus, local: LocalMigrations | None) -> bool:
    """Whether the applied migrations make tables; of those that are not here it is assumed."""
    here = {migration.name: migration for migration in local.migrations} if local else {}
    return any(name not in here or here[name].creates_tables for name in status.applied)


def _finding(
    moment: Moment, kind: FindingKind, name: str, message: str, severity: Severity = "warning"
) -> Finding:
    said = f"in the backup, {message}" if moment == "plan" else message
    return Finding(kind, f"migration {name}" if name else "migrations", said, severity)


def _counted(names: Sequence[str]) -> str:
    return f"{len(names):,} migration{'' if len(names) == 1 else 's'}"


def _are(names: Sequence[str], state: str) -> str:
    return f"{'is' if len(names) == 1 else 'are'} {state}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more
