"""No damaged and no hostile dump passes the guard, and none that is neither is held back."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import (
    DEFAULT_MAJOR,
    MAJORS,
    address_of,
    database_names,
    psql_of,
    query,
    run_sql,
    schema_files,
)
from hostile.catalogue import framed, pairs
from hostile.damaged import NEW, OLD, damaged_files
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from test_round_trips import needs_met

from dbsnap.dumpfile.compression import Compression, compress
from dbsnap.dumpfile.guard import GuardedDump, Promise, guard
from dbsnap.dumpfile.guarding import breaches, reaching
from dbsnap.dumpfile.guarding.rules import RULES
from dbsnap.dumpfile.guarding.statement_rules import broken_rule
from dbsnap.dumpfile.lexer import Statement, lex
from dbsnap.dumpfile.lexing.tokens import tokenize
from dbsnap.dumpfile.stored import open_dump
from dbsnap.errors import DumpRefused
from dbsnap.operations.backup import backup
from dbsnap.postgres.client import client_environment
from dbsnap.postgres.connection import connect, execute
from dbsnap.postgres.discovery import find_programs
from dbsnap.postgres.quoting import quote_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from dbsnap.operations.backup import Backup
    from dbsnap.postgres.throwaway import ThrowawayServer
    from dbsnap.postgres.url import Database

    NewDatabase = Callable[..., Database]
    Command = Callable[..., subprocess.CompletedProcess[str]]

FORMS: list[Compression] = ["none", "gzip", "zstd"]
NOWHERE = "/nowhere/canary"
PAIRS = pairs(NOWHERE)
DAMAGED = damaged_files()


def test_each_function_that_reaches_out_has_a_mark() -> None:
    names = [*reaching._FUNCTIONS, *reaching._FAMILIES]
    assert len(names) > 40
    for name in names:
        assert reaching.may_reach_out(b"SELECT " + name.encode().upper() + b"(1)")
    assert reaching.may_reach_out(b'SELECT U&"d!0062link"')
    assert not reaching.may_reach_out(b"SELECT nextval('public.s'::regclass)")


@pytest.mark.parametrize(
    "text", ["COMMENT\u00a0ON TABLE t IS 'x';", "COMMENT\u3000ON TABLE t IS 'x';", "COMMENT t;"]
)
def test_only_white_space_of_the_servers_stands_between_words(text: str) -> None:
    assert broken_rule(text.encode()) == "foreign-statement"


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        (b"CREATE MATERIALIZED VIEW v AS SELECT 1;", True),
        (b"create rule r AS ON INSERT TO t DO NOTHING;", True),
        (b"CREATE POLICY p ON t;", True),
        (b"CREATE TABLE rules (policy_id integer);", False),
        (b"COMMENT ON RULE r ON t IS 'x';", False),
    ],
)
def test_what_may_read_a_view(text: bytes, reads: bool) -> None:
    assert breaches._may_read_views(text) == reads


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (b"CREATE TABLE t AS SELECT 1;", "query"),
        (b"CREATE TABLE t(a, b)as(SELECT 1, 2);", "query"),
        (b"CREATE TABLE aS aS SELECT 1;", "query"),
        (b"CREATE TABLE t (basic integer, has_ integer);", ""),
        (b"CREATE TABLE t (a integer GENERATED ALWAYS AS (1) STORED);", ""),
    ],
)
def test_a_table_that_is_made_by_a_query(text: bytes, rule: str) -> None:
    assert broken_rule(text) == rule


def guarded(
    path: Path,
    content: bytes | None = None,
    *,
    promise: Promise | None = None,
    allowed: Collection[str] = (),
) -> GuardedDump:
    if content is not None:
        path.write_bytes(content)
    with open_dump(path) as dump:
        return guard(dump, promise=promise, allowed=allowed)


def refusal(path: Path, content: bytes | None = None, **options: Collection[str]) -> DumpRefused:
    with pytest.raises(DumpRefused) as refused:
        guarded(path, content, **options)
    return refused.value


def pg_dump(database: Database, path: Path, *options: str, major: int = DEFAULT_MAJOR) -> Path:
    program = next(found for found in find_programs("pg_dump") if found.major == major)
    environment = {**os.environ, **client_environment(database, application="tests")}
    subprocess.run([program.path, *options, "-f", path], env=environment, check=True)
    return path


class TestHostile:
    @pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
    def test_a_hostile_dump_is_refused_by_its_rule_and_its_neighbour_passes(
        self, pair: object, tmp_path: Path
    ) -> None:
        path = tmp_path / "dump.sql"
        # Its own rule refuses it, even where all the others are off.
        refused = refusal(path, pair.hostile, allowed=RULES.keys() - {pair.rule})
        assert refused.rule == pair.rule
        assert refused.hint
        passed = guarded(path, pair.healthy)
        assert passed.rules == ()

    def test_every_rule_refuses_something(self) -> None:
        assert {pair.rule for pair in PAIRS} >= RULES.keys()
        assert len({pair.name for pair in PAIRS}) == len(PAIRS)

    def test_nothing_runs(
        self,
        canary: Path,
        server: ThrowawayServer,
        new_database: NewDatabase,
        dbsnap_here: Command,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        live = new_database(CANARY_TABLE)
        before = state(server, live)
        path = tmp_path / "dump.sql"
        for pair in pairs(str(canary)):
            path.write_bytes(pair.hostile)
            result = dbsnap_here("restore", str(path), "--url", address_of(live), "--yes")
            assert result.returncode == 3, pair.name
            assert not canary.exists(), pair.name
        assert state(server, live) == before

    @pytest.mark.parametrize(
        "name",
        [
            "client: shell command without a pair around it",
            "client: program behind a query",
            "client: query run as commands",
            "programs_and_files: program",
            "programs_and_files: large object into a file while a row is loaded",
            "quoting: strings with backslashes before a shell command",
            "quoting: strings with backslashes over rows",
            "statements: code at once",
            "statements: query behind WITH",
            "statements: row for a view of the catalogue",
            "statements: new role",
            "statements: another database",
        ],
    )
    def test_psql_alone_would_run_it(
        self, name: str, canary: Path, server: ThrowawayServer, new_database: NewDatabase
    ) -> None:
        database = new_database(CANARY_TABLE)
        before = state(server, database)
        (hostile,) = (pair.hostile for pair in pairs(str(canary)) if pair.name == name)
        environment = {**os.environ, **client_environment(database, application="tests")}
        if "large object" in name:
            hostile = hostile.replace(b"\n--\n-- PostgreSQL database dump c", LARGE_OBJECT, 1)
        subprocess.run(
            [psql_of(database).path, "-X", "-q"],
            input=hostile,
            env=environment,
            capture_output=True,
            check=False,
        )
        try:
            assert canary.exists() or state(server, database) != before
        finally:
            run_sql(database, "DROP ROLE IF EXISTS canary_role")
            run_sql(database, "DROP DATABASE IF EXISTS canary_database")


CANARY_TABLE = "CREATE TABLE public.canary (a integer); INSERT INTO public.canary VALUES (1);"
LARGE_OBJECT = b"""
SELECT pg_catalog.lo_create('12345');
INSERT INTO public.u VALUES (12345);
--
-- PostgreSQL database dump c"""


@pytest.fixture
def canary() -> Iterator[Path]:
    """Give a file that the tests' user and the server's may make."""
    folder = Path(tempfile.mkdtemp(prefix="dbsnap-canary-"))
    folder.chmod(0o777)
    yield folder / "canary"
    shutil.rmtree(folder)


def state(server: ThrowawayServer, database: Database) -> list[object]:
    tables = query(database, "SELECT oid, relname FROM pg_class WHERE relname = 'canary'")
    rows = query(database, "SELECT * FROM public.canary") if tables else []
    roles = query(database, "SELECT rolname, rolsuper FROM pg_authid ORDER BY 1")
    return [tables, rows, roles, database_names(server)]


@given(st.text(st.characters(exclude_characters="\n\r\0", exclude_categories=["Cs"]), max_size=20))
@settings(max_examples=300, deadline=None)
@example("c other")
@example("connect other someone elsewhere 5432")
@example("connect host=elsewhere")
@example("connect")
def test_no_command_of_psql_passes_but_to_create_a_database(text: str) -> None:
    assume(not re.fullmatch(r"connect [\w.\"]+\s*", text))
    with tempfile.TemporaryDirectory() as folder:
        for frame in ("", "old"):
            content = framed(f"\\{text}\n".encode(), frame)
            assert refusal(Path(folder) / "dump", content, allowed=RULES)


class TestDamaged:
    @pytest.mark.parametrize("damaged", DAMAGED, ids=lambda damaged: damaged.name)
    def test_a_damaged_file_is_refused_by_its_rule_and_the_healthy_one_passes(
        self, damaged: object, tmp_path: Path
    ) -> None:
        path = tmp_path / "dump"
        refused = refusal(path, damaged.content, allowed=RULES)
        assert refused.rule == damaged.rule
        assert refused.hint
        assert guarded(path, damaged.healthy).rules == ()

    def test_what_pg_dump_writes_for_pg_restore_is_refused_with_advice(
        self, new_database: NewDatabase, tmp_path: Path
    ) -> None:
        database = new_database("CREATE TABLE t (a integer);")
        for form in ("custom", "tar", "directory"):
            refused = refusal(pg_dump(database, tmp_path / form, f"--format={form}"))
            assert refused.rule == "not-a-dump"
            assert "pg_restore -f" in refused.hint
        assert refusal(tmp_path / "directory" / "toc.dat").rule == "not-a-dump"
        assert guarded(pg_dump(database, tmp_path / "plain")).rules == ()

    def test_what_is_no_file_is_refused(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        for path in (tmp_path, tmp_path / "pipe", Path("/dev/null"), Path("/dev/zero")):
            assert refusal(path).rule == "not-a-dump"


@pytest.fixture(scope="module")
def two_backups(server: ThrowawayServer, tmp_path_factory: pytest.TempPathFactory) -> list[Backup]:
    """Give backups of two databases that differ by a row, the first of them compressed."""
    taken = []
    directory = tmp_path_factory.mktemp("backups", numbered=True)
    directory.chmod(0o700)
    for rows in (2, 3):
        database = server.database(f"guard_{rows}")
        with connect(server.database()) as connection:
            execute(connection, f"CREATE DATABASE {database.name}")
        try:
            run_sql(
                database,
                "CREATE TABLE t (a integer PRIMARY KEY);"
                f"INSERT INTO t SELECT generate_series(1, {rows});",
            )
            taken.append(backup(database, target="test", directory=directory))
        finally:
            with connect(server.database()) as connection:
                execute(connection, f"DROP DATABASE {database.name} WITH (FORCE)")
    return taken


def table_of(record: dict) -> dict:
    return record["inventory"]["objects"]["table"]["public.t"]


class TestRecords:
    """What a dump must be when there is a record beside it, asked through the whole command."""

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        tmp_path.chmod(0o700)
        return tmp_path

    @pytest.fixture
    def beside(self, two_backups: list[Backup], place: Path) -> tuple[Path, Path]:
        """Give a copy of a backup: its dump and its record."""
        dump = two_backups[0].dump
        for path in dump.parent.glob(two_backups[0].record.id + "*"):
            shutil.copy(path, place / path.name)
        return place / dump.name, place / f"{two_backups[0].record.id}.json"

    @pytest.mark.parametrize(
        ("rule", "damage"),
        [
            ("changed-bytes", lambda content: content.replace(b"\n2\n", b"\n7\n")),
            ("changed-bytes", lambda content: content.replace(b"\n2\n", b"\n")),
            ("changed-bytes", lambda content: content[: len(content) // 2]),
            ("changed-bytes", lambda content: content[:-1]),
            ("changed-bytes", lambda content: content.replace(b"a integer", b"b integer")),
            ("changed-bytes", lambda content: content.replace(b"\n\n--", b"\n--", 1)),
            ("trailing-data", lambda content: content + b"\n"),
            ("trailing-data", lambda content: content + b"DROP TABLE public.t;\n"),
        ],
    )
    def test_bytes_that_the_record_does_not_know_are_refused(
        self,
        rule: str,
        damage: Callable[[bytes], bytes],
        beside: tuple[Path, Path],
        dbsnap_here: Command,
    ) -> None:
        dump, _ = beside
        assert dbsnap_here("validate", str(dump)).returncode == 0
        content = damage(dump.read_bytes())
        assert content != dump.read_bytes()
        dump.write_bytes(content)
        self.is_refused(dbsnap_here, dump, rule)

    @pytest.mark.parametrize(
        ("rule", "damage"),
        [
            ("record", lambda record: record.pop("dump")),
            ("record", lambda record: record["dump"].update(sha256=7)),
            ("record", lambda record: record["dump"].update(file="../other.sql")),
            ("record", lambda record: record["privileges"].update(file="/etc/passwd")),
            ("record", lambda record: record.update(surprise=True)),
            ("changed-bytes", lambda record: record["dump"].update(sha256="0" * 64)),
            ("differs-from-record", lambda record: table_of(record).update(rows=3)),
            ("differs-from-record", lambda record: table_of(record).update(content="0" * 32)),
            (
                "differs-from-record",
                lambda record: record["inventory"]["objects"]["constraint"].clear(),
            ),
            (
                "differs-from-record",
                lambda record: record["inventory"]["objects"]["table"].update(
                    {"public.gone": dict(table_of(record))}
                ),
            ),
        ],
    )
    def test_a_record_that_does_not_fit_is_refused(
        self,
        rule: str,
        damage: Callable[[dict], object],
        beside: tuple[Path, Path],
        dbsnap_here: Command,
    ) -> None:
        dump, path = beside
        record = json.loads(path.read_text())
        damage(record)
        path.write_text(json.dumps(record))
        self.is_refused(dbsnap_here, dump, rule)

    def test_the_record_of_another_backup_is_refused(
        self, two_backups: list[Backup], beside: tuple[Path, Path], dbsnap_here: Command
    ) -> None:
        dump, record = beside
        other = two_backups[1]
        shutil.copy(other.dump.parent / f"{other.record.id}.json", record)
        self.is_refused(dbsnap_here, dump, "changed-bytes")
        shutil.copy(other.dump, dump)
        assert dbsnap_here("validate", str(dump)).returncode == 0

    def is_refused(self, dbsnap_here: Command, dump: Path, rule: str) -> None:
        result = dbsnap_here("validate", str(dump), "--json")
        assert result.returncode == 3
        assert json.loads(result.stdout)["rule"] == rule


PLACES = 1000
"""So many offsets of a large dump are tried in each form."""

LARGE_ROWS = 30_000


@cache
def large_dump() -> bytes:
    """Return a dump of 2 MB: rows, statements, and rows of one column behind them."""
    rows = b"".join(
        b"%d\tname of row %d, \\\\ and \\N and more of it\n" % (n, n) for n in range(LARGE_ROWS)
    )
    comments = b"".join(b"COMMENT ON TABLE public.t IS 'it''s %d';\n\n" % n for n in range(60))
    table = b"CREATE TABLE public.one (\n    a text\n);\n\n"
    single = b"COPY public.one (a) FROM stdin;\n" + b"one\n" * 9000 + b"\\.\n"
    return framed(
        table + b"COPY public.t (a, b) FROM stdin;\n" + rows + b"\\.\n\n" + comments + single
    )


def promised(content: bytes, path: Path) -> Promise:
    whole = guarded(path, content)
    return Promise(whole.contents.inventory, sha256(content).hexdigest(), len(content))


def raw(path: Path) -> bytes:
    with open_dump(path) as dump:
        read = dump.raw()
        return b"".join(iter(lambda: read(1 << 20), b""))


def rows_by_hand(content: bytes) -> list[int]:
    """Count the rows of each block as a reader of lines would."""
    blocks = re.finditer(rb"(?ms)^\s*COPY\s.*?FROM\sstdin\s*;\n(.*?)^\\\.$", content)
    return [block[1].count(b"\n") for block in blocks]


class TestEveryByte:
    """A file that was cut or changed: refused, or exactly what it says."""

    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("dump", [OLD, NEW], ids=["old", "new"])
    def test_a_small_dump_cut_anywhere_is_refused(
        self, dump: bytes, form: Compression, tmp_path: Path
    ) -> None:
        whole = compress(dump, form)
        path = tmp_path / "dump"
        promise = promised(whole, path)
        for length in reversed(range(len(whole))):
            os.truncate(path, length)
            if form == "none" and not dump[length:].strip():  # only white space is gone
                guarded(path)
                refusal(path, promise=promise)
            else:
                refusal(path)

    @pytest.mark.parametrize("form", FORMS)
    def test_a_large_dump_cut_anywhere_is_refused(self, form: Compression, tmp_path: Path) -> None:
        whole = compress(large_dump(), form)
        path = tmp_path / "dump"
        assert (
            sum(
                guarded(path, whole).contents.inventory.of("table")[t]["rows"]
                for t in ("public.t", "public.one")
            )
            == LARGE_ROWS + 9000
        )
        chosen = random.Random(form).sample(range(len(whole) - 20), PLACES)
        for length in sorted(chosen, reverse=True):
            os.truncate(path, length)
            refusal(path)

    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
    def test_a_changed_byte_is_refused_or_what_it_says(
        self, form: Compression, *, large: bool, tmp_path: Path
    ) -> None:
        chance = random.Random(f"{form} {large}")
        dump = large_dump() if large else NEW
        whole = compress(dump, form)
        places = chance.sample(range(len(whole)), 60) if large else range(len(whole))
        path = tmp_path / "dump"
        promise = promised(whole, path)
        passed = 0
        for place in places:
            byte = chance.choice([b"\n", b"\t", b"\\", b"'", b"x", bytes([whole[place] ^ 1])])
            content = whole[:place] + byte + whole[place + 1 :]
            if content == whole:
                continue
            try:
                contents = guarded(path, content).contents
            except DumpRefused:
                continue
            passed += 1
            assert refusal(path, promise=promise).rule == "changed-bytes"
            if form == "none":
                found = [block.rows for block in contents.copy_blocks]
                assert found == rows_by_hand(content), (place, byte)
            else:  # a time in the header, say
                assert raw(path) == dump
        assert passed or form != "none"

    def test_what_a_changed_dump_brings_is_what_it_says_and_no_more_is_claimed(
        self, new_database: NewDatabase, dbsnap_here: Command, tmp_path: Path
    ) -> None:
        database = new_database("CREATE TABLE live (a integer);")
        path = tmp_path / "dump.sql"
        for change, rows in (
            ((b"first\tA", b"worst\tA"), [("worst", "A"), ("second", None), ("third", "C")]),
            ((b"second\t\\N\n", b""), [("first", "A"), ("third", "C")]),
            (
                (b"COPY public.t (a, b)", b"COPY public.t (b, a)"),
                [("A", "first"), (None, "second"), ("C", "third")],
            ),
            ((b"COPY public.t ", b"COPY public.u "), None),
            ((b"(a, b) FROM stdin", b"(a, c) FROM stdin"), None),
        ):
            path.write_bytes(NEW.replace(*change))
            to = f"{database.name}_changed"
            result = dbsnap_here(
                "restore", str(path), "--url", address_of(database), "--yes", "--to", to, "--json"
            )
            assert (result.returncode == 0) == (rows is not None), result.stdout
            if rows is not None:
                other = database.with_name(to)
                assert query(other, "SELECT a, b FROM t") == rows
                assert "without a record" in json.loads(result.stdout)["plan"]["source"]
                run_sql(database, f'DROP DATABASE "{to}"')
            assert query(
                database, f"SELECT count(*) FROM pg_database WHERE starts_with(datname, '{to}')"
            ) == [(0,)]


ALARMS = {
    "comments": {"event-trigger"},
    "event_triggers": {"event-trigger"},
    "foreign_tables": {"foreign-server"},
    "internal_functions": {"base-type", "language", "native-function", "untrusted-language"},
    "names_objects": {"event-trigger"},
}
"""The rules that the dump of an awkward database really breaks; that of any other breaks none."""

BEHIND_DATA = {"event-trigger"}
VARIANTS = [
    [],
    ["--create", "--clean", "--if-exists", "--inserts"],
    ["--clean", "--column-inserts", "--section=pre-data", "--section=data"],
]
"""Between them, all that ``pg_dump`` is usually asked for; the matrix asks for more."""

ALL_VARIANTS = [
    [],
    ["--create", "--clean", "--if-exists", "--no-owner", "--no-acl"],
    ["--clean", "--column-inserts", "--rows-per-insert=7"],
    ["--create", "--quote-all-identifiers", "--inserts"],
    ["--section=pre-data"],
    ["--section=data"],
    ["--section=post-data"],
    ["--data-only", "--disable-triggers"],
]


def expected_alarms(stem: str, options: list[str]) -> set[str]:
    alarms = ALARMS.get(stem, set())
    if options == ["--section=post-data"]:
        return alarms & BEHIND_DATA
    if "--data-only" in options or options == ["--section=data"]:
        return set()
    sections = [option for option in options if option.startswith("--section")]
    return alarms - BEHIND_DATA if sections else alarms


def check_variants(
    path: Path, variants: list[list[str]], major: int, new_database: NewDatabase, folder: Path
) -> None:
    if not needs_met(path, major):
        pytest.skip("this server lacks the extensions")
    database = new_database(path.read_text(), major=major)
    with ThreadPoolExecutor(2) as pool:
        dumps = pool.map(
            lambda options: pg_dump(
                database, folder / f"dump{''.join(options)}", *options, major=major
            ),
            variants,
        )
        for options, dump in zip(variants, dumps, strict=True):
            found = guarded(dump, allowed=RULES).rules
            assert set(found) == expected_alarms(path.stem, options), options


BULKY = {"many_tables", "wide"}


class TestAwkwardDatabases:
    @pytest.mark.parametrize(
        "path",
        [path for path in schema_files() if path.stem not in BULKY],
        ids=lambda path: path.stem,
    )
    def test_no_false_alarm(self, path: Path, new_database: NewDatabase, tmp_path: Path) -> None:
        # A database that is awkward to restore only is as any other to the guard.
        variants = VARIANTS[1:2] if path.stem.startswith("limit_") else VARIANTS
        check_variants(path, variants, DEFAULT_MAJOR, new_database, tmp_path)

    @pytest.mark.matrix
    @pytest.mark.parametrize("major", MAJORS)
    @pytest.mark.parametrize("path", schema_files(), ids=lambda path: path.stem)
    def test_no_false_alarm_in_any_variant_of_any_version(
        self, path: Path, major: int, new_database: NewDatabase, tmp_path: Path
    ) -> None:
        variants = ALL_VARIANTS[:1] if path.stem in BULKY else ALL_VARIANTS
        check_variants(path, variants, major, new_database, tmp_path)

    def test_the_table_of_alarms_names_databases(self) -> None:
        assert {path.stem for path in schema_files()} >= ALARMS.keys()


@pytest.mark.parametrize(
    "options",
    [["--create"], ["--clean"], ["--clean", "--if-exists"], ["--create", "--clean", "--if-exists"]],
    ids=" ".join,
)
def test_a_dump_that_names_a_database_does_not_touch_it(
    options: list[str], new_database: NewDatabase, dbsnap_here: Command, tmp_path: Path
) -> None:
    database = new_database(
        "CREATE SCHEMA s; CREATE TABLE s.t (a integer PRIMARY KEY, b integer REFERENCES s.t (a));"
        "INSERT INTO s.t VALUES (1, NULL); CREATE VIEW v AS SELECT a FROM s.t;"
    )
    named = quote_name(database.name)
    run_sql(
        database,
        f"COMMENT ON DATABASE {named} IS 'as it was'; ALTER DATABASE {named} SET work_mem = '5MB';"
        f"ALTER ROLE postgres IN DATABASE {named} SET work_mem = '6MB'; GRANT ALL ON DATABASE {named}"
        " TO PUBLIC;",
    )
    dump = pg_dump(database, tmp_path / "dump.sql", *options)
    assert guarded(dump).rules == ()
    run_sql(database, "INSERT INTO s.t VALUES (2, NULL)")
    to = f"{database.name}_side"
    result = dbsnap_here("restore", str(dump), "--url", address_of(database), "--yes", "--to", to)
    assert result.returncode == 0, result.stderr
    assert query(database.with_name(to), "SELECT * FROM v") == [(1,)]
    assert query(database, "SELECT a FROM s.t ORDER BY a") == [(1,), (2,)]


@pytest.mark.parametrize(
    "major",
    [DEFAULT_MAJOR, *(pytest.param(m, marks=pytest.mark.matrix) for m in (15,) if m in MAJORS)],
)
@pytest.mark.parametrize(
    "name",
    ["Plain", "my-app", "select", "a.b", 'say "yes"', "host=elsewhere", "it's", "a\\b", "dés é"],
)
def test_a_database_of_any_name_is_no_alarm(
    name: str, major: int, new_database: NewDatabase, dbsnap_here: Command, tmp_path: Path
) -> None:
    database = new_database("CREATE TABLE t (a integer)", major=major, name=name)
    run_sql(database, f"ALTER DATABASE {quote_name(name)} SET work_mem = '5MB'")
    dump = pg_dump(database, tmp_path / "dump", "--create", major=major)
    assert dump.read_bytes().count(b"\n\\connect ") == 2
    assert guarded(dump).rules == ()
    live = new_database(major=major)
    arguments = ["--url", address_of(live), "--yes", "--to", f"{live.name}_side"]
    result = dbsnap_here("restore", str(dump), *arguments, "--privileges", "require")
    assert result.returncode == 0, result.stderr
    assert query(live.with_name(f"{live.name}_side"), "SELECT count(*) FROM t") == [(0,)]


BLANKS = st.sampled_from(
    [" ", "\n", "\t", " /**/ ", "\n/* ' */ ", " -- \" ; '\n", " /* /* */ ; $$ */\n", "\f \v"]
)


def word(text: str) -> st.SearchStrategy[str]:
    """Write a keyword in any letters."""
    return st.tuples(*(st.sampled_from([c.lower(), c.upper()]) for c in text)).map("".join)


def name(text: str) -> st.SearchStrategy[str]:
    """Write a name bare, quoted, or with escapes."""
    escaped = "".join(f"\\{ord(c):04x}" for c in text)
    longer = "".join(f"!+{ord(c):06x}" for c in text)
    ways = [
        f'"{text}"',
        f'U&"{escaped}"',
        f'u&"{text[0]}{escaped[5:]}"',
        f"U&\"{longer}\" UESCAPE '!'",
    ]
    return st.one_of(word(text), st.sampled_from(ways))


def string(text: str) -> st.SearchStrategy[str]:
    """Write a constant in any of its forms."""
    escaped = "".join(f"\\x{ord(c):02x}" for c in text)
    return st.sampled_from(
        [f"'{text}'", f"E'{escaped}'", f"$${text}$$", f"$a${text}$a$", f"U&'{text}'"]
    )


W, N, S = word, name, string
CATALOGUE = [N("pg_catalog"), st.just("."), N("pg_authid")]
CORES: list[tuple[str, list[st.SearchStrategy[str]]]] = [
    ("server-program", [W("copy"), N("t"), W("from"), W("program"), S("touch x")]),
    (
        "server-program",
        [W("copy"), N("public"), st.just("."), N("t"), W("to"), W("program"), S("x")],
    ),
    ("server-file", [W("copy"), N("t"), W("to"), S("x")]),
    ("alter-system", [W("alter"), W("system"), W("reset"), W("all")]),
    ("do-block", [W("do"), S("begin")]),
    ("load-library", [W("load"), S("x")]),
    ("role", [W("create"), W("role"), N("x"), W("superuser")]),
    ("role-grant", [W("grant"), N("pg_monitor"), W("to"), N("x")]),
    ("system-catalog", [W("insert"), W("into"), *CATALOGUE, W("default"), W("values")]),
    ("system-catalog", [W("grant"), W("all"), W("on"), *CATALOGUE, W("to"), W("public")]),
    ("query", [W("insert"), W("into"), N("t"), W("select"), st.just("1")]),
    ("query", [W("create"), W("table"), N("t"), W("as"), W("select"), st.just("1")]),
    ("extension", [W("create"), W("extension"), N("dblink")]),
    (
        "untrusted-language",
        [
            W("create"),
            W("function"),
            N("f"),
            st.just("()"),
            W("returns"),
            W("void"),
            W("language"),
            st.one_of(N("plsh"), S("plsh")),
            W("as"),
            S("x"),
        ],
    ),
    (
        "native-function",
        [
            W("create"),
            W("or"),
            W("replace"),
            W("function"),
            N("f"),
            st.just("()"),
            W("returns"),
            W("void"),
            W("as"),
            S("x"),
            W("language"),
            st.one_of(N("c"), S("c")),
        ],
    ),
    (
        "server-access",
        [
            W("create"),
            W("materialized"),
            W("view"),
            N("m"),
            W("as"),
            W("select"),
            N("pg_read_file"),
            st.just("("),
            S("x"),
            st.just(")"),
        ],
    ),
    (
        "server-access",
        [
            W("create"),
            W("materialized"),
            W("view"),
            N("m"),
            W("as"),
            W("select"),
            st.just("("),
            S("x"),
            st.just(")"),
            st.just("."),
            N("pg_read_file"),
        ],
    ),
    (
        "replication-role",
        [W("set"), N("session_replication_role"), st.sampled_from(["=", "to"]), S("x")],
    ),
    ("set-role", [W("set"), W("role"), N("x")]),
    (
        "event-trigger",
        [
            W("create"),
            W("event"),
            W("trigger"),
            N("e"),
            W("on"),
            N("sql_drop"),
            W("execute"),
            W("function"),
            N("f"),
            st.just("()"),
        ],
    ),
]


@st.composite
def disguised(draw: st.DrawFn) -> tuple[str, str]:
    rule, parts = draw(st.sampled_from(CORES))
    return rule, "".join(draw(part) + draw(BLANKS) for part in parts) + ";"


@given(disguised())
@settings(max_examples=400, deadline=None)
def test_no_disguise_hides_a_hostile_statement(hostile: tuple[str, str]) -> None:
    rule, statement = hostile
    (found,) = [
        event for event in lex(reader_of(statement.encode())) if isinstance(event, Statement)
    ]
    # A setting is known by its name in lower case, which quoted capitals are not.
    assert broken_rule(found.text) in {rule, {"replication-role": "setting"}.get(rule, rule)}


def reader_of(text: bytes) -> Callable[[int], bytes]:
    pieces = iter([text])
    return lambda _: next(pieces, b"")


@cache
def harmless_statements() -> list[bytes]:
    """Return the statements of all healthy dumps but the one that is known by its every byte."""
    found: dict[bytes, None] = {}
    for pair in PAIRS:
        for event in lex(reader_of(pair.healthy)):
            if isinstance(event, Statement) and event.standard_strings:
                found[event.text] = None
    return [text for text in found if not broken_rule(text) and b"lo_unlink(oid)" not in text]


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_blanks_and_comments_make_nothing_hostile(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(harmless_statements()))
    written = b""
    for token in tokenize(text):
        blank = data.draw(BLANKS)
        written += text[token.start : token.end] + b" " + blank.encode()
    assert broken_rule(written) in ("", "foreign-statement")


OWN = """\
CREATE FUNCTION public.f(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
CREATE OPERATOR public.=== (FUNCTION = public.f, LEFTARG = text, RIGHTARG = text);
CREATE AGGREGATE public.g(text) (SFUNC = public.f, STYPE = text);
"""
VIEW = "CREATE VIEW public.v AS SELECT public.f(a) FROM public.t;\n"
DEFAULT = "CREATE TABLE public.u (a text DEFAULT public.f('x'), b text NOT NULL, c text);\n"


@pytest.mark.parametrize(
    ("sql", "place", "function"),
    [
        ("CREATE TABLE public.u (a text CHECK ((public.f(a) <> ''::text)));", "table u", "f"),
        ("create/**/table public.u (a text check (f (a) <> ''));", "table u", "f"),
        ("CREATE TABLE public.u (a text, b text GENERATED ALWAYS AS (public.f(a)) STORED);",
         "table u", "f"),
        ("ALTER TABLE public.t ADD CONSTRAINT c CHECK ((a OPERATOR(public.===) b));",
         "constraint of t", '"==="'),
        ("SET search_path = public; CREATE TABLE u (a text CHECK (a === ''));", "table u", '"==="'),
        ("CREATE INDEX i ON public.t USING btree (public.f(a));", "index i on t", "f"),
        ("CREATE INDEX i ON public.t USING btree (((a)::text).f);", "index i on t", "f"),
        ("CREATE DOMAIN public.d AS text CONSTRAINT c CHECK ((public.f(VALUE) <> ''));",
         "domain d", "f"),
        ("CREATE CONSTRAINT TRIGGER c AFTER INSERT ON public.t EXECUTE FUNCTION public.f();",
         "trigger c on t", "f"),
        ("CREATE RULE r AS ON UPDATE TO public.t DO ALSO (NOTIFY x; SELECT public.f('a'));",
         "rule r", "f"),
        ("CREATE MATERIALIZED VIEW public.m AS SELECT public.g(a) FROM public.t;",
         "materialized view m", "g"),
        (VIEW + "CREATE MATERIALIZED VIEW public.m AS SELECT * FROM public.v;", "view v", "f"),
        ("CREATE STATISTICS public.s ON (public.f(a)), b FROM public.t;", "statistics s", "f"),
        ("CREATE CAST (text AS public.d) WITH FUNCTION public.f(text) AS IMPLICIT;", "cast", "f"),
        ("CREATE TYPE public.r AS RANGE (subtype = text, canonical = public.f);", "type r", "f"),
        ("CREATE OPERATOR CLASS public.o FOR TYPE text USING btree AS FUNCTION 1 public.f(text, text);",
         "operator class o", "f"),
        (DEFAULT + "COPY public.u (b, c) FROM stdin;\n1\t2\n\\.\n", "table u", "f"),
        (DEFAULT + "INSERT INTO public.u VALUES (DEFAULT, 'x', 'y');", "table u", "f"),
        (DEFAULT + "INSERT INTO u (b) VALUES ('x');", "table u", "f"),
        (DEFAULT + "INSERT INTO public.u DEFAULT VALUES;", "table u", "f"),
    ],
)  # fmt: skip
def test_code_that_runs_while_loading_is_found(
    sql: str, place: str, function: str, tmp_path: Path
) -> None:
    (found,) = guarded(tmp_path / "dump.sql", framed((OWN + sql).encode())).code
    assert (found.place, found.function) == (place, function)


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "CREATE TABLE public.u (a text CHECK ((lower(a) <> 'public.f('::text)), f text);",
        VIEW,
        "CREATE TABLE public.u (a text CHECK ((a = 'f'::text) AND (a <> pg_catalog.f(a))));",
        "CREATE FUNCTION public.h() RETURNS text LANGUAGE sql AS 'SELECT public.f(''x'')';",
        "COMMENT ON FUNCTION public.f(text) IS 'CREATE TABLE u (CHECK (public.f()))';",
        DEFAULT + "COPY public.u (a, b, c) FROM stdin;\n1\t2\t3\n\\.\n",
        DEFAULT + "INSERT INTO public.u VALUES ('a', 'b', 'c');",
        DEFAULT + "INSERT INTO public.u (a, b) VALUES ('a', 'b');",
    ],
)
def test_code_that_does_not_run_while_loading_is_not_listed(sql: str, tmp_path: Path) -> None:
    assert guarded(tmp_path / "dump.sql", framed((OWN + sql).encode())).code == ()


def test_code_that_runs_while_loading_cannot_command_psql(
    canary: Path, new_database: NewDatabase, dbsnap_here: Command, tmp_path: Path
) -> None:
    """A CHECK changes what quotes mean, behind the back of whoever read the file before."""
    database = new_database("")
    path = tmp_path / "dump.sql"
    path.write_bytes(
        framed(
            b"CREATE FUNCTION public.f(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN\n"
            b"PERFORM set_config('standard_conforming_' || 'strings', 'off', false);\n"
            b"RETURN true; END $$;\n"
            b"CREATE TABLE public.u (a text CHECK (public.f(a)));\n"
            b"COPY public.u (a) FROM stdin;\nx\n\\.\n"
            b"COMMENT ON TABLE public.u IS '\\'; COMMENT ON TABLE public.u IS ';\n"
            b"\\unrestrict Key1\n"
            b"\\! touch " + bytes(canary) + b"\n"
            b"SELECT $q$';\nCOMMENT ON TABLE public.u IS '$q$;\n--';\n"
        )
    )
    to = f"{database.name}_to"
    dbsnap_here("restore", str(path), "--url", address_of(database), "--yes", "--to", to)
    assert not canary.exists()
