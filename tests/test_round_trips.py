"""Every awkward database goes through backup → validate → restore → verify, and comes back exactly."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import DEFAULT_MAJOR, MAJORS, query, schema_files

from dbsnap.errors import DumpRefused, ToolFailed, VerificationFailed
from dbsnap.operations.backup import backup
from dbsnap.operations.restore import restore
from dbsnap.operations.restoring.plan import RestoreOptions
from dbsnap.operations.validate import validate
from dbsnap.operations.verify import verify
from dbsnap.postgres.connection import connect, execute, fetch
from dbsnap.postgres.discovery import find_programs
from dbsnap.postgres.dump import dump_stream
from dbsnap.report import errors_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbsnap.operations.backup import Backup
    from dbsnap.postgres.url import Database

    NewDatabase = Callable[..., Database]

WHOLE = [path for path in schema_files() if not path.stem.startswith("limit_")]
LIMITS = {path.stem: path for path in schema_files() if path.stem.startswith("limit_")}

RESTORE_FAILS = sorted(
    stem for stem, path in LIMITS.items() if "\n-- limit: restore fails" in path.read_text()
)
NOT_THE_SAME = ["limit_inherited_default_dropped", "limit_materialized_view_stale"]
"""What comes back otherwise than it was, so that the restore is refused before the swap."""

WARNED_OF = {
    "limit_disabled_key_triggers": "enforced",
    "limit_invalid_index": "invalid, so pg_dump leaves it out",
}
NOT_COMPARED = [
    "limit_comment_on_plpgsql",
    "limit_inherited_column_order",
    "limit_stale_generated_column",
]
"""What the README says is not compared."""

BETTER_THAN_PG_DUMP = ["limit_hash_partition_by_enum", "limit_no_public_schema"]
"""Databases that pg_dump and psql alone bring back otherwise, and dbsnap does not."""

PAIRS = [(15, 15), (15, 18), (16, 17), (18, 18)]


def take(database: Database, directory: Path) -> Backup:
    return backup(database, target="test", directory=directory)


def put_back(taken: Backup, database: Database, **options: bool) -> list[str]:
    restored = restore(
        taken.dump,
        database,
        confirm=lambda _plan: None,
        options=RestoreOptions(drop_old=True, **options),
    )
    return [finding.message for finding in restored.findings]


def empty_it(database: Database) -> None:
    """Damage a database as far as it goes: every user schema is dropped."""
    with connect(database) as connection:
        execute(connection, "SET session_replication_role TO replica")
        for (name,) in fetch(
            connection,
            "SELECT format('%I', nspname) FROM pg_namespace "
            "WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'",
        ):
            execute(connection, f"DROP SCHEMA {name} CASCADE")


def needs_met(path: Path, major: int) -> bool:
    """Whether this machine's server of a major has the extensions a file needs."""
    needs = re.match(r"-- needs: (.*)", path.read_text())
    if needs is None:
        return True
    server = next(p for p in find_programs("postgres") if p.major == major)
    root = server.path.parent.parent
    folders = [root / "share/extension", root / "share/postgresql/extension"]
    folders.append(Path(f"/usr/share/postgresql/{major}/extension"))
    return all(
        any((folder / f"{name}.control").exists() for folder in folders)
        for name in needs[1].split(", ")
    )


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.stem)
def test_an_awkward_database_comes_back_exactly(
    path: Path, new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(path.read_text())
    taken = take(database, tmp_path)
    assert not verify(taken.dump, database).findings
    validated = validate(taken.dump)
    assert validated.inventory.total_rows() == taken.record.inventory.total_rows()
    empty_it(database)
    if taken.record.inventory.of("table"):
        assert errors_in(verify(taken.dump, database).findings), "an empty database must differ"
    put_back(taken, database)
    assert not verify(taken.dump, database).findings


@pytest.mark.parametrize("stem", RESTORE_FAILS)
def test_a_dump_that_cannot_be_loaded_leaves_the_live_database_alone(
    stem: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(LIMITS[stem].read_text())
    taken = take(database, tmp_path)
    with pytest.raises(ToolFailed, match="psql"):
        put_back(taken, database)
    assert not verify(taken.dump, database).findings


@pytest.mark.parametrize("stem", NOT_THE_SAME)
def test_what_comes_back_otherwise_is_not_swapped_in(
    stem: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(LIMITS[stem].read_text())
    taken = take(database, tmp_path)
    with pytest.raises(VerificationFailed) as failure:
        put_back(taken, database)
    assert errors_in(failure.value.findings)
    assert not verify(taken.dump, database).findings


@pytest.mark.parametrize("stem", WARNED_OF)
def test_what_no_dump_carries_is_a_warning(
    stem: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(LIMITS[stem].read_text())
    taken = take(database, tmp_path)
    assert any(WARNED_OF[stem] in message for message in put_back(taken, database))


@pytest.mark.parametrize("stem", [*NOT_COMPARED, *BETTER_THAN_PG_DUMP])
def test_the_other_limits_are_restored(
    stem: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(LIMITS[stem].read_text())
    taken = take(database, tmp_path)
    put_back(taken, database)
    assert not verify(taken.dump, database).findings


def test_every_limit_has_a_test() -> None:
    tested = [*RESTORE_FAILS, *NOT_THE_SAME, *WARNED_OF, *NOT_COMPARED, *BETTER_THAN_PG_DUMP]
    assert sorted(tested) == sorted(LIMITS)


def test_a_dump_by_pg_dump_itself_is_restored_and_verified(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database((Path(__file__).parent / "schemas/prisma.sql").read_text())
    dump = tmp_path / "own.sql"
    pg_dump = max(find_programs("pg_dump"), key=lambda program: program.version)
    with dump_stream(pg_dump, database, ["--no-owner", "--no-privileges"]) as read:
        dump.write_bytes(b"".join(iter(lambda: read(1 << 20), b"")))
    assert validate(dump).record is None
    assert not verify(dump, database).findings
    with connect(database) as connection:
        execute(connection, "DROP TABLE public._prisma_migrations")
    findings = verify(dump, database).findings
    assert "table _prisma_migrations is gone" in [finding.message for finding in findings]
    restore(dump, database, confirm=lambda _plan: None, options=RestoreOptions(drop_old=True))
    assert not verify(dump, database).findings
    truncated = tmp_path / "cut.sql"
    truncated.write_bytes(dump.read_bytes()[:-40])
    with pytest.raises(DumpRefused):
        validate(truncated)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_compressed_dump_is_the_same_dump(
    compression: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database((Path(__file__).parent / "schemas/wide.sql").read_text())
    taken = backup(database, target="test", directory=tmp_path, compression=compression)
    assert taken.record.dump.bytes < taken.record.dump.raw_bytes
    empty_it(database)
    put_back(taken, database)
    assert not verify(taken.dump, database).findings


@pytest.mark.matrix
def test_the_matrix_is_whole() -> None:
    assert set(MAJORS) >= {15, 16, 17, 18}, "run it with: make test-matrix"


@pytest.mark.matrix
@pytest.mark.parametrize(("source", "target"), PAIRS, ids=str)
@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.stem)
def test_an_awkward_database_comes_back_on_other_majors(
    path: Path, source: int, target: int, new_database: NewDatabase, tmp_path: Path
) -> None:
    if source == target == DEFAULT_MAJOR:
        return  # the first test above
    if not (needs_met(path, source) and needs_met(path, target)):
        assert path.stem == "extensions"
        assert 16 in (source, target), "only the wheel of 16 comes without contrib"
        return
    taken = take(new_database(path.read_text(), major=source), tmp_path)
    database = new_database(major=target)
    if path.stem == "roles":
        new_database(path.read_text(), major=target)  # leaves its roles on the server
    put_back(taken, database)
    findings = verify(taken.dump, database).findings
    if path.stem != "roles":
        findings = tuple(f for f in findings if not f.object.startswith("privilege "))
    assert not errors_in(findings)
    assert query(database, "SELECT 1") == [(1,)]
