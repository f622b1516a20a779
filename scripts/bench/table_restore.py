"""Restoring one table: dbsnap against COPY and INSERT … ON CONFLICT in psql, as one would by hand.

``DBSNAP_BENCH_ROWS`` says how many rows the table has (default: a million). By hand means: no guard, no
plan, no comparison afterwards, and every row is written, whether it differs or not.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from measuring import Measurement

from dbsnap.operations.backup import backup
from dbsnap.operations.backup_tables import backup_tables
from dbsnap.operations.restore_tables import restore_tables
from dbsnap.operations.table_backup.plan import TableRequest
from dbsnap.operations.table_restore.plan import TableRestoreOptions
from dbsnap.postgres.client import client_environment
from dbsnap.postgres.connection import connect, execute
from dbsnap.postgres.discovery import find_programs
from dbsnap.postgres.throwaway import server_binaries, throwaway_server

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dbsnap.operations.recording import Backup
    from dbsnap.postgres.throwaway import ThrowawayServer
    from dbsnap.postgres.url import Database

ROWS = int(os.environ.get("DBSNAP_BENCH_ROWS", "1000000"))

MODS = f"""
CREATE TYPE public."ContentType" AS ENUM ('furniture', 'clothing', 'build');
CREATE TABLE public.mods (
    id text PRIMARY KEY, title text NOT NULL, description text, slug text NOT NULL,
    "contentType" public."ContentType" NOT NULL, tags text[] NOT NULL, rating double precision,
    downloads integer NOT NULL DEFAULT 0, price numeric(10,2), metadata jsonb, "authorId" integer,
    "createdAt" timestamp(3) NOT NULL, "updatedAt" timestamp(3) NOT NULL);
INSERT INTO public.mods SELECT
    'c' || md5(i::text), 'Mod number ' || i, repeat('word ' || i % 97 || ' ', 20), 'mod-' || i,
    (ARRAY['furniture', 'clothing', 'build'])[1 + i % 3]::public."ContentType",
    ARRAY['tag' || i % 10, 'tag' || i % 7], i % 50 / 10.0, i % 100000, i % 1000 / 100.0,
    jsonb_build_object('size', i % 1000, 'pack', 'base'), i % 1000,
    timestamp '2025-01-01' + i * interval '1 second', timestamp '2025-06-01' + i * interval '1 s'
    FROM generate_series(1, {ROWS}) AS i;
CREATE UNIQUE INDEX ON public.mods (slug);
CREATE INDEX ON public.mods ("contentType");
CREATE INDEX ON public.mods ("createdAt");
VACUUM ANALYZE public.mods;
"""

DAMAGES = {
    "every row changed": "UPDATE public.mods SET title = title || '!'",
    "a tenth changed": "UPDATE public.mods SET title = title || '!' WHERE downloads % 10 = 0",
    "every row missing": "DELETE FROM public.mods",
}


def measure(rounds: int) -> list[Measurement]:
    """Measure each damage; one round in five, because a round takes minutes."""
    found = []
    with tempfile.TemporaryDirectory() as place, throwaway_server(server_binaries()) as server:
        source = _database(server, "source")
        for statement in MODS.split(";\n"):
            _run(source, statement)
        taken = backup(source, target="bench", directory=Path(place))
        (block,) = taken.record.dump.blocks
        rows = Path(place) / "rows"
        with taken.dump.open("rb") as dump:
            dump.seek(block.raw_offset)
            rows.write_bytes(dump.read(block.raw_length))
        script = by_hand(block.columns, rows)
        for damage, statement in DAMAGES.items():
            _database(server, "damaged", template="source")
            _run(server.database("damaged"), f"{statement}; VACUUM ANALYZE public.mods")
            ways: dict[str, Callable[[Database], object]] = {
                "by hand": lambda database: psql(database, script),
                "dbsnap": lambda database: restore(taken, database),
                "dbsnap, safety backup": lambda database: restore(
                    taken, database, safe=Path(place)
                ),
            }
            for name, way in ways.items():
                speeds = []
                for _ in range(max(1, rounds // 5)):
                    database = _database(server, "live", template="damaged")
                    began = time.perf_counter()
                    way(database)
                    speeds.append(block.raw_length / 1e6 / (time.perf_counter() - began))
                case = f"{damage}, {name}"
                found.append(Measurement("tables", case, block.raw_length, tuple(speeds)))
    return found


def by_hand(columns: Sequence[str], rows: Path) -> str:
    """Return what one would type into psql."""
    listed = ", ".join(f'"{column}"' for column in columns)
    updates = ", ".join(f'"{column}" = excluded."{column}"' for column in columns if column != "id")
    return f"""\\set ON_ERROR_STOP 1
BEGIN;
CREATE TEMPORARY TABLE stage (LIKE public.mods);
\\copy stage ({listed}) FROM '{rows}'
INSERT INTO public.mods ({listed}) SELECT {listed} FROM stage
    ON CONFLICT (id) DO UPDATE SET {updates};
COMMIT;
"""


def psql(database: Database, script: str) -> None:
    """Run a script with the newest psql."""
    program = max(find_programs("psql"), key=lambda found: found.version)
    environment = {**os.environ, **client_environment(database, application="bench")}
    command = [str(program.path), "-X", "-q", "-f", "-"]
    subprocess.run(command, input=script.encode(), env=environment, check=True)  # noqa: S603


def restore(taken: Backup, database: Database, *, safe: Path | None = None) -> None:
    """Upsert the table as ``dbsnap restore --only mods --yes`` does."""

    def save(tables: Sequence[str], where: Sequence[str], restored: str) -> Backup:
        request = TableRequest(tables, where)
        directory = safe or taken.dump.parent
        return backup_tables(
            database, request, target="bench", directory=directory, undoes=restored
        )

    restore_tables(
        taken.dump,
        database,
        show=lambda _plan: None,
        confirm=lambda _plan: None,
        save=save if safe else None,
        options=TableRestoreOptions(only=("mods",)),
    )


def _database(server: ThrowawayServer, name: str, *, template: str = "template0") -> Database:
    _run(server.database(), f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    _run(server.database(), f"CREATE DATABASE {name} TEMPLATE {template}")
    return server.database(name)


def _run(database: Database, statements: str) -> None:
    with connect(database) as connection:
        for statement in statements.split("; "):
            execute(connection, statement)
