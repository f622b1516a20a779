"""Dump files at rest: three forms, one content; damage anywhere is noticed; rows told apart."""

from __future__ import annotations

import io
import resource
import threading
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xxhash import xxh3_64_intdigest

from dbsnap.dumpfile.compression import Compression, compress, detect, reader
from dbsnap.dumpfile.frames import write_dump
from dbsnap.dumpfile.lexer import lex
from dbsnap.dumpfile.read_ahead import read_ahead
from dbsnap.dumpfile.row_comparison import KeyedRows, RowDifference, differing_rows
from dbsnap.dumpfile.rows import UnorderedSum, collect
from dbsnap.dumpfile.stored import open_dump
from dbsnap.errors import DumpRefused, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
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


def stored(path: Path, parts: list[bytes], compression: Compression) -> list[tuple[int, ...]]:
    """Write parts as members; return what a record would say of them."""
    numbers, offset, raw_offset, packed = [], 0, 0, []
    for part in parts:
        packed.append(bytes(compress(part, compression)))
        numbers.append((offset, len(packed[-1]), raw_offset, len(part)))
        offset, raw_offset = offset + len(packed[-1]), raw_offset + len(part)
    path.write_bytes(b"".join(packed))
    return numbers


PACKED = st.sampled_from(COMPRESSIONS[1:])
PARTS = st.lists(st.binary(max_size=300), max_size=4).map(
    lambda parts: [b"-- PostgreSQL database dump\n", *parts]
)


@given(PARTS, PACKED, st.integers(1, 400), st.integers(0, 1600))
@settings(deadline=None)
def test_members_read_whole_are_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    parts: list[bytes],
    compression: Compression,
    size: int,
    offset: int,
) -> None:
    path = tmp_path_factory.getbasetemp() / "members"
    numbers = stored(path, parts, compression)
    raw = b"".join(parts)
    with open_dump(path) as opened:
        dump = opened.with_members(numbers)
        assert len(dump.members) == len(parts)
        read = dump.raw()
        assert b"".join(iter(lambda: read(size), b"")) == raw
        start, read = dump.raw_from(offset)
        assert start <= offset
        assert read_all(read) == raw[start:]


@given(PARTS, PACKED, st.data())
@settings(deadline=None)
def test_numbers_of_a_record_that_are_not_true(
    tmp_path_factory: pytest.TempPathFactory,
    parts: list[bytes],
    compression: Compression,
    data: st.DataObject,
) -> None:
    """They are found out, or do no harm: never other bytes than those in the file."""
    path = tmp_path_factory.getbasetemp() / "members"
    numbers = [list(member) for member in stored(path, parts, compression)]
    member = data.draw(st.sampled_from(numbers))
    member[data.draw(st.integers(0, 3))] += data.draw(st.integers(-3, 3))
    raw, found = b"".join(parts), b""
    with open_dump(path) as opened:
        try:
            found = read_all(opened.with_members(numbers).raw())
        except DumpRefused as refused:
            assert refused.rule == "damaged-compression"  # noqa: PT017 - or nothing is raised
        else:
            assert found == raw


@given(PARTS, PACKED, st.integers(0, 2000), st.integers(1, 255))
@settings(deadline=None)
def test_a_changed_byte_in_a_member(
    tmp_path_factory: pytest.TempPathFactory,
    parts: list[bytes],
    compression: Compression,
    place: int,
    change: int,
) -> None:
    """Members have checksums; only bytes that mean nothing (a time, a system) may be changed."""
    path = tmp_path_factory.getbasetemp() / "members"
    numbers = stored(path, parts, compression)
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= change
    with open_dump(path) as opened:
        path.write_bytes(content)
        with suppress(DumpRefused):
            assert read_all(opened.with_members(numbers).raw()) == b"".join(parts)


@pytest.mark.parametrize("compression", COMPRESSIONS[1:])
def test_a_member_that_unfolds_to_more_than_it_says(
    tmp_path: Path, compression: Compression
) -> None:
    """It is refused before there is anything to hold it."""
    path = tmp_path / "members"
    (offset, length, *_), *_ = stored(path, [b"x" * (200 << 20)], compression)
    with open_dump(path) as opened:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        read = opened.with_members([(offset, length, 0, 1000)]).raw()
        with pytest.raises(DumpRefused):
            read_all(read)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30 << 10
        read = opened.with_members([(offset, length, 0, 200 << 20)]).raw()
        assert sum(map(len, iter(lambda: read(1 << 20), b""))) == 200 << 20


@given(
    st.lists(st.binary(min_size=1, max_size=9), max_size=30),
    st.integers(1, 12),
    st.integers(0, 40),
    st.booleans(),
)
def test_reading_ahead_reads_the_same(
    pieces: list[bytes], size: int, reads: int, fails: bool
) -> None:
    """All of it or some; and what goes wrong is raised where it would have been."""

    def source() -> Iterator[bytes]:
        yield from pieces
        if fails:
            raise DumpRefused("damaged", rule="damaged-compression")
        yield b""

    left = source()
    taken = b""
    with read_ahead(lambda _: next(left)) as read, suppress(DumpRefused):
        for _ in range(reads):
            if not (piece := read(size)):
                break
            assert len(piece) <= size
            taken += piece
        else:
            assert b"".join(pieces).startswith(taken)
            return
        assert not fails
    assert taken == b"".join(pieces)
    assert not [t for t in threading.enumerate() if t.name == "reading ahead"]


def test_a_missing_file_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(UsageError), open_dump(tmp_path / "nothing.sql"):
        pass


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


def keyed(rows: list[tuple[int, str]], key: tuple[int, ...], chunk: int) -> KeyedRows:
    sink = KeyedRows(key, parts=3)
    collect(lex(reading(block(rows), chunk), chunk_bytes=chunk), lambda _n, _s: sink)
    return sink


@given(ROWS, ROWS, st.integers(1, 40), st.integers(0, 3), st.sampled_from([0, 48, 1 << 20]))
def test_rows_are_told_apart_like_a_model_does(
    expected: list[tuple[int, str]],
    actual: list[tuple[int, str]],
    chunk: int,
    limit: int,
    memory: int,
) -> None:
    before, now = dict(expected), dict(actual)
    missing = [row[0] for row in expected if row[0] not in now]
    unexpected = [row[0] for row in actual if row[0] not in before]
    changed = [row[0] for row in expected if row[0] in now and now[row[0]] != row[1]]
    with pytest.MonkeyPatch.context() as patch:  # with little memory all goes through files
        patch.setattr("dbsnap.dumpfile.row_comparison.MEMORY_BYTES", memory)
        with keyed(expected, (0,), chunk) as one, keyed(actual, (0,), chunk) as other:
            found = differing_rows(one, other, limit=limit)
        with keyed(expected, (), chunk) as one, keyed(actual, (), chunk) as other:
            unkeyed = differing_rows(one, other, limit=limit).difference
        with keyed(expected, (0, 1), chunk) as one, keyed(actual, (0, 1), chunk) as other:
            by_both = differing_rows(one, other, limit=limit).difference
    assert found.difference == RowDifference(len(missing), len(unexpected), len(changed))
    for hashes, rows in (
        (found.missing, missing),
        (found.unexpected, unexpected),
        (found.changed, changed),
    ):
        assert hashes == tuple(xxh3_64_intdigest(str(row).encode()) for row in rows[:limit])
    assert unkeyed.missing == by_both.missing == (Counter(expected) - Counter(actual)).total()
    assert unkeyed.unexpected == by_both.unexpected == (Counter(actual) - Counter(expected)).total()
    sums = [UnorderedSum(), UnorderedSum()]
    for rows, total in zip((expected, actual), sums, strict=True):
        collect(
            lex(reading(block(rows), chunk), chunk_bytes=chunk), lambda _n, _s, sink=total: sink
        )
    assert (sums[0] == sums[1]) == (sorted(expected) == sorted(actual))


@given(
    st.lists(st.sampled_from([b"a", b"b", b"c\t1"]), max_size=12),
    st.lists(st.sampled_from([b"a", b"b", b"c\t1"]), max_size=12),
)
def test_rows_without_a_key_count_as_often_as_they_are_there(
    expected: list[bytes], actual: list[bytes]
) -> None:
    with KeyedRows((), 2) as one, KeyedRows((), 2) as other:
        one.add(expected)
        other.add(actual)
        found = differing_rows(one, other, limit=20)
    lost, new = Counter(expected) - Counter(actual), Counter(actual) - Counter(expected)
    assert Counter(found.missing) == Counter(map(xxh3_64_intdigest, lost.elements()))
    assert Counter(found.unexpected) == Counter(map(xxh3_64_intdigest, new.elements()))
