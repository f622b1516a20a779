"""The lexer finds what psql finds: compared with psql itself, byte by byte, and cut off everywhere."""

from __future__ import annotations

import io
import os
import re
import subprocess
import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING

import pglast
import pytest
from conftest import MAJORS, url_of
from fuzz.pieces import COPY_BLOCKS, DEFINITIONS, FRAGMENTS, TOKENS
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dbsnap.dumpfile.lexer import (
    Comment,
    CopyData,
    CopyEnd,
    CopyStart,
    Event,
    Heading,
    MetaCommand,
    Statement,
    lex,
)
from dbsnap.dumpfile.lexing.tokens import Cursor, tokenize
from dbsnap.errors import DumpRefused
from dbsnap.postgres.discovery import find_programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.url import Database

Refusal = tuple[str, int | None, int | None, str | None, str]

OFF = b"SET standard_conforming_strings = off;\n"


def read_events(dump: bytes, chunk_bytes: int = 1 << 20) -> list[Event]:
    """Return the events with the chunks of each COPY body joined."""
    return list(joined_data(lex(io.BytesIO(dump).read, chunk_bytes=chunk_bytes)))


def joined_data(events: Iterable[Event]) -> Iterator[Event]:
    body: CopyData | None = None
    for event in events:
        if isinstance(event, CopyData):
            known = body or replace(event, data=b"")
            body = replace(known, end=event.end, data=known.data + event.data)
            continue
        if body:
            yield body
            body = None
        yield event
    if body:
        yield body


def outcome(dump: bytes, chunk_bytes: int = 1 << 20) -> list[Event | Refusal]:
    """Return the events, and behind them what the refusal said, if it was refused."""
    events: list[Event] = []
    refusal: list[Refusal] = []
    try:
        for event in lex(io.BytesIO(dump).read, chunk_bytes=chunk_bytes):
            events.append(event)  # noqa: PERF402 - those before the refusal count
    except DumpRefused as error:
        refusal = [(error.rule, error.offset, error.line, error.table, str(error))]
    return [*joined_data(events), *refusal]


def shown(dump: bytes) -> list[tuple[str, bytes]]:
    """Return the events as kind and bytes."""
    return [(type(event).__name__, dump[event.offset : event.end]) for event in read_events(dump)]


def refused(dump: bytes) -> DumpRefused:
    with pytest.raises(DumpRefused) as caught:
        read_events(dump)
    return caught.value


# One statement each, semicolons hidden in every way that SQL has. Whole, and cut anywhere, below.
ONE_STATEMENT = {
    "plain": b"SELECT 1;",
    "upper case E": b"SELECT E'a\\';b';",
    "lower case e": b"SELECT e'a\\\\';",
    "E with doubled quote": b"SELECT E'a'';b';",
    "e at the end of a word": b"SELECT date'2024-01-01\\';",
    "E behind a parenthesis": b"INSERT INTO t VALUES (E'\\';', ';');",
    "string": b"SELECT 'a;''b\\';",
    "two strings are one": b"SELECT 'a;'\n';b';",
    "national string": b"SELECT N'a;';",
    "bit strings": b"SELECT B'0;1', X'f;f';",
    "unicode string": b"SELECT U&'\\0041;';",
    "unicode name": b'SELECT U&"\\0041;";',
    "quoted name": b'SELECT "a;""b;";',
    "dollar quotes": b"SELECT $$;'$$, $a$;$b$;$ba$a$;",
    "dollar quotes with a line in COPY's manner": b"SELECT $$\n\\.\n\\! rm\n$$;",
    "dollars in a word": b"SELECT a$b$, c$$;",
    "parameter": b"SELECT $1, $2;",
    "parameter before dollar quotes": b"SELECT 1$$;$$;",
    "line comment": b"SELECT 1 -- ;\n;",
    "line comment that CR ends": b"SELECT 1 -- ;\r;",
    "block comment": b"SELECT 1 /* ; */;",
    "nested comment": b"SELECT 1 /* /* ; */ ; /*/ ; */ */;",
    "operators beside comments": b"SELECT 1 +--;\n 2 -/*;*/ 3 */**/ 4;",
    "parentheses": b"CREATE RULE r AS ON INSERT TO t DO ALSO (DELETE FROM a; DELETE FROM b);",
    "deep parentheses": b"SELECT ((((1);)));",
    "cast and assignment": b"SELECT a::text, f(b := 1);",
    "psql variables": b"SELECT :a, :'a', :\"a\", x[1:2], y[a:b];",
    "numbers": b"SELECT 1.5e-3, .5, 1., 1..2, 1e5;",
    "body": b"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;",
    "body with case": (
        b"CREATE OR REPLACE PROCEDURE p(a int DEFAULT (1))\nLANGUAGE sql\nBEGIN ATOMIC\n"
        b" SELECT CASE WHEN a THEN 1 END;\n SELECT (CASE a WHEN 1 THEN 2 END);\nEND;"
    ),
    "begin in a column of another statement": b"CREATE TABLE t (begin int, end_ int);",
    "words that only look like it": b"CREATE VIEW function AS SELECT beginning FROM cases;",
    "high bytes": "SELECT größe, 'é;' FROM \"ü;\";".encode(),
    "bytes that are no UTF-8": b"SELECT '\xff;\x80';",
}


class TestPieces:
    @pytest.mark.parametrize("statement", ONE_STATEMENT.values(), ids=ONE_STATEMENT)
    def test_one_statement(self, statement: bytes) -> None:
        dump = b"-- before\n" + statement + b"\n-- behind\n"
        assert shown(dump) == [
            ("Comment", b"-- before"),
            ("Statement", statement),
            ("Comment", b"-- behind"),
        ]

    @pytest.mark.parametrize("statement", ONE_STATEMENT.values(), ids=ONE_STATEMENT)
    def test_cut_anywhere_is_refused(self, statement: bytes) -> None:
        for length in range(1, len(statement)):
            events = outcome(statement[:length])
            assert events, statement[:length]
            rule, offset, line, *_ = events[-1]
            assert (rule, offset) == ("truncated", length)
            assert line == 1 + statement[:length].count(b"\n")

    @pytest.mark.parametrize(
        ("dump", "what"),
        [
            (b"SELECT 'a", "a quoted string"),
            (b"SELECT E'a\\'", "a quoted string"),
            (b'SELECT "a', "a quoted name"),
            (b"SELECT $x$ a $$", "a dollar-quoted string"),
            (b"SELECT 1 /* /* */", "a comment"),
            (b"/* /* */", "a comment"),
            (b"SELECT 1", "a statement"),
            (b"SELECT (1;", "a statement"),
            (b"COPY public.t FROM stdin;", "a COPY block"),
            (b"COPY public.t FROM stdin;\n1\n", "the data of table public.t"),
            (b"COPY public.t FROM stdin;\n1\n\\.", "the data of table public.t"),
        ],
    )
    def test_a_refusal_says_what_is_cut(self, dump: bytes, what: str) -> None:
        error = refused(b"\n\n" + dump)
        assert error.rule == "truncated"
        assert f"inside {what} that begins in line 3" in str(error)
        assert error.offset == len(dump) + 2
        assert error.hint

    def test_a_cut_copy_names_its_table(self) -> None:
        assert refused(b'COPY public."We""ird" (a) FROM stdin;\n1\n').table == 'public."We""ird"'

    def test_comments_between_statements(self) -> None:
        dump = b"/* a; /* b */ */ -- c\r--d\nSELECT 1;-- e"
        assert shown(dump) == [
            ("Comment", b"/* a; /* b */ */"),
            ("Comment", b"-- c"),
            ("Comment", b"--d"),
            ("Statement", b"SELECT 1;"),
            ("Comment", b"-- e"),
        ]

    def test_empty_and_blank_dumps_have_no_events(self) -> None:
        assert read_events(b"") == []
        assert read_events(b" \t\r\n\f\v") == []

    def test_several_statements_in_a_line(self) -> None:
        assert shown(b"SELECT 1;SELECT 2;;") == [
            ("Statement", b"SELECT 1;"),
            ("Statement", b"SELECT 2;"),
            ("Statement", b";"),
        ]

    def test_backslashes_mean_something_while_standard_strings_are_off(self) -> None:
        dump = (
            OFF
            + b"SELECT 'a\\';b', \"c\\\", U&'d\\', B'\\';\nSET standard_conforming_strings TO on;"
        )
        dump += b"\nSELECT 'a\\';"
        assert [text for _, text in shown(dump)] == [
            OFF.strip(),
            b"SELECT 'a\\';b', \"c\\\", U&'d\\', B'\\';",
            b"SET standard_conforming_strings TO on;",
            b"SELECT 'a\\';",
        ]

    @pytest.mark.parametrize(
        "setting",
        [
            b"set SESSION Standard_Conforming_Strings = 'off';",
            b'SET "standard_conforming_strings" TO f;',
            b"SELECT pg_catalog.set_config('standard_conforming_strings', 'off', false);",
        ],
    )
    def test_other_ways_to_turn_standard_strings_off(self, setting: bytes) -> None:
        dump = setting + b"\nSELECT '\\';';"
        assert shown(dump)[1:] == [("Statement", b"SELECT '\\';';")]
        assert not any(event.standard_strings for event in read_events(dump)[1:])

    def test_connecting_anew_turns_standard_strings_on(self) -> None:
        assert shown(OFF + b"\\connect other\nSELECT '\\';")[-1] == ("Statement", b"SELECT '\\';")


class TestMetaCommands:
    @pytest.mark.parametrize(
        ("dump", "command"),
        [
            (b"\\restrict key\n", b"\\restrict key"),
            (b"  \\! rm\r\n", b"\\! rm"),
            (b"\\unrestrict key", b"\\unrestrict key"),
            (b"SELECT 1 \\g |cmd\n;", b"\\g |cmd"),
            (b"SELECT (1\\! rm 'x\n);", b"\\! rm 'x"),
            (b"SELECT 1;\\! rm\n", b"\\! rm"),
            (b"-- comment\r\\! rm\n", b"\\! rm"),
            (b"SELECT 'a' \\; SELECT 2;\n;", b"\\; SELECT 2;"),
            (b"SELECT '\\'\\! rm\n;", b"\\! rm"),
            (b"CREATE FUNCTION f() BEGIN ATOMIC \\! rm\n SELECT 1; END;", b"\\! rm"),
            (OFF + b"SELECT '\\'' \\! rm\n;", b"\\! rm"),
        ],
    )
    def test_wherever_psql_sees_one(self, dump: bytes, command: bytes) -> None:
        assert command in [text for kind, text in shown(dump) if kind == "MetaCommand"]

    @pytest.mark.parametrize(
        "dump",
        [
            b"SELECT '\n\\! rm\n';",
            b"SELECT E'\\\\! rm';",
            b'SELECT "\\! rm";',
            b"SELECT $$\n\\! rm\n$$;",
            b"-- \\! rm\nSELECT 1;",
            b"/* \n\\! rm\n */SELECT 1 /*\\g*/;",
            b"COPY t FROM stdin;\n\\! rm\n\\restrict gotcha\n\\\\.\n\\.x\n \\.\n\\.\n",
        ],
    )
    def test_nowhere_else(self, dump: bytes) -> None:
        assert "MetaCommand" not in [kind for kind, _ in shown(dump)]

    def test_one_inside_a_statement_without_end_is_told_before_the_refusal(self) -> None:
        events = outcome(b"SELECT 1 \\g |cmd\n")
        assert events[0] == MetaCommand(9, 16, 1, b"\\g |cmd")
        assert events[1][0] == "truncated"


class TestCopy:
    def test_places(self) -> None:
        dump = b"SELECT 1;\nCOPY t (a) FROM stdin;\n1\n\\N\n\\.\n\nSELECT 2;\n"
        assert read_events(dump) == [
            Statement(0, 9, 1, b"SELECT 1;"),
            CopyStart(10, 32, 2, b"COPY t (a) FROM stdin;"),
            CopyData(33, 38, 3, b"1\n\\N\n"),
            CopyEnd(38, 41, 5),
            Statement(42, 51, 7, b"SELECT 2;"),
        ]

    @pytest.mark.parametrize(
        ("body", "data"),
        [
            (b"\\.\n", None),
            (b"\\.\r\n", None),
            (b"1\n\\.\n", b"1\n"),
            (b"1\r\n\\.\r\n", b"1\r\n"),
            (b"\n\\.\n", b"\n"),
            (b"\\.x\n\\.\n", b"\\.x\n"),
            (b"\\.\r\r\n\\.\n", b"\\.\r\r\n"),
            (b"\\\\.\n\\.\n", b"\\\\.\n"),
            (b"x\\.\n\\.\n", b"x\\.\n"),
            (b"';$$/*\"(\n\\.\n", b"';$$/*\"(\n"),
        ],
    )
    def test_body_is_exact(self, body: bytes, data: bytes | None) -> None:
        dump = b"COPY t FROM stdin;\n" + body + b"SELECT 1;\n"
        events = read_events(dump)
        found = [event.data for event in events if isinstance(event, CopyData)]
        assert found == ([] if data is None else [data])
        assert events[-1] == Statement(
            len(dump) - 10, len(dump) - 1, dump.count(b"\n"), b"SELECT 1;"
        )

    @pytest.mark.parametrize(
        "statement",
        [
            b"COPY t FROM stdin;",
            b"copy public.t(a,b)from STDIN;",
            b"COPY t FROM STDIN WITH (FORMAT csv, HEADER);",
            b"COPY t FROM /* x */ StdIn DELIMITER ';';",
            b"COPY t FROM stdout;",  # the server takes it for stdin
            b'COPY "from" (a) FROM stdin WHERE a > 1;',
            b"COPY t FROM stdin; \t\r",
        ],
    )
    def test_statements_that_data_follow(self, statement: bytes) -> None:
        kinds = [kind for kind, _ in shown(statement + b"\n;;\n\\.\nSELECT 1;")]
        assert kinds == ["CopyStart", "CopyData", "CopyEnd", "Statement"]

    @pytest.mark.parametrize(
        "statement",
        [
            b"COPY t TO stdout;",
            b"COPY (SELECT * FROM stdin) TO STDOUT;",
            b"COPY t FROM '/etc/passwd';",
            b"COPY t FROM PROGRAM 'x';",
            b'COPY t FROM "stdin";',
            b"SELECT copy FROM stdin;",
            b"COPYRIGHT t FROM stdin;",
        ],
    )
    def test_statements_that_none_follow(self, statement: bytes) -> None:
        assert [kind for kind, _ in shown(statement + b"\nSELECT 1;")] == ["Statement"] * 2

    def test_a_body_is_never_held(self) -> None:
        total = 64 << 20
        row = b"1\tsome text\n"
        left = [b"COPY t FROM stdin;\n", *[row * 5000] * (total // len(row) // 5000), b"\\.\n"]
        tracemalloc.start()
        size = 0
        for event in lex(lambda _: left.pop(0) if left else b""):
            size += event.end - event.offset
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert size > total - (1 << 20)
        assert peak < 4 << 20


class TestRefusals:
    """Each rule fires, and stays silent on the nearest harmless neighbour."""

    @pytest.mark.parametrize(
        ("rule", "harmful", "harmless"),
        [
            ("nul-byte", b"SELECT 1;\0", b"SELECT 1;"),
            ("nul-byte", b"COPY t FROM stdin;\n\0\n\\.\n", b"COPY t FROM stdin;\n\\0\n\\.\n"),
            ("nul-byte", b"-- a\0\n\\! rm\n", b"-- a\n"),
            # Numbers glued to what follows: PostgreSQL 15 changed where they end.
            ("ambiguous-token", b"SELECT 1e'\\';", b"SELECT 1 e'\\'';"),
            ("ambiguous-token", b"CREATE 1a TABLE;", b"CREATE TABLE a1 (b int);"),
            ("ambiguous-token", b"SELECT 1a$$;$$;", b"SELECT 1 a$$;"),
            ("ambiguous-token", b"SELECT $1a$;$1a$;", b"SELECT $1;"),
            ("ambiguous-token", b"SELECT :e'\\';", b"SELECT :e '\\';"),
            ("ambiguous-token", b"SELECT :a$$;$$;", b"SELECT :a $$;$$;"),
            # psql ends a string with its line, the server goes on in it as an E'' string.
            ("ambiguous-token", b"SELECT E'a'\n'\\'';", b"SELECT E'a', '\\';"),
            ("ambiguous-token", b"SELECT E'a' -- b\n 'c';", b"SELECT 'a' -- b\n 'c';"),
            ("ambiguous-token", OFF + b"SELECT 'a'\n'c';", OFF + b"SELECT 'a' 'c';"),
            # Words in parentheses count for a psql before August 2026, not for later ones.
            ("ambiguous-token", b"create (a) function begin;", b"create function a(begin int);"),
            ("ambiguous-token", b"(SELECT 1);", b"SELECT (1);"),
            ("hidden-statement", b"CREATE FUNCTION begin() AS 'x'; DROP TABLE t; END;",
             b'CREATE FUNCTION "begin"() AS \'x\'; DROP TABLE t; END;'),
            ("hidden-statement",
             b"CREATE FUNCTION f() BEGIN ATOMIC SELECT 1 begin; END; DROP TABLE t; END;",
             b"CREATE FUNCTION f() BEGIN ATOMIC SELECT 1 AS b; END; DROP TABLE t; END;"),
            ("hidden-statement",
             b"CREATE FUNCTION f() BEGIN ATOMIC SELECT 1 case; END; DROP TABLE t; END;",
             b"CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE a WHEN 1 THEN 2 END; END; DROP TABLE t;"),
            # psql 18.6 skips from this semicolon to the next line of backslash and period.
            ("hidden-statement", b"COPY t FROM stdin;\n\\.\n;\nSELECT $$\n\\.\n\\! rm\n$$;",
             b"COPY t FROM stdin;\n\\.\nSELECT 1;;\nSELECT $$\n\\.\n\\! rm\n$$;"),
            ("hidden-statement", b"COPY t FROM stdin;\n\\.\n'a';", b"COPY t FROM stdin;\n\\.\nTABLE a;"),
            ("psql-variable", b"SELECT :DBNAME;", b"SELECT a[b:dbname];"),
            ("psql-variable", b"SELECT :'LAST_ERROR_MESSAGE';", b"SELECT ':LAST_ERROR_MESSAGE';"),
            ("psql-variable", b"SELECT :\"USER\";", b'SELECT a[1:"User"];'),
            ("psql-variable", b"SELECT :{?DBNAME};", b"SELECT '{?DBNAME}';"),
            ("unsafe-encoding", b"SET client_encoding = 'SJIS';", b"SET client_encoding = 'EUC_JP';"),
            ("unsafe-encoding", b"SET NAMES 'gb18030';", b"SET NAMES 'UTF8';"),
            ("unstable-quoting", b"SET LOCAL standard_conforming_strings = off;",
             b"SET LOCAL lock_timeout = 0;"),
            ("unstable-quoting", b"SET standard_conforming_strings = DEFAULT;",
             b"SET lock_timeout = DEFAULT;"),
            ("unstable-quoting", OFF + b"RESET ALL;", b"RESET ALL;"),
            ("copy-binary", b"COPY t FROM stdin WITH (FORMAT 'binary');\n\\.\n",
             b'COPY "binary" FROM stdin;\n\\.\n'),
            ("copy-binary", OFF + b"COPY t FROM stdin DELIMITER '\\'' BINARY;\n\\.\n",
             OFF + b"COPY t FROM stdin DELIMITER '\\' BINARY';\n\\.\n"),
            ("ambiguous-token", b"COPY a b FROM stdin;\n\\.\n", b"COPY a WITH OIDS FROM stdin;\n\\.\n"),
            ("copy-binary", b"COPY BINARY t FROM stdin;\n\\.\n", b"COPY t FROM stdin;\n\\.\n"),
            ("text-after-copy", b"COPY t FROM stdin; SELECT 1;\n\\.\n", b"COPY t FROM stdin;  \n\\.\n"),
        ],
    )  # fmt: skip
    def test_rule(self, rule: str, harmful: bytes, harmless: bytes) -> None:
        error = refused(b"SELECT 0;\n" + harmful)
        assert error.rule == rule
        assert error.hint
        assert error.line >= 2
        read_events(b"SELECT 0;\n" + harmless)

    def test_what_pg_dump_writes_about_settings_is_fine(self) -> None:
        dump = (
            b"SET statement_timeout = 0;\nSET client_encoding = 'UTF8';\n"
            b"SET standard_conforming_strings = on;\n"
            b"SELECT pg_catalog.set_config('search_path', '', false);\n"
            b"SET SESSION AUTHORIZATION 'a';\nRESET SESSION AUTHORIZATION;\n"
            b"SET default_tablespace = '';\n"
        )
        assert len(read_events(dump)) == 7


NOT_CONTINUED = {b"B'01'": b"B'01'+", b"x'ff'": b"x'ff'+"}
"""A bit string knows no '', so that the scanner ends one in a line further on, which no dump holds."""

NATIONAL = ("n'", "N'")
SCANNED_TOKENS = [NOT_CONTINUED.get(t, t) for t in TOKENS if t not in (b"1.", b"N'a'")]
SPACE = st.sampled_from([b"", b" ", b" ", b"\n"])


def joined(pieces: list[bytes]) -> st.SearchStrategy[bytes]:
    piece = st.tuples(st.sampled_from(pieces), SPACE).map(b"".join)
    return st.lists(piece, max_size=25).map(b"".join)


@given(joined([*TOKENS, *FRAGMENTS, *COPY_BLOCKS, b"\0"]))
@settings(max_examples=600, deadline=None)
def test_no_byte_is_lost(dump: bytes) -> None:
    position = 0
    inside = 0
    for event in outcome(dump):
        if isinstance(event, tuple):
            assert event[1] >= position
            return
        assert event.line == 1 + dump.count(b"\n", 0, event.offset)
        if isinstance(event, MetaCommand) and event.offset > position:
            inside = event.end if dump[position : event.offset].strip() else inside
        if not inside or event.end > inside:
            assert not dump[position : event.offset].strip(b" \t\r\n\f\v")
            position, inside = event.end, 0
        text = event.data if isinstance(event, CopyData) else getattr(event, "text", None)
        assert text is None or text == dump[event.offset : event.end]
    assert not dump[position:].strip(b" \t\r\n\f\v")


@given(joined([*TOKENS, *FRAGMENTS, *COPY_BLOCKS, b"\0"]), st.booleans())
@settings(max_examples=300, deadline=None)
@example(dump=b":a$1'x'1.5a\n", standard_strings=True)
@example(dump=b"&\x0b1\"\"@:a'#....1$\nselect 'marker';\n", standard_strings=True)
@example(dump=b"E'\\''$1$a$begin atomic$b$u&'\t$1;E'\\''.\n", standard_strings=False)
def test_chunks_make_no_difference(dump: bytes, standard_strings: bool) -> None:
    dump = (b"" if standard_strings else OFF) + dump
    whole = outcome(dump)
    for chunk_bytes in range(1, min(len(dump), 40) + 1):
        assert outcome(dump, chunk_bytes) == whole


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_short_reads_make_no_difference(size: int) -> None:
    dump = b"SELECT 1;\nCOPY t FROM stdin;\n1\n\\.\nSELECT 'x', \"y\";\n-- z\n"
    source = io.BytesIO(dump)
    events = lex(lambda wanted: source.read(min(wanted, size)))
    assert list(joined_data(events)) == read_events(dump)


@pytest.fixture(params=MAJORS)
def psql(request: pytest.FixtureRequest) -> Program:
    """Give the newest psql of each major that the session must have."""
    found = [program for program in find_programs("psql") if program.major == request.param]
    return max(found, key=lambda program: program.version)


@pytest.fixture
def database(new_database: Callable[..., Database]) -> Database:
    return new_database("CREATE TABLE public.t (a text, b text);")


FUNCTION = (
    b"CREATE FUNCTION public.f() RETURNS int LANGUAGE plpgsql AS $$BEGIN "
    b"PERFORM set_config('standard_' || 'conforming_strings', 'off', false); RETURN 1; END$$;\n"
)
PROBE = b"SELECT 'x\\'; SELECT 1; SELECT '\\\n';\nSELECT 'marker';\n"
"""Four statements with standard strings, an unfinished one without."""

FOLLOWED = {
    "nothing": b"",
    "off and on": OFF + b"SET standard_conforming_strings TO on;\n",
    "on again by its function": OFF
    + b"SELECT pg_catalog.set_config('STANDARD_conforming_strings', 'yes', false);\n",
    "on again by another spelling": OFF
    + b"SET U&\"standard!005fconforming_strings\" UESCAPE '!' = tru;\n",
    "off in another session": OFF + b"\\connect\n",
    "other settings": b"RESET ALL;\nDISCARD PLANS;\nSET lock_timeout = 0;\nRESET ROLE;\n",
    "on in a transaction": b"BEGIN;\nSET standard_conforming_strings = on;\nROLLBACK;\n",
    "in a function": FUNCTION + b"CREATE VIEW v AS SELECT public.f();\n",
    "in a materialized view": FUNCTION + b"CREATE MATERIALIZED VIEW m AS SELECT public.f();\n",
    "constants": b"SELECT 1, 'a', NULL;\nINSERT INTO public.t VALUES ('a'), (NULL);\n",
    "code and on": b"DO $$BEGIN END$$;\nSET standard_conforming_strings = on;\n",
    "values of a sequence": b"SELECT pg_catalog.setval('public.s', 1, true);\n",
}
"""What may stand before the probe, and leaves it four statements."""

REFUSED = {
    "same line": OFF.strip() + b" ",
    "same line to psql": OFF.strip() + b" -- c\r",
    "in a transaction": b"BEGIN;\n" + OFF + b"COMMIT;\n",
    "rolled back": b"START TRANSACTION;\n" + OFF + b"ROLLBACK;\n",
    "rolled back by its other name": OFF + b"ABORT;\n",
    "rolled back to a savepoint": OFF + b"BEGIN;\nSAVEPOINT a;\nROLLBACK TO SAVEPOINT a;\n",
    "committed after an error": b"BEGIN;\n" + OFF + b"SELECT 1/0;\nCOMMIT;\n",
    "local": b"BEGIN;\nSET LOCAL standard_conforming_strings = off;\n",
    "local by its function": b"SELECT set_config('standard_conforming_strings', 'off', true);\n",
    "reset": OFF + b"RESET standard_conforming_strings;\n",
    "reset with all": OFF + b"RESET ALL;\n",
    "discarded": OFF + b"DISCARD ALL;\n",
    "default": OFF + b"SET standard_conforming_strings = DEFAULT;\n",
    "no value": b"SET standard_conforming_strings = o;\n",
    "two values": b"SET standard_conforming_strings = off, on;\n",
    "second of two": (
        b"SELECT set_config('search_path', '', false), "
        b"set_config('standard_conforming_strings', 'off', false);\n"
    ),
    "composed name": b"SELECT set_config('standard_' || 'conforming_strings', 'off', false);\n",
    "quoted function": b"SELECT \"set_config\"('standard_conforming_strings', 'of', 'f');\n",
    "function in Unicode": (
        b"SELECT U&\"set\\005fconfig\"('standard_conforming_strings', 'off', 'f');\n"
    ),
    "perhaps not called": (
        b"SELECT set_config('standard_conforming_strings', 'off', false) WHERE random() < 2;\n"
    ),
    "name with another escape character": (
        b"SET U&\"standard!005fconforming_strings\" /* */ UESCAPE '!' = off;\n"
    ),
    "catalogue": b"UPDATE pg_settings SET setting = 'off' WHERE name LIKE 'standard_conf%';\n",
    "query in WITH": (
        b"WITH a AS (SELECT set_config('standard_conforming_strings', 'off', false)) TABLE a;\n"
    ),
    "values": b"VALUES (set_config('standard_conforming_strings', 'off', false));\n",
    "block": b"DO $$BEGIN SET standard_conforming_strings = off; END$$;\n",
    "block with a composed name": (
        b"DO $$BEGIN EXECUTE 'SET standard_' || 'conforming_strings = off'; END$$;\n"
    ),
    "procedure": (
        FUNCTION + b"CREATE PROCEDURE p() LANGUAGE sql AS $$SELECT public.f()$$;\nCALL p();\n"
    ),
    "own function": FUNCTION + b"SELECT public.f();\n",
    "function named like a constant": (
        FUNCTION.replace(b"public.f", b'public."null"') + b'SELECT "null"();\n'
    ),
    "function in INSERT": FUNCTION + b"INSERT INTO public.t VALUES (public.f());\n",
    "query in INSERT": FUNCTION + b"INSERT INTO public.t SELECT public.f();\n",
    "query in CREATE TABLE": FUNCTION + b"CREATE UNLOGGED TABLE u AS SELECT public.f();\n",
    "query in COPY": FUNCTION + b"COPY (SELECT public.f()) TO STDOUT;\n",
    "prepared": FUNCTION + b"PREPARE a AS SELECT public.f();\nEXECUTE a;\n",
    "explained": FUNCTION + b"EXPLAIN ANALYZE SELECT public.f();\n",
    "cursor": (FUNCTION + b"BEGIN;\nDECLARE c CURSOR FOR SELECT public.f();\nFETCH c;\nCOMMIT;\n"),
    "second in a query": b"SELECT 1\\; SET standard_conforming_strings = off;\n",
    "made by a query": b"SELECT 'SET standard_conforming_strings = off' \\gexec\n",
    "of a role": (
        b"ALTER ROLE CURRENT_USER IN DATABASE DBNAME SET standard_conforming_strings = off;\n"
        b"\\connect\n"
    ),
    "of a database": (
        b'ALTER DATABASE DBNAME SET "standard_conforming_strings" TO off;\n\\connect\n'
    ),
}
"""What may stand before the probe, and leaves its meaning to a setting that nobody can foresee."""


class TestQuoting:
    """What standard_conforming_strings is: followed as psql follows it, or refused."""

    @pytest.mark.parametrize("name", REFUSED)
    def test_not_foreseeable(self, name: str) -> None:
        assert refused(REFUSED[name] + PROBE).rule == "unstable-quoting"

    @pytest.mark.parametrize("name", FOLLOWED)
    def test_followed(self, name: str) -> None:
        texts = [text for _, text in shown(FOLLOWED[name] + PROBE)]
        assert texts[-4:-1] == [b"SELECT 'x\\';", b"SELECT 1;", b"SELECT '\\\n';"]

    def test_what_reads_the_same_either_way_is_never_refused(self) -> None:
        dump = b"DO $$BEGIN END$$;\nSELECT 'a\\b', E'\\'', \"\\\", $$\\'$$;\nSELECT '\\\\';\n"
        assert len(read_events(dump)) == 3

    def test_an_encoding_chosen_by_code(self) -> None:
        dump = b"DO $$BEGIN PERFORM set_config('client_encoding', 'SJIS', false); END$$;"
        assert refused(dump).rule == "unsafe-encoding"
        assert read_events(b"INSERT INTO t SELECT 'client_encoding';")

    def test_a_session_that_begins_inside_a_statement(self) -> None:
        assert refused(OFF + b"SELECT 1 \\connect\n;").rule == "hidden-statement"

    def test_psql_reads_them_so(self, psql: Program, database: Database, tmp_path: Path) -> None:
        """Show that psql follows what is followed, and that most of what is refused deceives."""
        name = database.parameters["dbname"].encode()
        three = comparable([b"SELECT 'x\\';", b"SELECT 1;", b"SELECT '\\\n';"], True)
        deceptions = 0
        for before in [*FOLLOWED.values(), *REFUSED.values()]:
            end = b"\n'; ROLLBACK; ALTER DATABASE DBNAME RESET ALL;\n"
            dump = (before + PROBE + end).replace(b"DBNAME", name)
            sent = comparable(queries_sent(psql, database, dump, tmp_path), True)
            as_read = [query for query in sent if query in three] == three
            assert as_read or before not in FOLLOWED.values(), before
            deceptions += not as_read
        assert deceptions > len(REFUSED) / 2


class TestAgainstPsql:
    """psql itself, on a real server: its log holds every query it sent, between lines of stars."""

    def test_same_statements(self, psql: Program, database: Database, tmp_path: Path) -> None:
        @given(joined([*TOKENS, *COPY_BLOCKS, *DEFINITIONS]), st.booleans())
        @settings(
            max_examples=60,
            deadline=None,
            derandomize=True,
            suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
        )
        def compare(dump: bytes, standard_strings: bool) -> None:
            dump = (b"" if standard_strings else OFF) + dump + b";\nselect 'marker';\n"
            found = outcome(dump)
            if any(isinstance(event, tuple | MetaCommand) for event in found):
                return
            if any(
                b"stdin" in event.text.lower() for event in found if isinstance(event, Statement)
            ):
                return  # a COPY that the server refuses: newer psql skip its data, older run them
            sent = queries_sent(psql, database, dump, tmp_path)
            mine = [event.text for event in found if isinstance(event, Statement | CopyStart)]
            assert comparable(sent, standard_strings) == comparable(mine, standard_strings)

        compare()

    def test_same_commands(self, psql: Program, database: Database, tmp_path: Path) -> None:
        pieces = [*TOKENS, *FRAGMENTS, *COPY_BLOCKS, *DEFINITIONS]
        pieces = [piece for piece in pieces if b"\\" not in piece or b"'" in piece]

        @given(joined(pieces), joined(pieces))
        @settings(max_examples=40, deadline=None, derandomize=True)
        def compare(before: bytes, behind: bytes) -> None:
            dump = before + b"\\echo found\n" + behind
            events = outcome(dump)
            refusals = [event for event in events if isinstance(event, tuple)]
            commands = [event.text for event in events if isinstance(event, MetaCommand)]
            others = [event.text for event in events if isinstance(event, Statement)]
            if any(refusal[0] != "truncated" for refusal in refusals):
                return
            if any(b"stdin" in text.lower() for text in others):
                return  # a COPY that the server refuses
            printed = run_psql(psql, database, dump, tmp_path).splitlines()
            assert (b"found" in printed) == (b"\\echo found" in commands)

        compare()

    @pytest.mark.parametrize("name", ONE_STATEMENT)
    def test_the_examples(
        self, psql: Program, database: Database, tmp_path: Path, name: str
    ) -> None:
        dump = ONE_STATEMENT[name] + b"\nSELECT 'marker';\n"
        sent = queries_sent(psql, database, dump, tmp_path)
        assert comparable(sent, True) == comparable(
            [ONE_STATEMENT[name], b"SELECT 'marker';"], True
        )


def run_psql(psql: Program, database: Database, dump: bytes, directory: Path) -> bytes:
    """Run a file with psql and return what it prints; that most statements fail does not matter."""
    file = directory / "dump.sql"
    file.write_bytes(dump)
    return subprocess.run(
        [
            str(psql.path),
            "-X",
            "-q",
            "-L",
            str(directory / "log"),
            "-f",
            str(file),
            url_of(database),
        ],
        env={"PATH": os.environ["PATH"], "PGCLIENTENCODING": "UTF8"},
        capture_output=True,
        timeout=60,
        check=False,
    ).stdout


def queries_sent(psql: Program, database: Database, dump: bytes, directory: Path) -> list[bytes]:
    """Return the queries that psql sends for a file."""
    log = directory / "log"
    log.unlink(missing_ok=True)
    run_psql(psql, database, dump, directory)
    written = log.read_bytes() if log.exists() else b""
    pattern = rb"(?:/?\*{8,} QUERY \*{8,}/?)\n(.*?)\n/?\*{24,}/?\n"
    return re.findall(pattern, written, re.DOTALL)


def comparable(queries: list[bytes], standard_strings: bool) -> list[list[tuple[str, str]]]:
    """Return queries by their tokens: psql drops line comments, and empty queries do not count."""
    tokens = [tokenize(query, standard_strings=standard_strings) for query in queries]
    kept = [[(token.kind, token.value) for token in query] for query in tokens]
    return [query for query in kept if query != [("punctuation", ";")]]


class TestTokens:
    def values(self, statement: bytes, **options: bool) -> list[tuple[str, str]]:
        return [(token.kind, token.value) for token in tokenize(statement, **options)]

    def test_kinds_and_values(self) -> None:
        assert self.values(b"SELECT Ab, \"C\"\"d\", 1.5, $1, 'e''f' <= $x$g$x$;") == [
            ("word", "select"),
            ("word", "ab"),
            ("punctuation", ","),
            ("quoted", 'C"d'),
            ("punctuation", ","),
            ("number", "1.5"),
            ("punctuation", ","),
            ("parameter", "$1"),
            ("punctuation", ","),
            ("string", "e'f"),
            ("operator", "<="),
            ("string", "g"),
            ("punctuation", ";"),
        ]

    @pytest.mark.parametrize(
        ("written", "value"),
        [
            (b"E'a\\n\\t\\\\\\'\\x41\\101\\u0041\\U00000041'''", "a\n\t\\'AAAA'"),
            (b"U&'\\0041\\+000041\\\\'", "AA\\"),
            (b'U&"d\\0061t\\+000061"', "data"),
            (b"U&'d!0061t!+000061!!\\' UESCAPE '!'", "data!\\"),
            (b"U&\"d#0061\"--\nuescape\n'#'", "da"),
            (b"E'\\xc3\\xa9'", "é"),
            (b"E'\\ud83d' ", "\ufffd"),
            (b"N'a'", "a"),
            (b"X'ff'", "ff"),
            ("'größe'".encode(), "größe"),
            (b"'\xff'", "\udcff"),
        ],
    )
    def test_escapes(self, written: bytes, value: str) -> None:
        assert [value_ for _, value_ in self.values(written)] == [value]

    @pytest.mark.parametrize(
        ("written", "operators"),
        [
            (b"=-", ["=", "-"]),
            (b"<=+-", ["<=", "+", "-"]),
            (b"@-", ["@-"]),
            (b"+-+-", ["+", "-", "+", "-"]),
        ],
    )
    def test_operators(self, written: bytes, operators: list[str]) -> None:
        assert self.values(written) == [("operator", operator) for operator in operators]

    def test_strings_with_backslashes(self) -> None:
        assert self.values(b"'a\\'b'", standard_strings=False) == [("string", "a'b")]

    def test_comments_are_dropped(self) -> None:
        assert self.values(b"a -- b\n/* c /* d */ */ e") == [("word", "a"), ("word", "e")]

    @pytest.mark.parametrize("cut", [b"a 'b", b'a "b', b"a $$b", b"a /* b", b"a E'\\'"])
    def test_what_does_not_end(self, cut: bytes) -> None:
        assert self.values(cut)[-1] == ("unterminated", "")

    def test_only_ascii_is_folded(self) -> None:
        assert self.values("GRÖẞE".encode()) == [("word", "grÖẞe")]

    @pytest.mark.parametrize(
        ("written", "parts"),
        [
            (b'public."We""ird".x rest', ("public", 'We"ird', "x")),
            (b'"a.b" . c', ("a.b", "c")),
            (b'U&"\\0061"', ("a",)),
            (b"a.", ("a",)),
            (b"'a'", ()),
        ],
    )
    def test_names(self, written: bytes, parts: tuple[str, ...]) -> None:
        assert Cursor(tokenize(written)).name() == parts

    def test_a_cursor_that_finds_nothing_stays(self) -> None:
        cursor = Cursor(tokenize(b"a ('b', (c)) d;"))
        assert not cursor.accept("a", "b")
        assert cursor.accept("a")
        assert not cursor.accept_any("x", "y")
        assert cursor.skip_parentheses()
        assert not cursor.skip_parentheses()
        assert cursor.next().value == "d"
        assert cursor.at_end()
        assert cursor.rest()[0].value == ";"

    @given(joined(SCANNED_TOKENS))
    @settings(max_examples=300, deadline=None)
    @example(b"n'x;'")
    def test_same_tokens_as_the_servers_scanner(self, statement: bytes) -> None:
        sql = re.sub(rb"(?<=[0-9.])(?=[A-Za-z.])|:v|:'v'|\xc3\xa9", b" ", statement).decode()
        try:
            scanned = pglast.parser.scan(sql)
        except pglast.parser.ParseError:
            return  # adjacent tokens that make none together
        # An N'string' is a keyword and a string to the server, one token here.
        national = {
            token.end + 1 for token in scanned if sql[token.start : token.end + 2] in NATIONAL
        }
        theirs = [token.start for token in scanned if not token.name.endswith("COMMENT")]
        theirs = [start for start in theirs if start not in national]
        mine = [token.start for token in tokenize(sql.encode())]
        assert set(theirs) <= set(mine)


def test_statements_as_libpg_query_splits_them() -> None:
    statements = [
        statement.decode()
        for name, statement in ONE_STATEMENT.items()
        if name
        in {"plain", "string", "quoted name", "dollar quotes", "nested comment", "body with case"}
    ]
    dump = "\n".join(statements)
    theirs = [text.strip() for text in pglast.split(dump, with_parser=True)]
    assert theirs == [text.rstrip(";") for text in statements]
    assert [text.decode() for _, text in shown(dump.encode())] == statements


def test_a_comment_is_no_statement() -> None:
    assert read_events(b"-- a") == [Comment(0, 4, 1, b"-- a")]


HEADINGS = {
    "of an object": (b"--\n-- Name: a; Type: TABLE; Schema: b; Owner: c\n--\n\nSELECT 1;\n", 1),
    "of data": (b"\n\n--\n-- Data for Name: a;b -- c\n--\r\nSELECT 1;\n", 1),
    "two": (b"--\n-- Name: a\n--\n--\n-- Name: b\n--\n", 2),
    "about nothing": (b"--\n-- PostgreSQL database dump\n--\n", 0),
    "without its last line": (b"--\n-- Name: a\n\n--\nSELECT 1;\n", 0),
    "with a longer last line": (b"--\n-- Name: a\n---\n", 0),
    "with a line more": (b"--\n-- TOC entry 1\n-- Name: a\n--\n", 0),
    "behind a line more": (b"--\n--\n-- Name: a\n--\n", 1),
    "that ends with the file": (b"--\n-- Name: a\n--", 0),
    "of a converted file": (b"--\r\n-- Name: a\r\n--\r\n", 0),
    "in a string": (b"SELECT '\n--\n-- Name: a\n--\n';\n", 0),
}


@pytest.mark.parametrize("name", HEADINGS)
def test_a_heading_is_one_however_it_is_read(name: str) -> None:
    dump, headings = HEADINGS[name]
    for before in (b"", b"SELECT 0;\n"):
        whole = read_events(before + dump)
        found = [event for event in whole if isinstance(event, Heading)]
        assert len(found) == headings
        for event in found:
            text = (before + dump)[event.offset : event.end]
            assert event.text == text == b"--\n" + text.split(b"\n")[1] + b"\n--"
        for size in range(1, len(before + dump)):
            assert read_events(before + dump, chunk_bytes=size) == whole
