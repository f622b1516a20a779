"""A bar on a terminal, while something is going on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.filesize import decimal
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from dbsnap.cli.terminal_text import plain, say

if TYPE_CHECKING:
    from rich.console import Console


class TerminalProgress:
    """A bar by bytes, and the table being worked on."""

    def __init__(self, console: Console) -> None:
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[size]}"),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[current]}"),
            console=console,
            transient=True,
        )
        self._task: Any = None

    def phase(self, text: str, *, total_bytes: int | None = None) -> None:
        """Show a new bar in the place of the last one."""
        self._bar.start()
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(plain(text), total=total_bytes, size="", current="")

    def advance(self, count_bytes: int, *, current: str = "") -> None:
        """Move the bar. The estimate it began with may be too small, so it never overflows."""
        if self._task is None:
            return
        self._bar.advance(self._task, count_bytes)
        task = next(task for task in self._bar.tasks if task.id == self._task)
        if task.total is not None and task.completed > task.total:
            self._bar.update(self._task, total=task.completed)
        size = decimal(int(task.completed))
        self._bar.update(self._task, size=size, current=plain(_table_of(current)))

    def note(self, text: str) -> None:
        """Print above the bar."""
        say(self._bar.console, plain(text))

    def warn(self, text: str) -> None:
        """Print above the bar."""
        say(self._bar.console, f"[yellow]![/] {plain(text)}", indent=2)

    def done(self) -> None:
        """Take the bar away."""
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
        self._bar.stop()


def _table_of(copy_statement: str) -> str:
    return copy_statement.removeprefix("COPY ").partition(" (")[0][:60]
