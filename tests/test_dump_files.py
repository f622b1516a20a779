"""Dump files at rest: three forms, one content; damage anywhere is noticed; rows told apart."""

from __future__ import annotations

import io
import subprocess
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbsnap.dumpfile.compression import Compression, compress, detect, reader
from dbsnap.dumpfile.frames import write_dump
from dbsnap.dumpfile.guard import guard
from dbsnap.dumpfile.lexer import lex
from dbsnap.dumpfile.rows import RowHashes, UnorderedSum, collect, key_positions
from dbsnap.dumpfile.stored import open_dump
from dbsnap.errors import DumpRefused, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DUMP = b"""\
--
-- PostgreSQL database dump
--

\\restrict Key1

-- Dumped from database version 18.6
-- Dumped by pg_dump version 18.6

SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;

CREATE TABLE public.users (
    id integer NOT NULL,
    name text
);

COPY public.users (id, name) FROM stdin;
1\tAnna
2\t\\\\. and \\N
3\t\\N
\\.


--
-- PostgreSQL database dump complete
--

\\unrestrict Key1

"""
COMPRESSIONS: list[Compression] = ["none", "gzip", "zstd"]


def reading(content: bytes, piece: int = 1 << 20) -> Callable[[int], bytes]:
    stream = io.BytesIO(content)
    return lambda size: stream.read(min(size, piece))


def read_all(read: Callable[[int], bytes]) -> bytes:
    return b"".join(iter(lambda: read(1 << 16), b""))


def guarded(path: Path, **promised: str) -> int:
    with open_dump(path) as dump:
        return guard(dump, **promised).contents.inventory.total_rows()


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_what_is_written_is_what_came(compression: Compression) -> None:
    output = io.BytesIO()
    progress: list[int] = []
    written = write_dump(
        reading(DUMP, 7), output, compression, on_progress=lambda count, _: progress.append(count)
    )
    assert read_all(reader(reading(output.getvalue()), compression)) == DUMP
    assert written.raw_bytes == len(DUMP) == sum(progress)
    assert written.file_bytes == len(output.getvalue())
    assert detect(output.getvalue()) == compression
    (block,) = written.contents.copy_blocks
    assert DUMP[block.offset : block.end].count(b"\n") == block.rows == 3
    assert written.contents.complete


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5), st.sampled_from(COMPRESSIONS))
@settings(deadline=None)
def test_members_read_as_one_stream(parts: list[bytes], compression: Compression) -> None:
    packed = b"".join(compress(part, compression) for part in parts)
    assert read_all(reader(reading(packed, 3), compression)) == b"".join(parts)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_compressed_dump_cut_anywhere_is_refused(
    compression: Compression, tmp_path: Path
) -> None:
    whole = compress(DUMP, compression)
    path = tmp_path / "cut"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(DumpRefused):
            guarded(path)
    path.write_bytes(whole)
    assert guarded(path) == 3


def test_a_plain_dump_cut_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.sql"
    end = DUMP.rindex(b"\n\n") + 1  # white space at the very end may go
    for length in range(end):
        path.write_bytes(DUMP[:length])
        if DUMP[:length].rstrip().endswith(b"\\unrestrict Key1"):
            continue
        with pytest.raises(DumpRefused):
            guarded(path)
    path.write_bytes(DUMP)
    assert guarded(path) == 3


@given(st.integers(0, len(DUMP) - 1), st.integers(1, 255))
@settings(deadline=None)
def test_a_changed_byte_is_refused_by_the_hash(place: int, change: int) -> None:
    import hashlib  # noqa: PLC0415
    import tempfile  # noqa: PLC0415
    from pathlib import Path as RealPath  # noqa: PLC0415

    changed = bytearray(DUMP)
    changed[place] ^= change
    with tempfile.TemporaryDirectory() as folder:
        path = RealPath(folder) / "changed.sql"
        path.write_bytes(changed)
        with pytest.raises(DumpRefused):
            guarded(path, sha256=hashlib.sha256(DUMP).hexdigest())


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "empty"),
        (b"PGDMP\x01\x0e", "not-a-dump"),
        (b"SQLite format 3\x00", "not-a-dump"),
        (b"\xef\xbb\xbf" + DUMP, "not-a-dump"),
        ("-- PostgreSQL".encode("utf-16"), "not-a-dump"),
        (b"-- MySQL dump 10.13\n", "not-a-dump"),
        (b"SELECT 1;\n", "no-header"),
        (DUMP.replace(b"dump complete", b"dump"), "truncated"),
        (DUMP.replace(b"SET client", b"\\! true\nSET client"), "psql-command"),
        (DUMP.replace(b"\\unrestrict Key1", b"\\unrestrict Key2"), "psql-command"),
        (DUMP.replace(b"\\unrestrict Key1", b""), "truncated"),
        (DUMP.replace(b"\\restrict Key1\n", b""), "psql-command"),
        (DUMP + b"DROP TABLE public.users;\n", "after-unrestrict"),
        (DUMP + b"\\! true\n", "psql-command"),
    ],
)
def test_what_is_no_whole_dump_is_refused(content: bytes, rule: str, tmp_path: Path) -> None:
    path = tmp_path / "dump.sql"
    path.write_bytes(content)
    with pytest.raises(DumpRefused) as refusal:
        guarded(path)
    assert refusal.value.rule == rule
    assert refusal.value.hint


def test_a_psql_command_as_data_is_only_data(tmp_path: Path) -> None:
    path = tmp_path / "dump.sql"
    path.write_bytes(DUMP.replace(b"1\tAnna", b"\\\\! rm\t\\\\restrict x"))
    assert guarded(path) == 3


def test_no_file_a_directory_and_a_device_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        guarded(tmp_path / "nothing.sql")
    with pytest.raises(DumpRefused):
        guarded(tmp_path)
    subprocess.run(["mkfifo", str(tmp_path / "pipe")], check=True)
    with pytest.raises(DumpRefused):
        guarded(tmp_path / "pipe")


def test_what_was_opened_is_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "dump.sql"
    path.write_bytes(DUMP)
    with open_dump(path) as dump:
        path.unlink()
        path.write_bytes(b"DROP TABLE everything;")
        assert read_all(dump.raw()) == DUMP


ROWS = st.lists(
    st.tuples(st.integers(0, 9), st.text("abc\\", max_size=3)),
    max_size=12,
    unique_by=lambda r: r[0],
)


def block(rows: list[tuple[int, str]]) -> bytes:
    lines = "".join(f"{key}\t{value.replace(chr(92), chr(92) * 2)}\n" for key, value in rows)
    return f"COPY t (id, v) FROM stdin;\n{lines}\\.\n".encode()


@given(ROWS, ROWS, st.integers(1, 40))
def test_rows_are_told_apart_like_a_model_does(
    expected: list[tuple[int, str]], actual: list[tuple[int, str]], chunk: int
) -> None:
    key = key_positions(["id"], ["id", "v"])
    hashes = [RowHashes(key), RowHashes(key)]
    bare = [RowHashes(()), RowHashes(())]
    sums = [UnorderedSum(), UnorderedSum()]
    for rows, *sinks in zip((expected, actual), hashes, bare, sums, strict=True):
        for sink in sinks:
            collect(
                lex(reading(block(rows), chunk), chunk_bytes=chunk), lambda _n, _s, sink=sink: sink
            )
    before, now = dict(expected), dict(actual)
    difference = hashes[0].difference(hashes[1])
    assert difference.missing == len(before.keys() - now.keys())
    assert difference.unexpected == len(now.keys() - before.keys())
    assert difference.changed == sum(before[k] != now[k] for k in before.keys() & now.keys())
    unkeyed = bare[0].difference(bare[1])
    assert unkeyed.missing == (Counter(expected) - Counter(actual)).total()
    assert unkeyed.unexpected == (Counter(actual) - Counter(expected)).total()
    assert (sums[0] == sums[1]) == (sorted(expected) == sorted(actual))
