"""What roles, databases and dumps from elsewhere are set to changes no answer."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from conftest import dbsnap, query, run_sql, url_of

from dbsnap.errors import DumpRefused, UsageError
from dbsnap.operations.backup import backup
from dbsnap.operations.restore import restore
from dbsnap.operations.restoring.plan import RestoreOptions
from dbsnap.operations.validate import validate
from dbsnap.operations.verify import verify
from dbsnap.postgres.connection import connect, execute
from dbsnap.postgres.discovery import find_programs
from dbsnap.postgres.dump import dump_stream

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbsnap.operations.restore import Restored
    from dbsnap.postgres.throwaway import ThrowawayServer
    from dbsnap.postgres.url import Database

    NewDatabase = Callable[..., Database]

CONTENT = """
CREATE TYPE mood AS ENUM ('calm');
CREATE TABLE users (id int PRIMARY KEY, name text, mood mood, tags int[]);
INSERT INTO users VALUES (1, 'é', 'calm', '{1,NULL}'), (2, 'plain', NULL, NULL);
"""


def put_back(dump: Path, database: Database, **options: object) -> Restored:
    chosen = RestoreOptions(**options)  # type: ignore[arg-type]
    return restore(dump, database, confirm=lambda _plan: None, options=chosen)


def pg_dump(database: Database, path: Path, *options: str) -> Path:
    program = max(find_programs("pg_dump"), key=lambda found: found.version)
    with dump_stream(program, database, ["--no-owner", *options]) as read:
        path.write_bytes(b"".join(iter(lambda: read(1 << 20), b"")))
    return path


@pytest.mark.parametrize(
    "setting",
    [
        "quote_all_identifiers TO on",
        "array_nulls TO off",
        "bytea_output TO escape",
        "DateStyle TO 'German'",
        "extra_float_digits TO -3",
        "search_path TO nowhere",
        "default_transaction_read_only TO on",
        "statement_timeout TO '1h'",
    ],
)
@pytest.mark.parametrize("in_place", [False, True])
def test_a_databases_own_settings_change_nothing(
    setting: str, in_place: bool, new_database: NewDatabase, server: ThrowawayServer, tmp_path: Path
) -> None:
    database = new_database(CONTENT)
    with connect(server.database()) as connection:
        execute(connection, f'ALTER DATABASE "{database.name}" SET {setting}')
    dump = backup(database, target="test", directory=tmp_path).dump
    assert not verify(dump, database).findings
    put_back(dump, database, in_place=in_place, drop_old=not in_place)
    assert not verify(dump, database).findings


def test_a_database_without_an_encoding_is_backed_up(
    server: ThrowawayServer, new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database()
    with connect(server.database()) as connection:
        execute(connection, f'DROP DATABASE "{database.name}"')
        execute(
            connection,
            f"CREATE DATABASE \"{database.name}\" ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'",
        )
    run_sql(database, "SET client_encoding TO SQL_ASCII; CREATE TABLE t (x text);")
    run_sql(database, "INSERT INTO t VALUES (E'caf\\351'), ('plain');")
    dump = backup(database, target="test", directory=tmp_path).dump
    assert not verify(dump, database).findings
    put_back(dump, database, drop_old=True)
    assert not verify(dump, database).findings


def test_a_dump_in_another_encoding_is_the_same_dump(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(CONTENT)
    dump = pg_dump(database, tmp_path / "latin.sql", "--encoding=LATIN1")
    assert b"\xe9" in dump.read_bytes()
    assert not verify(dump, database).findings
    put_back(dump, database, drop_old=True)
    assert query(database, "SELECT name FROM users WHERE id = 1") == [("é",)]


def test_what_is_only_counted_is_not_called_verified(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(CONTENT)
    dump = pg_dump(database, tmp_path / "inserts.sql", "--inserts")
    dump.write_text(dump.read_text().replace("'plain'", "'CHANGED'"))
    assert verify(dump, database).verdict == "not-run"
    result = dbsnap("verify", str(dump), "--url", url_of(database), cwd=tmp_path)
    assert result.returncode == 5
    assert "VERIFIED" not in result.stdout
    assert "content is not compared" in result.stdout


def test_converted_line_ends_are_refused(new_database: NewDatabase, tmp_path: Path) -> None:
    dump = pg_dump(new_database(CONTENT), tmp_path / "crlf.sql")
    dump.write_bytes(dump.read_bytes().replace(b"\n", b"\r\n"))
    with pytest.raises(DumpRefused) as refusal:
        validate(dump)
    assert refusal.value.rule == "line-ends"


def test_a_dump_that_changes_databases_is_told_from_a_hostile_one(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    dump = pg_dump(new_database(CONTENT), tmp_path / "create.sql", "--create")
    assert validate(dump).inventory.total_rows() == 2
    # pg_dumpall's goes on to the next database.
    dump.write_text(dump.read_text() + "\\connect another\n\nSELECT 1;\n")
    with pytest.raises(DumpRefused, match="database") as refusal:
        validate(dump)
    assert refusal.value.rule == "several-databases"


def test_a_renamed_backup_is_the_same_backup(new_database: NewDatabase, tmp_path: Path) -> None:
    database = new_database(CONTENT)
    taken = backup(database, target="test", directory=tmp_path / "one")
    other = tmp_path / "two"
    other.mkdir()
    for suffix in (".sql", ".json"):
        source = taken.dump.with_name(taken.record.id + suffix)
        shutil.copy(source, other / f"backup_other{suffix}")
    for name in ("latest", "backup_other", str(other / "backup_other.json")):
        result = dbsnap("validate", name, "--dir", str(other), cwd=tmp_path)
        assert result.returncode == 0, result.stderr
    listed = dbsnap("list", "--dir", str(other), cwd=tmp_path)
    assert "verified" in listed.stdout


def test_the_way_back_names_the_same_target_and_directory(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(CONTENT)
    (tmp_path / ".env").write_text("DATABASE_URL=postgresql://elsewhere/production\n")
    (tmp_path / "dbsnap.toml").write_text(f'[targets.mine]\nurl = "{url_of(database)}"\n')
    taken = dbsnap("backup", "--target", "mine", "--dir", "other place", cwd=tmp_path)
    assert taken.returncode == 0, taken.stderr
    assert " --dir 'other place'" in taken.stdout
    restored = dbsnap(
        "restore", "latest", "--target", "mine", "--dir", "other place", "--yes", cwd=tmp_path
    )
    assert restored.returncode == 0, restored.stderr
    assert "dbsnap rollback --target mine" in restored.stdout


def test_a_restore_beside_wants_a_name(new_database: NewDatabase, tmp_path: Path) -> None:
    database = new_database(CONTENT)
    dump = backup(database, target="test", directory=tmp_path).dump
    with pytest.raises(UsageError, match="--to is empty"):
        put_back(dump, database, to="")
