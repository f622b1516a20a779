"""The rows of COPY blocks, one by one: for the few tables whose fingerprints differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from xxhash import xxh3_64_intdigest

from dbsnap.dumpfile.lexer import CopyData, CopyEnd, CopyStart, Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MASK = (1 << 64) - 1


class RowSink(Protocol):
    """Takes the rows of one table."""

    def add(self, rows: list[bytes]) -> None:
        """Take complete rows, without their line ends."""


@dataclass(slots=True)
class UnorderedSum:
    """A fingerprint of rows in any order: the sum of their xxh3-64 modulo 2**64."""

    total: int = 0

    def add(self, rows: list[bytes]) -> None:
        """Add complete rows, without their line ends."""
        self.total = (self.total + sum(map(xxh3_64_intdigest, rows))) & MASK

    def join(self, other: UnorderedSum) -> None:
        """Add the rows that another has seen."""
        self.total = (self.total + other.total) & MASK


def collect(events: Iterable[Event], sink_of: Callable[[int, CopyStart], RowSink | None]) -> None:
    """Give the rows of each COPY block to the sink that ``sink_of(number, start)`` names, if any."""
    sink = None
    rest = b""
    number = -1
    for event in events:
        if isinstance(event, CopyStart):
            number += 1
            sink, rest = sink_of(number, event), b""
        elif isinstance(event, CopyData) and sink is not None:
            *rows, rest = (rest + event.data).split(b"\n")
            sink.add(rows)
        elif isinstance(event, CopyEnd):
            sink = None


def collect_body(pieces: Iterable[bytes], sink: RowSink) -> None:
    """Give the rows of one block's body to a sink."""
    for _ in collecting(pieces, sink):
        pass


def collecting(pieces: Iterable[bytes], sink: RowSink) -> Iterator[bytes]:
    """Yield the pieces of one block's body, and give its rows to a sink meanwhile."""
    rest = b""
    for piece in pieces:
        *rows, rest = (rest + piece).split(b"\n")
        sink.add(rows)
        yield piece
