"""export: what every type becomes in JSON, and back into the very COPY text that it came from."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from conftest import SCHEMAS, query, run_sql, url_of
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dbsnap.dumpfile.conversion.copy_text import decode_field, encode_field, text_codec
from dbsnap.dumpfile.conversion.json_import import is_export, opened_export
from dbsnap.dumpfile.conversion.json_structures import Array
from dbsnap.dumpfile.conversion.json_text import InvalidValue, Lexeme, scan_json
from dbsnap.dumpfile.conversion.json_values import Text
from dbsnap.dumpfile.conversion.value_formats import value_format, value_formats
from dbsnap.dumpfile.defining.column_types import canonical_type, read_declared_types
from dbsnap.dumpfile.guard import guard
from dbsnap.dumpfile.guarding.rules import RULES
from dbsnap.dumpfile.stored import open_dump
from dbsnap.errors import DumpRefused, StorageFailed, UsageError
from dbsnap.inventory import split_name
from dbsnap.operations.export import export
from dbsnap.operations.table_names import table_named
from dbsnap.postgres.asking import ask_connection
from dbsnap.postgres.catalog import read_inventory
from dbsnap.postgres.connection import connect, server_version
from dbsnap.postgres.discovery import find_programs
from dbsnap.postgres.quoting import quote_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dbsnap.dumpfile.conversion.json_values import ValueFormat
    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.url import Database

    NewDatabase = Callable[..., Database]
    Run = Callable[..., subprocess.CompletedProcess[str]]

EXPORT_AND_READ_BACK = """
import pathlib, sys
from dbsnap.dumpfile.conversion.json_import import opened_export
from dbsnap.dumpfile.conversion.value_formats import value_format
from dbsnap.operations.export import export
output = pathlib.Path(sys.argv[1]).with_name("out.json")
export(pathlib.Path(sys.argv[1]), table=None, form="json", output=output)
with opened_export(output) as stored:
    for piece in stored.copy_rows(dict.fromkeys(stored.columns, value_format("text", {}))):
        pass
print(next(l.split()[1] for l in open("/proc/self/status") if l.startswith("VmHWM")))
"""

HEAD = b"--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = '%s';\n\n"
TAIL = b"\n--\n-- PostgreSQL database dump complete\n--\n\n"

EVERYTHING = """
CREATE TYPE mood AS ENUM ('sad', 'it''s "ok", really');
CREATE TYPE pair AS (a integer, b text);
CREATE DOMAIN price AS numeric(12, 4);
CREATE DOMAIN prices AS price[];
CREATE DOMAIN payload AS jsonb;
"""
CASES = [
    ("smallint", "'-32768'", "-32768"),
    ("integer", "2147483647", "2147483647"),
    ("bigint", "9007199254740992", "9007199254740992"),
    ("bigint", "9007199254740993", '"9007199254740993"'),
    ("bigint", "NULL", "null"),
    ("numeric", "19.90", "19.90"),
    ("numeric", "0.1234567890123456789", '"0.1234567890123456789"'),
    ("numeric", "'1e400'", f'"1{"0" * 400}"'),
    ("numeric", "'1e-400'", f'"0.{"0" * 399}1"'),
    ("numeric", "'NaN'", '"NaN"'),
    ("numeric", "'-Infinity'", '"-Infinity"'),
    ("numeric(30, 10)", "'-0.5'", "-0.5000000000"),
    ("price", "'1.5'", "1.5000"),
    ("real", "0.1", "0.1"),
    ("double precision", "'-0'", "-0"),
    ("double precision", "1e300", "1e+300"),
    ("double precision", "0.1::float8 + 0.2::float8", "0.30000000000000004"),
    ("double precision", "'NaN'", '"NaN"'),
    ("boolean", "true", "true"),
    ("boolean", "false", "false"),
    ("text", "''", '""'),
    ("text", "NULL", "null"),
    (
        "text",
        r"E'\\N \\. \" / \t\n\r\b\f\v\x01\x7f é😀'",
        '"\\\\N \\\\. \\" / \\t\\n\\r\\b\\f\\u000b\\u0001\x7f é😀"',
    ),
    ("character(3)", "'a'", '"a  "'),
    ('"char"', "'x'", '"x"'),
    ("bytea", "''", '""'),
    ("bytea", r"'\x00ff5c22'", '"AP9cIg=="'),
    (
        "json",
        '\' {"b" : 1, "b": 1.0,\n "n": 1e400, "\\u00e9": "\\ud800"} \'',
        ' {"b" : 1, "b": 1.0,\n "n": 1e400, "\\u00e9": "\\ud800"} ',
    ),
    ("json", "' null '", '{"$json":  null }'),
    ("jsonb", '\'{"b": [1.50, null, "x\\ny"], "a": {}}\'', '{"a": {}, "b": [1.50, null, "x\\ny"]}'),
    ("jsonb", "'null'", '{"$json": null}'),
    ("jsonb", "NULL", "null"),
    ("jsonb", "'\"text\"'", '"text"'),
    ("jsonb", "'{\"$json\": 1}'", '{"$json": {"$json": 1}}'),
    ("payload", "'[1, 2]'", "[1, 2]"),
    ("date", "'2024-02-29'", '"2024-02-29"'),
    ("date", "'infinity'", '"infinity"'),
    ("date", "'0044-03-15 BC'", '"-000043-03-15"'),
    ("date", "'0001-12-31 BC'", '"0000-12-31"'),
    ("date", "'5874897-12-31'", '"+5874897-12-31"'),
    ("timestamp(3)", "'2024-01-31 12:00:00.5'", '"2024-01-31T12:00:00.5"'),
    ("timestamptz", "'2024-01-31 12:00:00.123456+02'", '"2024-01-31T10:00:00.123456Z"'),
    ("timestamptz", "'4713-01-01 00:00:00+00 BC'", '"-004712-01-01T00:00:00Z"'),
    ("time", "'24:00:00'", '"24:00:00"'),
    ("time with time zone", "'12:00:00.5-03:30'", '"12:00:00.5-03:30"'),
    ("time with time zone", "'12:00:00+05'", '"12:00:00+05:00"'),
    ("interval", "'-1 year 3 days -04:05:06.7'", '"-1 years +3 days -04:05:06.7"'),
    ("mood", "'it''s \"ok\", really'", '"it\'s \\"ok\\", really"'),
    ("mood[]", "ARRAY['sad', NULL]::mood[]", '["sad", null]'),
    ("pair", "ROW(1, 'a \"b\"')::pair", '"(1,\\"a \\"\\"b\\"\\"\\")"'),
    ("pair[]", "ARRAY[ROW(NULL, '')]::pair[]", '["(,\\"\\")"]'),
    ("text[]", "'{}'", "[]"),
    (
        "text[]",
        "ARRAY['', 'NULL', NULL, 'a,b', '{}', '\"', '\\', ' ', E'\\n']",
        '["", "NULL", null, "a,b", "{}", "\\"", "\\\\", " ", "\\n"]',
    ),
    ("integer[]", "'{{1,2},{3,NULL}}'", "[[1, 2], [3, null]]"),
    ("integer[]", "'[0:1][-1:-1]={{1},{2}}'", '{"lowerBounds": [0, -1], "elements": [[1], [2]]}'),
    ("numeric(20, 1)[]", "'{1.0,12345678901234567.8,NaN}'", '[1.0, "12345678901234567.8", "NaN"]'),
    ("boolean[]", "'{t,f,NULL}'", "[true, false, null]"),
    ("prices", "'{1,2.5}'", "[1.0000, 2.5000]"),
    ("prices[]", "ARRAY['{1,2}', '{}']::prices[]", '["{1.0000,2.0000}", "{}"]'),
    (
        "jsonb[]",
        "ARRAY['{\"a\": [1]}', 'null', NULL, '[1]', '\"x\"', '1']::jsonb[]",
        '[{"a": [1]}, {"$json": null}, null, {"$json": [1]}, "x", 1]',
    ),
    ("jsonb[]", "ARRAY[ARRAY['1', '[2]']]::jsonb[]", '[[1, {"$json": [2]}]]'),
    ("json[]", "ARRAY[' {} ', '{\"a\" :1}']::json[]", '[ {} , {"a" :1}]'),
    ("bytea[]", r"ARRAY['\x00', NULL]::bytea[]", '["AA==", null]'),
    (
        "timestamptz[]",
        "'{2024-01-01 00:00:00+00,infinity}'",
        '["2024-01-01T00:00:00Z", "infinity"]',
    ),
    ("box[]", "'{(1,1),(0,0);(2,2),(1,1)}'", '["(1,1),(0,0)", "(2,2),(1,1)"]'),
    ("int4range", "'[1,5]'", '"[1,6)"'),
    ("nummultirange", "'{[1.0,2.50)}'", '"{[1.0,2.50)}"'),
    ("uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"'),
    ("inet", "'10.0.0.1/8'", '"10.0.0.1/8"'),
    ("bit(3)", "B'101'", '"101"'),
    ("bit varying", "B''", '""'),
    ("tsvector", "'''it''''s'':2 b'", "\"'b' 'it''s':2\""),
    ("oid", "4294967295", '"4294967295"'),
    ("money", "'-1.50'", '"-$1.50"'),
    ("point", "'(1,-0)'", '"(1,-0)"'),
    ("int2vector", "'1 2'", '"1 2"'),
]


def pg_dump(database: Database, output: Path, *options: str) -> Path:
    """Write a dump as somebody without dbsnap does, but for the time zone."""
    program = max(find_programs("pg_dump"), key=lambda candidate: candidate.version)
    subprocess.run(
        [str(program.path), *options, "-f", str(output), f"--dbname={url_of(database)}"],
        env={"PATH": os.environ["PATH"], "PGTZ": "UTC"},
        timeout=120,
        check=True,
    )
    return output


def live_formats(database: Database, table: str) -> dict[str, ValueFormat]:
    with connect(database) as connection:
        inventory = read_inventory(ask_connection(connection), server_version(connection))
    return value_formats(inventory, table)


def declared_formats(dump: Path, table: str) -> dict[str, ValueFormat]:
    with dump.open("rb") as opened:
        declared = read_declared_types(opened.read, blocks=10**9, codec=None)
    return {
        column: value_format(its_type, declared.domains)
        for column, its_type in declared.columns[table].items()
    }


def read_back(path: Path, formats: dict[str, ValueFormat]) -> bytes:
    with opened_export(path) as stored:
        return b"".join(stored.copy_rows(formats))


def copy_bodies(dump: Path) -> dict[str, bytes]:
    """Return the rows of each table."""
    content = dump.read_bytes()
    bodies: dict[str, bytes] = {}
    with open_dump(dump) as opened:
        for block in guard(opened, allowed=RULES).contents.copy_blocks:
            bodies[block.table] = bodies.get(block.table, b"") + content[block.offset : block.end]
    return bodies


def copied(connection: Connection, statement: str) -> bytes:
    with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        return b"".join(bytes(piece) for piece in copy)


def dump_file(directory: Path, sql: bytes, *, encoding: bytes = b"UTF8") -> Path:
    path = directory / "dump.sql"
    path.write_bytes(HEAD % encoding + sql + TAIL)
    return path


def small_export(directory: Path, form: str = "json") -> tuple[Path, dict[str, ValueFormat], bytes]:
    rows = b'1\tOne\t{"a": 1}\n2\t\\N\t\\N\n3\tThr\\tee\tnull\n'
    dump = dump_file(
        directory,
        b"CREATE TABLE public.t (\n    id integer,\n    name text,\n    data jsonb\n);\n\n"
        b"COPY public.t (id, name, data) FROM stdin;\n" + rows + b"\\.\n\n",
    )
    output = directory / f"t.{form}"
    export(dump, table=None, form=form, output=output)
    return output, declared_formats(dump, "public.t"), rows


class TestCopyText:
    @given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
    def test_any_text_comes_back(self, text: str) -> None:
        field = encode_field(text).encode()
        assert decode_field(field) == text.encode()
        assert not {*b"\t\n\r"} & {*field}

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            (rb"\N", None),
            (rb"\\N", rb"\N"),
            (rb"a\Nb", b"aNb"),
            (rb"\101\x42\x4", b"AB\x04"),
            (rb"\b\f\n\r\t\v\.\q", b"\b\f\n\r\t\v.q"),
            (b"", b""),
            (b"\\", b"\\"),
        ],
    )
    def test_every_escape_that_the_server_reads(self, field: bytes, value: bytes | None) -> None:
        assert decode_field(field) == value

    @pytest.mark.parametrize("text", ["a\0", "\ud800"])
    def test_what_no_text_can_hold(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"U\+(0000|D800)"):
            encode_field(text)

    def test_the_server_agrees(self, new_database: NewDatabase) -> None:
        characters = [chr(code) for code in range(1, 0x180)]
        texts = [*characters, "".join(characters), "\\N", "\\.", "\\", "", "\\\\n", "😀\u2028"]
        database = new_database("CREATE TABLE texts (value text)")
        with connect(database) as connection, connection.cursor() as cursor:
            with cursor.copy("COPY public.texts FROM STDIN") as copy:
                copy.write("".join(encode_field(text) + "\n" for text in texts).encode())
            rows = copied(connection, "COPY public.texts TO STDOUT").split(b"\n")[:-1]
        assert [row[0] for row in query(database, "SELECT value FROM texts")] == texts
        assert rows == [encode_field(text).encode() for text in texts]


FIELDS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                rb"\N",
                b"",
                b"t",
                b"1",
                b"-0",
                b"1.50",
                b"12345678901234567890",
                b"1e+300",
                b"1e99999999999999999999",
                b"NaN",
                b"01",
                b"null",
                b"{}",
                b"{a,NULL}",
                b'{"a"}',
                b"{{1},{2}}",
                b"[1]",
                b' {"$json": 1}',
                b"{",
                b'{"a": "\\\\n"}',
                rb"\\x00ff",
                rb"\\x0",
                rb"\\",
                b"2024-01-01",
                b"2024-01-01 10:00:00+00",
                b"0044-03-15 BC",
                b"infinity",
                rb"\n\v\t\\N",
                rb"\x41",
                rb"a\N",
                b"\x01",
            ]
        ),
        st.text('a\\"{},N:nulx0123. \x7fé', max_size=8).map(str.encode),
    ),
    min_size=1,
    max_size=5,
)
TYPES = [
    "text",
    "integer",
    "numeric",
    "real",
    "boolean",
    "jsonb",
    "bytea",
    "timestamptz",
    "text[]",
    "integer[]",
    "jsonb[]",
]


class TestValues:
    @given(FIELDS, st.sampled_from(TYPES))
    @example([b"1", b""], "integer")
    @example([b"1e99999999999999999999"], "numeric")
    @settings(max_examples=400)
    def test_a_column_at_once_is_what_its_values_are_one_by_one(
        self, fields: list[bytes], type_name: str
    ) -> None:
        value_form = value_format(type_name, {})
        key = rb'"\\N": '
        try:
            expected: object = list(value_form._one_by_one(key, fields))
        except InvalidValue as error:
            expected = error.row
        try:
            found: object = value_form.members(key, fields)
        except InvalidValue as error:
            found = error.row
        assert found == expected
        for member in expected if isinstance(expected, list) else []:
            json.loads(b"{" + member + b"}")

    @given(
        st.recursive(
            st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"])), min_size=1),
            lambda inner: st.builds(lambda array, count: [array] * count, inner, st.integers(1, 3)),
            max_leaves=3,
        ),
        st.sampled_from([[], [0], [-5, 7]]),
    )
    def test_any_array_comes_back(self, array: list[Any], bounds: list[int]) -> None:
        array_format = Array(Text())
        dimensions, inner = 1, array
        while isinstance(inner[0], list):
            dimensions, inner = dimensions + 1, inner[0]
        value: Any = array
        if bounds:
            value = {"lowerBounds": (bounds * dimensions)[:dimensions], "elements": array}
        raw = json.dumps(value, ensure_ascii=False)
        scanned, _ = scan_json(raw, 0)
        text = array_format.text_of(scanned, raw)
        assert json.loads(array_format.json_of(text)) == value

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "}",
            "{a",
            "a}",
            "{a}}",
            "{a}b",
            "{,}",
            "{a,}",
            "{a b,{c}}x",
            '{"a}',
            "{}{}",
            "[1:2]",
            "[1:2]={",
            '{"a"b}',
            "{a\\",
        ],
    )
    def test_text_that_is_no_array(self, text: str) -> None:
        with pytest.raises(InvalidValue):
            value_format("text[]", {}).json_of(text)

    @pytest.mark.parametrize(
        ("type_name", "raw"),
        [
            ("integer", "true"),
            ("integer", '"abc"'),
            ("integer", "[1]"),
            ("numeric", '""'),
            ("boolean", '"t"'),
            ("boolean", "1"),
            ("bytea", '"a"'),
            ("bytea", '"YQ==="'),
            ("bytea", "1"),
            ("text", "false"),
            ("text", "{}"),
            ("date", "[]"),
            ("text[]", '"{}"'),
            ("text[]", "[1, [2]]"),
            ("text[]", "[[1], 2]"),
            ("text[]", "[[1], [2, 3]]"),
            ("text[]", "[[], []]"),
            ("text[]", "[[[1]], [2]]"),
            ("text[]", '{"lowerBounds": [0, 0], "elements": [1]}'),
            ("text[]", '{"lowerBounds": ["x"], "elements": ["1"]}'),
            ("text[]", '{"elements": []}'),
            ("boolean[]", "[1]"),
        ],
    )
    def test_json_that_no_value_has(self, type_name: str, raw: str) -> None:
        with pytest.raises(InvalidValue):
            value_format(type_name, {}).text_of(scan_json(raw, 0)[0], raw)

    @pytest.mark.parametrize(
        ("type_name", "raw", "text"),
        [
            ("numeric", "1E5", "1E5"),
            ("text", "1.50", "1.50"),
            ("timestamptz", '"2024-01-01"', "2024-01-01"),
            ("timestamptz", '"2024-01-01T10:00:00+00:00"', "2024-01-01 10:00:00+00"),
            ("timestamptz", '"2024-01-01 10:00"', "2024-01-01 10:00"),
            ("jsonb", "[1.50]", "[1.50]"),
            ("jsonb", '{"$json": null, "b": 1}', '{"$json": null, "b": 1}'),
            ("text[]", "[]", "{}"),
        ],
    )
    def test_what_other_programs_write(self, type_name: str, raw: str, text: str) -> None:
        assert value_format(type_name, {}).text_of(scan_json(raw, 0)[0], raw) == text

    def test_numbers_keep_their_digits(self) -> None:
        value, end = scan_json('{"a": 1.10, "b": 1e400}', 0)
        assert (value, end) == ({"a": Lexeme("1.10"), "b": Lexeme("1e400")}, 23)

    def test_escaped_bytes_of_older_dumps(self) -> None:
        assert value_format("bytea", {}).json_of(r"a\\\000\377") == '"YVwA/w=="'


class TestTypes:
    @pytest.mark.parametrize(
        ("written", "canonical"),
        [
            ("integer", "integer"),
            ("numeric(10,2)", "numeric"),
            ("character varying(5)[]", "character varying[]"),
            ("timestamp(3) without time zone", "timestamp without time zone"),
            ("time(3) with time zone[][]", "time with time zone[]"),
            ("double precision", "double precision"),
            ("interval day to second(3)", "interval"),
            ("bit varying(5)", "bit varying"),
            ('public."We""ird"[3]', 'public."We""ird"[]'),
            ("pg_catalog.int4", "int4"),
            ("public.geometry(Point,4326)", "public.geometry"),
            ("integer ARRAY", "integer[]"),
            ("text DEFAULT 'x'::text NOT NULL", "text"),
        ],
    )
    def test_names(self, written: str, canonical: str) -> None:
        assert canonical_type(written) == canonical
        assert canonical_type(canonical) == canonical

    def test_what_statements_declare(self) -> None:
        sql = b"""SET client_encoding = 'UTF8';
            CREATE DOMAIN public.d AS numeric(3) CONSTRAINT c CHECK (VALUE > 0);
            CREATE TYPE public.c AS (x integer, "y z" public.d[]);
            CREATE TABLE public.t (a public.d DEFAULT ARRAY[1, 2] NOT NULL, "primary" text,
                CONSTRAINT k CHECK (a > 1), PRIMARY KEY (a), b timestamp(3) with time zone);
            CREATE UNLOGGED TABLE public.typed OF public.c (x WITH OPTIONS NOT NULL);
            CREATE TABLE public.child (z bytea) INHERITS (public.t, public.typed);
            CREATE TABLE public.part (a public.d, b text);
            ALTER TABLE ONLY public.t ATTACH PARTITION public.part DEFAULT;
            SELECT pg_catalog.set_config('search_path', 'old', false);
            CREATE TABLE plain (id bigint);
            COPY public.t (a) FROM stdin;\n\\.\nCREATE TABLE public.later (a integer);\n"""
        declared = read_declared_types(io.BytesIO(sql).read, blocks=0, codec=None)
        assert declared.columns["public.t"] == {
            "a": "public.d",
            "primary": "text",
            "b": "timestamp with time zone",
        }
        assert declared.columns["public.typed"] == {"x": "integer", "y z": "public.d[]"}
        assert [*declared.columns["public.child"]] == ["a", "primary", "b", "x", "y z", "z"]
        assert declared.columns["old.plain"] == {"id": "bigint"}
        assert "public.later" not in declared.columns
        assert declared.domains == {"public.d": "numeric"}
        assert declared.parents == {"public.part": "public.t"}

    def test_domains_that_go_in_circles_are_text(self) -> None:
        circle = {"public.a": "public.b", "public.b": "public.a"}
        assert type(value_format("public.a", circle)) is Text

    @pytest.mark.parametrize(
        ("encoding", "codec"),
        [
            ("UTF8", None),
            ("SQL_ASCII", None),
            ("LATIN1", "iso8859-1"),
            ("WIN1252", "cp1252"),
            ("KOI8R", "koi8-r"),
            ("ISO_8859_5", "iso8859-5"),
            ("EUC_JP", "euc_jp"),
        ],
    )
    def test_encodings(self, encoding: str, codec: str | None) -> None:
        assert text_codec(encoding) == codec


@pytest.fixture(scope="module")
def cases(servers: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Give a dump of one table with one column for each of CASES, and its export in each form."""
    directory = tmp_path_factory.mktemp("cases")
    server = servers.of(18)
    columns = ", ".join(f"c{n} {its_type}" for n, (its_type, _, _) in enumerate(CASES))
    values = ", ".join(sql for _, sql, _ in CASES)
    with connect(server.database()) as connection:
        connection.execute("CREATE DATABASE export_cases")
    database = server.database("export_cases")
    try:
        run_sql(
            database,
            f"{EVERYTHING}CREATE TABLE cases ({columns});\n"
            f"INSERT INTO cases VALUES ({values});\nINSERT INTO cases DEFAULT VALUES;",
        )
        dump = pg_dump(database, directory / "dump.sql")
        formats = live_formats(database, "public.cases")
        with connect(database) as connection:
            csv = copied(connection, "COPY public.cases TO STDOUT WITH (FORMAT csv, HEADER)")
    finally:
        with connect(server.database()) as connection:
            connection.execute("DROP DATABASE export_cases")
    exports = {form: directory / f"out.{form}" for form in ("json", "ndjson", "csv")}
    for form, output in exports.items():
        export(dump, table=None, form=form, output=output)
    return {"dump": dump, "formats": formats, "server_csv": csv, **exports}


class TestEveryType:
    @pytest.mark.parametrize("number", range(len(CASES)), ids=lambda n: f"{n}-{CASES[n][0]}")
    def test_in_json(self, cases: dict[str, Any], number: int) -> None:
        text = cases["json"].read_text(encoding="utf-8")
        end = f', "c{number + 1}": ' if number + 1 < len(CASES) else "}"
        found = text[: text.rindex("},\n{") + 1].partition(f'"c{number}": ')[2]
        assert found[: found.index(end)] == CASES[number][2]

    def test_other_programs_can_read_it(self, cases: dict[str, Any]) -> None:
        document = json.loads(cases["json"].read_bytes())
        first, second = document["data"]
        assert [*first] == [f"c{n}" for n in range(len(CASES))]
        assert set(second.values()) == {None}
        lines = cases["ndjson"].read_text(encoding="utf-8").splitlines()
        assert [json.loads(line) for line in lines] == document["data"]

    def test_the_rows_come_back_byte_for_byte(self, cases: dict[str, Any]) -> None:
        body = copy_bodies(cases["dump"])["public.cases"]
        assert read_back(cases["json"], cases["formats"]) == body
        # A row of NDJSON is a line, so the one line end within a json value is a space there.
        assert read_back(cases["ndjson"], cases["formats"]) == body.replace(rb"1.0,\n", b"1.0, ")

    def test_the_dump_declares_the_types_that_the_server_knows(self, cases: dict[str, Any]) -> None:
        declared = declared_formats(cases["dump"], "public.cases")
        live = cases["formats"]
        assert [(c, type(f)) for c, f in declared.items()] == [
            (c, type(f)) for c, f in live.items()
        ]

    def test_csv_is_what_the_server_writes(self, cases: dict[str, Any]) -> None:
        assert cases["csv"].read_bytes() == cases["server_csv"]


CATALOGUE = [
    "values_numbers",
    "values_structured",
    "values_text",
    "values_times",
    "types",
    "names_tables",
    "generated_and_identity",
    "limit_hash_partition_by_enum",
]


@pytest.mark.parametrize("schema", CATALOGUE)
def test_every_table_comes_back_byte_for_byte(
    new_database: NewDatabase, tmp_path: Path, schema: str
) -> None:
    database = new_database((SCHEMAS / f"{schema}.sql").read_text(encoding="utf-8"))
    dump = pg_dump(database, tmp_path / "dump.sql")
    bodies = copy_bodies(dump)
    with connect(database) as connection:
        inventory = read_inventory(ask_connection(connection), server_version(connection))
        for table, body in bodies.items():
            output = tmp_path / "out"
            exported = export(dump, table=table, form="json", output=output)
            with opened_export(output) as stored:
                assert b"".join(stored.copy_rows(value_formats(inventory, table))) == body
            rows = json.loads(output.read_bytes())["data"]
            assert len(rows) == body.count(b"\n") == exported.metadata.record_count
            export(dump, table=table, form="csv", output=output)
            if schema != "limit_hash_partition_by_enum":
                listed = ", ".join(map(quote_name, exported.columns))
                of_table = quote_name(*split_name(table)) + (f" ({listed})" if body.strip() else "")
                statement = f"COPY {of_table} TO STDOUT (FORMAT csv, HEADER)"
                assert output.read_bytes() == copied(connection, statement)
    assert bodies


class TestEnvelope:
    def test_the_checksum_is_that_of_the_lines_between_the_first_and_the_last(
        self, tmp_path: Path
    ) -> None:
        output, _, _ = small_export(tmp_path)
        lines = output.read_bytes().splitlines(keepends=True)
        command = f"sed '1d;$d' {output} | (sha256sum || shasum -a 256) 2>/dev/null"
        summed = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
        checksum = json.loads(output.read_bytes())["metadata"]["checksum"]
        assert checksum == summed.stdout.split()[0]
        assert checksum == hashlib.sha256(b"".join(lines[1:-1])).hexdigest()

    def test_a_table_without_rows(self, tmp_path: Path) -> None:
        dump = dump_file(
            tmp_path, b"CREATE TABLE public.t (a integer);\nCOPY public.t (a) FROM stdin;\n\\.\n"
        )
        for form, expected in (("json", b'"data": [\n]}\n'), ("ndjson", b""), ("csv", b"a\n")):
            output = tmp_path / form
            export(dump, table="t", form=form, output=output)
            assert output.read_bytes().endswith(expected)
        with opened_export(tmp_path / "json") as stored:
            assert stored.columns == ()
            assert list(stored.copy_rows({})) == []
        with pytest.raises(DumpRefused) as refused, opened_export(tmp_path / "ndjson"):
            pass
        assert refused.value.rule == "empty"

    def test_to_a_stream_it_is_the_same(self, tmp_path: Path) -> None:
        output, _, _ = small_export(tmp_path)
        for form in ("json", "ndjson", "csv"):
            export(tmp_path / "dump.sql", table="t", form=form, output=output)
            stream = io.BytesIO()
            export(tmp_path / "dump.sql", table="t", form=form, output=stream)
            assert stream.getvalue() == output.read_bytes()


class Small(NamedTuple):
    """An export that most tests of reading back begin with, and a directory for what they make of it."""

    directory: Path
    content: bytes
    formats: dict[str, ValueFormat]
    rows: bytes


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """Give a small export."""
    directory = tmp_path_factory.mktemp("small")
    output, formats, rows = small_export(directory)
    return Small(directory, output.read_bytes(), formats, rows)


class TestReadingBack:
    @pytest.mark.parametrize("form", ["json", "ndjson"])
    def test_rows_and_metadata(self, tmp_path: Path, form: str) -> None:
        output, formats, rows = small_export(tmp_path, form)
        assert is_export(output.read_bytes())
        assert not is_export((tmp_path / "dump.sql").read_bytes())
        with opened_export(output) as stored:
            assert stored.columns == ("id", "name", "data")
            assert (stored.metadata is None) == (form == "ndjson")
            assert stored.metadata is None or stored.metadata.record_count == 3
            assert b"".join(stored.copy_rows(formats)) == rows

    @given(cut=st.integers(1), byte=st.integers(0, 255), at=st.integers(0))
    @settings(max_examples=300)
    def test_any_cut_and_any_change_is_refused(
        self, small: Small, cut: int, byte: int, at: int
    ) -> None:
        content, formats = small.content, small.formats
        for damaged in (
            content[: cut % len(content)],
            content[: (at % len(content))] + bytes([byte]) + content[at % len(content) + 1 :],
        ):
            path = small.directory / "damaged.json"
            path.write_bytes(damaged)
            if damaged != content and not _only_words_differ(damaged, content):
                with pytest.raises(DumpRefused):
                    read_back(path, formats)

    @given(cut=st.integers(1))
    def test_ndjson_cut_within_a_row_is_refused(self, small: Small, cut: int) -> None:
        content, formats = small.content, small.formats
        lines = [line.rstrip(b",") for line in content.split(b"\n")[1:-2]]
        whole = b"\n".join(lines) + b"\n"
        path = small.directory / "cut.ndjson"
        path.write_bytes(whole[: cut % len(whole)])
        if path.read_bytes().strip().endswith(b"}") or not path.read_bytes():
            return
        with pytest.raises(DumpRefused) as refused:
            read_back(path, formats)
        assert refused.value.rule == "truncated"

    @pytest.mark.parametrize(
        ("rows", "rule", "line", "words"),
        [
            ('{"id": 1, "nam": "x", "data": 1}', "unknown-column", 1, "nam"),
            ('{"id": 1}\n{"id": 1, "name": "x"}', "unknown-column", 2, "name"),
            ('{"id": 1, "name": "x"}\n\n{"id": 1}', "missing-column", 3, "name"),
            ('{"id": 1}\n{"id": 1, "id": 2}', "repeated-column", 2, "row 2"),
            ('{"id": 1}\n{"id": true}', "value", 2, "column id"),
            ('{"name": "a"}\n{"name": "a\\u0000b"}', "value", 2, "U+0000"),
            ('{"name": "\\ud800"}', "value", 1, "U+D800"),
            ('{"id": NaN}', "value", 1, "NaN"),
            ('{"id": 1}\n{"id": 1,}', "json", 2, "row 2"),
            ('{"id": 1}\n{"id" 1}\n{"id": 2}\n{"id": 3}', "json", 2, "row 2"),
            ('{"id": 1}\n[1]\n{"id": 2}\n{"id": 3}', "json", 2, "row 2"),
            ('{"id": 1}\n{1: 1}\n{"id": 2}\n{"id": 3}', "json", 2, "row 2"),
            ('{"id": 01}', "json", 1, "row 1"),
            ('{"data": ' + "[" * 100_000 + "}", "value", 1, "deep"),
            ('{"id": 1}\n{"id": 2', "truncated", 2, "row 2"),
        ],
    )
    def test_what_is_refused_and_where(
        self, small: Small, tmp_path: Path, rows: str, rule: str, line: int, words: str
    ) -> None:
        path = tmp_path / "rows.ndjson"
        path.write_text(rows + "\n")
        with pytest.raises(DumpRefused) as refused:
            read_back(path, small.formats)
        assert refused.value.rule == rule
        assert refused.value.line == line
        assert words in str(refused.value)

    def test_bytes_that_are_no_text(self, small: Small, tmp_path: Path) -> None:
        path = tmp_path / "rows.ndjson"
        path.write_bytes(b'{"name": "\xff"}\n')
        with pytest.raises(DumpRefused, match="UTF-8"):
            read_back(path, small.formats)

    def test_any_layout_of_ndjson_is_read(self, small: Small, tmp_path: Path) -> None:
        path = tmp_path / "rows.ndjson"
        path.write_text(
            '{"id":1,"name":"One","data":{"a": 1}}\n\n { "data" : null,\t"name":null , "id": 2 } \n'
            '{"name": "Thr\\tee", "id": 3, "data": {"$json":null}}'
        )
        assert read_back(path, small.formats) == small.rows

    def test_pieces_may_end_anywhere(
        self, small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "whole.json"
        path.write_bytes(small.content)
        for size in range(1, 40):
            monkeypatch.setattr("dbsnap.dumpfile.conversion.json_import.READ_BYTES", size)
            assert read_back(path, small.formats) == small.rows

    @pytest.mark.parametrize("indent", [None, 2])
    def test_an_envelope_laid_out_anew_says_how_to_go_on(
        self, small: Small, tmp_path: Path, indent: int | None
    ) -> None:
        path = tmp_path / "anew.json"
        path.write_text(json.dumps(json.loads(small.content), indent=indent))
        with pytest.raises(DumpRefused) as refused:
            read_back(path, small.formats)
        assert refused.value.rule in {"layout", "truncated"}
        assert refused.value.rule == "truncated" or "jq" in refused.value.hint

    def test_a_wrong_count_is_refused_though_the_checksum_fits(
        self, small: Small, tmp_path: Path
    ) -> None:
        path = tmp_path / "count.json"
        path.write_bytes(small.content.replace(b'"recordCount": 3', b'"recordCount": 4'))
        with pytest.raises(DumpRefused) as refused:
            read_back(path, small.formats)
        assert refused.value.rule == "row-count"

    def test_a_table_with_a_column_called_metadata(self, tmp_path: Path) -> None:
        path = tmp_path / "rows.ndjson"
        path.write_text('{"metadata": {"table": "t"}, "data": [1]}\n')
        formats = dict.fromkeys(("metadata", "data"), value_format("jsonb", {}))
        assert read_back(path, formats) == b'{"table": "t"}\t[1]\n'

    @pytest.mark.parametrize(
        ("content", "rule"),
        [(b"", "empty"), (b"id,name\n1,x\n", "not-a-dump"), (b"[1]\n", "not-a-dump")],
    )
    def test_files_that_are_no_export(self, tmp_path: Path, content: bytes, rule: str) -> None:
        path = tmp_path / "file"
        path.write_bytes(content)
        with pytest.raises(DumpRefused) as refused, opened_export(path):
            pass
        assert refused.value.rule == rule
        with pytest.raises(UsageError), opened_export(tmp_path / "none"):
            pass


def _only_words_differ(one: bytes, other: bytes) -> bool:
    """Return whether nothing differs but those metadata that there is nothing to compare with."""
    try:
        changed, original = json.loads(one), json.loads(other)
        for name in ("table", "createdAt", "schemaVersion", "filterApplied"):
            original["metadata"][name] = changed["metadata"][name]
    except (ValueError, KeyError):
        return False
    return bool(changed == original)


class TestDumpsOfOthers:
    def test_another_encoding_becomes_utf8(self, tmp_path: Path) -> None:
        dump = dump_file(
            tmp_path,
            "CREATE TABLE public.tür (wört text);\nCOPY public.tür (wört) FROM stdin;\né\n\\.\n".encode(
                "latin1"
            ),
            encoding=b"LATIN1",
        )
        for form in ("json", "csv"):
            export(dump, table="tür", form=form, output=tmp_path / form)
        assert json.loads((tmp_path / "json").read_bytes())["data"] == [{"wört": "é"}]
        assert (tmp_path / "csv").read_text(encoding="utf-8") == "wört\né\n"

    def test_bytes_of_no_encoding(self, tmp_path: Path) -> None:
        dump = dump_file(
            tmp_path,
            b"CREATE TABLE public.t (a text);\nCOPY public.t (a) FROM stdin;\n\xff\n\\.\n"
            b"CREATE TABLE public.u (\xff text);\nCOPY public.u (\xff) FROM stdin;\n\\.\n",
            encoding=b"SQL_ASCII",
        )
        export(dump, table="t", form="csv", output=tmp_path / "csv")
        assert (tmp_path / "csv").read_bytes() == b"a\n\xff\n"
        export(dump, table="u", form="csv", output=tmp_path / "csv")
        assert (tmp_path / "csv").read_bytes() == b"\xff\n"
        with pytest.raises(DumpRefused, match="UTF-8"):
            export(dump, table="u", form="json", output=tmp_path / "json")
        with pytest.raises(DumpRefused) as refused:
            export(dump, table="t", form="json", output=tmp_path / "json")
        assert refused.value.rule == "encoding"
        assert not (tmp_path / "json").exists()

    def test_values_that_their_type_cannot_have(self, tmp_path: Path) -> None:
        dump = dump_file(
            tmp_path,
            b"CREATE TABLE public.t (id integer, a jsonb);\nCOPY public.t (id, a) FROM stdin;\n"
            b'1\t{}\n2\t1, "id": 3\n\\.\n',
        )
        with pytest.raises(DumpRefused, match="row 2, column a") as refused:
            export(dump, table="t", form="json", output=tmp_path / "json")
        assert (refused.value.rule, refused.value.line) == ("value", 10)

    def test_json_that_no_parser_would_read(self, tmp_path: Path) -> None:
        deep = b"[" * 100_000 + b"]" * 100_000
        sql = b"CREATE TABLE public.t (a json);\nCOPY public.t (a) FROM stdin;\n%b\n\\.\n"
        dump = dump_file(tmp_path, sql % deep)
        with pytest.raises(DumpRefused, match="nests too deeply"):
            export(dump, table="t", form="json", output=tmp_path / "json")
        export(dump, table="t", form="csv", output=tmp_path / "csv")
        assert (tmp_path / "csv").read_bytes() == b"a\n%b\n" % deep

    def test_numbers_cannot_smuggle_anything_in(self, tmp_path: Path) -> None:
        dump = dump_file(
            tmp_path,
            b"CREATE TABLE public.t (a integer);\nCOPY public.t (a) FROM stdin;\n"
            b'1, "b": 2\n01\n\\.\n',
        )
        export(dump, table="t", form="ndjson", output=tmp_path / "rows")
        assert (tmp_path / "rows").read_bytes() == b'{"a": "1, \\"b\\": 2"}\n{"a": "01"}\n'

    def test_rows_without_a_definition_are_text(self, tmp_path: Path) -> None:
        dump = dump_file(tmp_path, b"COPY public.t (a) FROM stdin;\n1\n\\N\n\\.\n")
        export(dump, table=None, form="ndjson", output=tmp_path / "rows")
        assert (tmp_path / "rows").read_bytes() == b'{"a": "1"}\n{"a": null}\n'

    def test_rows_as_insert_statements(self, tmp_path: Path) -> None:
        dump = dump_file(
            tmp_path, b"CREATE TABLE public.t (a integer);\nINSERT INTO public.t VALUES (1);\n"
        )
        with pytest.raises(UsageError, match="INSERT"):
            export(dump, table="t", form="json", output=tmp_path / "rows")

    def test_partitions_are_exported_together_or_alone(self, tmp_path: Path) -> None:
        dump = dump_file(
            tmp_path,
            b"CREATE TABLE public.p (a integer, b text) PARTITION BY LIST (a);\n"
            b"CREATE TABLE public.p1 (a integer, b text);\nCREATE TABLE public.p2 (b text, a integer);\n"
            b"ALTER TABLE ONLY public.p ATTACH PARTITION public.p1 FOR VALUES IN (1);\n"
            b"ALTER TABLE ONLY public.p ATTACH PARTITION public.p2 FOR VALUES IN (2);\n"
            b"COPY public.p1 (a, b) FROM stdin;\n1\tx\n\\.\n"
            b"COPY public.p2 (b, a) FROM stdin;\ny\t2\n\\.\n",
        )
        export(dump, table=None, form="csv", output=tmp_path / "all")
        assert (tmp_path / "all").read_bytes() == b"a,b\n1,x\n2,y\n"
        export(dump, table="p2", form="ndjson", output=tmp_path / "one")
        assert (tmp_path / "one").read_bytes() == b'{"b": "y", "a": 2}\n'


class TestCommand:
    def test_a_backup_of_many_tables(
        self, new_database: NewDatabase, dbsnap_here: Run, tmp_path: Path
    ) -> None:
        database = new_database((SCHEMAS / "prisma.sql").read_text(encoding="utf-8"))
        taken = dbsnap_here(
            "backup", "--dir", str(tmp_path), "--url", url_of(database), "-Z", "zstd", "--json"
        )
        record = json.loads(taken.stdout)
        output = tmp_path / "users.json"
        arguments = ("export", "latest", "--dir", str(tmp_path), "-t", "User", "-o", str(output))
        done = dbsnap_here(*arguments)
        assert done.returncode == 0, done.stderr
        assert "EXPORTED User of" in done.stdout
        document = json.loads(output.read_bytes())
        assert document["metadata"] == {
            "table": "User",
            "createdAt": record["created_at"],
            "recordCount": len(document["data"]),
            "filterApplied": None,
            "schemaVersion": "20240201090000_lists",
            "checksum": document["metadata"]["checksum"],
        }
        assert output.stat().st_mode & 0o777 == 0o600
        printed = dbsnap_here(*arguments, "--json")
        assert json.loads(printed.stdout)["checksum"] == document["metadata"]["checksum"]
        piped = dbsnap_here(*arguments[:-2])
        assert json.loads(piped.stdout) == document
        assert "EXPORTED" in piped.stderr
        (recorded,) = tmp_path.glob("backup_2*.json")
        part = {"table": 'public."User"', "columns": [], "excluded_columns": [], "omitted": []}
        filtered = {
            **json.loads(recorded.read_bytes()),
            "selection": [{**part, "where": "id > 'a'"}],
        }
        recorded.write_text(json.dumps(filtered), encoding="utf-8")
        piped = dbsnap_here(*arguments[:-2])
        assert json.loads(piped.stdout)["metadata"]["filterApplied"] == "id > 'a'"
        for wrong, words in (((), "name it with -t"), (("-t", "Users"), "did you mean User?")):
            refused = dbsnap_here(*arguments[:4], *wrong)
            assert refused.returncode == 2
            assert words in refused.stderr
            assert refused.stdout == ""

    def test_the_document_does_not_mix_with_the_export(
        self, dbsnap_here: Run, tmp_path: Path
    ) -> None:
        small_export(tmp_path)
        refused = dbsnap_here("export", str(tmp_path / "dump.sql"), "--json")
        assert refused.returncode == 2
        assert "-o" in json.loads(refused.stdout)["hint"]

    def test_a_damaged_dump_leaves_the_old_file(self, dbsnap_here: Run, tmp_path: Path) -> None:
        output, _, _ = small_export(tmp_path)
        before, dump = output.read_bytes(), tmp_path / "dump.sql"
        dump.write_bytes(dump.read_bytes()[:-10])
        refused = dbsnap_here("export", str(dump), "-o", str(output))
        assert refused.returncode == 3
        assert output.read_bytes() == before
        assert {path.name for path in tmp_path.iterdir()} == {"dump.sql", "t.json"}

    @pytest.mark.parametrize(
        "name", ["dump.sql", "dump.json", "backup_1.json", "backup_manifest.json", "folder"]
    )
    def test_no_backup_is_overwritten(self, tmp_path: Path, name: str) -> None:
        small_export(tmp_path)
        (tmp_path / "folder").mkdir()
        before = (tmp_path / "dump.sql").read_bytes()
        with pytest.raises(UsageError):
            export(tmp_path / "dump.sql", table="t", form="json", output=tmp_path / name)
        assert (tmp_path / "dump.sql").read_bytes() == before
        assert {path.name for path in tmp_path.iterdir()} == {"dump.sql", "t.json", "folder"}

    def test_a_directory_that_is_not_there(self, tmp_path: Path) -> None:
        small_export(tmp_path)
        with pytest.raises(StorageFailed):
            export(
                tmp_path / "dump.sql", table="t", form="json", output=tmp_path / "none" / "t.json"
            )

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            ("mods", "public.mods"),
            ("public.mods", "public.mods"),
            ("User", 'public."User"'),
            ('"User"', 'public."User"'),
            ('public."User"', 'public."User"'),
            ("audit.mods", "audit.mods"),
            ("log", "audit.log"),
            ("a.b", 'public."a.b"'),
            ("user", None),
            ("twice", None),
            ("", None),
        ],
    )
    def test_names_of_tables(self, wanted: str, found: str | None) -> None:
        names: Sequence[str] = [
            "public.mods",
            "audit.mods",
            'public."User"',
            "audit.log",
            'public."a.b"',
            "one.twice",
            "two.twice",
        ]
        if found is not None:
            assert table_named(names, wanted) == found
            return
        with pytest.raises(UsageError):
            table_named(names, wanted)

    @pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
    def test_memory_does_not_grow_with_the_table(self, tmp_path: Path) -> None:
        peaks = []
        for megabytes in (2, 24):
            rows = b"".join(b"%d\t%b\n" % (n, b"x" * 990) for n in range(megabytes * 1000))
            sql = b"CREATE TABLE public.t (a integer, b text);\nCOPY public.t (a, b) FROM stdin;\n"
            dump = dump_file(tmp_path, sql + rows + b"\\.\n")
            run = [sys.executable, "-c", EXPORT_AND_READ_BACK, str(dump)]
            done = subprocess.run(run, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            peaks.append(int(done.stdout) // 1024)
        assert peaks[1] - peaks[0] < 10, peaks
