"""The dumps that benchmarks measure with: small databases as real ones are, dumped by pg_dump."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.postgres.client import client_environment
from dbsnap.postgres.connection import connect, execute
from dbsnap.postgres.discovery import find_programs
from dbsnap.postgres.throwaway import server_binaries, throwaway_server
from dbsnap.postgres.tools import start

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.url import Database

TABLES = """
    DO $do$ BEGIN
        FOR n IN 1..2000 LOOP
            EXECUTE format($$
                CREATE TABLE public.%1$I (
                    id serial PRIMARY KEY,
                    name text NOT NULL UNIQUE,
                    amount numeric(12, 2) DEFAULT 0 NOT NULL CHECK (amount >= 0),
                    "createdAt" timestamp(3) without time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
                    previous integer REFERENCES public.%1$I
                );
                CREATE INDEX ON public.%1$I ("createdAt");
                COMMENT ON TABLE public.%1$I IS 'What table %2$s holds; it''s rows';
                COMMENT ON COLUMN public.%1$I.amount IS 'in cents';
            $$, 'table_' || n, n);
            IF n % 20 = 0 THEN COMMIT; END IF;
        END LOOP;
    END $do$
"""
ACCOUNTS = (
    "CREATE TABLE public.accounts (id integer PRIMARY KEY, name text, balance numeric(12, 2))"
)
FUNCTIONS_AND_VIEWS = """
    DO $do$ BEGIN
        FOR n IN 1..1000 LOOP
            EXECUTE format($$
                CREATE FUNCTION public.%1$I(lowest integer, who text DEFAULT 'x') RETURNS integer
                LANGUAGE plpgsql AS $body$
                DECLARE
                    found record;
                    total numeric := 0;
                BEGIN
                    FOR found IN SELECT id, name, balance FROM public.accounts WHERE id > lowest LOOP
                        total := total + found.balance; -- it's a sum
                        IF found.name = who THEN
                            RAISE NOTICE 'found: %%', found.id;
                        END IF;
                    END LOOP;
                    RETURN total::integer;
                END $body$;
                CREATE FUNCTION public.%2$I(lowest integer) RETURNS TABLE (id integer, total numeric)
                LANGUAGE sql STABLE BEGIN ATOMIC
                    SELECT id, sum(CASE WHEN balance > 0 THEN balance ELSE 0 END)
                    FROM public.accounts WHERE id >= lowest AND name <> 'x;y' GROUP BY id;
                    SELECT 1, 2;
                END;
                CREATE VIEW public.%3$I AS
                SELECT a.id, upper(a.name) AS name,
                    CASE WHEN a.balance > 0 THEN 'credit' ELSE 'debit' END AS kind,
                    (SELECT count(*) FROM public.accounts b
                     WHERE b.balance > a.balance AND b.name LIKE 'a%%') AS richer
                FROM public.accounts a JOIN public.accounts c ON c.id = a.id + 1 ORDER BY a.name;
            $$, 'function_' || n, 'atomic_' || n, 'view_' || n);
            IF n % 20 = 0 THEN COMMIT; END IF;
        END LOOP;
    END $do$
"""
ROWS = """
    CREATE TABLE public.rows AS
    SELECT i AS id, 'row number ' || i AS name, md5(i::text) AS hash,
        '2026-01-24'::timestamptz + i * interval '1 s' AS created_at, i / 7.0 AS amount,
        CASE WHEN i % 10 > 0 THEN E'it''s \\\\ text' END AS note
    FROM generate_series(1, 200000) AS i
"""


SCHEMA = ("--schema-only",)
DATABASES = {
    "2,000 tables": ([TABLES], {"schema": SCHEMA}),
    "3,000 functions and views": ([ACCOUNTS, FUNCTIONS_AND_VIEWS], {"schema": SCHEMA}),
    "200,000 rows": ([ROWS], {"COPY": (), "INSERT": ("--inserts",)}),
}
"""What is in each database, and the options of pg_dump for each form that it is dumped in."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A dump in memory, and what it is a dump of."""

    name: str
    dump: bytes


def samples() -> Iterator[Sample]:
    """Yield dumps of each kind, from a server that is started for it and gone afterwards."""
    program = server_binaries()
    found = [
        candidate for candidate in find_programs("pg_dump") if candidate.major == program.major
    ]
    pg_dump = max(found, key=lambda candidate: candidate.version)
    with throwaway_server(program) as server:
        for number, (name, (statements, forms)) in enumerate(DATABASES.items()):
            database = server.database(f"bench_{number}")
            with connect(server.database()) as connection:
                execute(connection, f"CREATE DATABASE bench_{number}")
            with connect(database) as connection:
                for statement in statements:
                    execute(connection, statement)
            for form, options in forms.items():
                yield Sample(f"{form} of {name}", _dump(pg_dump, database, options))


def _dump(pg_dump: Program, database: Database, options: Sequence[str]) -> bytes:
    environment = client_environment(database, application="dbsnap bench")
    with tempfile.TemporaryFile() as output:
        start(pg_dump.path, options, environment=environment, stdout=output.fileno()).wait()
        output.seek(0)
        return output.read()
