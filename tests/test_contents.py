"""What a dump file contains, read out of real dumps of every awkward database, and out of excerpts."""

from __future__ import annotations

import io
import os
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from conftest import MAJORS, query, run_sql, schema_files, url_of
from fuzz.promises import usual_forms_agree
from hypothesis import example, given, settings
from hypothesis import strategies as st
from xxhash import xxh3_128_hexdigest

from dbsnap.dumpfile.contents import ContentsReader, DumpContents
from dbsnap.dumpfile.defining.definitions import Definitions, stated_in_dump
from dbsnap.dumpfile.defining.usual_definitions import learn_usual
from dbsnap.dumpfile.lexer import CopyStart, Statement, lex
from dbsnap.errors import DumpRefused
from dbsnap.inventory import Inventory, compare
from dbsnap.postgres.asking import ask_connection
from dbsnap.postgres.catalog import read_inventory
from dbsnap.postgres.connection import connect, server_version
from dbsnap.postgres.discovery import find_programs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbsnap.postgres.url import Database

    NewDatabase = Callable[..., Database]

HEADER = (
    b"--\n-- PostgreSQL database dump\n--\n\n\\restrict key\n\n"
    b"-- Dumped from database version 18.6 (Debian 18.6-1)\n-- Dumped by pg_dump version 18.7\n\n"
)
TRAILER = b"--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict key\n\n"
ROOT_LOADED = "limit_hash_partition_by_enum"
"""pg_dump writes the rows of these partitions for the table as a whole."""


def contents_of(dump: bytes) -> DumpContents:
    reader = ContentsReader()
    for event in lex(io.BytesIO(dump).read):
        reader.feed(event)
    return reader.contents()


def defined(sql: bytes) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the kinds that are not empty in a whole dump with these statements."""
    objects = contents_of(HEADER + sql + TRAILER).inventory.objects
    return {kind: names for kind, names in objects.items() if names}


def names(sql: bytes, kind: str) -> list[str]:
    return list(defined(sql).get(kind, {}))


class TestDefinitions:
    @pytest.mark.parametrize(
        ("sql", "kind", "name", "facts"),
        [
            (b"CREATE SCHEMA app;", "schema", "app", {}),
            (b'CREATE SCHEMA "a.b";', "schema", '"a.b"', {}),
            (b"CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA app;",
             "extension", "citext", {"schema": "app"}),
            (b"CREATE TYPE public.mood AS ENUM (\n    'a',\n    'b)'\n);", "type", "public.mood", {}),
            (b"CREATE DOMAIN public.d AS text CONSTRAINT c CHECK ((VALUE > ''));",
             "type", "public.d", {}),
            (b"CREATE TYPE public.r AS RANGE (\n    subtype = int\n);", "type", "public.r", {}),
            (b"CREATE SEQUENCE public.s\n    AS integer\n    START WITH 1;", "sequence", "public.s", {}),
            (b"CREATE UNLOGGED SEQUENCE public.s;", "sequence", "public.s", {}),
            ((b"ALTER TABLE public.t ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (\n"
             b"    SEQUENCE NAME public.t_id_seq\n    START WITH 1\n);"),
             "sequence", "public.t_id_seq", {}),
            (b'CREATE SEQUENCE public."S""x";\nSELECT pg_catalog.setval(\'public."S""x"\', 42, true);',
             "sequence", 'public."S""x"', {"last_value": 42, "is_called": True}),
            (b"CREATE SEQUENCE public.s;\nSELECT pg_catalog.setval('public.s', -5, false);",
             "sequence", "public.s", {"last_value": -5, "is_called": False}),
            (b"CREATE VIEW public.v AS\n SELECT 1;", "view", "public.v", {}),
            (b"CREATE MATERIALIZED VIEW public.m AS\n SELECT 1\n  WITH NO DATA;",
             "materialized view", "public.m", {}),
            (b"CREATE TABLE public.t (\n);", "table", "public.t",
             {"form": "table", "persistence": "permanent"}),
            (b'CREATE UNLOGGED TABLE public."T" (a int);', "table", 'public."T"',
             {"form": "table", "persistence": "unlogged"}),
            (b"CREATE FOREIGN TABLE public.f (\n    a integer\n)\nSERVER s;", "table", "public.f",
             {"form": "foreign table", "persistence": "permanent"}),
            (b"CREATE TABLE public.p (\n    a integer\n)\nPARTITION BY RANGE (a);", "table", "public.p",
             {"form": "partitioned table", "persistence": "permanent"}),
            (b"CREATE INDEX i ON public.t USING btree (a);", "index", "public.i", {"table": "public.t"}),
            (b'CREATE UNIQUE INDEX "I;" ON ONLY app.t USING btree (lower(a)) WHERE (a > 1);',
             "index", 'app."I;"', {"table": "app.t"}),
            (b"ALTER TABLE ONLY public.t\n    ADD CONSTRAINT t_pkey PRIMARY KEY (id);",
             "constraint", "public.t.t_pkey",
             {"table": "public.t", "type": "primary key", "validated": True}),
            (b"ALTER TABLE ONLY public.t\n    ADD CONSTRAINT u UNIQUE NULLS NOT DISTINCT (a);",
             "constraint", "public.t.u",
             {"table": "public.t", "type": "unique constraint", "validated": True}),
            (b"ALTER TABLE ONLY public.t\n    ADD CONSTRAINT x EXCLUDE USING gist (a WITH &&);",
             "constraint", "public.t.x",
             {"table": "public.t", "type": "exclusion constraint", "validated": True}),
            ((b'ALTER TABLE ONLY public.t\n    ADD CONSTRAINT "f k" FOREIGN KEY (a) REFERENCES b(c)'
             b" ON DELETE CASCADE NOT VALID;"), "constraint", 'public.t."f k"',
             {"table": "public.t", "type": "foreign key", "validated": False}),
            (b"ALTER TABLE public.t\n    ADD CONSTRAINT c CHECK ((a > 0)) NOT VALID;",
             "constraint", "public.t.c",
             {"table": "public.t", "type": "check constraint", "validated": False}),
            (b"ALTER TABLE public.t\n    ADD CONSTRAINT n NOT NULL a NOT VALID;",
             "not-null constraint", "public.t.n", {"table": "public.t", "validated": False}),
            (b"CREATE FUNCTION public.f() RETURNS integer\n    LANGUAGE sql\n    AS $$SELECT 1$$;",
             "function", "public.f()", {"language": "sql"}),
            ((b"CREATE FUNCTION public.f(a integer DEFAULT 1, b text[] DEFAULT ARRAY['x,'::text, 'y'], "
             b"\"C d\" public.\"m\" = 'q', VARIADIC v numeric[]) RETURNS TABLE(language text)\n"
             b"    LANGUAGE plpgsql AS $$ LANGUAGE c $$;"), "function",
             'public.f(a integer, b text[], "C d" public.m, VARIADIC v numeric[])',
             {"language": "plpgsql"}),
            ((b"CREATE PROCEDURE app.p(IN a numeric(10,2), INOUT b timestamp(3) without time zone)\n"
             b"    LANGUAGE sql\n    BEGIN ATOMIC\n SELECT 1;\nEND;"), "function",
             "app.p(IN a numeric(10,2), INOUT b timestamp(3) without time zone)",
             {"language": "sql"}),
            (b"CREATE AGGREGATE public.agg(*) (\n    SFUNC = int4inc,\n    STYPE = integer\n);",
             "function", "public.agg()", {"language": "aggregate"}),
            (b"CREATE AGGREGATE public.agg(double precision ORDER BY anyelement) (SFUNC = x);",
             "function", "public.agg(double precision ORDER BY anyelement)",
             {"language": "aggregate"}),
            (b"CREATE TRIGGER \"T\" BEFORE UPDATE OF a, b ON public.t EXECUTE FUNCTION f();",
             "trigger", 'public.t."T"', {"table": "public.t", "enabled": "yes"}),
            ((b"CREATE CONSTRAINT TRIGGER t AFTER INSERT ON public.t DEFERRABLE FOR EACH ROW "
             b"EXECUTE FUNCTION f();\nALTER TABLE public.t ENABLE ALWAYS TRIGGER t;"),
             "trigger", "public.t.t", {"table": "public.t", "enabled": "always"}),
            ((b"CREATE RULE r AS\n    ON INSERT TO public.t DO INSTEAD NOTHING;\n"
             b"ALTER TABLE public.t DISABLE RULE r;"),
             "rule", "public.t.r", {"table": "public.t", "enabled": "no"}),
            (b'CREATE POLICY "on" ON public.t USING ((a > 0));',
             "policy", 'public.t.on', {"table": "public.t"}),
            ((b"CREATE EVENT TRIGGER e ON ddl_command_end\n   EXECUTE FUNCTION public.f();\n"
             b"ALTER EVENT TRIGGER e DISABLE;"), "event trigger", "e", {"enabled": "no"}),
            (b"SELECT pg_catalog.lo_create('1');\nSELECT pg_catalog.lo_create('2');",
             "large objects", "all", {"count": 2}),
        ],
    )  # fmt: skip
    def test_one(self, sql: bytes, kind: str, name: str, facts: dict[str, Any]) -> None:
        assert defined(sql + b"\n")[kind] == {name: facts}

    @pytest.mark.parametrize(
        "sql",
        [
            b"CREATE SCHEMA public;",
            b"CREATE EXTENSION IF NOT EXISTS plpgsql WITH SCHEMA pg_catalog;",
            b"CREATE TYPE public.shell;",
            b"CREATE DATABASE a;",
            b"CREATE ROLE a;",
            b"CREATE CAST (a AS b) WITHOUT FUNCTION;",
            b"DROP TABLE public.t;",
            b"ALTER TABLE public.t OWNER TO a;",
            b"ALTER TABLE IF EXISTS ONLY public.t DROP CONSTRAINT IF EXISTS c;",
            b"ALTER TABLE public.t DISABLE TRIGGER ALL;",
            b"ALTER TABLE public.t DISABLE TRIGGER gone;",
            b"COMMENT ON TABLE public.t IS 'CREATE TABLE public.u (a int);';",
            b"SELECT 'CREATE TABLE public.u (a int);';",
            b"-- CREATE TABLE public.t ();",
            b"SELECT pg_catalog.setval('', 1, true);",
            b"SELECT pg_catalog.setval('public.not_defined', 1, true);",
        ],
    )
    def test_nothing(self, sql: bytes) -> None:
        assert defined(sql + b"\n") == {}

    def test_elements_of_a_table(self) -> None:
        sql = (
            b"CREATE TABLE public.t (\n"
            b"    id integer NOT NULL,\n"
            b"    \"check\" text DEFAULT 'a, NOT NULL'::text CONSTRAINT named NOT NULL,\n"
            b"    n numeric(10,2) DEFAULT (1 + 2) NOT NULL,\n"
            b"    g boolean GENERATED ALWAYS AS ((id IS NOT NULL)) STORED,\n"
            b"    CONSTRAINT c CHECK ((id > ANY (ARRAY[1, 2]))) NOT VALID,\n"
            b"    CONSTRAINT d UNIQUE (id, n)\n);\n"
        )
        found = defined(sql)
        assert list(found["column"]) == [
            "public.t.id",
            "public.t.check",
            "public.t.n",
            "public.t.g",
        ]
        assert {name: facts["validated"] for name, facts in found["constraint"].items()} == {
            "public.t.c": False,
            "public.t.d": True,
        }
        assert list(found["not-null constraint"]) == [
            "public.t.t_id_not_null",
            "public.t.named",
            "public.t.t_n_not_null",
        ]

    def test_inherited_columns_count(self) -> None:
        sql = b"CREATE TABLE a (x int);\nCREATE TABLE b (y int);\n"
        sql += b"CREATE TABLE c (z int)\nINHERITS (a, b);\n"
        assert names(sql, "column")[-3:] == ["public.c.x", "public.c.y", "public.c.z"]

    def test_columns_of_typed_tables_and_partitions(self) -> None:
        sql = (
            b"CREATE TYPE public.pair AS (\n\ta integer,\n\tb text\n);\n"
            b"CREATE TABLE public.t OF public.pair (\n    a WITH OPTIONS NOT NULL\n);\n"
            b"CREATE TABLE public.p (x int) PARTITION BY LIST (x);\n"
            b"CREATE TABLE public.q PARTITION OF public.p FOR VALUES IN (1);\n"
        )
        assert names(sql, "column") == ["public.t.a", "public.t.b", "public.p.x", "public.q.x"]

    def test_a_dummy_view_counts_once(self) -> None:
        sql = b"CREATE VIEW public.v AS\nSELECT NULL::integer AS a;\n"
        sql += b"CREATE OR REPLACE VIEW public.v AS SELECT 1 AS a;\n"
        assert names(sql, "view") == ["public.v"]

    def test_languages(self) -> None:
        sql = b"CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'x', 'y';\n"
        sql += b"CREATE FUNCTION g() RETURNS int LANGUAGE sql RETURN 1;\n"
        assert contents_of(HEADER + sql + TRAILER).languages == ("c", "sql")

    def test_a_dump_by_an_old_pg_dump(self) -> None:
        sql = (
            b"SET search_path = app, pg_catalog;\n"
            b"CREATE TABLE t (a integer);\nCREATE TABLE v (a integer);\n"
            b"ALTER TABLE ONLY v REPLICA IDENTITY NOTHING;\n"
            b"COPY t (a) FROM stdin;\n1\n\\.\n\nSELECT pg_catalog.setval('s', 3, true);\n"
            b"INSERT INTO t VALUES (2);\n"
            b'CREATE RULE "_RETURN" AS\n    ON SELECT TO v DO INSTEAD  SELECT 1;\n'
            b"CREATE INDEX i ON t USING btree (a);\nCREATE SEQUENCE s;\n"
        )
        old = HEADER.replace(b"18.6 (Debian 18.6-1)", b"9.6.24").replace(b"\\restrict key\n", b"")
        found = contents_of(old + sql + TRAILER.replace(b"\\unrestrict key\n", b""))
        assert found.complete
        assert found.inventory.server_version == 90624
        assert found.inventory.of("table")["app.t"]["rows"] == 2
        assert list(found.inventory.of("table")) == ["app.t"]
        assert list(found.inventory.of("column")) == ["app.t.a"]
        assert list(found.inventory.of("view")) == ["app.v"]
        assert list(found.inventory.of("index")) == ["app.i"]
        assert list(found.inventory.of("sequence")) == ["app.s"]
        assert "not-null constraint" not in found.inventory.objects

    def test_names_in_other_encodings(self) -> None:
        sql = "SET client_encoding = 'LATIN1';\nCREATE TABLE public.\"größe\" (a int);\n"
        assert names(sql.encode("latin-1"), "table") == ['public."größe"']
        sql = "SET SESSION client_encoding TO 'LATIN1';\n"
        sql += "CREATE FUNCTION f(\"größe\" text DEFAULT 'ü', b text) RETURNS int LANGUAGE sql AS '';\n"
        assert names(sql.encode("latin-1"), "function") == ['public.f("größe" text, b text)']

    def test_backslashes_in_strings(self) -> None:
        sql = b"SET standard_conforming_strings = off;\n"
        sql += b"CREATE TABLE t (a text DEFAULT '\\',', b int DEFAULT '\\'');\n"
        assert names(sql, "column") == ["public.t.a", "public.t.b"]
        tables = defined(sql + b"INSERT INTO t VALUES ('\\'), ('), (E'\\'), (');\n")["table"]
        assert tables["public.t"]["rows"] == 2


class TestRows:
    def test_blocks(self) -> None:
        body = b"1\ta\n2\t\\N\n"
        sql = b'CREATE TABLE public."T" (a int, "B" text);\nCOPY public."T" (a, "B") FROM stdin;\n'
        found = contents_of(HEADER + sql + body + b"\\.\n" + TRAILER)
        (block,) = found.copy_blocks
        assert (HEADER + sql + body)[block.offset : block.end] == body
        assert block.line == (HEADER + sql).count(b"\n") + 1
        assert (block.table, block.columns, block.rows) == ('public."T"', ("a", "B"), 2)
        assert block.content == xxh3_128_hexdigest(body)
        facts = found.inventory.of("table")['public."T"']
        assert (facts["rows"], facts["content"]) == (2, block.content)

    def test_an_empty_block(self) -> None:
        found = contents_of(HEADER + b"COPY public.t  FROM stdin;\n\\.\n" + TRAILER)
        (block,) = found.copy_blocks
        assert (block.rows, block.columns, block.end - block.offset) == (0, (), 0)
        assert block.content == xxh3_128_hexdigest(b"")

    def test_rows_of_several_blocks_add_up(self) -> None:
        sql = b"COPY public.t (a) FROM stdin;\n1\n\\.\nCOPY public.t (a) FROM stdin;\n2\n3\n\\.\n"
        found = contents_of(HEADER + sql + TRAILER)
        content = xxh3_128_hexdigest(b"1\n2\n3\n")  # as of one block
        assert found.inventory.of("table") == {"public.t": {"rows": 3, "content": content}}
        assert [block.rows for block in found.copy_blocks] == [1, 2]
        assert [b.content for b in found.copy_blocks] == [
            xxh3_128_hexdigest(b"1\n"),
            xxh3_128_hexdigest(b"2\n3\n"),
        ]

    def test_blocks_with_other_columns_have_no_common_fingerprint(self) -> None:
        sql = b"COPY public.t (a, b) FROM stdin;\n1\t2\n\\.\n"
        sql += b"COPY public.t (b, a) FROM stdin;\n2\t1\n\\.\n"
        found = contents_of(HEADER + sql + TRAILER)
        assert found.inventory.of("table") == {"public.t": {"rows": 2}}

    @pytest.mark.parametrize(
        ("insert", "rows"),
        [
            (b"INSERT INTO public.t VALUES (1, 'a');", 1),
            (b"INSERT INTO public.t VALUES (1, 'a), (');", 1),
            (b"INSERT INTO public.t (a, b) VALUES (1, 'it''s'), (2, ')'), (3, NULL);", 3),
            (b'INSERT INTO public.t ("a)", "VALUES (") OVERRIDING SYSTEM VALUE VALUES (1, 2);', 1),
            (b"INSERT INTO public.t VALUES\n\t(1, E'a\\'), ('),\n\t(2, B'01');", 2),
            (b"INSERT INTO public.t VALUES (f(1, ')'), (3)), (4);", 2),
            (b"INSERT INTO public.t DEFAULT VALUES;", 1),
            (b"INSERT INTO public.t VALUES (1) ON CONFLICT DO NOTHING;", 1),
            (b"insert into public.t values (1);", 1),
        ],
    )
    def test_inserts(self, insert: bytes, rows: int) -> None:
        sql = b"CREATE TABLE public.t (a int);\n" + insert + b"\n"
        assert defined(sql)["table"]["public.t"]["rows"] == rows

    def test_a_table_without_rows_in_a_dump_with_data(self) -> None:
        sql = b"CREATE TABLE public.t ();\nCREATE TABLE public.p (a int) PARTITION BY LIST (a);\n"
        announced = b"--\n-- Data for Name: t; Type: TABLE DATA; Schema: public; Owner: -\n--\n"
        tables = defined(sql + announced)["table"]
        assert tables["public.t"]["rows"] == 0
        assert "rows" not in tables["public.p"]

    def test_a_dump_without_data_knows_no_rows(self) -> None:
        assert "rows" not in defined(b"CREATE TABLE public.t ();\n")["table"]["public.t"]

    def test_a_dump_without_definitions_knows_no_other_kinds(self) -> None:
        data = b"COPY public.t (a) FROM stdin;\n1\n\\.\nSELECT pg_catalog.setval('public.s', 1, true);\n"
        found = contents_of(HEADER + data + TRAILER)
        assert set(found.inventory.objects) == {"table", "sequence"}
        assert found.inventory.of("sequence")["public.s"]["last_value"] == 1


class TestWhole:
    def test_versions_and_key(self) -> None:
        found = contents_of(HEADER + TRAILER)
        assert found.has_header
        assert found.complete
        assert found.server_version == "18.6 (Debian 18.6-1)"
        assert found.pg_dump_version == "18.7"
        assert found.inventory.server_version == 180006
        assert found.inventory.partial
        assert found.restrict_keys == ("key",)

    @pytest.mark.parametrize(
        "dump",
        [
            b"",
            HEADER,
            HEADER + TRAILER + b"SELECT 1;\n",
            HEADER + TRAILER + b"-- more\n",
            HEADER + TRAILER + b"\\connect a\n",
            HEADER + TRAILER + b"COPY t FROM stdin;\n\\.\n",
            HEADER + TRAILER.replace(b"\\unrestrict key", b""),
            HEADER + TRAILER.replace(b"\\unrestrict key", b"\\unrestrict other"),
            HEADER + TRAILER.replace(b"complete\n--", b"complete"),
            HEADER + TRAILER.replace(b"-- PostgreSQL", b"--  PostgreSQL"),
            HEADER + b"SELECT '" + TRAILER + b"';",
            HEADER + b"COPY t FROM stdin;\n" + TRAILER + b"\\.\n",
        ],
    )
    def test_incomplete(self, dump: bytes) -> None:
        assert not contents_of(dump).complete

    def test_no_header(self) -> None:
        assert not contents_of(TRAILER).has_header
        assert not contents_of(b"SELECT 1;\n" + HEADER + TRAILER).has_header

    def test_cut_at_every_byte(self, new_database: NewDatabase) -> None:
        database = new_database(
            "CREATE TABLE public.t (a int PRIMARY KEY, b text);"
            "INSERT INTO public.t VALUES (1, 'x'), (2, E'\\\\.');"
            "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END;"
        )
        for options in ([], ["--inserts"]):
            dump = dump_of(database, *options)
            assert contents_of(dump).complete
            for length in range(len(dump.rstrip())):
                assert not is_accepted(dump[:length]), dump[:length]


def is_accepted(dump: bytes) -> bool:
    """Return whether a dump is read to its end and found complete."""
    try:
        return contents_of(dump).complete
    except DumpRefused:
        return False


def dump_of(database: Database, *options: str, program: str = "pg_dump") -> bytes:
    """Return a dump by the pg_dump of the server's own major."""
    major = int(query(database, "SHOW server_version_num")[0][0]) // 10000
    found = [candidate for candidate in find_programs(program) if candidate.major == major]
    path = max(found, key=lambda candidate: candidate.version).path
    return subprocess.run(
        [str(path), *options, f"--dbname={url_of(database)}"],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        timeout=120,
        check=True,
    ).stdout


def live_inventory(database: Database) -> Inventory:
    with connect(database) as connection:
        return read_inventory(ask_connection(connection), server_version(connection))


def differences(live: Inventory, dump: bytes) -> list[str]:
    needed = [("table", "rows"), ("sequence", "last_value")]
    found = compare(stated_in_dump(live), contents_of(dump).inventory, require=needed)
    return [finding.message for finding in found]


@pytest.mark.parametrize("major", MAJORS)
class TestRealDumps:
    """Silent on every awkward database, and not silent where one statement is missing."""

    @pytest.mark.parametrize("path", schema_files(), ids=lambda path: path.stem)
    def test_says_what_the_database_holds(
        self, path: Path, major: int, new_database: NewDatabase
    ) -> None:
        database = new_database(major=major)
        available = query(database, "SELECT name FROM pg_available_extensions")
        if path.stem == "extensions" and ("citext",) not in available:
            pytest.skip(f"this PostgreSQL {major} was built without contrib")
        run_sql(database, path.read_text())
        live = live_inventory(database)
        for options in (
            [],
            ["--inserts", "--clean", "--if-exists"],
            ["--column-inserts", "--rows-per-insert=3", "--create"],
            ["--quote-all-identifiers", "--disable-triggers"],
        ):
            dump = dump_of(database, *options)
            assert contents_of(dump).complete
            for event in [] if options else lex(io.BytesIO(dump).read):
                usual_forms_agree(event)
            if path.stem == ROOT_LOADED:
                assert all("could not be compared" in text for text in differences(live, dump))
                continue
            assert differences(live, dump) == []
        for section in ("pre-data", "data", "post-data"):
            assert contents_of(dump_of(database, f"--section={section}")).complete

    @pytest.mark.parametrize(
        "stem", ["prisma", "partitions", "names_objects", "functions", "types"]
    )
    def test_a_missing_statement_is_noticed(
        self, stem: str, major: int, new_database: NewDatabase
    ) -> None:
        (path,) = (path for path in schema_files() if path.stem == stem)
        database = new_database(path.read_text(), major=major)
        live = live_inventory(database)
        dump = dump_of(database)
        spans = [
            (event.offset, event.end)
            for event in lex(io.BytesIO(dump).read)
            if isinstance(event, Statement) and NEEDED.match(event.text)
        ]
        assert len(spans) > 20
        starts = [
            event.offset for event in lex(io.BytesIO(dump).read) if isinstance(event, CopyStart)
        ]
        blocks = zip(starts, contents_of(dump).copy_blocks, strict=True)
        spans += [(start, block.end + len("\\.\n")) for start, block in blocks if block.rows]
        for start, end in spans:
            assert differences(live, dump[:start] + dump[end:]), dump[start:end]

    def test_whole_clusters_and_data_alone(self, major: int, new_database: NewDatabase) -> None:
        database = new_database(
            "CREATE TABLE public.t (a int); INSERT INTO t VALUES (1);", major=major
        )
        cluster = contents_of(dump_of(database, program="pg_dumpall"))
        assert cluster.has_header
        assert cluster.complete
        assert "public.t" in cluster.inventory.of("table")
        data = contents_of(dump_of(database, "--data-only", "--disable-triggers"))
        assert data.inventory.of("table")["public.t"]["rows"] == 1
        assert data.complete


NEEDED = re.compile(
    rb"CREATE (?:UNLOGGED |UNIQUE |CONSTRAINT |MATERIALIZED |FOREIGN |EVENT )?(?:SCHEMA|EXTENSION|TYPE"
    rb"|DOMAIN|TABLE|INDEX|SEQUENCE|VIEW|FUNCTION|PROCEDURE|AGGREGATE|TRIGGER|RULE|POLICY) "
    rb"|ALTER TABLE (?:ONLY )?[^\n]+\n    ADD CONSTRAINT |SELECT pg_catalog\.setval"
)
"""Statements that each bring an object which an inventory names."""


NAMES = st.sampled_from(
    """
    t | a1_b | "T" | "a b" | "a.b" | "a""b" | "it's" | "größe" | "plain" | "" | "a
    b" | only | concurrently | if | partition | constraint | A | a$b | é | U&"x"
    """.strip().split(" | ")
)
FULL_NAMES = st.tuples(NAMES, NAMES).map(".".join)
INERT_SQL = st.sampled_from(
    """
    integer | text[] | numeric(10,2) | timestamp(3) without time zone | "S"."T" | bit(3) | NOT NULL
    | DEFAULT 0 | DEFAULT 'a, b'::text | DEFAULT (1 + 2) | DEFAULT nextval('s'::regclass) | not null
    | DEFAULT ARRAY['a'::text, NULL] | DEFAULT NULL::text | GENERATED ALWAYS AS ((a - 1)) STORED
    | CONSTRAINT n NOT NULL | DEFAULT E'\\'(,' | DEFAULT $$(,$$ | COLLATE "C" | DEFAULT -1 | NOT VALID
    | DEFAULT ARRAY[NOT NULL] | DEFAULT U&'x' | DEFAULT 'it''s' | CHECK ((a <> 'not')) | /* ( */
    | CHECK ((((a)))) | default 1 | = 1 | language c | ' | " | ( | )
    """.strip().split(" | ")
)
SQL = st.lists(INERT_SQL, min_size=1, max_size=3).map(" ".join)
COLUMNS = st.tuples(NAMES, SQL).map(" ".join)
KINDS = st.sampled_from(["CHECK", "PRIMARY KEY", "UNIQUE", "FOREIGN KEY", "EXCLUDE", "NOT NULL"])
CONSTRAINTS = st.tuples(st.just("CONSTRAINT"), NAMES, KINDS, SQL).map(" ".join)
ARGUMENTS = st.lists(st.tuples(NAMES, SQL).map(" ".join), max_size=3).map(", ".join)


@st.composite
def definitions(draw: st.DrawFn) -> bytes:
    """Draw a statement in a form of pg_dump's, at times with something put in or left out."""
    name, other, table = draw(NAMES), draw(FULL_NAMES), draw(FULL_NAMES)
    identity = f"SEQUENCE NAME {other}\n    START WITH 1\n);"
    elements = draw(st.lists(st.one_of(COLUMNS, CONSTRAINTS), min_size=1, max_size=4))
    forms = [
        f"CREATE TABLE {table} (\n    " + ",\n    ".join(elements) + "\n);",
        f"CREATE UNLOGGED TABLE {table} (\n    {elements[0]}\n)\nINHERITS ({other});",
        f"ALTER TABLE ONLY {table}\n    ADD {draw(CONSTRAINTS)};",
        f"CREATE UNIQUE INDEX {name} ON ONLY {table} USING btree (a);",
        f"CREATE SEQUENCE {table}\n    START WITH 1;",
        f"CREATE VIEW {table} AS\n SELECT 1;",
        f"CREATE MATERIALIZED VIEW {table} AS\n SELECT 1\n  WITH NO DATA;",
        f"CREATE TYPE {table} AS ENUM (\n    'a'\n);",
        f"CREATE FUNCTION {table}({draw(ARGUMENTS)}) RETURNS {draw(SQL)}\n    LANGUAGE sql\n    AS 'x';",
        f"CREATE PROCEDURE {table}(a integer, b text[])\n    LANGUAGE {name}\n    AS 'x';",
        f"CREATE TRIGGER {name} AFTER INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION f();",
        f"ALTER TABLE {table} ALTER COLUMN {name} ADD GENERATED ALWAYS AS IDENTITY (\n    {identity}",
        f"SELECT pg_catalog.setval('{table}', -42, false);",
    ]
    statement = draw(st.sampled_from(forms))
    if draw(st.booleans()):
        position = draw(st.integers(0, len(statement)))
        piece = draw(st.one_of(INERT_SQL, NAMES, st.just("")))
        length = draw(st.sampled_from([0, 0, 1, 5]))
        statement = statement[:position] + piece + statement[position + length :]
    return statement.encode()


class TestUsualForms:
    """What is learnt by one match is what is learnt from tokens."""

    @given(definitions())
    @settings(max_examples=200, deadline=None)
    @example(b"CREATE INDEX concurrently ON public.t USING btree (a);")
    @example(b"CREATE VIEW only.v AS SELECT 1;")
    @example(b"CREATE FUNCTION a.f(b text default c)\n    LANGUAGE sql\n    AS 'x';")
    @example(b"ALTER TABLE a.t\n    ADD CONSTRAINT c CHECK (E'\\156ot' valid);")
    @example(b'ALTER TABLE a.t\n    ADD CONSTRAINT c CHECK (U&"n\\006ft" valid);')
    @example(b"CREATE TABLE a.t (\n    b text DEFAULT E'\\'),\n    (c NOT NULL');")
    @example(b"SELECT pg_catalog.setval('public.\"it''s\"', 1, true);")
    def test_agree_with_tokens(self, statement: bytes) -> None:
        usual_forms_agree(Statement(0, len(statement), 1, statement))

    def test_nearly_all_of_a_dump_is_usual(self, new_database: NewDatabase) -> None:
        (path,) = (path for path in schema_files() if path.stem == "prisma_forty")
        dump = dump_of(new_database(path.read_text()), "--no-owner")
        events = [event for event in lex(io.BytesIO(dump).read) if isinstance(event, Statement)]
        needed = [event.text for event in events if NEEDED.match(event.text)]
        unusual = [text for text in needed if not learn_usual(Definitions(), text.decode())]
        assert len(needed) > 100
        assert len(unusual) < len(needed) / 20, unusual


@pytest.mark.parametrize(
    "dump",
    [
        b"SET client_encoding;",
        b"SET client_encoding = 'latin" + b"1" * 100_000 + b"';\nCREATE TABLE t ();",
        b"CREATE TABLE;",
        b"CREATE TABLE (a int, NOT NULL b);",
        b"CREATE INDEX;",
        b"CREATE AGGREGATE;",
        b"CREATE TYPE AS (,,);",
        b"ALTER TABLE ATTACH PARTITION;",
        b"SELECT pg_catalog.setval('s', " + b"9" * 5000 + b");",
        "SELECT pg_catalog.setval('s', '²');".encode(),
        b"SELECT pg_catalog.setval(E'\\ud800', 1);",
        b"-- Dumped from database version " + b"9" * 5000 + b"\n",
        b"COPY t (a = b) FROM stdin;\n\\.\n",
        b"-- Data for Name: t\nCREATE TABLE t PARTITION OF t;\nCREATE TABLE u PARTITION OF t;\n",
        b"-- Data for Name: t\n"
        + b"".join(b"CREATE TABLE t%d PARTITION OF t%d;\n" % (i, i + 1) for i in range(3000)),
    ],
    ids=lambda dump: dump[:40],
)
def test_nonsense_is_read_without_error(dump: bytes) -> None:
    """Show that what once ended in an exception, or never, has contents like any other dump."""
    assert not contents_of(dump).complete


class TestStatedInDump:
    def facts(self, **objects: dict[str, Any]) -> Inventory:
        return Inventory(180006, {kind.replace("_", " "): of for kind, of in objects.items()})

    def test_leaves_out_what_comes_with_something_else(self) -> None:
        table = {"table": "public.t"}
        key = {**table, "type": "primary key"}
        check = {**table, "type": "check constraint"}
        live = self.facts(
            schema={"public": {}, "app": {}},
            table={"public.t": {"form": "table"}},
            index={"public.t_pkey": table, "public.i": table, "app.t_pkey": {"table": "app.t"},
                   "public.broken": {**table, "valid": False},
                   "public.parted": {**table, "valid": False, "partitioned": True}},
            constraint={"public.t.t_pkey": {**key, "inherited": True}, "public.t.c": check,
                        "public.t.d": {**check, "inherited": True}},
            trigger={"public.t.a": {**table, "inherited": True}, "public.t.b": table},
            large_objects={"all": {"count": 0}},
            comment={"table public.t": {}}, privilege={"x": {}}, other={"y": {}}, migration={"z": {}},
        )  # fmt: skip
        stated = {kind: list(names) for kind, names in stated_in_dump(live).objects.items()}
        assert stated == {
            "schema": ["app"],
            "table": ["public.t"],
            "index": ["public.i", "app.t_pkey", "public.parted"],
            "constraint": ["public.t.t_pkey", "public.t.c"],
            "trigger": ["public.t.b"],
            "large objects": [],
        }

    def test_keeps_version_and_facts(self) -> None:
        live = self.facts(table={"public.t": {"rows": 1}})
        assert stated_in_dump(live) == live
