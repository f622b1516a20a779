"""What a person sees: results on stdout; progress, warnings and errors on stderr."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from dbsnap.inventory import short_name
from dbsnap.report import errors_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dbsnap.archive.record import Record
    from dbsnap.errors import DbsnapError
    from dbsnap.inventory import Inventory
    from dbsnap.operations.backup import Backup
    from dbsnap.operations.catalogue import Listed
    from dbsnap.operations.doctor import Diagnosis
    from dbsnap.operations.restore import Restored
    from dbsnap.operations.restore_plan import RestorePlan
    from dbsnap.operations.rollback import RollbackPlan
    from dbsnap.operations.validate import Validated
    from dbsnap.operations.verify import Verification
    from dbsnap.report import Finding

TABLES_SHOWN = 40
FINDINGS_SHOWN = 50
VERDICT_STYLE = {"ok": "green", "warning": "yellow", "problem": "red"}
COUNTED_KINDS = (
    "table",
    "index",
    "constraint",
    "sequence",
    "view",
    "materialized view",
    "function",
    "trigger",
    "policy",
    "type",
    "extension",
    "migration",
)


def configure_logging(environment: Mapping[str, str]) -> None:
    """Send log lines to stderr: as text, or as JSON where DBSNAP_LOG says ``json``."""
    level = logging.getLevelName(environment.get("DBSNAP_LOG_LEVEL", "INFO").upper())
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if environment.get("DBSNAP_LOG") == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            level if isinstance(level, int) else logging.INFO
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


class LoggedProgress:
    """One log line per phase: for CI and everything else that is no terminal."""

    def __init__(self) -> None:
        self._log = structlog.get_logger("dbsnap")

    def phase(self, text: str, *, total_bytes: int | None = None) -> None:
        """Log the phase."""
        sized = {"about": decimal(total_bytes)} if total_bytes else {}
        self._log.info(text, **sized)

    def advance(self, count_bytes: int, *, current: str = "") -> None:
        """Say nothing: a log has no bar."""

    def note(self, text: str) -> None:
        """Log at level info."""
        self._log.info(text)

    def warn(self, text: str) -> None:
        """Log at level warning."""
        self._log.warning(text)

    def done(self) -> None:
        """Say nothing."""


class TerminalProgress(LoggedProgress):
    """A bar by bytes, and the table being worked on."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[size]}"),
            TextColumn("[dim]{task.fields[current]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._task: Any = None

    def phase(self, text: str, *, total_bytes: int | None = None) -> None:
        """Show a new bar in the place of the last one."""
        self._bar.start()
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(escape(text), total=total_bytes, size="", current="")

    def advance(self, count_bytes: int, *, current: str = "") -> None:
        """Move the bar. The estimate it began with may be too small, so it never overflows."""
        if self._task is None:
            return
        self._bar.advance(self._task, count_bytes)
        task = next(task for task in self._bar.tasks if task.id == self._task)
        if task.total is not None and task.completed > task.total:
            self._bar.update(self._task, total=task.completed)
        size = decimal(int(task.completed))
        self._bar.update(self._task, size=size, current=escape(_table_of(current)))

    def done(self) -> None:
        """Take the bar away."""
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
        self._bar.stop()


class Screen:
    """Everything that is printed for people."""

    def __init__(self) -> None:
        self.out = Console(highlight=False, soft_wrap=True)
        self.err = Console(stderr=True, highlight=False, soft_wrap=True)

    def progress(self) -> LoggedProgress:
        """Return bars on a terminal, log lines elsewhere."""
        return TerminalProgress(self.err) if self.err.is_terminal else LoggedProgress()

    def error(self, error: DbsnapError) -> None:
        """Print an error once: what is wrong, and what to do."""
        self.err.print(f"[red]error:[/] {escape(str(error))}")
        if error.hint:
            self.err.print(f"[cyan]hint:[/] {escape(error.hint)}")

    def findings(self, findings: Sequence[Finding]) -> None:
        """Print findings, errors first."""
        marks = {"error": "[red]✗[/]", "warning": "[yellow]![/]", "note": "·"}
        order = sorted(findings, key=lambda finding: list(marks).index(finding.severity))
        for finding in order[:FINDINGS_SHOWN]:
            self.out.print(f"{marks[finding.severity]} {escape(finding.message)}")
        if len(order) > FINDINGS_SHOWN:
            self.out.print(f"  … and {len(order) - FINDINGS_SHOWN:,} more (see --json)")

    def backups(self, taken: Iterable[Backup]) -> None:
        """Print every backup that was taken."""
        for backup in taken:
            self.backup(backup)

    def backup(self, backup: Backup) -> None:
        """Print what was backed up, what was verified, and how to restore it."""
        record = backup.record
        self._tables(record.inventory, record)
        self.findings(backup.findings)
        self.out.print(
            f"[green]VERIFIED[/] {escape(record.source.database)}: "
            f"{record.inventory.total_rows():,} rows in the snapshot, as many in the file; "
            f"{_counted(record.inventory)}"
        )
        self.out.print(
            f"{escape(str(backup.dump))}  {decimal(record.dump.bytes)}, "
            f"{record.duration_seconds:.1f} s"
        )
        self.out.print(f"restore it with:  dbsnap restore {record.id}")

    def plan(self, plan: RestorePlan, *, to_stderr: bool) -> None:
        """Print a restore's plan before anything happens."""
        console = self.err if to_stderr else self.out
        taken = f", taken {plan.created_at}" if plan.created_at else ""
        console.print(f"[bold]Plan[/] ({escape(plan.source)}{taken}):")
        for number, step in enumerate(plan.steps(), start=1):
            console.print(f"  {number}. {escape(step)}")
        for note in plan.notes:
            console.print(f"  [yellow]![/] {escape(note)}")

    def restored(self, restored: Restored) -> None:
        """Print what was verified, how long it took, and the way back."""
        plan = restored.plan
        self._tables(restored.inventory)
        self.findings(restored.findings)
        where = plan.filled if plan.way == "beside" else plan.database.name
        self.out.print(
            f"[green]VERIFIED and restored[/] {escape(where)}: {restored.inventory.total_rows():,} "
            f"rows; {_counted(restored.inventory)}; {restored.duration_seconds:.1f} s"
        )
        if plan.kept:
            self.out.print(f"the replaced database is kept as {escape(plan.kept)}")
            self.out.print("put it back with:  dbsnap rollback")

    def rollback_plan(self, plan: RollbackPlan, *, to_stderr: bool) -> None:
        """Print what a rollback will do."""
        console = self.err if to_stderr else self.out
        console.print(
            f"[bold]Plan[/]: {escape(plan.restored)} becomes {escape(plan.database.name)}"
        )
        if plan.kept:
            console.print(
                f"  the present {escape(plan.database.name)} is kept as {escape(plan.kept)}"
            )

    def rolled_back(self, plan: RollbackPlan) -> None:
        """Print what is where now."""
        self.out.print(
            f"[green]rolled back[/]: {escape(plan.database.name)} is again what was "
            f"{escape(plan.restored)}"
        )
        if plan.kept:
            self.out.print(f"what it replaced is kept as {escape(plan.kept)}")

    def verification(self, verification: Verification) -> None:
        """Print every difference, or that there is none."""
        self.findings(verification.findings)
        for note in verification.notes:
            self.out.print(f"· {escape(note)}")
        errors = errors_in(verification.findings)
        title = f"{escape(verification.database)} against {escape(verification.backup)}"
        if errors:
            self.out.print(f"[red]DIFFERENT[/] {title}: {len(errors):,} differences")
        else:
            expected = verification.expected
            self.out.print(
                f"[green]VERIFIED[/] {title}: {expected.total_rows():,} rows; {_counted(expected)}"
            )

    def validated(self, validated: Validated) -> None:
        """Print what a dump contains and the verdict."""
        self._tables(validated.inventory)
        record = "as its record promises" if validated.record else "it has no record"
        self.out.print(
            f"[green]WHOLE[/] {escape(validated.dump.name)}: {validated.inventory.total_rows():,} "
            f"rows; {_counted(validated.inventory)}; {record}"
        )
        self.out.print(
            f"PostgreSQL {validated.server_version}, pg_dump {validated.pg_dump_version}, "
            f"{decimal(validated.file_bytes)}, sha256 {validated.sha256}"
        )

    def listed(self, lines: Sequence[Listed], directory: object) -> None:
        """Print the backups of a directory as a table."""
        if not lines:
            self.out.print(f"no backups in {escape(str(directory))}; take one with: dbsnap backup")
            return
        table = Table(box=None, pad_edge=False)
        for title in ("id", "database", "taken", "age", "rows", "size", "status", "reason"):
            table.add_column(title, justify="right" if title in {"rows", "size", "age"} else "left")
        for line in lines:
            table.add_row(*_list_row(line))
        self.out.print(table)
        total = sum(line.record.dump.bytes for line in lines if line.record)
        self.out.print(f"{len(lines):,} backups, {decimal(total)} in {escape(str(directory))}")

    def record(self, record: Record) -> None:
        """Print one backup."""
        source, dump = record.source, record.dump
        table = Table(box=None, show_header=False, pad_edge=False)
        rows = {
            "id": record.id,
            "taken": f"{record.created_at} from {source.server} ({source.target})",
            "reason": record.reason or "-",
            "server": f"PostgreSQL {source.server_version}, {source.encoding}",
            "dump": f"{dump.file}, {decimal(dump.bytes)}, pg_dump {dump.pg_dump_version}",
            "sha256": dump.sha256,
            "holds": f"{record.inventory.total_rows():,} rows; {_counted(record.inventory)}",
            "files": f"{record.privileges.file}, {record.restore_script.file}",
        }
        for title, value in rows.items():
            table.add_row(f"[bold]{title}[/]", escape(value))
        self.out.print(table)
        self._tables(record.inventory, record)
        for note in record.notes:
            self.out.print(f"[yellow]![/] {escape(note)}")

    def differences(self, before: Record, after: Record, findings: Sequence[Finding]) -> None:
        """Print what changed from one backup to another."""
        self.findings(findings)
        self.out.print(
            f"{len(findings):,} differences from {before.id} ({before.created_at}) "
            f"to {after.id} ({after.created_at})"
        )

    def diagnosis(self, diagnosis: Diagnosis) -> None:
        """Print checks, then every program found."""
        for check in diagnosis.checks:
            style = VERDICT_STYLE[check.verdict]
            self.out.print(
                f"[{style}]{check.verdict:8}[/] {check.subject}: {escape(check.message)}"
            )
            if check.advice:
                self.out.print(f"         [cyan]{escape(check.advice)}[/]")
        for name, choices in diagnosis.candidates:
            self.out.print(f"\n[bold]{name}[/] found on this machine, the best first:")
            for number, choice in enumerate(choices):
                mark = "→" if number == 0 and choice.usable else " "
                self.out.print(
                    f" {mark} {escape(str(choice.program.path))} ({choice.program.origin}) "
                    f"{choice.reason}"
                )

    def _tables(self, inventory: Inventory, record: Record | None = None) -> None:
        counted = {
            name: facts["rows"]
            for name, facts in inventory.of("table").items()
            if facts.get("rows") is not None
        }
        if not counted:
            return
        sizes: dict[str, int] = {}
        for block in record.dump.blocks if record else ():
            sizes[block.table] = sizes.get(block.table, 0) + block.raw_length
        table = Table(box=None, pad_edge=False)
        table.add_column("table")
        table.add_column("rows", justify="right")
        if record:
            table.add_column("size", justify="right")
        for name, rows in sorted(counted.items(), key=lambda item: -item[1])[:TABLES_SHOWN]:
            cells = [escape(short_name(name)), f"{rows:,}"]
            table.add_row(*cells, *([decimal(sizes.get(name, 0))] if record else []))
        self.out.print(table)
        if len(counted) > TABLES_SHOWN:
            self.out.print(f"… and {len(counted) - TABLES_SHOWN:,} smaller tables")


def age(created_at: str, now: datetime) -> str:
    """Return how long ago an ISO 8601 moment was, in the largest unit that fits."""
    seconds = (now - datetime.fromisoformat(created_at)).total_seconds()
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(int(seconds), 0)} s"


def _list_row(line: Listed) -> Iterable[str]:
    style = "green" if line.status == "verified" else "red"
    status = f"[{style}]{line.status}[/]"
    record = line.record
    if record is None:
        return (escape(line.id), "", "", "", "", "", status, escape(line.problem))
    return (
        escape(record.id),
        escape(record.source.database),
        record.created_at.replace("T", " ").removesuffix("Z"),
        age(record.created_at, datetime.now(UTC)),
        f"{record.inventory.total_rows():,}",
        decimal(record.dump.bytes),
        status,
        escape(record.reason),
    )


def _counted(inventory: Inventory) -> str:
    plural = {"index": "indexes", "policy": "policies"}
    parts = [
        f"{count:,} {kind if count == 1 else plural.get(kind, kind + 's')}"
        for kind in COUNTED_KINDS
        if (count := len(inventory.of(kind)))
    ]
    return ", ".join(parts) or "no objects"


def _table_of(copy_statement: str) -> str:
    return copy_statement.removeprefix("COPY ").partition(" (")[0][:60]
