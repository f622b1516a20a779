"""An export in JSON or NDJSON, read back as rows of COPY's text format.

A JSON export is found to be whole and unchanged (``envelope``) before its first row is given. An NDJSON
file proves nothing of itself: one that ends within a row is refused, but one that was cut at the end of
a row looks whole.
"""

from __future__ import annotations

import codecs
import hashlib
import os
import re
import stat
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dbsnap.dumpfile.conversion.envelope import (
    BEGINNING,
    CLOSING,
    OPENING,
    Metadata,
    damaged_metadata,
    read_first_line,
)
from dbsnap.dumpfile.conversion.json_rows import RowReader, first_columns
from dbsnap.errors import DumpRefused, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from dbsnap.dumpfile.conversion.json_values import ValueFormat

READ_BYTES = 1 << 20
FIRST_LINE_BYTES = 1 << 20
"""The metadata's line is no longer than this; a filter is the only part that can be long."""

_ENVELOPE = re.compile(
    rb'\s*\{\s*"metadata"\s*:\s*\{(?=.*"recordCount"\s*:)(?=.*"filterApplied"\s*:)(?=.*"checksum"\s*:)',
    re.DOTALL,
)
"""An envelope that another program wrote anew."""


@dataclass(frozen=True, slots=True)
class StoredExport:
    """An export, open and checked. ``metadata`` is None for NDJSON.

    ``columns`` are those of the first row; empty where there are no rows. ``start`` and ``end`` bound
    the rows in the file, in bytes, and ``first_line`` is the number of the line that they begin in.
    """

    path: Path
    descriptor: int
    metadata: Metadata | None
    columns: tuple[str, ...]
    start: int
    end: int
    first_line: int

    def copy_rows(self, formats: Mapping[str, ValueFormat]) -> Iterator[bytes]:
        r"""Yield the rows as pieces of COPY text: whole lines, about a megabyte, ``columns``' order.

        ``formats`` says what each column of the table is (``value_formats``); it may know more columns
        than the file has. Raises DumpRefused naming line, row and column: by the rules
        ``unknown-column``, ``missing-column``, ``repeated-column``, ``value``, ``json`` and
        ``truncated``; and at the end by ``row-count`` and ``changed-bytes`` if the file is not what was
        checked. What was read so far then counts for nothing. One row, at least, is held in memory.
        """
        reader = RowReader(self.columns, formats, where=self.path.name, line=self.first_line)
        digest = hashlib.sha256()
        for text in self.texts(digest):
            yield from reader.take(text)
        yield from reader.finish()
        if self.metadata is None:
            return
        if digest.hexdigest() != self.metadata.checksum:
            raise self._refusal("changed-bytes", "was changed while it was read")
        if reader.rows != self.metadata.record_count:
            count = f"{reader.rows:,} rows, not the {self.metadata.record_count:,} that it promises"
            raise self._refusal("row-count", f"holds {count}")

    def texts(self, digest: hashlib._Hash) -> Iterator[str]:
        """Yield the text of the rows in pieces, whose bytes the digest takes."""
        decoder = codecs.getincrementaldecoder("utf-8")("strict")
        for piece in self.pieces():
            digest.update(piece)
            try:
                yield decoder.decode(piece)
            except UnicodeDecodeError:
                raise self._refusal("encoding", "holds bytes that are not UTF-8") from None

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes of the rows."""
        position = self.start
        while position < self.end:
            piece = os.pread(self.descriptor, min(READ_BYTES, self.end - position), position)
            if not piece:
                raise self._refusal("truncated", "became shorter while it was read")
            position += len(piece)
            yield piece

    def _refusal(self, rule: str, what: str) -> DumpRefused:
        return DumpRefused(f"{self.path.name} {what}", rule=rule, hint="export it again")


def is_export(head: bytes) -> bool:
    """Return whether a file that begins so is a JSON or NDJSON export, and no dump."""
    return head.lstrip().startswith(b"{")


@contextmanager
def opened_export(path: Path) -> Iterator[StoredExport]:
    """Open an export and let it through its checks; everything is read from one descriptor.

    Raises UsageError when there is no such file, and DumpRefused by the rules ``not-a-dump``, ``empty``,
    ``truncated``, ``layout`` (the metadata were changed, or the whole reformatted), ``changed-bytes``
    (the rows do not fit the checksum) and ``json``.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise UsageError(f"cannot open {path}: {error.strerror}") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise DumpRefused(f"{path} is not a regular file", rule="not-a-dump")
        if status.st_size == 0:
            raise DumpRefused(
                f"{path} is empty",
                rule="empty",
                hint="NDJSON cannot tell an empty table from a lost file: use --format json",
            )
        yield _checked(path, descriptor, status.st_size)
    finally:
        os.close(descriptor)


def _checked(path: Path, descriptor: int, size: int) -> StoredExport:
    head = os.pread(descriptor, FIRST_LINE_BYTES, 0)
    if not is_export(head):
        raise DumpRefused(f"{path.name} is no JSON export", rule="not-a-dump")
    metadata = None
    start, end = 0, size
    line = head[: head.find(b"\n") + 1]
    if head.startswith(BEGINNING) and line.endswith(OPENING):
        metadata = read_first_line(line, where=path.name)
        start, end = len(line), size - len(CLOSING)
        _refuse_cut(path, descriptor, start, end)
    elif os.pread(descriptor, 1, size - 1) not in (b"\n", b"}"):
        raise _truncated(path)
    elif _ENVELOPE.match(head):
        raise damaged_metadata(path.name, "it was laid out anew")
    stored = StoredExport(path, descriptor, metadata, (), start, end, 2 if metadata else 1)
    if metadata is not None:
        _refuse_changed_rows(stored, metadata)
    columns = first_columns(stored.texts(hashlib.sha256()), where=path.name, line=stored.first_line)
    return replace(stored, columns=columns)


def _refuse_cut(path: Path, descriptor: int, start: int, end: int) -> None:
    tail = os.pread(descriptor, len(CLOSING) + 1, max(end - 1, 0))
    if end < start or tail != b"\n" + CLOSING:
        raise _truncated(path)


def _truncated(path: Path) -> DumpRefused:
    return DumpRefused(
        f"{path.name} does not end as an export does: its end is missing",
        rule="truncated",
        hint="the file is cut off: take another copy of it, or export it again",
    )


def _refuse_changed_rows(stored: StoredExport, metadata: Metadata) -> None:
    digest = hashlib.sha256()
    for piece in stored.pieces():
        digest.update(piece)
    if digest.hexdigest() != metadata.checksum:
        raise DumpRefused(
            f"{stored.path.name} was changed since it was exported: its rows do not fit its checksum",
            rule="changed-bytes",
            hint="export it again; rows that were meant to be changed are taken as NDJSON: "
            f"jq -c '.data[]' {stored.path.name} > rows.ndjson",
        )
