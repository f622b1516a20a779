"""The rows of COPY blocks, told apart one by one: for the few tables whose fingerprints differ."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xxhash import xxh3_64_intdigest

from dbsnap.dumpfile.lexer import CopyData, CopyEnd, CopyStart, Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

MASK = (1 << 64) - 1


@dataclass(slots=True)
class UnorderedSum:
    """A fingerprint of rows in any order: the sum of their xxh3-64 modulo 2**64."""

    total: int = 0

    def add(self, rows: list[bytes]) -> None:
        """Add complete rows, without their line ends."""
        self.total = (self.total + sum(map(xxh3_64_intdigest, rows))) & MASK


@dataclass(slots=True)
class RowHashes:
    """Every row by its key: hash of the key columns → hash of the row; without a key, by itself.

    ``key`` are the positions of the key's columns in the COPY statement. Takes about 150 bytes a row.
    """

    key: tuple[int, ...]
    keyed: dict[int, int] = field(default_factory=dict)
    unkeyed: Counter[int] = field(default_factory=Counter)

    def add(self, rows: list[bytes]) -> None:
        """Add complete rows, without their line ends."""
        if not self.key:
            self.unkeyed.update(map(xxh3_64_intdigest, rows))
            return
        for row in rows:
            columns = row.split(b"\t")
            key = b"\t".join([columns[position] for position in self.key])
            self.keyed[xxh3_64_intdigest(key)] = xxh3_64_intdigest(row)

    def difference(self, actual: RowHashes) -> RowDifference:
        """Return how many rows differ, seen from these (the expected ones)."""
        if not self.key:
            return RowDifference(
                missing=(self.unkeyed - actual.unkeyed).total(),
                unexpected=(actual.unkeyed - self.unkeyed).total(),
                changed=0,
            )
        common = self.keyed.keys() & actual.keyed.keys()
        return RowDifference(
            missing=len(self.keyed) - len(common),
            unexpected=len(actual.keyed) - len(common),
            changed=sum(self.keyed[key] != actual.keyed[key] for key in common),
        )


@dataclass(frozen=True, slots=True)
class RowDifference:
    """How many rows are missing, unexpected, or there under the same key with other values."""

    missing: int
    unexpected: int
    changed: int

    def __str__(self) -> str:
        """Say it in words: ``1 row missing, 2 rows differ``."""
        parts = [
            f"{count:,} row{'' if count == 1 else 's'} {what}"
            for count, what in (
                (self.missing, "missing"),
                (self.changed, "differs" if self.changed == 1 else "differ"),
                (self.unexpected, "added"),
            )
            if count
        ]
        return ", ".join(parts) or "no row differs"


def collect(
    events: Iterable[Event], sink_of: Callable[[int, CopyStart], UnorderedSum | RowHashes | None]
) -> None:
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


def key_positions(key: Sequence[str], columns: Sequence[str]) -> tuple[int, ...]:
    """Return where the key's columns stand in a COPY statement; empty if not all of them do."""
    return tuple(_positions(key, columns)) if set(key) <= set(columns) else ()


def _positions(key: Sequence[str], columns: Sequence[str]) -> Iterator[int]:
    for column in key:
        yield columns.index(column)
