from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from dbsnap.archive.record import Source
from dbsnap.archive.restore_script import (
    one_line,
    render_restore_script,
    shell_word,
    sql_constant,
)
from dbsnap.inventory import Inventory, object_name
from dbsnap.postgres.asking import ask_connection
from dbsnap.postgres.catalog import read_inventory
from dbsnap.postgres.connection import connect, execute, fetch, fetch_value, server_version
from dbsnap.postgres.discovery import find_programs
from dbsnap.postgres.quoting import quote_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dbsnap.dumpfile.compression import Compression
    from dbsnap.postgres.throwaway import ThrowawayServer

SHELLS = [
    *(["dash"] if shutil.which("dash") else ["sh"]),
    "bash",
    *(["busybox sh"] if shutil.which("busybox") else []),
]
BACKUP_ID = "backup_20260124_103000_app"
SUFFIXES = {"none": ".sql", "gzip": ".sql.gz", "zstd": ".sql.zst"}
TRAILER = b"--\n-- PostgreSQL database dump complete\n--\n"
NEEDED_PROGRAMS = (
    "cat",
    "date",
    "grep",
    "gzip",
    "mkdir",
    "mkfifo",
    "rm",
    "sed",
    "sha256sum",
    "tail",
    "tr",
)
PATIENCE_SECONDS = 60

SCHEMA = """
CREATE TABLE users (id serial PRIMARY KEY, email text NOT NULL);
INSERT INTO users (email) VALUES ('a@example.org'), (E'two\\nlines \\\\. \\t'), ('$(touch canary)');
CREATE TABLE empty (value integer);
CREATE TABLE parted (key integer) PARTITION BY LIST (key);
CREATE TABLE parted_one PARTITION OF parted FOR VALUES IN (1);
INSERT INTO parted VALUES (1), (1);
CREATE TABLE parent (a integer);
CREATE TABLE child (b integer) INHERITS (parent);
INSERT INTO parent VALUES (1);
INSERT INTO child VALUES (1, 2), (3, 4);
CREATE SEQUENCE untouched;
CREATE SEQUENCE lowest AS bigint MINVALUE -9223372036854775808 START -9223372036854775808;
"""

AWKWARD_NAMES = [
    "it's \"quoted\" '\\''",
    "$(touch canary) `touch canary`",
    "back\\slash\\",
    "\\! touch canary",
    "a\n\\! touch canary\nEND_OF_SQL\n",
    "END_OF_SQL",
    "END_OF_HELP",
    "a=b host=nowhere",
    "postgresql://nowhere/x",
    "100% %s %n",
    ":'here' :new :\"live\"",
    "ÀÁÂ\u0080é€ \U0001f600",
    "-n",
    " * ~ ; & # ",
    "@DUMP_FILE@",
    "a\x1b[31m\r\x7f",
    "x" * 63,
]


@dataclass(frozen=True)
class Setting:
    """A backup in a directory of its own, and a server to restore it into."""

    server: ThrowawayServer
    directory: Path
    psql: Path
    source: Source
    inventory: Inventory
    dump: bytes

    def write(
        self,
        *,
        dump: bytes | None = None,
        compression: Compression = "none",
        inventory: Inventory | None = None,
        source: Source | None = None,
    ) -> Setting:
        content = packed(self.dump if dump is None else dump, compression)
        file = BACKUP_ID + SUFFIXES[compression]
        text = render_restore_script(
            backup_id=BACKUP_ID,
            dump_file=file,
            dump_sha256=hashlib.sha256(content).hexdigest(),
            compression=compression,
            source=source or self.source,
            inventory=inventory or self.inventory,
        )
        (self.directory / file).write_bytes(content)
        self.script.write_bytes(text.encode())
        return self

    @property
    def script(self) -> Path:
        return self.directory / f"{BACKUP_ID}_restore.sh"

    @property
    def temporary(self) -> Path:
        return self.directory / "temporary files"

    def environment(self, **changes: str) -> dict[str, str]:
        address = self.server.database("x").environment()
        del address["PGDATABASE"]
        path = f"{self.psql}:{os.environ['PATH']}"
        return {"PATH": path, "TMPDIR": str(self.temporary), **address, **changes}

    def with_program(self, name: str, text: str) -> str:
        """Put a program of this name before all others; return the PATH with it."""
        tools = self.directory / "tools"
        tools.mkdir(exist_ok=True)
        program = tools / name
        program.write_text(f"#!{shutil.which('sh')}\n{text}\n")
        program.chmod(0o700)
        return f"{tools}:{self.environment()['PATH']}"

    def start(self, shell: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*shell.split(), str(self.script), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            cwd=self.directory,
            env=self.environment(**environment),
            start_new_session=True,
        )

    def run(self, shell: str, *arguments: str, **environment: str) -> Result:
        process = self.start(shell, *arguments, **environment)
        output, errors = process.communicate(timeout=PATIENCE_SECONDS)
        return Result(process.returncode, output, errors)

    def databases(self) -> set[str]:
        return database_names(self.server)

    def value(self, database: str, query: str) -> object:
        with connect(self.server.database(database)) as connection:
            return fetch_value(connection, query)


@dataclass(frozen=True)
class Result:
    status: int
    output: str
    errors: str


def database_names(server: ThrowawayServer) -> set[str]:
    with connect(server.database()) as connection:
        return {row[0] for row in fetch(connection, "SELECT datname FROM pg_database")}


def packed(content: bytes, compression: Compression) -> bytes:
    if compression == "gzip":
        half = len(content) // 2
        return gzip.compress(content[:half]) + gzip.compress(content[half:])
    return zstandard.compress(content) if compression == "zstd" else content


@pytest.fixture(scope="module")
def programs() -> Path:
    return next(p for p in find_programs("psql") if p.major >= 18).path.parent


@pytest.fixture
def back_up(
    server: ThrowawayServer, programs: Path, tmp_path: Path
) -> Iterator[Callable[[str, str], Setting]]:
    """Return a function that creates a database and backs it up; no trace may stay of the script."""
    (tmp_path / "temporary files").mkdir()
    others = database_names(server)

    def create(name: str, sql: str) -> Setting:
        with connect(server.database()) as connection:
            execute(connection, f"CREATE DATABASE {quote_name(name)}")
        address = server.database(name)
        with connect(address) as connection:
            execute(connection, "SET search_path = public")
            execute(connection, sql)
        with connect(address) as connection:
            version = server_version(connection)
            inventory = read_inventory(ask_connection(connection), version)
        dump = subprocess.run(
            [programs / "pg_dump", "--no-owner", "--no-privileges", "--encoding=UTF8"],
            env=address.environment(),
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
        source = Source("local", name, "localhost", "18.6", "UTF8", "C", "C")
        return Setting(server, tmp_path, programs, source, inventory, dump)

    yield create
    assert list((tmp_path / "temporary files").iterdir()) == []
    assert not list(tmp_path.rglob("canary"))
    with connect(server.database()) as connection:
        for name in database_names(server) - others:
            execute(connection, f"DROP DATABASE {quote_name(name)} WITH (FORCE)")


@pytest.fixture
def app(back_up: Callable[[str, str], Setting]) -> Setting:
    return back_up("app", SCHEMA)


def created_database(setting: Setting, before: set[str]) -> str:
    (created,) = setting.databases() - before
    return created


def pasted_commands(output: str) -> list[str]:
    return re.findall(r"^psql .*?^END_OF_SQL$", output, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_restores_and_verifies(app: Setting, shell: str, compression: Compression) -> None:
    app.write(compression=compression)
    before = app.databases()

    result = app.run(shell, "--restore")

    assert (result.status, result.errors) == (0, "")
    created = created_database(app, before)
    assert re.fullmatch(r"app_restored_\d{8}_\d{6}", created)
    with connect(app.server.database(created)) as connection:
        restored = read_inventory(ask_connection(connection), server_version(connection))
        analysed = fetch_value(
            connection, "SELECT reltuples FROM pg_class WHERE oid = 'public.users'::regclass"
        )
    assert restored == app.inventory
    assert analysed == 3


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_dry_run_changes_nothing(app: Setting, shell: str, compression: Compression) -> None:
    app.write(compression=compression)
    before = app.databases()

    result = app.run(shell)

    assert (result.status, result.errors) == (0, "")
    assert app.databases() == before
    assert "6 tables, 8 rows, 3 sequences" in result.output
    assert re.search(r'New +"app_restored_\d{8}_\d{6}"$', result.output, re.MULTILINE)
    assert "nothing was changed" in result.output


@pytest.mark.parametrize("shell", SHELLS)
def test_printed_commands_swap_and_undo(app: Setting, shell: str) -> None:
    app.write()
    app.value("app", "INSERT INTO public.users (email) VALUES ('later') RETURNING 1")
    result = app.run(shell, "--restore")
    swap, undo = pasted_commands(result.output)

    subprocess.run(["sh", "-c", swap], env=app.environment(), check=True, capture_output=True)
    assert app.value("app", "SELECT count(*) FROM public.users") == 3
    (kept,) = [name for name in app.databases() if name.startswith("app_before_")]
    assert app.value(kept, "SELECT count(*) FROM public.users") == 4

    subprocess.run(["sh", "-c", undo], env=app.environment(), check=True, capture_output=True)
    assert app.value("app", "SELECT count(*) FROM public.users") == 4
    assert [name for name in app.databases() if name.startswith("app_before_")] == []


@pytest.mark.parametrize("shell", SHELLS)
def test_without_a_live_database(app: Setting, shell: str) -> None:
    app.write()
    with connect(app.server.database()) as connection:
        execute(connection, "DROP DATABASE app")

    result = app.run(shell, "--restore")

    assert result.status == 0
    swap, undo = pasted_commands(result.output)
    subprocess.run(["sh", "-c", swap], env=app.environment(), check=True, capture_output=True)
    assert "app" in app.databases()
    assert not any(name.startswith("app_restored_") for name in app.databases())
    subprocess.run(["sh", "-c", undo], env=app.environment(), check=True, capture_output=True)
    assert "app" not in app.databases()


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_awkward_names(back_up: Callable[[str, str], Setting], shell: str, name: str) -> None:
    quoted = quote_name(name)
    setting = back_up(
        name,
        f"CREATE SCHEMA {quoted}; CREATE TABLE {quoted}.{quoted} ({quoted} serial);"
        f"INSERT INTO {quoted}.{quoted} DEFAULT VALUES; CREATE TABLE {quoted} ();",
    ).write()
    before = setting.databases()
    assert setting.run(shell).status == 0
    assert setting.databases() == before

    result = setting.run(shell, "--restore")

    assert (result.status, result.errors) == (0, "")
    assert created_database(setting, before).encode().startswith(name.encode()[:30])
    assert "\x1b" not in result.output
    swap, undo = pasted_commands(result.output)
    for command in (swap, undo, swap):
        subprocess.run(
            ["sh", "-c", command], env=setting.environment(), check=True, capture_output=True
        )
    assert setting.value(name, f"SELECT count(*) FROM {quoted}.{quoted}") == 1
    assert len(setting.databases()) == len(before) + 1

    wrong = setting.inventory.with_facts("table", object_name(name, name), rows=77)
    result = setting.write(inventory=wrong).run(shell, "--restore")
    assert result.status == 4
    assert "1 instead of 77 rows" in result.errors


@pytest.mark.parametrize("shell", SHELLS)
def test_every_difference_is_named_and_the_new_database_dropped(app: Setting, shell: str) -> None:
    wrong = (
        app.inventory.with_facts("table", "public.users", rows=4)
        .with_facts("table", "public.parent", rows=3)
        .with_facts("table", "public.vanished", rows=0)
        .with_facts("sequence", "public.users_id_seq", last_value=7)
        .with_facts("sequence", "public.untouched", is_called=True)
        .with_facts("sequence", "public.vanished_seq", last_value=1, is_called=True)
    )
    app.write(inventory=wrong)
    before = app.databases()

    result = app.run(shell, "--restore")

    assert result.status == 4
    assert result.errors.splitlines() == [
        "error: the new database is not as recorded:",
        "table parent: 1 instead of 3 rows",
        "table users: 3 instead of 4 rows",
        "table vanished is gone",
        "sequence untouched: 1 (not called) instead of 1 (called)",
        "sequence users_id_seq: 3 (called) instead of 7 (called)",
        "sequence vanished_seq is gone",
        result.errors.splitlines()[-1],
    ]
    assert result.errors.endswith("was dropped again.\n")
    assert app.databases() == before


def test_nothing_to_compare_is_no_error(back_up: Callable[[str, str], Setting]) -> None:
    setting = back_up("nothing", "SELECT 1").write()
    assert setting.inventory.of("table") == {}
    assert setting.run(SHELLS[0], "--restore").status == 0


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
@pytest.mark.parametrize("damage", ["cut", "byte", "empty", "removed"])
def test_damaged_dumps(app: Setting, shell: str, compression: Compression, damage: str) -> None:
    app.write(compression=compression)
    path = app.directory / (BACKUP_ID + SUFFIXES[compression])
    whole = path.read_bytes()
    half = len(whole) // 2
    changed = whole[:half] + bytes([whole[half] ^ 1]) + whole[half + 1 :]
    path.write_bytes({"cut": whole[:-100], "byte": changed}.get(damage, b""))
    if damage == "removed":
        path.unlink()
    before = app.databases()

    for arguments in ([], ["--restore"]):
        result = app.run(shell, *arguments)
        assert result.status == 3, result
        assert "the dump is " in result.errors
        assert app.databases() == before


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_missing_trailer(app: Setting, shell: str, compression: Compression) -> None:
    """A dump that was cut off before its sha256 was taken."""
    whole, _, _ = app.dump.partition(TRAILER)
    app.write(dump=whole, compression=compression)
    before = app.databases()

    result = app.run(shell, "--restore")

    assert result.status == 3
    assert "its end is missing" in result.errors
    assert app.databases() == before


@pytest.mark.parametrize("shell", SHELLS)
def test_failing_statement(app: Setting, shell: str) -> None:
    app.write(dump=app.dump.replace(TRAILER, b"SELECT 1 / 0;\n" + TRAILER))
    before = app.databases()

    result = app.run(shell, "--restore")

    assert result.status == 1
    assert "division by zero" in result.errors
    assert app.databases() == before


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_decompressor_that_fails_in_the_load(
    app: Setting, shell: str, compression: Compression
) -> None:
    """It gives every byte first, so that nothing but its exit status tells."""
    if shell == "busybox sh" and compression == "gzip":
        return  # it has its own
    app.write(compression=compression)
    checked = app.directory / "checked"
    real = shutil.which(compression)
    path = app.with_program(
        compression,
        f"if [ -e '{checked}' ]; then '{real}' \"$@\"; exit 1; fi\n: >'{checked}'\nexec '{real}' \"$@\"",
    )
    before = app.databases()

    result = app.run(shell, "--restore", PATH=path)

    assert checked.exists()
    assert result.status == 1
    assert "decompressed" in result.errors
    assert app.databases() == before


@pytest.mark.parametrize("shell", SHELLS)
def test_pooler_that_leads_to_the_live_database(app: Setting, shell: str) -> None:
    """An empty live database would take the whole dump."""
    app.write()
    with connect(app.server.database("app")) as connection:
        execute(connection, "DROP SCHEMA public CASCADE")
        execute(connection, "CREATE SCHEMA public")
    path = app.with_program(
        "psql",
        "case $PGDATABASE in app_restored_*) PGDATABASE=app ;; esac\n"
        f"exec '{app.psql / 'psql'}' \"$@\"",
    )
    before = app.databases()

    result = app.run(shell, "--restore", PATH=path)

    assert result.status == 1
    assert "this is the database app instead" in result.errors
    assert app.databases() == before
    assert app.value("app", "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("missing", ["psql", "gzip", "sha256sum"])
def test_missing_programs(app: Setting, shell: str, missing: str) -> None:
    app.write(compression="gzip")
    tools = app.directory / "tools"
    tools.mkdir()
    for name in NEEDED_PROGRAMS:
        (tools / name).symlink_to(shutil.which(name) or name)
    # A link would take psql away from its libraries.
    app.with_program("psql", f"exec '{app.psql / 'psql'}' \"$@\"")
    program, *rest = shell.split()
    shell_path = " ".join([str(shutil.which(program)), *rest])
    assert app.run(shell_path, "--restore", PATH=str(tools)).status == 0
    before = app.databases()
    (tools / missing).unlink()

    result = app.run(shell_path, "--restore", PATH=str(tools))

    if "busybox" in shell and missing != "psql":
        return  # it has its own
    assert result.status == 5
    assert missing in result.errors
    assert app.databases() == before


@pytest.mark.parametrize("shell", SHELLS)
def test_could_not_run(app: Setting, shell: str) -> None:
    app.write()
    before = app.databases()
    with connect(app.server.database()) as connection:
        execute(connection, "DROP ROLE IF EXISTS weak")
        execute(connection, "CREATE ROLE weak LOGIN")
    services = app.directory / "services"
    services.write_text("[live]\ndbname=app\n")

    down = app.run(shell, "--restore", PGHOST=str(app.directory))
    weak = app.run(shell, "--restore", PGUSER="weak")
    elsewhere = app.run(shell, "--restore", PGSERVICE="live", PGSERVICEFILE=str(services))
    app.write(inventory=replace(app.inventory, server_version=990000))
    older = app.run(shell, "--restore")

    assert (down.status, weak.status, elsewhere.status, older.status) == (5, 5, 5, 5)
    assert "cannot be reached" in down.errors
    assert "may not create databases" in weak.errors
    assert "PGSERVICE" in elsewhere.errors
    assert "older than the dump's 99" in older.errors
    assert app.databases() == before


@pytest.mark.parametrize("shell", SHELLS)
def test_locale_that_the_server_does_not_have(app: Setting, shell: str) -> None:
    app.write(source=replace(app.source, collate="xx_XX.UTF-8", ctype="xx_XX.UTF-8"))
    before = app.databases()

    result = app.run(shell, "--restore")

    assert result.status == 0
    assert "no locale xx_XX.UTF-8" in result.errors
    created = created_database(app, before)
    assert app.value(created, "SELECT count(*) FROM public.users") == 3


@pytest.mark.parametrize("shell", SHELLS)
def test_to_names_the_new_database(app: Setting, shell: str) -> None:
    app.write()
    before = app.databases()

    for taken in ("app", "postgres"):
        result = app.run(shell, "--restore", "--to", taken)
        assert result.status == 2
        assert "already" in result.errors
    assert app.run(shell, "--restore", "--to", "x" * 64).status == 2
    assert app.databases() == before

    result = app.run(shell, "--restore", "--to=a=b\n")
    assert result.status == 0
    assert created_database(app, before) == "a=b\n"
    assert pasted_commands(result.output) == []
    assert app.value("app", "SELECT count(*) FROM public.users") == 3


@pytest.mark.parametrize("shell", SHELLS)
def test_usage(app: Setting, shell: str) -> None:
    app.write()
    before = app.databases()

    asked = app.run(shell, "--help")
    assert (asked.status, asked.errors) == (0, "")
    assert "--restore" in asked.output
    for arguments in (["--nonsense"], ["--to"], ["--to", ""], ["--to="], ["app"]):
        result = app.run(shell, "--restore", *arguments)
        assert (result.status, result.output) == (2, "")
        assert "usage:" in result.errors
    assert app.databases() == before


def wait_for_session(setting: Setting, condition: str, *, there: bool = True) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    query = f"SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND {condition}"
    while bool(setting.value("postgres", query)) is not there:
        assert time.monotonic() < deadline, "the script did not come that far"
        time.sleep(0.05)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("to_group", [False, True])
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_interrupted_in_the_load(
    app: Setting, shell: str, number: signal.Signals, to_group: bool, compression: Compression
) -> None:
    sleeping = app.dump.replace(TRAILER, b"SELECT pg_sleep(600);\n" + b"-- \n" * 99999 + TRAILER)
    app.write(dump=sleeping, compression=compression)
    before = app.databases()
    process = app.start(shell, "--restore")
    wait_for_session(app, "query LIKE '%pg_sleep(600)%' AND state = 'active'")

    (os.killpg if to_group else os.kill)(process.pid, number)
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == 130, errors
    assert "dropped again" in errors
    assert app.databases() == before
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("to_group", [False, True])
def test_interrupted_while_the_database_is_created(
    app: Setting, shell: str, number: signal.Signals, to_group: bool
) -> None:
    app.write()
    before = app.databases()
    with connect(app.server.database()) as connection:
        execute(connection, "BEGIN")
        execute(connection, "LOCK TABLE pg_database IN SHARE MODE")
        process = app.start(shell, "--restore")
        wait_for_session(app, "query LIKE 'CREATE DATABASE%' AND wait_event_type = 'Lock'")
        (os.killpg if to_group else os.kill)(process.pid, number)
        time.sleep(0.3)
        execute(connection, "COMMIT")
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)

    wait_for_session(app, "query LIKE 'CREATE DATABASE%' AND state = 'active'", there=False)
    assert process.returncode == 130, errors
    assert app.databases() == before


@pytest.mark.parametrize("shell", SHELLS)
def test_a_database_created_by_someone_else_is_not_dropped(app: Setting, shell: str) -> None:
    """Another one of the same name appears between the check and CREATE DATABASE."""
    app.write()
    with connect(app.server.database()) as connection:
        execute(connection, "CREATE DATABASE precious_hidden")
        execute(connection, "BEGIN")
        execute(connection, "LOCK TABLE pg_database IN SHARE MODE")
        process = app.start(shell, "--restore", "--to", "precious")
        wait_for_session(app, "query LIKE 'CREATE DATABASE%' AND wait_event_type = 'Lock'")
        execute(connection, "ALTER DATABASE precious_hidden RENAME TO precious")
        execute(connection, "COMMIT")
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == 1
    assert "could not be created" in errors
    assert "precious" in app.databases()


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(TEXT, min_size=1, max_size=20))
def test_shell_words_mean_themselves(texts: list[str]) -> None:
    script = "printf '%s\\0' " + " ".join(shell_word(text) for text in texts)
    for shell in SHELLS:
        output = subprocess.run(
            shell.split(), input=script.encode(), capture_output=True, check=True
        ).stdout
        assert output.decode().split("\0")[:-1] == texts


@pytest.mark.parametrize("conforming", ["on", "off"])
def test_sql_constants_mean_themselves(
    server: ThrowawayServer, programs: Path, conforming: str
) -> None:
    @settings(max_examples=25, deadline=None)
    @given(texts=st.lists(TEXT, min_size=1, max_size=20))
    def check(texts: list[str]) -> None:
        constants = [sql_constant(text) for text in texts]
        assert not any("\n" in constant for constant in constants)
        query = " UNION ALL ".join(
            f"SELECT {place} AS place, {constant} AS text"
            for place, constant in enumerate(constants)
        )
        sql = (
            "SET client_min_messages = error;"
            f"SET standard_conforming_strings = {conforming};\n"
            "SELECT encode(convert_to(text, 'UTF8'), 'hex') FROM "
            f"({query}) AS texts ORDER BY place;"
        )
        output = subprocess.run(
            [programs / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"],
            input=sql.encode(),
            env={**server.database().environment(), "PGCLIENTENCODING": "UTF8"},
            capture_output=True,
            check=True,
        ).stdout
        lines = output.decode().splitlines()
        assert [bytes.fromhex(line).decode() for line in lines] == texts

    check()


@given(text=TEXT)
def test_text_in_comments_stays_on_its_line(text: str) -> None:
    shown = one_line(text)
    assert shown.isprintable()
    assert shown.splitlines() in ([shown], [])
    assert one_line("plain name-1") == "plain name-1"


def test_same_input_gives_the_same_script_and_no_secret(app: Setting) -> None:
    first = app.write().script.read_bytes()
    assert app.write().script.read_bytes() == first
    assert b"localhost" not in first
