"""What dbsnap leaves of a dump with owners is, byte for byte, what pg_dump writes without them."""

from __future__ import annotations

import io
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from conftest import DEFAULT_MAJOR, query, run_sql, schema_files
from hypothesis import given, settings
from hypothesis import strategies as st

from dbsnap.dumpfile.frames import BLOCK_END, DumpWriter, Frame, write_dump
from dbsnap.dumpfile.members import MemberWriter
from dbsnap.dumpfile.privileges import privilege_statements
from dbsnap.postgres.client import client_environment
from dbsnap.postgres.discovery import find_programs
from dbsnap.postgres.dump import PINNED_ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from dbsnap.dumpfile.frames import WrittenDump
    from dbsnap.postgres.url import Database

    NewDatabase = Callable[..., Database]

MATRIX = [pytest.param(major, marks=pytest.mark.matrix) for major in (15, 17)]
"""Before and since large objects have entries together; the newest is looked at in every run."""

OTHER_OWNERS = r"""
SET search_path TO pg_catalog;
DO $do$
DECLARE
    names text[] := ARRAY[
        'dbsnap_test_other', 'dbsnap_test "an; Owner: other"', E'dbsnap_test\n-- Name'];
    name text;
    command text;
BEGIN
    FOREACH name IN ARRAY names LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- another database of this server made it
        END;
    END LOOP;
    FOR command IN
        SELECT format('ALTER %s %s OWNER TO %I',
            CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END,
            oid::regclass, names[1 + oid::bigint % 3])
        FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
            AND relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
        UNION ALL
        SELECT format('GRANT SELECT ON %s TO PUBLIC, %I', oid::regclass, names[1 + oid::bigint % 3])
        FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND oid::bigint % 2 = 0
            AND relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
        UNION ALL
        SELECT format('ALTER SCHEMA %I OWNER TO %I', nspname, names[1 + oid::bigint % 3])
        FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)'
        UNION ALL
        SELECT format('ALTER ROUTINE %s OWNER TO %I', oid::regprocedure, names[1 + oid::bigint % 3])
        FROM pg_proc WHERE pronamespace::regnamespace::text !~ '^(pg_|information_schema)'
            AND prokind IN ('f', 'p')
    LOOP
        BEGIN
            EXECUTE command;
        EXCEPTION WHEN OTHERS THEN
            NULL; -- what belongs to an extension
        END;
    END LOOP;
END
$do$;
"""


def pg_dump(database: Database, *arguments: str) -> bytes:
    major = query(database, "SELECT current_setting('server_version_num')::int / 10000")[0][0]
    program = next(found for found in find_programs("pg_dump") if found.major == major)
    environment = {**client_environment(database, application="test"), **PINNED_ENVIRONMENT}
    done = subprocess.run(
        [program.path, *arguments], env=environment, check=True, capture_output=True
    )
    key = re.search(rb"(?m)^\\restrict (\w+)$", done.stdout)
    return done.stdout.replace(key[1], b"key") if key else done.stdout


def taken(dump: bytes, pieces: int = 1 << 20) -> tuple[bytes, WrittenDump]:
    stream, output = io.BytesIO(dump), io.BytesIO()
    read = lambda size: stream.read(min(size, pieces))  # noqa: E731
    written = write_dump(read, output, "none", on_progress=lambda *_: None)
    return output.getvalue(), written


@pytest.mark.parametrize("schema", schema_files(), ids=lambda path: path.stem)
@pytest.mark.parametrize("major", MATRIX)
def test_what_remains_is_what_pg_dump_writes_without_owners(
    new_database: NewDatabase, schema: Path, major: int
) -> None:
    assert_the_same(new_database(schema.read_text(), major=major))


@pytest.mark.parametrize(
    "stem", ["functions", "large_objects", "names_tables", "roles", "views_circular"]
)
def test_the_same_in_every_run(new_database: NewDatabase, stem: str) -> None:
    (schema,) = [path for path in schema_files() if path.stem == stem]
    assert_the_same(new_database(schema.read_text(), major=DEFAULT_MAJOR))


def assert_the_same(database: Database) -> None:
    run_sql(database, OTHER_OWNERS)
    full, without = pg_dump(database), pg_dump(database, "--no-owner", "--no-privileges")
    assert full != without
    left, written = taken(full)
    assert left == without
    assert list(written.privileges) == privilege_statements(io.BytesIO(full).read)
    _, expected = taken(without)
    assert written.contents.inventory == expected.contents.inventory
    places = [(b.table, b.offset, b.end, b.rows, b.content) for b in written.contents.copy_blocks]
    assert places == [
        (b.table, b.offset, b.end, b.rows, b.content) for b in expected.contents.copy_blocks
    ]
    assert written.members == expected.members
    assert not expected.privileges


FUNCTION = rb"""CREATE FUNCTION public.f() RETURNS text
    LANGUAGE sql
    AS $$
--
-- Name: t; Type: TABLE; Schema: public; Owner: nobody
--

ALTER TABLE public.t OWNER TO nobody;
GRANT ALL ON TABLE public.t TO nobody;
$$;
"""
GRANTED = b"""SET SESSION AUTHORIZATION %s;
GRANT SELECT ON TABLE public.t TO "a;b";
RESET SESSION AUTHORIZATION;
GRANT ALL ON TABLE public.t TO %s;
"""
ENTRY = b"--\n-- Name: %s; Type: %s; Schema: public; Owner: %s\n--\n\n%s\n\n"
ENTRIES = {
    b"f()": ("FUNCTION", FUNCTION, b"ALTER FUNCTION public.f() OWNER TO %s;\n\n"),
    b"t": (
        "TABLE",
        b"CREATE TABLE public.t (\n    a integer\n);\n",
        b"ALTER TABLE public.t OWNER TO %s;\n\n",
    ),
    b"FUNCTION f()": ("ACL", b"REVOKE ALL ON FUNCTION public.f() FROM PUBLIC;\n", b""),
    b"TABLE t": (
        "ACL",
        GRANTED,
        b"",
    ),
    b"DEFAULT PRIVILEGES FOR TABLES": (
        "DEFAULT ACL",
        b"ALTER DEFAULT PRIVILEGES FOR ROLE %s GRANT ALL ON TABLES TO PUBLIC;\n",
        b"",
    ),
    b"t ": ("TABLE DATA", b"COPY public.t (a) FROM stdin;\n1\n--\n\\.\n", b""),
    b"COLUMN t.a": ("COMMENT", b"COMMENT ON COLUMN public.t.a IS 'ALTER TABLE t OWNER TO x;';\n", b""),
}  # fmt: skip
ROLES = st.sampled_from([b"owner", b'"an owner"', b'"ALTER"', b'"--"'])
HEADER = b"--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\n\n"
TRAILER = b"--\n-- PostgreSQL database dump complete\n--\n\n"


def entry(name: bytes, role: bytes | None) -> bytes:
    """Return an entry as pg_dump writes it, with its owner, or without owners and privileges."""
    kind, statements, owned = (ENTRIES | BEHIND_ROWS)[name]
    if role is None and kind in {"ACL", "DEFAULT ACL"}:
        return b""
    owner = role.strip(b'"') if role else b"-"
    filled = statements.replace(b"%s", role or b"")
    text = ENTRY % (name.strip(), kind.encode(), owner, filled)
    return text + (owned % role if role and owned else b"")


@given(
    st.lists(st.tuples(st.sampled_from(sorted(ENTRIES)), ROLES), max_size=12), st.integers(1, 400)
)
@settings(deadline=None)
def test_any_entries_in_any_pieces(entries: list[tuple[bytes, bytes]], pieces: int) -> None:
    full = HEADER + b"".join(entry(name, role) for name, role in entries) + TRAILER
    without = HEADER + b"".join(entry(name, None) for name, _ in entries) + TRAILER
    left, written = taken(full, pieces)
    assert left == without
    assert list(written.privileges) == privilege_statements(io.BytesIO(full).read)


BEHIND_ROWS = {
    b"t_pkey": (
        "CONSTRAINT",
        b"ALTER TABLE ONLY public.t\n    ADD CONSTRAINT t_pkey PRIMARY KEY (a);\n",
        b"",
    ),
    b"t_a": ("INDEX", b"CREATE INDEX t_a ON public.t USING btree (a);\n", b""),
    b"t tr": (
        "TRIGGER",
        b"CREATE TRIGGER tr BEFORE INSERT ON public.t EXECUTE FUNCTION public.f();\n",
        b"",
    ),
}
BEFORE_ROWS = sorted(name for name, (kind, *_) in ENTRIES.items() if kind != "TABLE DATA")
ROWS_OF_T = (b"--\n-- Data for Name: t; Type: TABLE DATA; Schema: public; Owner: -\n--\n\n", b"")


class SomeFrames:
    """Frames of which so many are there whenever somebody asks."""

    def __init__(self, count: int, ready: int) -> None:
        self._frames = [frame(number) for number in range(count)]
        self._ready = ready
        self.ended = False

    def ready(self) -> Iterator[Frame]:
        for _ in range(min(self._ready, len(self._frames))):
            yield self._frames.pop(0)

    def remaining(self) -> Iterator[Frame]:
        self.ended = True
        while self._frames:
            yield self._frames.pop(0)


def frame(number: int) -> Frame:
    statement = b"COPY public.t (a) FROM stdin;"
    begin = ROWS_OF_T[number > 0] + statement + b"\n"
    raw = memoryview(begin + b"%d\n" % number + BLOCK_END)
    return Frame(raw, statement, len(begin), 1, raw, lambda: None)


def some(entries: Iterable[bytes], **size: int) -> st.SearchStrategy[list[tuple[bytes, bytes]]]:
    return st.lists(st.tuples(st.sampled_from(list(entries)), ROLES), **size)


@given(
    some(BEFORE_ROWS, max_size=6),
    some([b"t "], max_size=3),
    some(BEHIND_ROWS, max_size=4),
    st.tuples(st.integers(0, 5), st.integers(0, 2)),
    st.integers(1, 400),
)
@settings(deadline=None)
def test_frames_among_any_entries(
    before: list[tuple[bytes, bytes]],
    rows: list[tuple[bytes, bytes]],
    behind: list[tuple[bytes, bytes]],
    counts: tuple[int, int],
    pieces: int,
) -> None:
    """Owners are left out on both sides of frames, which stand among rows or where these would."""
    full = b"".join(entry(*each) for each in before + rows + behind)
    stream, output, frames = io.BytesIO(HEADER + full + TRAILER), io.BytesIO(), SomeFrames(*counts)
    with MemberWriter(output, "none") as members:
        read = lambda size: stream.read(min(size, pieces))  # noqa: E731
        writer = DumpWriter(read, members, lambda *_: None)
        writer.take_with_frames(frames)
        written = writer.written()
    assert frames.ended
    text = output.getvalue()
    put_in = [bytes(frame(number).raw) for number in range(counts[0])]
    places = [text.find(each) for each in put_in]
    for each in put_in:
        text = text.replace(each, b"", 1)
    start = HEADER + b"".join(entry(name, None) for name, _ in before)
    among = b"".join(entry(name, None) for name, _ in rows)
    end = b"".join(entry(name, None) for name, _ in behind) + TRAILER
    assert text == start + among + end
    assert places == sorted(places)
    assert all(len(start) <= each <= len(output.getvalue()) - len(end) for each in places)
    blocks = [output.getvalue()[b.offset : b.end] for b in written.contents.copy_blocks]
    assert sorted(blocks) == sorted(
        [b"%d\n" % number for number in range(counts[0])] + [b"1\n--\n"] * len(rows)
    )
    privileges = privilege_statements(io.BytesIO(full).read)
    assert list(written.privileges) == privileges


@pytest.mark.parametrize("last", [b"t", b"t ", b"t_a"])
def test_a_dump_that_ends_before_its_trailer_is_not_complete(last: bytes) -> None:
    text = HEADER + b"".join(entry(name, None) for name in (b"t", last))
    with MemberWriter(io.BytesIO(), "none") as members:
        writer = DumpWriter(io.BytesIO(text).read, members, lambda *_: None)
        writer.take_with_frames(SomeFrames(3, 1))
        assert not writer.written().contents.complete
