"""The COPY blocks of a dump: where each one stands, how many rows it has, and what they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xxhash import xxh3_128

if TYPE_CHECKING:
    from dbsnap.dumpfile.lexing.events import CopyData, CopyEnd


@dataclass(frozen=True, slots=True)
class CopyBlock:
    """One COPY block: the table, its columns as listed, and the body in uncompressed bytes.

    ``line`` is the one of the first row, ``rows`` the number of line ends in the body, ``content``
    the xxh3-128 of the body in hexadecimal.
    """

    table: str
    columns: tuple[str, ...]
    offset: int
    end: int
    line: int
    rows: int
    content: str


class CopyBlocks:
    """Gathers blocks from their events, in memory that rows do not add to."""

    def __init__(self) -> None:
        self.found: list[CopyBlock] = []
        self._block: _OpenBlock | None = None
        self._tables: dict[str, _TableContent] = {}

    @property
    def is_open(self) -> bool:
        """Return whether a block has begun and not ended."""
        return self._block is not None

    def open(self, table: str, columns: tuple[str, ...]) -> None:
        """Begin a block of a table."""
        before = self._tables.setdefault(table, _TableContent(columns))
        self._block = _OpenBlock(table, columns, before.digest_for(columns))

    def take(self, event: CopyData) -> None:
        """Take the next rows of the block."""
        if self._block is None:
            return
        if self._block.offset < 0:
            self._block.offset, self._block.line = event.offset, event.line
        self._block.digest.update(event.data)
        if self._block.of_table is not None:
            self._block.of_table.update(event.data)

    def close(self, event: CopyEnd) -> None:
        """End the block."""
        block, self._block = self._block, None
        if block is None:
            return
        empty = block.offset < 0
        self.found.append(
            CopyBlock(
                table=block.table,
                columns=block.columns,
                offset=event.offset if empty else block.offset,
                end=event.offset,
                line=event.line if empty else block.line,
                rows=0 if empty else event.line - block.line,
                content=block.digest.hexdigest(),
            )
        )

    def content_of(self, table: str) -> str | None:
        """Return the fingerprint of a table's rows in all its blocks; None if their columns differ."""
        return self._tables[table].content()


@dataclass(slots=True)
class _OpenBlock:
    table: str
    columns: tuple[str, ...]
    of_table: xxh3_128 | None
    """All rows of the table so far, where its blocks have the same columns."""
    digest: xxh3_128 = field(default_factory=xxh3_128)
    offset: int = -1
    line: int = -1


@dataclass(slots=True)
class _TableContent:
    """A table's rows in the dump's order: its fingerprint is the same in how many blocks they stand."""

    columns: tuple[str, ...]
    digest: xxh3_128 | None = field(default_factory=xxh3_128)

    def digest_for(self, columns: tuple[str, ...]) -> xxh3_128 | None:
        if columns != self.columns:
            self.digest = None
        return self.digest

    def content(self) -> str | None:
        return None if self.digest is None else self.digest.hexdigest()
