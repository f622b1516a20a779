"""A dump file, opened once: what was checked is what is loaded, even if the path is replaced.

A file swapped between check and use was CVE-2026-1707. Every read here goes through the one descriptor
opened at the start, and what is sent on is hashed again.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.dumpfile.compression import Compression, detect, reader
from dbsnap.errors import DumpRefused, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

READ_BYTES = 1 << 20

_POSTGRESQL_ONLY = "dbsnap restores PostgreSQL dumps only"
_UNPACK = "unpack it first, or pack it with gzip or zstd"
_DECRYPT = "decrypt it first"

FOREIGN_FORMATS = (
    (
        b"PGDMP",
        "a custom-format archive of pg_dump",
        "convert it with: pg_restore -f dump.sql FILE",
    ),
    (b"SQLite format 3\x00", "a SQLite database", _POSTGRESQL_ONLY),
    (b"PK\x03\x04", "a ZIP archive", _UNPACK),
    (b"\xfd7zXZ\x00", "xz-compressed", _UNPACK),
    (b"BZh", "bzip2-compressed", _UNPACK),
    (b"\x04\x22\x4d\x18", "lz4-compressed", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (b"-----BEGIN PGP MESSAGE-----", "encrypted", _DECRYPT),
    (b"age-encryption.org/", "encrypted", _DECRYPT),
    (b"-----BEGIN AGE ENCRYPTED FILE-----", "encrypted", _DECRYPT),
    (b"version https://git-lfs", "a pointer of Git LFS", "fetch the file itself: git lfs pull"),
    (b"\xef\xbb\xbf", "text with a byte-order mark", "save it without one (UTF-8)"),
    (b"\xff\xfe", "UTF-16 text", "convert it to UTF-8"),
    (b"\xfe\xff", "UTF-16 text", "convert it to UTF-8"),
    (b"\x00", "not text", "is this the right file?"),
)
"""What files that are no plain dump begin with, and what to do about each."""

FOREIGN_TEXTS = (
    (
        re.compile(
            rb"(?mi)^-- (?:MySQL|MariaDB|phpMyAdmin|mydumper|HeidiSQL|Adminer)\b|^/\*M?!\d{5}"
        ),
        "a MySQL or MariaDB dump",
        _POSTGRESQL_ONLY,
    ),
    (
        re.compile(rb"(?mi)^PRAGMA \w+\s*=|^BEGIN TRANSACTION;"),
        "a SQLite dump",
        _POSTGRESQL_ONLY,
    ),
    (
        re.compile(rb"(?i)\A\s*<(?:!doctype html|html|\?xml)\b"),
        "a web page",
        "it may be the error message of a download",
    ),
)
"""What other texts have in their first lines."""

HEADER = b"-- PostgreSQL database "

TAR_MAGIC = (257, b"ustar")

HEAD_BYTES = 512


@dataclass(frozen=True, slots=True)
class StoredDump:
    """An open dump file; ``file_bytes`` is the size of the file as it is on disk."""

    path: Path
    descriptor: int
    file_bytes: int
    compression: Compression

    def raw(self) -> Callable[[int], bytes]:
        """Return a function that reads the uncompressed dump from its beginning."""
        return reader(self.file_reader(), self.compression)

    def file_reader(self, offset: int = 0) -> Callable[[int], bytes]:
        """Return a function that reads the file's own bytes from ``offset`` on."""
        position = offset

        def read(size: int) -> bytes:
            nonlocal position
            piece = os.pread(self.descriptor, size, position)
            position += len(piece)
            return piece

        return read

    def hashing_reader(self) -> tuple[Callable[[int], bytes], Callable[[], str]]:
        """Return ``raw()`` and a function that gives the sha256 of the file's bytes read by it."""
        digest = hashlib.sha256()
        read_file = self.file_reader()

        def read(size: int) -> bytes:
            piece = read_file(size)
            digest.update(piece)
            return piece

        return reader(read, self.compression), digest.hexdigest


@contextmanager
def open_dump(path: Path) -> Iterator[StoredDump]:
    """Open a dump file for all that follows.

    Raises UsageError when there is no such file, DumpRefused when it is empty or something else than
    a plain-SQL dump.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise UsageError(
            f"cannot open {path}: {error.strerror}", hint="dbsnap list shows the backups there are"
        ) from None
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise DumpRefused(
                f"{path} is a directory",
                rule="not-a-dump",
                hint="a directory-format dump becomes plain SQL with: pg_restore -f dump.sql DIR",
            )
        if not stat.S_ISREG(status.st_mode):
            raise DumpRefused(f"{path} is not a regular file", rule="not-a-dump")
        head = os.pread(descriptor, HEAD_BYTES, 0)
        _refuse_foreign_format(path, head)
        dump = StoredDump(path, descriptor, status.st_size, detect(head))
        if dump.compression != "none" and (beginning := _beginning(dump.raw())):
            _refuse_foreign_format(path, beginning)
        yield dump
    finally:
        os.close(descriptor)


def _beginning(read: Callable[[int], bytes]) -> bytes:
    """Return the first bytes of a compressed dump; what is damaged there is for the guard to say."""
    beginning = b""
    with suppress(DumpRefused):
        while len(beginning) < HEAD_BYTES and (piece := read(HEAD_BYTES)):
            beginning += piece
    return beginning


def _refuse_foreign_format(path: Path, head: bytes) -> None:
    if not head:
        raise DumpRefused(f"{path} is empty", rule="empty", hint="the backup did not finish")
    for magic, what, hint in FOREIGN_FORMATS:
        if head.startswith(magic):
            raise DumpRefused(f"{path} is {what}, no plain-SQL dump", rule="not-a-dump", hint=hint)
    for pattern, what, hint in FOREIGN_TEXTS:
        if HEADER not in head and pattern.search(head):
            raise DumpRefused(f"{path} is {what}, no plain-SQL dump", rule="not-a-dump", hint=hint)
    offset, magic = TAR_MAGIC
    if head[offset : offset + len(magic)] == magic:
        raise DumpRefused(
            f"{path} is a tar archive, no plain-SQL dump",
            rule="not-a-dump",
            hint="convert it with: pg_restore -f dump.sql FILE",
        )
