"""What a person sees: results on stdout; progress, warnings and errors on stderr.

Here is what several verbs print; what one verb alone prints is in its own module.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console
from rich.filesize import decimal

from dbsnap.cli.progress_log import LoggedProgress
from dbsnap.cli.terminal_text import UNLIMITED, counted, empty_table, new_console, plain, say
from dbsnap.errors import OperationFailed
from dbsnap.inventory import short_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from dbsnap.archive.record import Record
    from dbsnap.errors import DbsnapError
    from dbsnap.inventory import Inventory
    from dbsnap.progress import Progress
    from dbsnap.report import Finding

TABLES_SHOWN = 40
FINDINGS_SHOWN = 50
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
    """Everything that is printed for people: on ``out`` results, on ``err`` the rest."""

    def __init__(self) -> None:
        self.out = new_console(stderr=False)
        self.err = new_console(stderr=True)

    def say(self, markup: str, *, indent: int = 0, to_stderr: bool = False) -> None:
        """Print one sentence; its further lines go ``indent`` columns in."""
        say(self.err if to_stderr else self.out, markup, indent=indent)

    def progress(self) -> Progress:
        """Return bars on a terminal, log lines elsewhere."""
        if not self.err.is_terminal:
            return LoggedProgress()
        from dbsnap.cli.progress_bar import TerminalProgress  # noqa: PLC0415 - half of rich

        return TerminalProgress(self.err)

    def error(self, error: DbsnapError) -> None:
        """Print an error once: what is wrong, what the tool itself said, and what to do."""
        say(self.err, f"[red]error:[/] {plain(str(error))}", indent=7)
        detail = error.detail.splitlines() if isinstance(error, OperationFailed) else []
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
            self.say(f"{marks[finding.severity]} {plain(finding.message)}", indent=2)
        if len(order) > len(shown):
            self.say(f"  … and {len(order) - len(shown):,} more (see --json)")

    def commands(self, purpose: str, commands: Sequence[str]) -> None:
        """Print commands to copy, each whole on its own line."""
        if commands:
            self.say(f"[cyan]hint:[/] {plain(purpose)}", indent=6)
            for command in commands:
                self.out.print(f"  {plain(command)}")

    def plan(
        self,
        heading: str,
        *,
        steps: Sequence[str] = (),
        notes: Sequence[str] = (),
        to_stderr: bool,
    ) -> None:
        """Print what will be done before anything happens; ``heading`` is markup, the rest is not."""
        self.say(heading, to_stderr=to_stderr)
        for number, step in enumerate(steps, start=1):
            self.say(f"  {number}. {plain(step)}", indent=5, to_stderr=to_stderr)
        for note in notes:
            self.say(f"  [yellow]![/] {plain(note)}", indent=4, to_stderr=to_stderr)

    def tables(self, inventory: Inventory, record: Record | None = None) -> None:
        """Print the rows of the largest tables, with a ``record`` their bytes in its dump as well."""
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
        table = empty_table(titles, right={"rows", "size"}, folded="table")
        for name, rows in sorted(rows_of.items(), key=lambda item: -item[1])[:TABLES_SHOWN]:
            cells = [plain(short_name(name)), f"{rows:,}"]
            table.add_row(*cells, *([decimal(sizes.get(name, 0))] if record else []))
        self.out.out("\n".join(self.lines_of(table, width=self.out.width)))
        if len(rows_of) > TABLES_SHOWN:
            self.say(f"… and {counted(len(rows_of) - TABLES_SHOWN, 'smaller table')}")

    def columns_of(self, table: Table) -> int:
        """Return how many columns a table takes where it has all it wants."""
        return self._paper(UNLIMITED).measure(table).maximum

    def lines_of(self, table: Table, *, width: int = UNLIMITED) -> list[str]:
        """Return the lines of a table without the blanks at their ends."""
        paper = self._paper(width)
        with paper.capture() as captured:
            paper.print(table)
        return [line.rstrip() for line in captured.get().splitlines()]

    def _paper(self, width: int) -> Console:
        """Return a console that writes into memory what this one would show if it were so wide."""
        return Console(
            file=io.StringIO(),
            width=width,
            force_terminal=self.out.is_terminal,
            no_color=self.out.no_color,
            highlight=False,
        )


def held(inventory: Inventory) -> str:
    """Return the numbers of rows and of all objects that people count."""
    counts = [counted(count, kind) for kind in COUNTED_KINDS if (count := len(inventory.of(kind)))]
    return f"{counted(inventory.total_rows(), 'row')}; {', '.join(counts) or 'no objects'}"
