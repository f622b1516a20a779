"""The rows of two sides of one table, told apart by a key, in memory that their number does not add to.

Of each row two hashes and its place are kept, spread over parts by the hash of the key, so that the same
key is in the same part on both sides and one part at a time is compared. Beyond ``MEMORY_BYTES`` a side
goes on in temporary files without a name, 24 bytes a row; values of the rows are in none of them.
"""

from __future__ import annotations

import tempfile
from array import array
from contextlib import ExitStack
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import IO, TYPE_CHECKING, Self

from xxhash import xxh3_64_intdigest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MEMORY_BYTES = 16 << 20
"""How much of one side stays in memory."""

ROWS_IN_PART = 50_000
MAXIMUM_PARTS = 200
"""Each is a file at the most, and a process may usually have 1,024 open."""

WORDS = 3
"""Of a row: the hash of its key, the hash of all of it, its place."""

Entry = tuple[int, int, int]


def parts_for(rows: int) -> int:
    """Return into how many parts so many rows are best spread."""
    return min(MAXIMUM_PARTS, 1 + rows // ROWS_IN_PART)


@dataclass(slots=True)
class KeyedRows:
    """Every row of one side, as far as it takes to compare it with the other.

    ``key`` are the positions of the key's columns in the COPY statement; empty: a row is told apart by
    all it holds. Raises OSError where there is no room for temporary files. Close it at the end.
    """

    key: tuple[int, ...]
    parts: int
    _arrays: list[array[int]] = field(init=False)
    _files: list[IO[bytes] | None] = field(init=False)
    _rows: int = 0
    _in_memory: int = 0
    _open: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self._arrays = [array("Q") for _ in range(self.parts)]
        self._files = [None] * self.parts

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._open.close()

    def add(self, rows: list[bytes]) -> None:
        """Add complete rows, without their line ends."""
        arrays, parts = self._arrays, self.parts
        place = self._rows
        for key, row in key_hashes(rows, self.key):
            arrays[key % parts].extend((key, row, place))
            place += 1
        self._in_memory += place - self._rows
        self._rows = place
        if self._in_memory * WORDS * 8 > MEMORY_BYTES:
            self._flush()

    def part(self, number: int) -> Iterator[Entry]:
        """Yield the rows of one part in the order in which they were added."""
        words = array("Q")
        if file := self._files[number]:
            file.seek(0)
            words.frombytes(file.read())
        words.extend(self._arrays[number])
        return zip(words[0::WORDS], words[1::WORDS], words[2::WORDS], strict=True)

    def _flush(self) -> None:
        for number, words in enumerate(self._arrays):
            file = self._files[number]
            if file is None:
                file = self._open.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - closed with us
                self._files[number] = file
            file.write(words.tobytes())
        self._arrays = [array("Q") for _ in range(self.parts)]
        self._in_memory = 0


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


class KeyIsNotUnique(ValueError):
    """Two rows of one side have the same key, so that it tells no rows apart."""


@dataclass(frozen=True, slots=True)
class DifferingRows:
    """How many rows differ, and the first few of each kind by the hashes of their keys.

    The first of ``missing`` and ``changed`` are those that come first on the expected side, of
    ``unexpected`` on the actual one. Rows without a key that are there several times are named as often
    as they are too few or too many.
    """

    difference: RowDifference
    missing: tuple[int, ...]
    unexpected: tuple[int, ...]
    changed: tuple[int, ...]


def differing_rows(expected: KeyedRows, actual: KeyedRows, *, limit: int) -> DifferingRows:
    """Compare two sides with the same key and parts; name at most ``limit`` rows of each kind.

    Raises KeyIsNotUnique.
    """
    counts = [0, 0, 0]
    first: list[list[tuple[int, int]]] = [[], [], []]
    compare = _compare_keyed if expected.key else _compare_unkeyed
    for number in range(expected.parts):
        found = compare(expected.part(number), actual.part(number))
        for kind, places in enumerate(found):
            counts[kind] += len(places)
            first[kind] = nsmallest(limit, [*first[kind], *places])
    missing, unexpected, changed = (tuple(key for _, key in places) for places in first)
    return DifferingRows(RowDifference(*counts), missing, unexpected, changed)


def key_hashes(rows: Iterable[bytes], key: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the hash of each row's key and that of the row."""
    if not key:
        for row in rows:
            digest = xxh3_64_intdigest(row)
            yield digest, digest
    elif len(key) == 1:
        position = key[0]
        for row in rows:
            value = row.split(b"\t", position + 1)[position]
            yield xxh3_64_intdigest(value), xxh3_64_intdigest(row)
    else:
        for row in rows:
            columns = row.split(b"\t")
            values = b"\t".join([columns[position] for position in key])
            yield xxh3_64_intdigest(values), xxh3_64_intdigest(row)


@dataclass(slots=True)
class PickedRows:
    """Picks rows by the hashes of their keys; keeps the ``shown`` fields and a hash of each field."""

    key: tuple[int, ...]
    shown: tuple[int, ...]
    wanted: frozenset[int]
    found: dict[int, PickedRow] = field(default_factory=dict)

    def add(self, rows: list[bytes]) -> None:
        """Look at complete rows, without their line ends."""
        for number, (key, _) in enumerate(key_hashes(rows, self.key)):
            if key in self.wanted:
                fields = rows[number].split(b"\t")
                self.found[key] = PickedRow(
                    tuple(fields[position] for position in self.shown),
                    tuple(map(xxh3_64_intdigest, fields)),
                )


@dataclass(frozen=True, slots=True)
class PickedRow:
    """A row by some of its fields as COPY writes them, and the hashes of all."""

    shown: tuple[bytes, ...]
    hashes: tuple[int, ...]


def _compare_keyed(
    expected: Iterator[Entry], actual: Iterator[Entry]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]], list[tuple[int, int]]]:
    """Return (place, key) of the rows of a part that are missing, unexpected, changed."""
    before, now = _by_key(expected), _by_key(actual)
    changed = [
        (place, key) for key, (row, place) in before.items() if key in now and now[key][0] != row
    ]
    missing = [(place, key) for key, (_, place) in before.items() if key not in now]
    unexpected = [(place, key) for key, (_, place) in now.items() if key not in before]
    return missing, unexpected, changed


def _by_key(rows: Iterator[Entry]) -> dict[int, tuple[int, int]]:
    found: dict[int, tuple[int, int]] = {}
    for key, row, place in rows:
        if key in found:
            raise KeyIsNotUnique
        found[key] = (row, place)
    return found


def _compare_unkeyed(
    expected: Iterator[Entry], actual: Iterator[Entry]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]], list[tuple[int, int]]]:
    before: dict[int, list[int]] = {}
    for key, _, place in expected:
        before.setdefault(key, []).append(place)
    unexpected = []
    for key, _, place in actual:
        if places := before.get(key):
            places.pop()
        else:
            unexpected.append((place, key))
    missing = [(place, key) for key, places in before.items() for place in places]
    return missing, unexpected, []
