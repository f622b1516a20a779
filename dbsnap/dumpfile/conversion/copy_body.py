"""One COPY body while it passes: cut into rows of UTF-8 text, counted, and hashed again."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from xxhash import xxh3_128

from dbsnap.errors import DumpRefused
from dbsnap.inventory import short_name

if TYPE_CHECKING:
    from dbsnap.dumpfile.copy_blocks import CopyBlock


class RowSplitter:
    """Cuts a COPY body that comes in pieces into whole rows; holds no more than the row at hand."""

    def __init__(self) -> None:
        self._begun: list[bytes] = []

    def rows(self, piece: bytes) -> list[bytes]:
        """Return the rows that end in the next piece, without their line ends."""
        if b"\n" not in piece:  # a long row is joined once, when it ends
            self._begun.append(piece)
            return []
        rows = b"".join([*self._begun, piece]).split(b"\n")
        self._begun = [rows.pop()]
        return rows


class CopyBody:
    """Takes the body of a block piece by piece.

    ``codec`` is Python's name of its encoding; None leaves the bytes as they are.
    """

    def __init__(self, block: CopyBlock, codec: str | None) -> None:
        self.block = block
        self._decoder = codecs.getincrementaldecoder(codec)("strict") if codec else None
        self._transcodes = codec not in {None, "utf-8"}
        self._splitter = RowSplitter()
        self._digest = xxh3_128()
        self._rows = 0

    def take(self, data: bytes) -> tuple[int, list[bytes]]:
        """Return the rows that end in the next piece, and the number of the first, from 0.

        Raises DumpRefused for bytes that are no text in the encoding.
        """
        self._digest.update(data)
        if self._decoder is not None:
            try:
                text = self._decoder.decode(data)
            except UnicodeDecodeError:
                raise DumpRefused(
                    f"{short_name(self.block.table)} holds text that is not in the encoding of the dump",
                    rule="encoding",
                    table=short_name(self.block.table),
                    hint="JSON is UTF-8: --format csv exports the bytes of an SQL_ASCII database",
                ) from None
            data = text.encode() if self._transcodes else data
        first_row, rows = self._rows, self._splitter.rows(data)
        self._rows += len(rows)
        return first_row, rows

    def check(self) -> None:
        """Raise DumpRefused unless this was the body that the guard has read."""
        if (self._rows, self._digest.hexdigest()) != (self.block.rows, self.block.content):
            raise DumpRefused(
                f"the dump was changed while {short_name(self.block.table)} was exported",
                rule="changed-bytes",
                table=short_name(self.block.table),
            )
