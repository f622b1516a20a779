"""doctor: what this machine and this database would need, each with a verdict and what to do."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dbsnap.archive.private_files import require_private_directory
from dbsnap.errors import CannotRun, DbsnapError
from dbsnap.postgres.connection import connect, fetch, fetch_value, server_version
from dbsnap.postgres.discovery import find_programs, weigh, what_to_install
from dbsnap.postgres.throwaway import server_binaries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.discovery import Choice
    from dbsnap.postgres.url import Database

Verdict = Literal["ok", "warning", "problem"]
NEWEST_MAJOR = 18
ROOM_FACTOR = 1.2
"""A plain dump takes about as much room as the tables it holds; a fifth more is a safe guess."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: a ``problem`` stops dbsnap from working, a ``warning`` may."""

    subject: str
    verdict: Verdict
    message: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All checks, and every candidate found for each program, the chosen one first."""

    checks: tuple[Check, ...]
    candidates: tuple[tuple[str, tuple[Choice, ...]], ...]

    @property
    def healthy(self) -> bool:
        """Return whether nothing stops dbsnap from working."""
        return all(check.verdict != "problem" for check in self.checks)


def diagnose(
    database: Database | None, directory: Path, *, pg_bin: Sequence[Path] = ()
) -> Diagnosis:
    """Look at tools, server, rights and room; change nothing and never fail half-way."""
    checks: list[Check] = []
    version = NEWEST_MAJOR * 10000
    needs_tls = False
    if database is None:
        checks.append(
            Check(
                "database",
                "warning",
                "no database is configured",
                "set DATABASE_URL, or give --url postgresql://…",
            )
        )
    else:
        needs_tls = database.needs_tls
        try:
            with connect(database) as connection:
                version = server_version(connection)
                checks.extend(_database_checks(connection, database, directory))
        except DbsnapError as error:
            checks.append(Check("database", "problem", str(error), error.hint))
    candidates = []
    for name in ("pg_dump", "psql"):
        choices = weigh(find_programs(name, pg_bin=pg_bin), version, needs_tls=needs_tls)
        candidates.append((name, tuple(choices)))
        checks.append(_tool_check(name, choices, version, needs_tls=needs_tls))
    checks.append(_throwaway_check(pg_bin))
    try:
        require_private_directory(directory)
    except DbsnapError as error:
        checks.append(Check("backups directory", "problem", str(error), error.hint))
    return Diagnosis(tuple(checks), tuple(candidates))


def _tool_check(name: str, choices: list[Choice], version: int, *, needs_tls: bool) -> Check:
    if choices and choices[0].usable:
        best = choices[0]
        program = best.program
        message = f"{program.version_text} ({program.origin}) {best.reason}: {program.path}"
        return Check(name, "ok", message)
    what = "none that fits" if choices else "none installed"
    return Check(name, "problem", what, what_to_install(version // 10000, needs_tls=needs_tls))


def _throwaway_check(pg_bin: Sequence[Path]) -> Check:
    try:
        program = server_binaries(pg_bin=pg_bin)
    except CannotRun as error:
        return Check("throw-away server", "warning", str(error), error.hint)
    return Check(
        "throw-away server", "ok", f"PostgreSQL {program.version_text} for demo and drills"
    )


def _database_checks(
    connection: Connection, database: Database, directory: Path
) -> Iterator[Check]:
    version = connection.info.parameter_status("server_version")
    yield Check("database", "ok", f"{database.label} is PostgreSQL {version}")
    for warning in database.warnings:
        yield Check("address", "warning", warning)
    yield _restore_check(connection)
    yield _reading_check(connection)
    yield _room_check(connection, directory)


def _restore_check(connection: Connection) -> Check:
    superuser, creates, owns = fetch(
        connection,
        "SELECT rolsuper, rolcreatedb, pg_catalog.pg_has_role(current_user, datdba, 'MEMBER') "
        "FROM pg_catalog.pg_roles, pg_catalog.pg_database "
        "WHERE rolname = current_user AND datname = current_database()",
    )[0]
    if superuser or (creates and owns):
        return Check("restore", "ok", "the role may create databases and swap this one")
    lacking = "CREATEDB" if not creates else "ownership of the database"
    return Check(
        "restore",
        "warning",
        f"the role lacks {lacking}, so a restore cannot use a side database",
        "grant it, or restore with --in-place",
    )


def _reading_check(connection: Connection) -> Check:
    unreadable = fetch_value(
        connection,
        "SELECT count(*) FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p', 'S') "
        "AND relnamespace::regnamespace::text !~ '^(pg_|information_schema)' "
        "AND NOT pg_catalog.has_table_privilege(oid, 'SELECT')",
    )
    if unreadable:
        return Check(
            "backup",
            "problem",
            f"the role may not read {unreadable:,} of the tables and sequences",
            "back up as their owner, or grant it pg_read_all_data",
        )
    return Check("backup", "ok", "the role may read every table and sequence")


def _room_check(connection: Connection, directory: Path) -> Check:
    size = int(fetch_value(connection, "SELECT pg_catalog.pg_database_size(current_database())"))
    existing = next(path for path in [directory, *directory.absolute().parents] if path.exists())
    free = shutil.disk_usage(existing).free
    message = f"{free / 1e9:,.1f} GB free in {directory}, the database takes {size / 1e9:,.2f} GB"
    if free < size * ROOM_FACTOR:
        return Check("room", "warning", message, "name another --dir, or compress the dumps")
    return Check("room", "ok", message)
