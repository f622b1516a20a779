"""Dumping: ``dbsnap backup``, start of Python, inventory and proof included, against pg_dump."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from arena import CONTENTS, MIXED, ONE_TABLE, TINY_TABLES, TWENTY_TABLES, Arena, knows_zstd
from contest import Contender, Contest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dbsnap.postgres.discovery import Program


def contests(arena: Arena) -> Iterator[Contest]:
    """Yield the rows about dumping for which there is a peer on this machine."""
    custom, directory = pg_dump_of(arena, MIXED, "-Fc"), pg_dump_of(arena, MIXED, "-Fd", "-j2")
    yield Contest("dump, gzip, against pg_dump -Fc", 0.20, backup_of(arena, MIXED, "gzip"), custom)
    yield Contest(
        "dump, gzip, against pg_dump -Fd -j2", 0.32, backup_of(arena, MIXED, "gzip"), directory
    )
    if zstd := shutil.which("zstd"):
        piped = pg_dump_of(arena, MIXED, "-Fp", then=[zstd, "-q", "-3"])
        ours = backup_of(arena, MIXED, "zstd")
        yield Contest("dump, zstd, against pg_dump -Fp | zstd -3", 0.75, ours, piped)
    if able := program_with_zstd(arena):
        options = ("-Fd", "-j2", "-Z", "zstd:1")
        for database, target, what in (
            (MIXED, 1.25, "dump, zstd"),
            (ONE_TABLE, 0.97, "dump, one table, zstd"),
        ):
            peer = pg_dump_of(arena, database, *options, program=str(able.path))
            ours = backup_of(arena, database, "zstd")
            row = f"{what}, against pg_dump {able.major} -Fd -j2 -Z zstd:1"
            yield Contest(row, target, ours, peer)
    for database, target, what in (
        (MIXED, 0.78, "dump, uncompressed"),
        (TINY_TABLES, 1.5, "dump, 2,000 tiny tables"),
    ):
        ours, peer = backup_of(arena, database, "none"), pg_dump_of(arena, database, "-Fp")
        yield Contest(f"{what}, against pg_dump -Fp", target, ours, peer)
    yield Contest(
        "exact counts of all tables, of dumping them",
        0.08,
        _counts(arena, MIXED),
        backup_of(arena, MIXED, "zstd"),
    )
    yield Contest(
        "backup of 20 tables, 10 MB: seconds more than pg_dump -Fp",
        1.0,
        backup_of(arena, TWENTY_TABLES, "none"),
        pg_dump_of(arena, TWENTY_TABLES, "-Fp"),
        difference=True,
    )


def program_with_zstd(arena: Arena) -> Program | None:
    """Return the newest pg_dump here that compresses with zstd, from 17 on; None if there is none."""
    able = [p for p in arena.programs("pg_dump") if p.major >= 17 and knows_zstd(p)]
    return able[-1] if able else None


def backup_of(arena: Arena, database: str, compression: str) -> Contender:
    """Return dbsnap's side: the whole command."""
    place = arena.place / "backups"
    command = arena.dbsnap(
        "backup", "--url", arena.url(database), "--dir", str(place), "-Z", compression, "--json"
    )
    return Contender(
        f"dbsnap backup -Z {compression}", [command], {}, prepare=lambda: _remove(place)
    )


def _counts(arena: Arena, database: str) -> Contender:
    """Count as the inventory does: all tables in one query, by one session."""
    counts = (f"SELECT count(*) FROM ONLY {name}" for name, *_ in CONTENTS[database])
    command = [arena.own("psql"), "-X", "-A", "-t", "-c", " UNION ALL ".join(counts)]
    return Contender("SELECT count(*)", [command], arena.environment(database))


def pg_dump_of(
    arena: Arena, database: str, *options: str, then: list[str] | None = None, program: str = ""
) -> Contender:
    """Return pg_dump's side; ``then`` is what its output is piped into."""
    place = arena.place / "pg_dump"
    command = [program or arena.own("pg_dump"), *options]
    if "-Fd" in options:
        command += ["-f", str(place)]
    return Contender(
        " ".join(["pg_dump", *options, *(["|", "zstd", *then[1:]] if then else [])]),
        [command, then] if then else [command],
        arena.environment(database),
        output=arena.place / "pg_dump.output",
        prepare=lambda: _remove(place),
    )


def _remove(place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
