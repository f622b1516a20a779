"""What a person sees: results on stdout; progress, warnings and errors on stderr."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from dbsnap.errors import ToolFailed
from dbsnap.inventory import short_name
from dbsnap.progress_bar import LoggedProgress, TerminalProgress
from dbsnap.report import errors_in, not_compared
from dbsnap.terminal_text import UNLIMITED, counted, new_console, plain, say

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

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


class Screen:
    """Everything that is printed for people."""

    def __init__(self) -> None:
        self.out = new_console(stderr=False)
        self.err = new_console(stderr=True)

    def progress(self) -> LoggedProgress:
        """Return bars on a terminal, log lines elsewhere."""
        return TerminalProgress(self.err) if self.err.is_terminal else LoggedProgress()

    def error(self, error: DbsnapError) -> None:
        """Print an error once: what is wrong, what the tool itself said, and what to do."""
        say(self.err, f"[red]error:[/] {plain(str(error))}", indent=7)
        detail = error.detail.splitlines() if isinstance(error, ToolFailed) else []
        for line in detail if len(detail) > 1 else []:
            say(self.err, f"       [dim]{plain(line)}[/]", indent=9)
        if error.hint:
            say(self.err, f"[cyan]hint:[/] {plain(error.hint)}", indent=6)

    def findings(self, findings: Sequence[Finding]) -> None:
        """Print findings, errors first; on a terminal no more than anybody would read."""
        marks = {"error": "[red]✗[/]", "warning": "[yellow]![/]", "note": "·"}
        order = sorted(findings, key=lambda finding: list(marks).index(finding.severity))
        shown = order[:FINDINGS_SHOWN] if self.out.is_terminal else order
        for finding in shown:
            self._say(f"{marks[finding.severity]} {plain(finding.message)}", indent=2)
        if len(order) > len(shown):
            self._say(f"  … and {len(order) - len(shown):,} more (see --json)")

    def backups(self, taken: Sequence[Backup], *, options: str = "") -> None:
        """Print every backup that was taken. ``options`` are what a restore of them needs as well."""
        for number, backup in enumerate(taken):
            if number:
                self._say("")
            self.backup(backup, options=options)

    def backup(self, backup: Backup, *, options: str = "") -> None:
        """Print what was backed up, what was verified, and how to restore it."""
        record = backup.record
        self._tables(record.inventory, record)
        self.findings(backup.findings)
        self._say(
            f"[green]VERIFIED[/] {plain(record.source.server)}: {_held(record.inventory)}; "
            "all that the snapshot holds is in the file",
            indent=2,
        )
        self._say(
            f"{plain(str(backup.dump))}  {decimal(record.dump.bytes)}, "
            f"{record.duration_seconds:,.1f} s"
        )
        self._say(f"restore it with:  dbsnap restore {plain(record.id + options)}")

    def plan(self, plan: RestorePlan, *, to_stderr: bool) -> None:
        """Print a restore's plan before anything happens."""
        console = self.err if to_stderr else self.out
        taken = f", taken {plain(plan.created_at)}" if plan.created_at else ""
        say(console, f"[bold]Plan[/] ({plain(plan.source)}{taken}):")
        for number, step in enumerate(plan.steps(), start=1):
            say(console, f"  {number}. {plain(step)}", indent=5)
        for note in plan.notes:
            say(console, f"  [yellow]![/] {plain(note)}", indent=4)

    def restored(self, restored: Restored, *, options: str = "") -> None:
        """Print what was verified, how long it took, and the way back with the same ``options``."""
        plan = restored.plan
        self._tables(restored.inventory)
        self.findings(restored.findings)
        where = plan.filled if plan.way == "beside" else plan.database.name
        verdict = "[green]VERIFIED and restored[/]"
        if not_compared(restored.findings):
            verdict = "[yellow]COUNTED and restored[/]"
        self._say(
            f"{verdict} {plain(where)}: {_held(restored.inventory)}; "
            f"{restored.duration_seconds:,.1f} s",
            indent=2,
        )
        if plan.kept:
            self._say(f"the replaced database is kept as {plain(plan.kept)}")
            self._say(f"put it back with:  dbsnap rollback{plain(options)}")

    def rollback_plan(self, plan: RollbackPlan, *, to_stderr: bool) -> None:
        """Print what a rollback will do."""
        console = self.err if to_stderr else self.out
        say(console, f"[bold]Plan[/]: {plain(plan.restored)} becomes {plain(plan.database.name)}")
        if plan.kept:
            name = plain(plan.database.name)
            say(console, f"  the present {name} is kept as {plain(plan.kept)}", indent=2)

    def rolled_back(self, plan: RollbackPlan) -> None:
        """Print what is where now."""
        name = plain(plan.database.name)
        self._say(f"[green]rolled back[/]: {name} is again what was {plain(plan.restored)}")
        if plan.kept:
            self._say(f"what it replaced is kept as {plain(plan.kept)}")

    def verification(self, verification: Verification) -> None:
        """Print every difference, or that there is none."""
        self.findings(verification.findings)
        errors = errors_in(verification.findings)
        title = f"{plain(verification.database)} against {plain(verification.backup)}"
        if errors:
            text = f"[red]DIFFERENT[/] {title}: {counted(len(errors), 'difference')}"
        elif verification.verdict == "ok":
            text = f"[green]VERIFIED[/] {title}: {_held(verification.expected)}"
        else:
            text = f"[yellow]COUNTED, NOT COMPARED[/] {title}: {_held(verification.expected)}"
        self._say(text, indent=2)

    def validated(self, validated: Validated) -> None:
        """Print what a dump contains and the verdict."""
        self._tables(validated.inventory)
        record = "as its record promises" if validated.record else "it has no record"
        self._say(
            f"[green]WHOLE[/] {plain(validated.dump.name)}: {_held(validated.inventory)}; {record}",
            indent=2,
        )
        self._say(
            f"PostgreSQL {plain(validated.server_version)}, "
            f"pg_dump {plain(validated.pg_dump_version)}, {decimal(validated.file_bytes)}"
        )
        self._say(f"sha256 {validated.sha256}")

    def listed(self, lines: Sequence[Listed], directory: object) -> None:
        """Print a line for each backup; on a terminal its reason on a line of its own."""
        if not lines:
            self._say(f"no backups in {plain(str(directory))}; take one with: dbsnap backup")
            return
        below = self.out.is_terminal
        table = _list_table(lines, reasons=not below)
        if self._paper(UNLIMITED).measure(table).maximum > self.out.width:
            table = _list_table(lines, targets=False)
        first, *rest = self._rendered(table, width=UNLIMITED)
        self.out.out(first)
        for text, line in zip(rest, lines, strict=True):
            self.out.out(text)
            if below and _reason(line):
                reason = Text.from_markup(f"  [dim]{plain(_reason(line))}[/]")
                reason.truncate(self.out.width, overflow="ellipsis")
                self.out.print(reason)
        total = sum(line.record.dump.bytes for line in lines if line.record)
        self._say(f"{counted(len(lines), 'backup')}, {decimal(total)} in {plain(str(directory))}")

    def record(self, record: Record) -> None:
        """Print one backup."""
        source, dump = record.source, record.dump
        rows = {
            "id": record.id,
            "taken": f"{record.created_at} from {source.server} ({source.target})",
            "reason": record.reason or "-",
            "server": f"PostgreSQL {source.server_version}, {source.encoding}",
            "dump": f"{dump.file}, {decimal(dump.bytes)}, pg_dump {dump.pg_dump_version}",
            "sha256": dump.sha256,
            "holds": _held(record.inventory),
            "files": f"{record.privileges.file}, {record.restore_script.file}",
        }
        for title, value in rows.items():
            self._say(f"[bold]{title:8}[/]{plain(value)}", indent=8)
        self._tables(record.inventory, record)
        for note in record.notes:
            self._say(f"[yellow]![/] {plain(note)}", indent=2)

    def differences(self, before: Record, after: Record, findings: Sequence[Finding]) -> None:
        """Print what changed from one backup to another."""
        self.findings(findings)
        self._say(
            f"{counted(len(findings), 'difference')} from {plain(before.id)} ({before.created_at}) "
            f"to {plain(after.id)} ({after.created_at})",
            indent=2,
        )

    def diagnosis(self, diagnosis: Diagnosis) -> None:
        """Print checks, then every program found."""
        for check in diagnosis.checks:
            verdict = f"[{VERDICT_STYLE[check.verdict]}]{check.verdict:8}[/]"
            self._say(f"{verdict} {check.subject}: {plain(check.message)}", indent=9)
            if check.advice:
                self._say(f"         [cyan]{plain(check.advice)}[/]", indent=9)
        for name, choices in diagnosis.candidates:
            self._say("")
            self._say(f"[bold]{name}[/] found on this machine, the best first:")
            for number, choice in enumerate(choices):
                mark = "✗" if not choice.usable else " " if number else "→"
                program = choice.program
                self._say(
                    f" {mark} {program.version_text:6} {choice.reason} ({program.origin}): "
                    f"{plain(str(program.path))}",
                    indent=10,
                )

    def _say(self, markup: str, *, indent: int = 0) -> None:
        say(self.out, markup, indent=indent)

    def _paper(self, width: int) -> Console:
        """Return a console that writes into memory what this one would show if it were so wide."""
        return Console(
            file=io.StringIO(),
            width=width,
            force_terminal=self.out.is_terminal,
            no_color=self.out.no_color,
            highlight=False,
        )

    def _rendered(self, table: Table, *, width: int) -> list[str]:
        """Return the lines of a table without the blanks at their ends."""
        paper = self._paper(width)
        with paper.capture() as captured:
            paper.print(table)
        return [line.rstrip() for line in captured.get().splitlines()]

    def _tables(self, inventory: Inventory, record: Record | None = None) -> None:
        rows_of = {
            name: facts["rows"]
            for name, facts in inventory.of("table").items()
            if facts.get("rows") is not None
        }
        if not rows_of:
            return
        sizes: dict[str, int] = {}
        for block in record.dump.blocks if record else ():
            sizes[block.table] = sizes.get(block.table, 0) + block.raw_length
        titles = ["table", "rows", *(["size"] if record else [])]
        table = _table(titles, right={"rows", "size"}, folded="table")
        for name, rows in sorted(rows_of.items(), key=lambda item: -item[1])[:TABLES_SHOWN]:
            cells = [plain(short_name(name)), f"{rows:,}"]
            table.add_row(*cells, *([decimal(sizes.get(name, 0))] if record else []))
        self.out.out("\n".join(self._rendered(table, width=self.out.width)))
        if len(rows_of) > TABLES_SHOWN:
            self._say(f"… and {counted(len(rows_of) - TABLES_SHOWN, 'smaller table')}")


def age(created_at: str, now: datetime) -> str:
    """Return how long ago an ISO 8601 moment was, in the largest unit that fits."""
    seconds = (now - datetime.fromisoformat(created_at)).total_seconds()
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(int(seconds), 0)} s"


def _table(titles: Sequence[str], *, right: Collection[str], folded: str = "") -> Table:
    """Return an empty table; ``folded`` names the one column that may be broken to fit."""
    table = Table(box=None, pad_edge=False)
    for title in titles:
        table.add_column(
            title,
            justify="right" if title in right else "left",
            no_wrap=title != folded,
            overflow="fold",
        )
    return table


def _list_table(lines: Sequence[Listed], *, targets: bool = True, reasons: bool = False) -> Table:
    titles = ["id", "age", "rows", "size", "status"]
    titles += [*(["target"] if targets else []), *(["reason"] if reasons else [])]
    table = _table(titles, right={"age", "rows", "size"})
    for line in lines:
        cells = {**_list_cells(line), "reason": plain(_reason(line))}
        table.add_row(*(cells.get(title, "") for title in titles))
    return table


def _list_cells(line: Listed) -> dict[str, str]:
    style = "green" if line.status == "verified" else "red"
    cells = {"id": plain(line.id), "status": f"[{style}]{line.status}[/]"}
    if line.record is None:
        return cells
    return cells | {
        "age": age(line.record.created_at, datetime.now(UTC)),
        "rows": f"{line.record.inventory.total_rows():,}",
        "size": decimal(line.record.dump.bytes),
        "target": plain(line.record.source.target),
    }


def _reason(line: Listed) -> str:
    return line.record.reason if line.record else line.problem


def _held(inventory: Inventory) -> str:
    """Return the numbers of rows and of all objects that people count."""
    counts = [counted(count, kind) for kind in COUNTED_KINDS if (count := len(inventory.of(kind)))]
    return f"{counted(inventory.total_rows(), 'row')}; {', '.join(counts) or 'no objects'}"
