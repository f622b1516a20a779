"""The three forms a dump takes on disk, and reading each of them as plain bytes.

A compressed dump is a sequence of independent members (gzip, RFC 1952) or frames (zstd, RFC 8878), so
that standard programs read it as one stream and any member can be reached without the ones before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

import zstandard
from isal import igzip_lib, isal_zlib

from dbsnap.errors import DumpRefused

if TYPE_CHECKING:
    from collections.abc import Callable

Compression = Literal["none", "gzip", "zstd"]

SUFFIXES: dict[Compression, str] = {"none": ".sql", "gzip": ".sql.gz", "zstd": ".sql.zst"}

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
GZIP_WINDOW = 31
GZIP_ERROR = cast("type[Exception]", igzip_lib.IsalError)
LEVEL = 1

COMPRESSED_READ_BYTES = 16 * 1024
"""Compressed bytes taken at a time: bounds what a hostile, hugely compressible file can unfold to."""


@dataclass(frozen=True, slots=True)
class Member:
    """One independently compressed part: where it stands in the file, and which raw bytes it holds."""

    offset: int
    length: int
    raw_offset: int
    raw_length: int


def detect(head: bytes) -> Compression:
    """Return how a file that begins with ``head`` is compressed."""
    if head.startswith(GZIP_MAGIC):
        return "gzip"
    return "zstd" if head.startswith(ZSTD_MAGIC) else "none"


def compress(raw: bytes | memoryview, compression: Compression) -> bytes | memoryview:
    """Return ``raw`` as one complete member.

    Both libraries let other threads run while they work. In one piece zstd is twice as fast as in many.
    """
    match compression:
        case "gzip":
            packing = isal_zlib.compressobj(level=LEVEL, wbits=GZIP_WINDOW)
            return packing.compress(raw) + packing.flush()
        case "zstd":
            return zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compress(raw)
        case _:
            return raw


def reader(read: Callable[[int], bytes], compression: Compression) -> Callable[[int], bytes]:
    """Return a function that reads the raw bytes of a file, given one that reads the file's own.

    It raises DumpRefused where the compressed stream is damaged or ends in the middle of a member.
    """
    return read if compression == "none" else _Decompressed(read, compression).read


class _Decompressed:
    """Members one after the other; holds at most one piece of what was read."""

    def __init__(self, read: Callable[[int], bytes], compression: Compression) -> None:
        self._read = read
        self._compression = compression
        self._member: Any = None
        self._input = b""
        self._output = b""
        self._position = 0

    def read(self, size: int) -> bytes:
        while not self._output:
            if not self._input:
                self._input = self._read(COMPRESSED_READ_BYTES)
                self._position += len(self._input)
            if not self._input:
                if self._member is not None:
                    raise self._damaged("ends in the middle of a compressed member")
                return b""
            self._decompress()
        piece, self._output = self._output[:size], self._output[size:]
        return piece

    def _decompress(self) -> None:
        if self._member is None:
            self._member = (
                isal_zlib.decompressobj(wbits=GZIP_WINDOW)
                if self._compression == "gzip"
                else zstandard.ZstdDecompressor().decompressobj()
            )
        try:
            self._output = self._member.decompress(self._input)
        except (GZIP_ERROR, zstandard.ZstdError):
            raise self._damaged("cannot be decompressed") from None
        self._input = b""
        if self._member.eof:
            self._input = self._member.unused_data
            self._member = None

    def _damaged(self, what: str) -> DumpRefused:
        return DumpRefused(
            f"the {self._compression} file {what}, near byte {self._position:,} of the file",
            rule="damaged-compression",
            hint="the file is cut off or was changed: take another copy of it",
        )
