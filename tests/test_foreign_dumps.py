"""Dumps that dbsnap did not take: what they may do, who loads them, and what is left out of them."""

from __future__ import annotations

import json
import secrets
import shutil
from typing import TYPE_CHECKING

import pytest
from conftest import query, url_of

from dbsnap.errors import (
    CannotRun,
    ConnectionFailed,
    DumpRefused,
    OperationFailed,
    ToolUnavailable,
    UsageError,
    VerificationFailed,
)
from dbsnap.operations.backup import backup
from dbsnap.operations.restore import restore
from dbsnap.operations.restoring.plan import RestoreOptions
from dbsnap.operations.validate import validate
from dbsnap.operations.verify import verify
from dbsnap.postgres.connection import connect, execute
from dbsnap.postgres.discovery import choose, find_programs, psql_flaw
from dbsnap.postgres.dump import dump_stream
from dbsnap.postgres.quoting import quote_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from subprocess import CompletedProcess

    from conftest import Servers

    from dbsnap.operations.restore import Restored
    from dbsnap.postgres.throwaway import ThrowawayServer
    from dbsnap.postgres.url import Database

    NewDatabase = Callable[..., Database]

GREEDY = """
CREATE FUNCTION take_over(n int) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        PERFORM set_config('role', 'none', false);
        SET SESSION AUTHORIZATION DEFAULT;
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
    BEGIN
        CREATE ROLE {canary};
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
    RETURN true;
END $$;
CREATE TABLE users (id int CHECK (take_over(id)), name text);
"""
ROW = "INSERT INTO users VALUES (1, 'Anna');"


def put_back(dump: Path, database: Database, **options: object) -> Restored:
    chosen = RestoreOptions(**options)  # type: ignore[arg-type]
    return restore(dump, database, confirm=lambda _plan: None, options=chosen)


def pg_dump(database: Database, path: Path, *options: str) -> Path:
    program = max(find_programs("pg_dump"), key=lambda found: found.version)
    with dump_stream(program, database, list(options)) as read:
        path.write_bytes(b"".join(iter(lambda: read(1 << 20), b"")))
    return path


@pytest.fixture
def role(server: ThrowawayServer) -> Iterator[str]:
    """Give a role that may log in and nothing else; ask for it before databases that it may own."""
    name = f"Little {secrets.token_hex(4)}"
    with connect(server.database()) as connection:
        execute(connection, f"CREATE ROLE {quote_name(name)} LOGIN")
        yield name
        execute(connection, f"DROP ROLE {quote_name(name)}")


@pytest.fixture
def canary(server: ThrowawayServer) -> Iterator[str]:
    """Give the name of a role that a hostile dump may make."""
    name = f"canary_{secrets.token_hex(4)}"
    yield name
    with connect(server.database()) as connection:
        execute(connection, f"DROP ROLE IF EXISTS {name}")


def exists(database: Database, role: str) -> bool:
    return bool(query(database, f"SELECT 1 FROM pg_roles WHERE rolname = '{role}'"))


def greedy_dump(new_database: NewDatabase, path: Path, canary: str) -> Path:
    """Take a dump whose CHECK makes a role, if it can, while the dump is loaded."""
    source = new_database(GREEDY.format(canary="never_" + canary) + ROW)
    dump = pg_dump(source, path)
    dump.write_text(dump.read_text().replace("never_" + canary, canary))
    with connect(source) as connection:
        execute(connection, f"DROP ROLE never_{canary}")
    return dump


def test_code_that_runs_while_loading_is_named_and_held_back_by_another_role(
    role: str, canary: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    dump = greedy_dump(new_database, tmp_path / "greedy.sql", canary)
    database = new_database("CREATE TABLE old (id int)")
    restored = put_back(dump, database, as_role=role, drop_old=True)
    assert any("table users calls take_over" in note for note in restored.plan.notes)
    assert not exists(database, canary)
    assert query(database, "SELECT * FROM users") == [(1, "Anna")]
    assert query(database, "SELECT tableowner FROM pg_tables WHERE tablename = 'users'") == [
        (role,)
    ]
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
    assert query(database, owner) == [("postgres",)]
    # The same dump without --as-role does what it says, which is why the plan warns.
    restored = put_back(dump, database, drop_old=True)
    assert any("superuser" in note and "--as-role" in note for note in restored.plan.notes)
    assert exists(database, canary)


def test_the_role_that_loads_must_exist_be_small_and_get_in(
    new_database: NewDatabase, server: ThrowawayServer, tmp_path: Path
) -> None:
    database = new_database(ROW.replace("INSERT INTO users VALUES (1, 'Anna')", "SELECT 1"))
    dump = pg_dump(database, tmp_path / "dump.sql")
    with pytest.raises(CannotRun, match="does not exist"):
        put_back(dump, database, as_role="nobody of that name")
    with pytest.raises(UsageError, match="superuser"):
        put_back(dump, database, as_role="postgres")
    with pytest.raises(UsageError, match="in-place"):
        put_back(dump, database, as_role="postgres", in_place=True)
    name = f"closed_{secrets.token_hex(4)}"
    with connect(server.database()) as connection:
        execute(connection, f"CREATE ROLE {name} NOLOGIN")
        try:
            with pytest.raises(ConnectionFailed, match="not permitted to log in"):
                put_back(dump, database, as_role=name)
        finally:
            execute(connection, f"DROP ROLE {name}")


def test_a_backups_own_code_needs_no_warning(new_database: NewDatabase, tmp_path: Path) -> None:
    database = new_database(
        "CREATE FUNCTION ok(int) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT true';"
        "CREATE TABLE users (id int CHECK (ok(id)));"
    )
    taken = backup(database, target="test", directory=tmp_path / "backups")
    restored = put_back(taken.dump, database, drop_old=True)
    assert not [note for note in restored.plan.notes if "code" in note or "superuser" in note]
    restored = put_back(taken.dump, database, drop_old=True, untrusted=True)
    assert any("table users calls ok" in note for note in restored.plan.notes)
    assert not validate(taken.dump).code
    assert [c.function for c in validate(taken.dump, untrusted=True).code] == ["ok"]


def test_nothing_in_a_record_is_run(new_database: NewDatabase, tmp_path: Path) -> None:
    database = new_database("CREATE TABLE users (id int); INSERT INTO users VALUES (1)")
    taken = backup(database, target="test", directory=tmp_path / "backups")
    record = taken.dump.with_suffix(".json")
    document = json.loads(record.read_text())
    canary_file = tmp_path / "canary"
    command = f"; CREATE TABLE public.canary (); \\! touch {canary_file}\n"
    document["inventory"]["objects"]["table"]["public.users"]["condition"] = command
    record.write_text(json.dumps(document))
    assert verify(taken.dump, database).verdict == "different"
    with pytest.raises(VerificationFailed):
        put_back(taken.dump, database)
    assert not canary_file.exists()
    assert query(database, "SELECT to_regclass('public.canary')") == [(None,)]


EVENT_TRIGGER = """
CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER noted ON ddl_command_end EXECUTE FUNCTION note();
CREATE TABLE users (id int);
"""


def test_a_backup_may_do_what_its_source_does_and_another_dump_may_not(
    new_database: NewDatabase, tmp_path: Path, dbsnap_here: Callable[..., CompletedProcess[str]]
) -> None:
    database = new_database(EVENT_TRIGGER)
    taken = backup(database, target="test", directory=tmp_path / "backups")
    assert taken.record.dump.rules == ("event-trigger",)
    put_back(taken.dump, database, drop_old=True)
    assert query(database, "SELECT evtname FROM pg_event_trigger") == [("noted",)]
    with pytest.raises(DumpRefused) as refusal:
        put_back(taken.dump, database, untrusted=True)
    assert refusal.value.rule == "event-trigger"
    alone = shutil.copy(taken.dump, tmp_path / "alone.sql")
    with pytest.raises(DumpRefused) as refusal:
        put_back(alone, database)
    assert refusal.value.rule == "event-trigger"
    assert "--allow event-trigger" in refusal.value.hint
    restored = put_back(alone, database, allow=("event-trigger",), drop_old=True)
    assert "allowed to break: event-trigger" in restored.plan.notes
    with pytest.raises(DumpRefused):
        put_back(alone, database, allow=("role",))


def test_a_refusal_lists_every_breach(
    new_database: NewDatabase, tmp_path: Path, dbsnap_here: Callable[..., CompletedProcess[str]]
) -> None:
    dump = pg_dump(new_database(EVENT_TRIGGER), tmp_path / "dump.sql")
    text = dump.read_text()
    place = text.index("CREATE TABLE")
    dump.write_text(text[:place] + "ALTER SYSTEM SET port = 1;\n" + text[place:])
    result = dbsnap_here("validate", str(dump), "--json")
    assert result.returncode == 3
    document = json.loads(result.stdout)
    assert document["status"] == "refused"
    messages = [finding["message"] for finding in document["findings"]]
    assert any("alter-system" in message for message in messages)
    assert any("event-trigger" in message for message in messages)
    result = dbsnap_here("validate", str(dump), "--allow", "alter-system")
    assert result.returncode == 3
    result = dbsnap_here(
        "validate", str(dump), "--allow", "alter-system", "--allow", "event-trigger"
    )
    assert result.returncode == 0


def test_owners_that_do_not_exist_here_are_left_out(
    role: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    source = new_database(
        f"CREATE TABLE users (id int); ALTER TABLE users OWNER TO {quote_name(role)};"
        "GRANT SELECT ON users TO PUBLIC;"
    )
    dump = pg_dump(source, tmp_path / "owned.sql")
    owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'users'"
    database = new_database()
    put_back(dump, database, drop_old=True)
    assert query(database, owner) == [(role,)]
    put_back(dump, database, drop_old=True, privileges="none")
    assert query(database, owner) == [("postgres",)]
    dump.write_text(dump.read_text().replace(role, "Gone"))
    restored = put_back(dump, database, drop_old=True)
    assert query(database, owner) == [("postgres",)]
    assert query(database, "SELECT has_table_privilege('public', 'users', 'SELECT')") == [(True,)]
    assert any("Gone" in finding.message for finding in restored.findings)
    with pytest.raises(CannotRun, match="Gone"):
        put_back(dump, database, privileges="require")


def test_a_file_replaced_between_check_and_load_changes_nothing(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    source = new_database("CREATE TABLE users (id int); INSERT INTO users VALUES (1)")
    taken = backup(source, target="test", directory=tmp_path / "backups")
    other = tmp_path / "other.sql"
    other.write_text(taken.dump.read_text().replace("\n1\n", "\n2\n"))
    database = new_database("CREATE TABLE old (id int)")
    # Another file under the same name: what was checked is loaded.
    restore(taken.dump, database, confirm=lambda _: replace(other, taken.dump))
    assert query(database, "SELECT id FROM users") == [(1,)]
    # Other bytes in the same file: nothing is swapped.
    changed = tmp_path / "changed.sql"
    shutil.copy(other, changed)
    with pytest.raises(OperationFailed, match="changed while it was loaded"):
        restore(
            changed,
            database,
            confirm=lambda _: changed.write_text(other.read_text().replace("\n2\n", "\n3\n")),
        )
    assert query(database, "SELECT id FROM users") == [(1,)]


def replace(new: Path, old: Path) -> None:
    """Put a copy of one file in the place of another, as an attacker would: by renaming."""
    copy = new.with_suffix(".copy")
    shutil.copy(new, copy)
    copy.rename(old)


def test_a_dump_of_data_alone_is_refused_before_anything_happens(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database("CREATE TABLE users (id int); INSERT INTO users VALUES (1)")
    dump = pg_dump(database, tmp_path / "data.sql", "--data-only")
    with pytest.raises(DumpRefused) as refusal:
        put_back(dump, database)
    assert (refusal.value.rule, refusal.value.table) == ("data-only", "users")


@pytest.mark.parametrize("options", [[], ["--create"], ["--clean"], ["--clean", "--create"]])
def test_dumps_that_name_or_empty_their_database_touch_no_other(
    new_database: NewDatabase, tmp_path: Path, options: list[str]
) -> None:
    source = new_database(
        "CREATE TABLE users (id int PRIMARY KEY, o oid); CREATE VIEW v AS SELECT id FROM users;"
        "INSERT INTO users VALUES (1, lo_from_bytea(0, 'bytes'))"
    )
    dump = pg_dump(source, tmp_path / "dump.sql", *options)
    with connect(source) as connection:
        execute(connection, "INSERT INTO public.users VALUES (2, 3)")
    database = new_database("CREATE TABLE old (id int)")
    put_back(dump, database, drop_old=True)
    assert query(database, "SELECT id, lo_get(o) FROM users JOIN v USING (id)") == [(1, b"bytes")]
    assert query(source, "SELECT id FROM users ORDER BY id") == [(1,), (2,)]


@pytest.mark.parametrize(
    ("version", "flawed"),
    [
        ("18.5", True), ("18.6", False), ("17.10", True), ("17.11", False), ("16.9", True),
        ("16.15", False), ("15.18", True), ("15.19", False), ("14.24", False), ("13.23", True),
        ("12.22", True), ("19.0", False),
    ],
)  # fmt: skip
def test_which_psql_a_hostile_dump_could_make_run_commands(
    programs_in: Callable[..., Path], version: str, flawed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = programs_in(version)
    monkeypatch.setattr("dbsnap.postgres.discovery.VERSIONED_DIRECTORIES", ())
    monkeypatch.setattr("dbsnap.postgres.discovery.WHEEL_DIRECTORIES", {})
    (program,) = find_programs("psql", pg_bin=[directory], search_path="", ask_for_tls=False)
    assert bool(psql_flaw(program)) == flawed
    monkeypatch.setenv("PATH", "")
    server_version = int(version.split(".", maxsplit=1)[0]) * 10000
    assert choose("psql", server_version, pg_bin=[directory]) == program
    if flawed:
        with pytest.raises(ToolUnavailable, match="CVE-20"):
            choose("psql", server_version, pg_bin=[directory], must_withstand=True)
    else:
        assert choose("psql", server_version, pg_bin=[directory], must_withstand=True) == program


@pytest.fixture
def programs_in(tmp_path: Path) -> Callable[[str], Path]:
    """Give a function that makes a directory with a psql that says it is of some version."""

    def make(version: str) -> Path:
        psql = tmp_path / "psql"
        psql.write_text(f"#!/bin/sh\necho 'psql (PostgreSQL) {version}'\n")
        psql.chmod(0o755)
        return tmp_path

    return make


@pytest.mark.matrix
def test_an_old_psql_loads_no_dump_from_elsewhere(
    new_database: NewDatabase, servers: Servers, tmp_path: Path
) -> None:
    database = new_database("CREATE TABLE users (id int)", major=15)
    taken = backup(database, target="test", directory=tmp_path / "backups")
    restored = put_back(taken.dump, database, drop_old=True)
    warned = [note for note in restored.plan.notes if "CVE" in note]
    assert bool(warned) == bool(psql_flaw(restored.plan.psql))
    alone = shutil.copy(taken.dump, tmp_path / "alone.sql")
    restored = put_back(alone, database, drop_old=True)
    assert not psql_flaw(restored.plan.psql)
    assert url_of(database) not in str(restored.plan)
