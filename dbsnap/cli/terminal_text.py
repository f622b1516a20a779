"""Text laid out for a terminal of any width, or for a file, without rich's surprises."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

UNLIMITED = 10_000
"""Columns of an output that is no terminal: lines there are for other programs, and stay whole."""

NARROWEST = 20
PLURALS = {"index": "indexes", "policy": "policies"}


def say(console: Console, markup: str, *, indent: int = 0) -> None:
    """Print one sentence. On a terminal it breaks between words, and goes on ``indent`` columns in.

    A word that is longer than the line, as a path may be, is never broken: it can be copied.
    """
    text = Text.from_markup(markup)
    if console.is_terminal:
        lines = text.divide(_breaks(text.plain, max(console.width - indent, NARROWEST)))
        for line in lines:
            line.rstrip()
        text = Text("\n" + " " * indent).join(lines)
    console.print(text)


def _breaks(text: str, width: int) -> list[int]:
    """Return where lines of at most ``width`` columns begin; a longer word has a line to itself."""
    offsets, used = [], 0
    for word in re.finditer(r"\s*\S+\s*", text):
        if used and used + cell_len(word.group().rstrip()) > width:
            offsets.append(word.start())
            used = 0
        used += cell_len(word.group())
    return offsets


def plain(text: str) -> str:
    """Return text that rich prints as it is; what could move a terminal's cursor is spelled out."""
    return escape(
        "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    )


def counted(count: int, noun: str) -> str:
    """Return ``1 row``, ``2 rows``, ``1,000 indexes``."""
    return f"{count:,} {noun if count == 1 else PLURALS.get(noun, noun + 's')}"


def age(created_at: str, now: datetime) -> str:
    """Return how long ago an ISO 8601 moment was, in the largest unit that fits."""
    seconds = (now - datetime.fromisoformat(created_at)).total_seconds()
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(int(seconds), 0)} s"


def empty_table(titles: Sequence[str], *, right: Collection[str], folded: str = "") -> Table:
    """Return a table to fill: columns in ``right`` are aligned there, ``folded`` may be broken."""
    table = Table(box=None, pad_edge=False)
    for title in titles:
        table.add_column(
            title,
            justify="right" if title in right else "left",
            no_wrap=title != folded,
            overflow="fold",
        )
    return table


def new_console(*, stderr: bool) -> Console:
    """Return a console that highlights nothing and leaves line breaks to ``say``."""
    console = Console(stderr=stderr, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = UNLIMITED
    return console
