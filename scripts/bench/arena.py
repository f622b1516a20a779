"""The server, the databases and the programs that contests are held with.

The data are made by the server from row numbers and md5, so that they are the same on every machine.
"""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from contest import cpu_of_server
from samples import TABLES

from dbsnap.postgres.client import client_environment
from dbsnap.postgres.connection import connect, execute, fetch_value
from dbsnap.postgres.discovery import find_programs
from dbsnap.postgres.throwaway import server_binaries, throwaway_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.throwaway import ThrowawayServer
    from dbsnap.postgres.url import Database

SIZES = {"small": 0.06, "full": 1.0}
"""What share of the full data each size has: ``full`` is about 2 GB of mixed tables."""

MIXED = "mixed"
ONE_TABLE = "one_table"
TINY_TABLES = "tiny_tables"
TWENTY_TABLES = "twenty_tables"

ORDERS = """
    CREATE TABLE {name} AS SELECT i AS id, 'customer ' || i % 9973 AS customer, md5(i::text) AS hash,
        '2026-01-24'::timestamptz + i * interval '7 s' AS created_at, (i % 100000) / 7.0 AS amount,
        jsonb_build_object('size', i % 1000, 'tags', ARRAY['a' || i % 7, 'b' || i % 11]) AS data,
        CASE WHEN i % 10 > 0 THEN 'said ' || repeat(md5((i % 5000)::text) || ' ', 3) END AS note
    FROM generate_series(1, {rows}) AS i;
    ALTER TABLE {name} ADD PRIMARY KEY (id);
    CREATE INDEX ON {name} (customer);
    CREATE INDEX ON {name} (created_at)
"""
EVENTS = """
    CREATE TABLE {name} AS SELECT i::bigint AS id, (i * 7919::bigint) % 1000003 AS subject,
        i % 17 AS kind, '2026-01-24'::timestamp + i * interval '1 s' AS happened,
        (i % 1000) / 8.0::float8 AS value
    FROM generate_series(1, {rows}) AS i;
    ALTER TABLE {name} ADD PRIMARY KEY (id);
    CREATE INDEX ON {name} (subject)
"""
DOCUMENTS = """
    CREATE TABLE {name} AS SELECT i AS id, (SELECT string_agg(md5((i * 131 + n)::text), ' ')
        FROM generate_series(1, 120) AS n) AS body, decode(md5(i::text), 'hex') AS digest
    FROM generate_series(1, {rows}) AS i;
    ALTER TABLE {name} ADD PRIMARY KEY (id)
"""
SMALL = """
    CREATE TABLE {name} (id integer PRIMARY KEY, name text NOT NULL, at timestamptz, n numeric(12,2));
    INSERT INTO {name} SELECT i, 'row number ' || i, '2026-01-24'::timestamptz + i * interval '1 min',
        i / 100.0 FROM generate_series(1, {rows}) AS i;
    CREATE INDEX ON {name} (name)
"""

CONTENTS = {
    MIXED: [
        ("public.orders", ORDERS, 2_600_000),
        ("public.events", EVENTS, 7_000_000),
        ("public.documents", DOCUMENTS, 90_000),
        ("public.invoices", ORDERS, 900_000),
        *((f"public.small_{n}", SMALL, 12_000) for n in range(40)),
    ],
    ONE_TABLE: [("public.orders", ORDERS, 5_600_000)],
    TWENTY_TABLES: [(f"public.table_{n}", SMALL, 4_000) for n in range(20)],
}
"""The tables of each database: name, how it is made, rows at full size."""

NEVER_SMALLER = frozenset({TWENTY_TABLES})


@dataclass(frozen=True, slots=True)
class Arena:
    """A running server with filled databases; ``place`` is for the files that contenders write."""

    server: ThrowawayServer
    place: Path
    size: float

    def environment(self, name: str) -> dict[str, str]:
        """Return the variables with which PostgreSQL's programs find a database."""
        return client_environment(self.server.database(name), application="bench")

    def url(self, name: str) -> str:
        """Return the address of a database, for dbsnap's --url."""
        parameters = self.server.database(name).parameters
        return (
            f"postgresql://{parameters['user']}@/{name}?host={parameters['host']}"
            f"&port={parameters['port']}"
        )

    def programs(self, name: str) -> list[Program]:
        """Return every pg_dump, psql or pg_restore here that can work with the server, newest last."""
        found = [one for one in find_programs(name) if one.major >= self.server.version[0]]
        return sorted(found, key=lambda one: one.version)

    def own(self, name: str) -> str:
        """Return the path of the program of the server's own major, which dbsnap takes, too."""
        return str(self.programs(name)[0].path)

    def dbsnap(self, *arguments: str) -> list[str]:
        """Return the command line of a dbsnap in a process of its own."""
        return [sys.executable, "-m", "dbsnap", *arguments]

    def make(self, name: str, statements: Sequence[str]) -> None:
        """Make a database anew, and fill it."""
        self.run("postgres", f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
        self.run(name, *statements, "VACUUM ANALYZE", "CHECKPOINT")

    def run(self, name: str, *statements: str) -> None:
        """Run statements in a database, each by itself."""
        run_statements(self.server.database(name), *statements)

    def server_cpu(self) -> Callable[[], float]:
        """Return a function that says how many CPU seconds the server's sessions have taken."""
        pid_file = self.server.directory / "data/postmaster.pid"
        postmaster = int(pid_file.read_text().split()[0])
        return lambda: cpu_of_server(postmaster)


@contextmanager
def arena(
    size: str, *, major: int | None, say: Callable[[str], None], filled: bool = True
) -> Iterator[Arena]:
    """Start a server, fill its databases, and remove everything at the end."""
    share = SIZES[size]
    program = server_binaries(major=major or major_of_best_peer())
    settings = {
        "shared_buffers": "1GB" if share == 1 else "256MB",
        "max_wal_size": "4GB",
        "max_locks_per_transaction": "1024",
    }
    place = os.environ.get("DBSNAP_BENCH_DIR")
    with (
        tempfile.TemporaryDirectory(prefix="dbsnap-bench-", dir=place) as directory,
        throwaway_server(program, settings=settings) as server,
    ):
        for name in (*CONTENTS, TINY_TABLES) if filled else ():
            run_statements(server.database(), f"CREATE DATABASE {name} TEMPLATE template0")
            _fill(server.database(name), name, share)
            with connect(server.database(name)) as connection:
                held = fetch_value(connection, "SELECT pg_database_size(current_database())")
            say(f"{name}: {held / 1e6:,.0f} MB")
        yield Arena(server, Path(directory), share)


def major_of_best_peer() -> int | None:
    """Return the newest major for which there are a server and a pg_dump that knows zstd."""
    servers = {program.major for program in find_programs("postgres")}
    able = [p.major for p in find_programs("pg_dump") if p.major in servers and knows_zstd(p)]
    return max(able, default=None)


def knows_zstd(pg_dump: Program) -> bool:
    """Return whether a pg_dump was built with zstd, which none before 16 is."""
    return pg_dump.major >= 16 and b"ZSTD_" in pg_dump.path.read_bytes()


def run_statements(database: Database, *statements: str) -> None:
    """Run statements in a database, each by itself."""
    with connect(database, purpose="dbsnap bench") as connection:
        for statement in statements:
            execute(connection, statement)


def _fill(database: Database, name: str, share: float) -> None:
    statements = [TABLES] if name == TINY_TABLES else []
    for table, form, rows in CONTENTS.get(name, ()):
        count = rows if name in NEVER_SMALLER else max(1, int(rows * share))
        statements += form.format(name=table, rows=count).split(";\n")
    run_statements(database, *statements, "VACUUM ANALYZE")
