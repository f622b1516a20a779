"""A dump file, opened once: what was checked is what is loaded, even if the path is replaced.

A file swapped between check and use was CVE-2026-1707. Every read here goes through the one descriptor
opened at the start, and what is sent on is hashed again.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from bisect import bisect_right
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Self

from dbsnap.dumpfile.compression import Compression, Member, detect, reader
from dbsnap.dumpfile.member_reading import MemberReader, follow_each_other
from dbsnap.errors import DumpRefused, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
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
    """An open dump file; ``file_bytes`` is the size of the file as it is on disk.

    Where ``members`` are known, they are the whole of a compressed file, in their order.
    """

    path: Path
    descriptor: int
    file_bytes: int
    compression: Compression
    members: tuple[Member, ...] = ()

    def with_members(self, members: Iterable[Iterable[int]]) -> Self:
        """Return the same dump, read member by member if these numbers of a record can be its own."""
        found = tuple(Member(*numbers) for numbers in members)
        known = self.compression != "none" and follow_each_other(found, self.file_bytes)
        return replace(self, members=found if known else ())

    def raw(self) -> Callable[[int], bytes]:
        """Return a function that reads the uncompressed dump from its beginning."""
        return self._unpacked(self.file_reader())

    def raw_from(self, offset: int) -> tuple[int, Callable[[int], bytes]]:
        """Return where reading on leads to an offset of the uncompressed dump soonest, and a reader."""
        if self.compression == "none":
            return offset, self.file_reader(offset)
        if not self.members:
            return 0, self.raw()
        place = max(bisect_right(self.members, offset, key=attrgetter("raw_offset")) - 1, 0)
        rest = self.members[place:]
        read = self.file_reader(rest[0].offset)
        return rest[0].raw_offset, MemberReader(read, self.compression, rest).read

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

        return self._unpacked(read), digest.hexdigest

    def _unpacked(self, read: Callable[[int], bytes]) -> Callable[[int], bytes]:
        if self.members:
            return MemberReader(read, self.compression, self.members).read
        return reader(read, self.compression)


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
            _refuse_compressed_twice(path, detect(beginning))
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


def _refuse_compressed_twice(path: Path, within: Compression) -> None:
    if within != "none":
        raise DumpRefused(
            f"{path} is compressed twice: what is in it is compressed with {within}",
            rule="not-a-dump",
            hint="unpack it once, with gzip -dc or zstd -dc",
        )
