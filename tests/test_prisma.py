"""What dbsnap says of Prisma's migrations: on real servers, and beside the real Prisma.

Prisma's command line is installed by ``make setup-prisma``, which ``make test`` runs; on a machine that
cannot have it the tests fail, and none is skipped.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import (
    OUTER_MAKE,
    database_names,
    drop_all_like,
    query,
    run_sql,
)

from dbsnap.postgres.connection import connect, execute
from dbsnap.postgres.quoting import quote_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbsnap.postgres.throwaway import ThrowawayServer
    from dbsnap.postgres.url import Database

    Here = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).parent.parent
RECIPE = ROOT / "tests" / "prisma"
INIT, LISTS = "20240101000000_init", "20240215120000_lists"
HISTORY = """
CREATE TABLE _prisma_migrations (
    id varchar(36) PRIMARY KEY NOT NULL, checksum varchar(64) NOT NULL, finished_at timestamptz,
    migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,
    started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0
);
"""
DEPLOY = "run `npx prisma migrate deploy`"


def script(name: str) -> str:
    return (RECIPE / "prisma" / "migrations" / name / "migration.sql").read_text()


def row(name: str, *, checksum: str = "0" * 64, finished: str = "now()") -> str:
    """Return the statement with which a migration gets into the history."""
    return (
        "INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name) "
        f"VALUES (gen_random_uuid()::text, '{checksum}', {finished}, '{name}');\n"
    )


def recorded(name: str) -> str:
    return row(name, checksum=sha256(script(name).encode()).hexdigest())


APPLICATION = script(INIT) + script(LISTS) + HISTORY + recorded(INIT) + recorded(LISTS)
"""What ``prisma migrate deploy`` leaves behind."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a copy of the Prisma project, as the working directory."""
    copy = tmp_path / "project"
    shutil.copytree(RECIPE, copy, ignore=shutil.ignore_patterns("node_modules"))
    monkeypatch.chdir(copy)
    return copy


def add_migration(project: Path, name: str, sql: str) -> None:
    directory = project / "prisma" / "migrations" / name
    directory.mkdir()
    (directory / "migration.sql").write_text(sql)


def prisma_url(database: Database, schema: str = "") -> str:
    """Return the address as Prisma has it."""
    host, port = database.parameters["host"], database.parameters["port"]
    more = f"&schema={schema}" if schema else ""
    return f"postgresql://postgres@localhost:{port}/{database.name}?host={host}{more}"


@pytest.fixture
def run(
    dbsnap_here: Here, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Give a function that runs dbsnap on a database, and returns exit code and document."""

    def run_json(
        database: Database, *arguments: str, schema: str = ""
    ) -> tuple[int, dict[str, Any]]:
        monkeypatch.setenv("DATABASE_URL", prisma_url(database, schema))
        result = dbsnap_here(*arguments, "--json")
        return result.returncode, json.loads(result.stdout)

    return run_json


def said(document: dict[str, Any], severity: str) -> list[str]:
    return [f["message"] for f in document["findings"] if f["severity"] == severity]


# --- on real servers, without Prisma


def test_a_healthy_history_is_silent_and_passes(
    project: Path, new_database: Callable[..., Database], run: Any
) -> None:
    database = new_database(APPLICATION)
    code, taken = run(database, "backup", "--require-migrations")
    assert (code, said(taken, "warning")) == (0, [])
    assert taken["backups"][0]["migrations"]["applied"] == [INIT, LISTS]
    code, verified = run(database, "verify", "--require-migrations")
    assert (code, verified["status"]) == (0, "ok")
    code, shown = run(database, "restore", "latest", "--require-migrations", "--dry-run")
    assert (code, shown["plan"]["notes"]) == (0, [])
    code, restored = run(database, "restore", "latest", "--require-migrations", "--yes")
    assert code == 0
    assert said(restored, "note") == [
        "2 migrations of prisma/migrations are applied, none is pending"
    ]


BROKEN = {
    "failed": (row("20240301_bad", finished="NULL"), "migration 20240301_bad failed"),
    "edited": (
        f"UPDATE _prisma_migrations SET checksum = '0' WHERE migration_name = '{INIT}';",
        f"migration {INIT} was edited after it was applied",
    ),
    "not here": (row("20240301_gone"), "prisma/migrations lacks (20240301_gone)"),
    "not applied": (
        f"DELETE FROM _prisma_migrations WHERE migration_name = '{LISTS}';",
        f"1 migration is pending: {DEPLOY} ({LISTS})",
    ),
    "rolled back": (
        (
            "UPDATE _prisma_migrations SET finished_at = NULL, rolled_back_at = now() "
            f"WHERE migration_name = '{LISTS}';"
        ),
        f"1 migration is pending: {DEPLOY} ({LISTS})",
    ),
    "emptied": ("DELETE FROM _prisma_migrations;", "history of migrations (public._prisma_migra"),
    "no history": ("DROP TABLE _prisma_migrations;", "there is no history of migrations (public."),
    "no tables": (
        "DROP TABLE users, messages, lists, list_properties, list_data_rows;",
        "there is no other table: Prisma's own status calls that up to date",
    ),
}


@pytest.mark.parametrize("state", BROKEN)
def test_a_backup_says_what_is_broken_and_can_refuse_it(
    state: str, project: Path, new_database: Callable[..., Database], run: Any
) -> None:
    sql, words = BROKEN[state]
    database = new_database(APPLICATION + sql)
    code, refused = run(database, "backup", "--require-migrations")
    assert (code, refused["status"]) == (4, "different"), refused["message"]
    assert any(words in message for message in said(refused, "error"))
    assert not list((project / "backups").glob("backup_2*"))
    code, taken = run(database, "backup")
    assert code == 0
    assert any(words in message for message in said(taken, "warning"))
    (record,) = (project / "backups").glob("backup_2*.json")
    assert any(words in note for note in json.loads(record.read_text())["notes"])


def test_a_backup_older_than_the_code(
    project: Path, server: ThrowawayServer, new_database: Callable[..., Database], run: Any
) -> None:
    database = new_database(APPLICATION)
    assert run(database, "backup")[0] == 0
    for name in ("20240301_a", "20240302_b", "20240303_c"):
        add_migration(project, name, f'CREATE TABLE "{name}" ();\n')
        run_sql(database, f'CREATE TABLE "{name}" ();' + row(name))
    before = database_names(server)
    names = "20240301_a, 20240302_b, 20240303_c"
    note = f"3 migrations will be pending after this restore: {DEPLOY} ({names})"
    code, shown = run(database, "restore", "latest", "--dry-run")
    assert (code, shown["plan"]["notes"]) == (0, [note])
    assert shown["plan"]["migrations"]["pending"] == names.split(", ")
    for more in ((), ("--in-place",), ("--to", "elsewhere")):
        code, refused = run(database, "restore", "latest", "--yes", "--require-migrations", *more)
        assert (code, said(refused, "error")) == (4, [note])
    assert database_names(server) == before
    assert query(database, "SELECT count(*) FROM _prisma_migrations") == [(5,)]
    code, restored = run(database, "restore", "latest", "--yes")
    assert code == 0
    assert said(restored, "warning")[0].startswith("3 migrations are pending")


@pytest.mark.parametrize("more", [(), ("--in-place",)])
def test_what_a_dump_without_a_record_brings_is_known_before_it_is_live(
    more: tuple[str, ...],
    project: Path,
    server: ThrowawayServer,
    new_database: Callable[..., Database],
    run: Any,
) -> None:
    database = new_database(APPLICATION)
    foreign = project / "foreign.sql"
    shutil.copy2(run(database, "backup")[1]["file"], foreign)
    add_migration(project, "20240301_a", "CREATE TABLE a ();\n")
    run_sql(database, "CREATE TABLE a ();" + row("20240301_a"))
    before = database_names(server)
    arguments = ("restore", str(foreign), "--yes", *more)
    code, refused = run(database, *arguments, "--require-migrations")
    assert (code, refused["status"]) == (4, "different")
    assert "nothing live was changed" in refused["message"]
    assert query(database, "SELECT count(*) FROM _prisma_migrations") == [(3,)]
    assert database_names(server) == before
    code, restored = run(database, *arguments)
    assert code == 0
    assert f"1 migration is pending: {DEPLOY} (20240301_a)" in said(restored, "warning")


def test_an_emptied_history_is_an_error_with_the_lines_that_mend_it(
    project: Path, new_database: Callable[..., Database], run: Any, dbsnap_here: Here
) -> None:
    database = new_database(APPLICATION)
    assert run(database, "backup")[0] == 0
    lines = [f"npx prisma migrate resolve --applied {name}" for name in (INIT, LISTS)]
    run_sql(database, "DELETE FROM _prisma_migrations;")
    add_migration(project, "20240301_new", "")  # the backup has not got it: it is not applied
    code, verified = run(database, "verify")
    assert (code, verified["migrations"]["commands"]) == (4, lines)
    shutil.rmtree(project / "prisma" / "migrations" / "20240301_new")
    assert any("is empty" in message for message in said(verified, "error"))
    assert dbsnap_here("verify").stdout.count("\n  npx prisma migrate resolve --applied") == 2
    # The backup of such a database is taken, restored, and called what it is.
    code, taken = run(database, "backup")
    assert (code, taken["backups"][0]["migrations"]["commands"]) == (0, lines)
    for more in ((), ("--in-place",)):
        code, restored = run(database, "restore", "latest", "--yes", *more)
        assert (code, restored["status"]) == (4, "different")
        assert restored["migrations"]["commands"] == lines
        assert any("is empty" in message for message in said(restored, "error"))
    shown = dbsnap_here("restore", "latest", "--yes")
    assert shown.returncode == 4
    assert "\n".join(f"  {line}" for line in lines) in shown.stdout
    assert query(database, "SELECT count(*) FROM users") == [(0,)]


def test_the_history_is_in_the_schema_of_the_url(
    project: Path, new_database: Callable[..., Database], run: Any
) -> None:
    elsewhere = f'CREATE SCHEMA "My App"; SET search_path TO "My App"; {APPLICATION}'
    database = new_database(elsewhere + "SET search_path TO public;" + HISTORY + recorded(INIT))
    code, taken = run(database, "backup", "--require-migrations", schema="My%20App")
    assert (code, taken["backups"][0]["migrations"]["history"]) == (
        0,
        '"My App"._prisma_migrations',
    )
    code, taken = run(database, "backup")
    assert (code, taken["backups"][0]["migrations"]["history"]) == (0, "public._prisma_migrations")
    assert said(taken, "warning") == [f"1 migration is pending: {DEPLOY} ({LISTS})"]
    code, taken = run(database, "backup", "--require-migrations", schema="third")
    assert code == 4
    run_sql(database, 'SET search_path TO "My App";' + row("20240301_bad", finished="NULL"))
    code, taken = run(database, "backup")
    assert said(taken, "warning")[0].startswith("migration My App: 20240301_bad failed")


def test_where_migrations_are_can_be_configured(
    project: Path, new_database: Callable[..., Database], run: Any
) -> None:
    database = new_database(APPLICATION)
    (project / "dbsnap.toml").write_text('[prisma]\nmigrations = "steps"\n')
    code, refused = run(database, "backup")
    assert (code, list(project.glob("backups/backup_2*"))) == (2, [])
    assert "steps" in refused["message"]
    (project / "prisma" / "migrations").rename(project / "steps")
    assert run(database, "backup", "--require-migrations")[0] == 0
    (project / "dbsnap.toml").write_text("[prisma]\nmigration = 1\n")
    assert "did you mean migrations?" in run(database, "backup")[1]["message"]


def test_required_migrations_of_which_there_are_none_are_no_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_database: Callable[..., Database], run: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    database = new_database("CREATE TABLE t ();")
    code, document = run(database, "backup", "--require-migrations")
    assert (code, document["status"]) == (5, "not-run")
    assert run(database, "backup")[1]["findings"] == []
    for command in (("verify",), ("restore", "latest", "--yes")):
        assert run(database, *command, "--require-migrations")[0] == 5
    assert run(database, "verify")[0] == 0


# --- beside the real Prisma


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """Give the installed command line of Prisma; it is installed on first use, or the tests fail."""
    environment = {name: value for name, value in os.environ.items() if name not in OUTER_MAKE}
    made = subprocess.run(
        ["make", "-s", "setup-prisma"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0 or shutil.which("node") is None:
        pytest.fail(f"Prisma cannot be tested: {made.stderr or 'there is no node'}", pytrace=False)
    return RECIPE / "node_modules"


@pytest.fixture
def prisma(project: Path, node_modules: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Give a function that runs ``prisma migrate`` of the project on a database."""
    (project / "node_modules").symlink_to(node_modules)

    def migrate(database: Database, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_prisma(project, database, *arguments)

    return migrate


def run_prisma(
    project: Path, database: Database, *arguments: str
) -> subprocess.CompletedProcess[str]:
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "DATABASE_URL": prisma_url(database),
        "CHECKPOINT_DISABLE": "1",
        "PRISMA_HIDE_UPDATE_MESSAGE": "1",
        "NO_COLOR": "1",
    }
    return subprocess.run(
        ["node", "node_modules/prisma/build/index.js", "migrate", *arguments],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="session")
def deployed_once(server: ThrowawayServer, node_modules: Path) -> Database:
    """Give a database that ``prisma migrate deploy`` has filled."""
    database = server.database("prisma_deployed")
    with connect(server.database()) as connection:
        execute(connection, "CREATE DATABASE prisma_deployed")
    result = run_prisma(RECIPE, database, "deploy")
    assert result.returncode == 0, result.stderr
    run_sql(database, "INSERT INTO users (email) VALUES ('ada@example.com');")
    return database


@pytest.fixture
def deployed(
    server: ThrowawayServer, deployed_once: Database, tmp_path: Path
) -> Iterator[Database]:
    """Give a copy of it."""
    name = f"test_{tmp_path.name}"[:40]
    with connect(server.database()) as connection:
        template = quote_name(deployed_once.name)
        execute(connection, f"CREATE DATABASE {quote_name(name)} TEMPLATE {template}")
    yield server.database(name)
    drop_all_like(server, name)


UP_TO_DATE = "Database schema is up to date!"


def test_prisma_finds_nothing_to_do_after_a_restore(
    deployed: Database, prisma: Any, run: Any
) -> None:
    code, taken = run(deployed, "backup", "--require-migrations")
    assert (code, taken["backups"][0]["migrations"]["edited"]) == (0, [])
    run_sql(deployed, "DROP TABLE _prisma_migrations, messages; DELETE FROM users;")
    assert run(deployed, "restore", "latest", "--yes", "--require-migrations")[0] == 0
    status = prisma(deployed, "status")
    assert (status.returncode, UP_TO_DATE in status.stdout) == (0, True)
    again = prisma(deployed, "deploy")
    assert (again.returncode, "No pending migrations to apply." in again.stdout) == (0, True)
    assert query(deployed, "SELECT email FROM users") == [("ada@example.com",)]


NOT_SEEN = {
    "every application table dropped": (BROKEN["no tables"][0], "", "there is no other table"),
    "an edited migration": ("", "-- edited\n", f"migration {INIT} was edited"),
    "a row that is missing here": (row("20240301_gone"), "", "lacks (20240301_gone)"),
}


@pytest.mark.parametrize("state", NOT_SEEN)
def test_dbsnap_sees_what_prisma_calls_up_to_date(
    state: str, deployed: Database, project: Path, prisma: Any, run: Any
) -> None:
    sql, edit, words = NOT_SEEN[state]
    assert run(deployed, "backup", "--require-migrations")[0] == 0
    if sql:
        run_sql(deployed, sql)
    with (project / "prisma" / "migrations" / INIT / "migration.sql").open("a") as text:
        text.write(edit)
    status = prisma(deployed, "status")
    assert (status.returncode, UP_TO_DATE in status.stdout) == (0, True)
    code, verified = run(deployed, "verify", "--require-migrations")
    assert code == 4
    assert any(words in message for message in said(verified, "error"))
    code, refused = run(deployed, "backup", "--require-migrations")
    assert code == 4
    assert any(words in message for message in said(refused, "error"))


def test_a_failed_migration_of_prismas_own(
    deployed: Database, project: Path, prisma: Any, run: Any
) -> None:
    add_migration(project, "20240301_bad", "CREATE TABLE users ();\n")
    assert prisma(deployed, "deploy").returncode != 0
    code, taken = run(deployed, "backup")
    assert (code, taken["backups"][0]["migrations"]["failed"]) == (0, ["20240301_bad"])
    (warning,) = said(taken, "warning")
    assert "migration 20240301_bad failed" in warning
    assert run(deployed, "backup", "--require-migrations")[0] == 4
    _, shown = run(deployed, "restore", "latest", "--dry-run")
    assert shown["plan"]["notes"] == [f"in the backup, {warning}"]


def test_the_lines_for_an_emptied_history_mend_it(
    deployed: Database, prisma: Any, run: Any
) -> None:
    assert run(deployed, "backup")[0] == 0
    run_sql(deployed, "DELETE FROM _prisma_migrations;")
    code, verified = run(deployed, "verify")
    assert code == 4
    for line in verified["migrations"]["commands"]:
        words = shlex.split(line)
        assert words[:3] == ["npx", "prisma", "migrate"]
        assert prisma(deployed, *words[3:]).returncode == 0
    assert UP_TO_DATE in prisma(deployed, "status").stdout
    assert run(deployed, "backup", "--require-migrations")[0] == 0


def test_what_is_pending_after_a_restore_is_what_prisma_then_applies(
    deployed: Database, project: Path, prisma: Any, run: Any
) -> None:
    assert run(deployed, "backup")[0] == 0
    add_migration(project, "20240301_tags", "CREATE TABLE tags (id int);\n")
    _, shown = run(deployed, "restore", "latest", "--dry-run")
    assert shown["plan"]["migrations"]["pending"] == ["20240301_tags"]
    assert run(deployed, "restore", "latest", "--yes")[0] == 0
    assert prisma(deployed, "deploy").returncode == 0
    assert query(deployed, "SELECT count(*) FROM tags") == [(0,)]
    assert run(deployed, "backup", "--require-migrations")[0] == 0
