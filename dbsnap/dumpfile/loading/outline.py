"""All of a dump but its rows: kept from the guard's pass, so that nothing else is sent than it read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.dumpfile.lexing.events import CopyStart, Event, Statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dbsnap.dumpfile.guarding.breaches import Span

MOST_BYTES = 64 << 20
"""A dump with more text than that beside its rows has no outline: it would be held in memory."""

PART_BYTES = 200
"""About what a part takes in memory beside its text."""

Part = Statement | CopyStart


@dataclass(frozen=True, slots=True)
class Outline:
    """The statements of a dump in their order; each CopyStart stands for the next COPY block."""

    parts: tuple[Part, ...]

    def without(self, spans: Iterable[Span]) -> Outline:
        """Return the outline without the statements that these spans cover."""
        unwanted = set(spans)
        kept = (part for part in self.parts if (part.offset, part.end) not in unwanted)
        return Outline(tuple(kept))


class OutlineReader:
    """Gathers the outline from the events of ``lexer.lex``, up to ``most_bytes``."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._left = most_bytes
        self._parts: list[Part] = []

    def feed(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, Statement | CopyStart) and self._left >= 0:
            self._left -= len(event.text) + PART_BYTES
            self._parts.append(event)
            if self._left < 0:
                self._parts.clear()

    def outline(self) -> Outline | None:
        """Return all that was read; None if it was too much."""
        return Outline(tuple(self._parts)) if self._left >= 0 else None
