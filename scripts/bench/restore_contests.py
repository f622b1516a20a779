"""Restoring: dbsnap's restore, as a whole and its loading alone, against psql and pg_restore."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import phases
from arena import MIXED, ONE_TABLE, Arena, knows_zstd
from contest import Contender, Contest, Part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

RESTORED = "restored"
"""The database that every side restores into."""

COMPARING_TARGET = 0.27
WHOLE_TARGET = 1.0
"""There is no other program that does all of it: to be as fast as those that only load."""


def contests(arena: Arena) -> Iterator[Contest]:
    """Yield the rows about restoring for which there is a peer on this machine."""
    peer = _psql(arena, MIXED)
    yield _contest("restore", "psql -f", 0.68, _restore(arena, MIXED, "none"), peer)
    peer = _pg_restore(arena, MIXED, arena.own("pg_restore"), ["-Z", "gzip"])
    yield _contest("restore, gzip", "pg_restore -j2", 0.92, _restore(arena, MIXED, "gzip"), peer)
    able = [one for one in arena.programs("pg_dump") if one.major >= 17 and knows_zstd(one)]
    if not able:
        return
    program = str(able[-1].path.with_name("pg_restore"))
    for database, target, what in (
        (MIXED, 1.03, "restore, zstd"),
        (ONE_TABLE, 0.87, "restore, one table, zstd"),
    ):
        peer = _pg_restore(arena, database, program, ["-Z", "zstd:1"])
        ours = _restore(arena, database, "zstd")
        yield _contest(what, f"pg_restore {able[-1].major} -j2", target, ours, peer)


def _contest(what: str, whom: str, target: float, ours: Contender, peer: Contender) -> Contest:
    """Return a contest of three rows: peers only load, and so one of them is about loading alone.

    The whole command guards the dump, runs ANALYZE and compares all that was loaded as well.
    """
    loading = (phases.LOADING,)
    compared = (phases.READING, phases.COMPARING)
    parts = (
        Part(f"{what}: loading, against {whom}", target, loading),
        Part(f"{what}: comparing all content, of loading", COMPARING_TARGET, compared, loading),
    )
    return Contest(f"{what}: whole command, against {whom}", WHOLE_TARGET, ours, peer, parts=parts)


def _restore(arena: Arena, database: str, compression: str) -> Contender:
    directory = arena.place / f"restore_{database}_{compression}"
    times = directory / "phases"
    program = str(Path(phases.__file__))
    take = ["backup", "--dir", str(directory), "-Z", compression, "--json"]
    address = arena.url(database)
    making = _once(directory, arena.dbsnap(*take, "--url", address), arena, database)
    return Contender(
        f"dbsnap restore of {compression}",
        [[sys.executable, program, address, str(directory), RESTORED, str(times)]],
        {},
        prepare=lambda: (making(), _drop(arena)),
        phases=times,
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
