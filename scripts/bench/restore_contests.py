"""Restoring: ``dbsnap restore``, guard and full comparison included, against psql and pg_restore."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from typing import TYPE_CHECKING

from arena import MIXED, ONE_TABLE, Arena, knows_zstd
from contest import Contender, Contest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

RESTORED = "restored"
"""The database that every side restores into."""


def contests(arena: Arena) -> Iterator[Contest]:
    """Yield the rows about restoring for which there is a peer on this machine."""
    yield Contest(
        "restore, against psql -f", 0.68, _restore(arena, MIXED, "none"), _psql(arena, MIXED)
    )
    yield Contest(
        "restore, gzip, against pg_restore -j2",
        0.92,
        _restore(arena, MIXED, "gzip"),
        _pg_restore(arena, MIXED, arena.own("pg_restore"), ["-Z", "gzip"]),
    )
    able = [one for one in arena.programs("pg_dump") if one.major >= 17 and knows_zstd(one)]
    if not able:
        return
    program = str(able[-1].path.with_name("pg_restore"))
    for database, target, what in (
        (MIXED, 1.03, "restore, zstd"),
        (ONE_TABLE, 0.87, "restore, one table, zstd"),
    ):
        yield Contest(
            f"{what}, against pg_restore {able[-1].major} -j2",
            target,
            _restore(arena, database, "zstd"),
            _pg_restore(arena, database, program, ["-Z", "zstd:1"]),
        )


def _restore(arena: Arena, database: str, compression: str) -> Contender:
    directory = arena.place / f"restore_{database}_{compression}"
    command = ["restore", "latest", "--dir", str(directory), "--to", RESTORED, "--yes", "--json"]
    take = ["backup", "--dir", str(directory), "-Z", compression, "--json"]
    address = ["--url", arena.url(database)]
    making = _once(directory, arena.dbsnap(*take, *address), arena, database)
    return Contender(
        f"dbsnap restore of {compression}",
        [arena.dbsnap(*command, *address)],
        {},
        prepare=lambda: (making(), _drop(arena)),
    )


def _psql(arena: Arena, database: str) -> Contender:
    file = arena.place / f"{database}.sql"
    making = _once(file, [arena.own("pg_dump"), "-Fp", "-f", str(file)], arena, database)
    return Contender(
        "psql -f",
        [[arena.own("psql"), "-X", "-q", "-f", str(file)]],
        arena.environment(RESTORED),
        prepare=lambda: (making(), _drop(arena), _create(arena)),
    )


def _pg_restore(arena: Arena, database: str, program: str, options: Sequence[str]) -> Contender:
    directory = arena.place / f"{database}_{'_'.join(options)}"
    pg_dump = program.replace("pg_restore", "pg_dump")
    command = [pg_dump, "-Fd", "-j2", *options, "-f", str(directory)]
    making = _once(directory, command, arena, database)
    return Contender(
        f"pg_restore -j2 of -Fd {' '.join(options)}",
        [[program, "-j2", "-d", RESTORED, str(directory)]],
        arena.environment(RESTORED),
        prepare=lambda: (making(), _drop(arena), _create(arena)),
    )


def _once(place: Path, command: Sequence[str], arena: Arena, database: str) -> Callable[[], None]:
    """Return a function that makes what is restored when it is first called."""

    @cache
    def make() -> None:
        if not place.exists():
            environment = {**os.environ, **arena.environment(database)}
            subprocess.run(  # noqa: S603 - the programs that were found here
                command, env=environment, check=True, stdout=subprocess.DEVNULL
            )

    return make


def _drop(arena: Arena) -> None:
    arena.run("postgres", f"DROP DATABASE IF EXISTS {RESTORED}", "CHECKPOINT")


def _create(arena: Arena) -> None:
    arena.run("postgres", f"CREATE DATABASE {RESTORED} TEMPLATE template0")
