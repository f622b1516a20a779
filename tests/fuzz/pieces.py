"""What generated dumps are made of: tokens that mean something to psql, the server or the lexer."""

from __future__ import annotations

TOKENS = [
    *b"a e begin end case create function procedure or replace atomic copy select".split(),
    *b"1 1.5 .5 1. 1e-5 $1 ( ( ) ) ; ; ; :: := :v :'v' + - * / <= @> , . [1:2] a$b$ & n x".split(),
    *[b"begin atomic", b"create or replace function f() ", b"create procedure f() begin atomic"],
    *[b"'x;'", b"E'\\';'", b"e''", b"'a''b'", b"U&'\\0041'", b'u&"x"', b"B'01'", b"x'ff'", b"N'a'"],
    *[
        b'"q;"',
        b'"a""b"',
        b"$$;$$",
        b"$t$ $$; $t$",
        b"--c;\n",
        b"/*c;*/",
        b"/*/*;*/*/",
        b"\xc3\xa9",
    ],
]
"""Tokens of every kind, on which psql, the server and libpg_query agree."""

FRAGMENTS = [
    b"'",
    b'"',
    b"\\",
    b"$$",
    b"$a$",
    b"$",
    b"--",
    b"/*",
    b"*/",
    b"\n",
    b"\r",
    b"\\.\n",
    b"e'",
]
"""Beginnings and ends of tokens."""

ODDITIES = [
    *b"table as 1..2 12ab =- {?a} [ ] (((((( )))))) uescape 'x\\'".split(),
    *[b"E'\\x41\\101\\u0041\\U0001F600\\ud800'", b"U&'d!0061' UESCAPE '!'", b"\xff", b"\0"],
    *[b"\n    ", b" ", b"\t"],
]
COPY_BLOCKS = [
    b"COPY t FROM stdin;\nx;'y\n\\\\.\n\\.\n",
    b"copy t (a) from STDIN with (format csv);\n\\.\n",
]
COMMANDS = [b"\\restrict k\n", b"\\unrestrict k\n", b"\\connect b\n", b"\\! rm\n", b"\\;", b"\\g\n"]
COMMENTS = [
    b"-- PostgreSQL database dump\n",
    b"-- PostgreSQL database dump complete\n--\n",
    b"-- Dumped from database version ",
    b"--\n-- Name: t; Type: TABLE\n--\n\n",
    b"-- Data for Name: t; Type: TABLE DATA\n",
]
SETTINGS = [
    b"SET standard_conforming_strings = off;\n",
    b"SET standard_conforming_strings = on;\n",
    b"SET client_encoding = 'LATIN1';\n",
    b"SET client_encoding",
    b"SET search_path = a;\n",
    b"SELECT pg_catalog.set_config('search_path', '', false);\n",
    b"SELECT set_config('standard_conforming_strings', 'off', false);\n",
    b"SELECT pg_catalog.setval('public.s', 1, true);\n",
    b"DO $$BEGIN END$$;\n",
    b"BEGIN;\n",
    b"COMMIT;\n",
    b"ROLLBACK;\n",
    b"RESET ALL;\n",
    b"ALTER ROLE a SET standard_conforming_strings TO off;\n",
]
DEFINITIONS = [
    b"COPY public.t (a, b) FROM stdin;\n",
    b"CREATE TABLE public.t (\n    a integer",
    b",\n    b text DEFAULT 'x'::text NOT NULL",
    b",\n    CONSTRAINT c CHECK ((a > 0))",
    b"\n);\n",
    b"\nPARTITION BY RANGE (a);\n",
    b"\nINHERITS (public.a)",
    b"CREATE TABLE public.q PARTITION OF public.t ",
    b"ALTER TABLE ONLY public.t ATTACH PARTITION public.q ",
    b"ALTER TABLE ONLY public.t\n    ADD CONSTRAINT c PRIMARY KEY (a)",
    b" CONSTRAINT c NOT NULL",
    b" NOT VALID",
    b"CREATE INDEX i ON public.t USING btree (a)",
    b"CREATE SEQUENCE public.s\n    START WITH 1",
    b"CREATE VIEW public.v AS\n SELECT ",
    b"CREATE OR REPLACE VIEW public.v AS\n SELECT ",
    b"CREATE TYPE public.e AS ENUM (\n    'a'",
    b"CREATE TYPE public.c AS (",
    b"CREATE FUNCTION public.f(a integer, b text[]) RETURNS integer\n    LANGUAGE sql\n    AS $$",
    b"$$;\n",
    b"CREATE FUNCTION public.f() RETURNS SETOF public.t\n    LANGUAGE sql\n    BEGIN ATOMIC\n",
    b"END;\n",
    b"CREATE AGGREGATE public.f(*) (",
    b"CREATE TRIGGER t AFTER INSERT OR UPDATE ON public.t FOR EACH ROW EXECUTE FUNCTION f()",
    b'CREATE RULE "_RETURN" AS\n    ON SELECT TO public.t DO INSTEAD SELECT 1',
    b"CREATE EXTENSION IF NOT EXISTS a WITH SCHEMA b",
    b"ALTER EVENT TRIGGER a DISABLE",
    b"ALTER TABLE public.t DISABLE TRIGGER t",
    b"ALTER TABLE public.t ALTER COLUMN a ADD GENERATED ALWAYS AS IDENTITY (\n",
    b"    SEQUENCE NAME public.s\n",
    b"COMMENT ON TABLE public.t IS 'it''s'",
    b"INSERT INTO public.t VALUES (1, 'x', NULL)",
    b"INSERT INTO public.t (a, b) OVERRIDING SYSTEM VALUE VALUES\n\t(1, B'01'),\n\t(-5, 1.5e+10)",
    b" ON CONFLICT DO NOTHING",
    b"GRANT a, b TO c",
]
REPEATED = b"\xfe"
"""Stands, twice, around bytes that are repeated until the dump is large (see ``promises.unfolded``)."""

PIECES = [
    *[*TOKENS, *FRAGMENTS, *ODDITIES, *COPY_BLOCKS, *COMMANDS, *COMMENTS, *SETTINGS, *DEFINITIONS],
    *[b";\n", b";\n", b";\n", b"\n", b" "],
]
