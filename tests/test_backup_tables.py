"""backup -t: exact tables in one snapshot, in a file that restores into an empty database."""

from __future__ import annotations

import io
import json
import re
import subprocess
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pglast
import pytest
from conftest import (
    DEFAULT_MAJOR,
    MAJORS,
    SCHEMAS,
    drop_all_like,
    psql_of,
    query,
    run_sql,
    url_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from dbsnap.archive.record import read_record, record_from_json
from dbsnap.dumpfile.contents import ContentsReader
from dbsnap.dumpfile.defining.loosened import Loosening, loosened
from dbsnap.dumpfile.lexer import lex
from dbsnap.dumpfile.table_dump import reader_of
from dbsnap.errors import RightMissing, ServerFailed, UsageError
from dbsnap.inventory import compare, object_name
from dbsnap.operations.backup import backup
from dbsnap.operations.backup_tables import backup_tables
from dbsnap.operations.comparing.proof import PROVED
from dbsnap.operations.table_backup.plan import TableRequest
from dbsnap.operations.table_backup.row_filter import row_filter
from dbsnap.operations.validate import validate
from dbsnap.operations.verify import verify
from dbsnap.postgres.client import client_environment
from dbsnap.postgres.connection import connect, execute, fetch_value
from dbsnap.postgres.discovery import choose
from dbsnap.postgres.tables.definitions_archive import exact_patterns
from dbsnap.postgres.tables.rows import PIECE_BYTES, RowsToCopy, copy_rows
from dbsnap.postgres.tables.selection import choose_tables
from dbsnap.postgres.tools import child_environment
from dbsnap.prisma.models import find_prisma_models, prisma_models
from dbsnap.progress import NoProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dbsnap.operations.recording import Backup
    from dbsnap.postgres.throwaway import ThrowawayServer
    from dbsnap.postgres.url import Database

    NewDatabase = Callable[..., Database]

SHOP = """
CREATE TYPE mood AS ENUM ('fine', 'bad');
CREATE DOMAIN address AS text CHECK (VALUE ~ '@');
CREATE TYPE size AS (width int, mood mood);
CREATE SEQUENCE shared_numbers START 40;
CREATE FUNCTION shout(word text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT upper(word)';
CREATE FUNCTION loud(word text) RETURNS text IMMUTABLE LANGUAGE sql
    AS 'SELECT public.shout(word) || ''!''';
CREATE FUNCTION calls_so_far() RETURNS int LANGUAGE sql AS $$SELECT set_config('shop.calls',
    (coalesce(nullif(current_setting('shop.calls', true), ''), '0')::int + 1)::text, false)::int$$;
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql
    AS $$BEGIN NEW.updated_at := now(); RETURN NEW; END$$;
CREATE TABLE creators (id serial PRIMARY KEY, name text NOT NULL);
CREATE TABLE mods (
    id serial PRIMARY KEY,
    "contentType" text NOT NULL DEFAULT 'furniture',
    title text,
    mood mood DEFAULT 'fine',
    moods mood[],
    contact address,
    size size,
    number bigint DEFAULT nextval('shared_numbers'),
    creator_id int CONSTRAINT mods_creator REFERENCES creators,
    parent_id int REFERENCES mods,
    updated_at timestamptz
);
CREATE INDEX mods_loud ON mods (loud(title));
CREATE TRIGGER mods_stamp BEFORE UPDATE ON mods FOR EACH ROW EXECUTE FUNCTION stamp();
COMMENT ON COLUMN mods.title IS 'what people see';
CREATE TABLE favorites (
    mod_id int REFERENCES mods ON DELETE CASCADE, user_name text, PRIMARY KEY (mod_id, user_name)
);
CREATE TABLE secrets (id int, token text);
CREATE VIEW titles AS SELECT title FROM mods;
CREATE MATERIALIZED VIEW counts AS SELECT count(*) FROM mods;
INSERT INTO creators (name) VALUES ('ada');
INSERT INTO mods ("contentType", title, moods, contact, size, creator_id, parent_id)
    SELECT (ARRAY['furniture', 'hair'])[1 + i % 2], 'title ' || i, '{fine,bad}', 'a@b',
        (i, 'bad'::mood)::size, 1, nullif(i - 1, 0) FROM generate_series(1, 6) AS i;
INSERT INTO favorites SELECT id, 'ada' FROM mods;
INSERT INTO secrets VALUES (1, 'TOP-SECRET');
"""


PEOPLE = """
CREATE TABLE users (
    id serial PRIMARY KEY,
    email text NOT NULL UNIQUE,
    "passwordHash" text NOT NULL CONSTRAINT strong CHECK (length("passwordHash") > 5),
    lower_email text GENERATED ALWAYS AS (lower(email)) STORED NOT NULL,
    age int NOT NULL DEFAULT 30,
    note text
);
CREATE UNIQUE INDEX users_hash ON users ("passwordHash");
CREATE TABLE posts (
    id serial PRIMARY KEY, author text REFERENCES users (email), owner int REFERENCES users
);
INSERT INTO users (email, "passwordHash", note)
    SELECT 'User' || i || '@Private.example', 'HASHED-' || i, 'note ' || i
    FROM generate_series(1, 4) AS i;
INSERT INTO posts (author, owner) SELECT email, id FROM users;
"""


class Heard(NoProgress):
    """Remembers what a person would have been told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.warnings: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def take(database: Database, directory: Path, *tables: str, **request: Any) -> Backup:
    options = {k: request.pop(k) for k in ("progress", "compression", "reason") if k in request}
    return backup_tables(
        database, TableRequest(tables, **request), target="test", directory=directory, **options
    )


def load_plainly(taken: Backup, database: Database) -> None:
    """Restore as somebody without dbsnap would: ``psql -1 -f``."""
    psql = psql_of(database)
    arguments = ["-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", str(taken.dump)]
    environment = child_environment(client_environment(database, application="tests"))
    subprocess.run([psql.path, *arguments], env=environment, check=True, capture_output=True)


def differences(before: Backup, after: Backup) -> list[str]:
    found = compare(before.record.inventory, after.record.inventory, require=PROVED)
    return [finding.message for finding in found]


def tables_of(taken: Backup) -> list[str]:
    return [selection.table for selection in taken.record.selection]


def left_behind(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir() if path.name.startswith(("backup_2", ".b"))]


@pytest.fixture(scope="module")
def shop(server: ThrowawayServer) -> Iterator[Database]:
    """Give one database for all tests that only read it."""
    yield from shared_database(server, "shop", SHOP)


@pytest.fixture(scope="module")
def people(server: ThrowawayServer) -> Iterator[Database]:
    """Give another one."""
    yield from shared_database(server, "people", PEOPLE)


def shared_database(server: ThrowawayServer, name: str, sql: str) -> Iterator[Database]:
    with connect(server.database()) as connection:
        execute(connection, f"CREATE DATABASE {name}")
    run_sql(server.database(name), sql)
    yield server.database(name)
    drop_all_like(server, name)


@pytest.mark.parametrize(
    "major",
    [DEFAULT_MAJOR, *(pytest.param(m, marks=pytest.mark.matrix) for m in MAJORS if m != 18)],
)
def test_a_table_comes_with_all_it_needs_and_nothing_else(
    major: int, new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(SHOP, major=major)
    taken = take(database, tmp_path, "mods", "favorites", reason="before the cleanup")
    assert tables_of(taken) == ["public.mods", "public.favorites"]
    inventory = taken.record.inventory
    assert {name: facts["rows"] for name, facts in inventory.of("table").items()} == {
        "public.mods": 6,
        "public.favorites": 6,
    }
    assert set(inventory.of("type")) == {"public.mood", "public.address", "public.size"}
    assert set(inventory.of("function")) == {
        "public.stamp()",
        "public.loud(word text)",
        "public.shout(word text)",  # only the text of another function says so
    }
    assert set(inventory.of("sequence")) == {"public.mods_id_seq", "public.shared_numbers"}
    assert b"TOP-SECRET" not in taken.dump.read_bytes()
    validate(taken.dump)
    empty = new_database(major=major)
    load_plainly(taken, empty)
    assert not differences(taken, take(empty, tmp_path, "mods", "favorites"))
    assert query(empty, "SELECT last_value, is_called FROM shared_numbers") == [(45, True)]
    assert query(empty, "SELECT col_description('mods'::regclass, 3)") == [("what people see",)]


def test_what_needs_another_table_is_kept_in_the_record(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(
        SHOP
        + """
        ALTER TABLE mods ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON mods FOR SELECT USING (creator_id IN (SELECT id FROM creators));
        CREATE RULE kept AS ON DELETE TO mods DO ALSO INSERT INTO secrets VALUES (OLD.id, 'gone');
        """
    )
    taken = take(database, tmp_path, "mods")
    (selection,) = taken.record.selection
    omitted = {(one.kind, one.name): one for one in selection.omitted}
    assert set(omitted) == {
        ("constraint", "public.mods.mods_creator"),
        ("policy", "public.mods.own"),
        ("rule", "public.mods.kept"),
    }
    assert omitted["constraint", "public.mods.mods_creator"].references == "public.creators"
    assert any(
        "mods_creator" in note and "not in the backup" in note for note in taken.record.notes
    )
    load_plainly(taken, new_database())
    # Where the other tables are, the statements bring everything back.
    run_sql(
        database,
        "ALTER TABLE mods DROP CONSTRAINT mods_creator; DROP POLICY own ON mods;"
        "DROP RULE kept ON mods;" + "".join(f"{one.statement};" for one in selection.omitted),
    )
    assert not differences(taken, take(database, tmp_path, "mods"))
    assert take(database, tmp_path, "mods").record.selection == taken.record.selection


def test_a_table_whose_definition_is_needed_comes_without_rows(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(
        "CREATE TABLE points (x int CHECK (x > 0), y int); INSERT INTO points VALUES (1, 2);"
        "CREATE TABLE shapes (id int, corners points[]); INSERT INTO shapes VALUES (1, '{\"(3,4)\"}');"
        "CREATE TABLE round_shapes (radius int) INHERITS (shapes);"
        "INSERT INTO round_shapes VALUES (2, '{}', 5);"
    )
    taken = take(database, tmp_path, "round_shapes")
    assert tables_of(taken) == ["public.round_shapes"]
    assert any("shapes comes without rows" in note for note in taken.record.notes)
    empty = new_database()
    load_plainly(taken, empty)
    assert not differences(taken, take(empty, tmp_path, "round_shapes"))
    assert query(empty, "SELECT (SELECT count(*) FROM points), radius FROM round_shapes") == [
        (0, 5)
    ]
    assert query(empty, "SELECT count(*) FROM ONLY shapes") == [(0,)]
    # Who changes a table changes those that inherit from it.
    assert tables_of(take(database, tmp_path, "shapes")) == ["public.shapes", "public.round_shapes"]


AWKWARD = [
    "dependency_loops",
    "names_tables",
    "operators",
    "partitions",
    "schemas_crossed",
    "types",
]


@pytest.mark.parametrize("stem", AWKWARD)
def test_awkward_tables_come_back_exactly(
    stem: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database((SCHEMAS / f"{stem}.sql").read_text())
    taken = take(database, tmp_path, "*.*")
    empty = new_database()
    load_plainly(taken, empty)
    assert not differences(taken, take(empty, tmp_path, "*.*"))


EVENTS = """
CREATE TABLE places (id int PRIMARY KEY);
CREATE TABLE events (
    id int GENERATED ALWAYS AS IDENTITY, at date NOT NULL, place int REFERENCES places,
    note text NOT NULL CHECK (note <> ''), PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2025-01-01');
CREATE TABLE events_new PARTITION OF events DEFAULT;
CREATE INDEX events_note ON events (note);
CREATE FUNCTION quiet() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER told AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION quiet();
INSERT INTO events (at, note)
    SELECT date '2023-01-01' + 300 * i, 'n' || i FROM generate_series(1, 5) AS i;
"""


@pytest.mark.parametrize(
    "major",
    [DEFAULT_MAJOR, *(pytest.param(m, marks=pytest.mark.matrix) for m in MAJORS if m != 18)],
)
def test_a_partitioned_table_is_one_table_and_a_partition_another(
    major: int, new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(EVENTS, major=major)
    whole = take(database, tmp_path, "events", "events_old")
    assert tables_of(whole) == ["public.events"]
    assert whole.record.inventory.of("table")["public.events"]["rows"] == 5
    empty = new_database(major=major)
    load_plainly(whole, empty)
    assert not differences(whole, take(empty, tmp_path, "events"))
    part = take(database, tmp_path, "events_old")
    assert part.record.inventory.total_rows() == 2
    kinds = {one.kind for one in part.record.selection[0].omitted}
    assert kinds == {"constraint", "trigger"}, "what only the partitioned table has itself"
    empty = new_database(major=major)
    load_plainly(part, empty)
    assert not differences(part, take(empty, tmp_path, "events_old"))
    rows = take(database, tmp_path, "events", where=["at < '2025-01-01'"])
    assert rows.record.inventory.total_rows() == 2
    assert backup(database, target="test", directory=tmp_path).record.inventory.total_rows() == 5


def pg_dump_tables(database: Database, pattern: str) -> set[str] | None:
    """Return the tables that pg_dump -t means; None where it finds none."""
    program = choose("pg_dump", DEFAULT_MAJOR * 10000)
    environment = child_environment(client_environment(database, application="tests"))
    arguments = ["-s", "--strict-names", "-t", pattern]
    done = subprocess.run(
        [program.path, *arguments], env=environment, capture_output=True, check=False
    )
    if done.returncode:
        return None
    reader = ContentsReader()
    for event in lex(reader_of(iter([done.stdout]))):
        reader.feed(event)
    tables = reader.contents().inventory.of("table")
    return {table for table in tables if not table.startswith(("pg_catalog.", "information_"))}


def test_patterns_mean_what_they_mean_to_pg_dump(new_database: NewDatabase, tmp_path: Path) -> None:
    names = ["a", "ab", "a.b", "A", 'we"ird', "a$b", "a*b", "a|b", "a[]", "x y", "ä", "a\nb"]
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    database = new_database(
        'CREATE SCHEMA other; CREATE SCHEMA "S";'
        + "".join(f"CREATE TABLE {name} (id int);" for name in quoted)
        + 'CREATE TABLE other.a (id int); CREATE TABLE other.only (id int); CREATE TABLE "S".a (id int);'
    )
    asked = ["a", "A", '"A"', "a*", "a?", "*", "*.a", "other.*", "OTHER.A", '"S".*', "S.a", "only"]
    asked += [
        "other.only",
        "a|ab",
        "(a|ab)",
        "a[b]",
        '"a*b"',
        '"a.b"',
        "a.b",
        '"a"*',
        "a$b",
        "ä",
        '"a|b"',
    ]
    asked += [
        f"{database.name}.public.a",
        "elsewhere.public.a",
        '"x y"',
        '"we""ird"',
        "we*",
        '"a[]"',
    ]
    with connect(database) as connection:
        for pattern in asked:
            try:
                chosen = choose_tables(connection, [pattern], database=database)
                found = {table.relation.title for table in chosen.tables}
            except UsageError:
                found = None
            assert found == pg_dump_tables(database, pattern), pattern


def test_a_name_that_matches_nothing_is_refused_with_the_nearest(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(SHOP + 'CREATE TABLE "UserProfile" (id int);')
    with pytest.raises(
        UsageError, match=r"no table is named mod; there is mods.*named favs;.*favor"
    ):
        take(database, tmp_path, "mods", "mod", "favs")
    with pytest.raises(UsageError, match=r"no table is named userprofil; there is UserProfile"):
        take(database, tmp_path, "userprofil")
    for pattern, reason in (
        ("titles", "is a view"),
        ("counts", "is a materialized view"),
        ("mods_id_seq", "is a sequence"),
        ('"mods', "names no table"),
        ("a.b.c.d", "names no table"),
        ("", "names no table"),
        ("mods(", "is no pattern"),
        ("\udcff", "names no table"),
    ):
        with pytest.raises(UsageError, match=reason):
            take(database, tmp_path, pattern)
    assert not left_behind(tmp_path)
    taken = take(database, tmp_path, "public.*")
    assert any("left out: counts is a materialized view" in note for note in taken.record.notes)
    assert tables_of(take(database, tmp_path, "UserProfile")) == ['public."UserProfile"']


PRISMA = """
// model Commented { @@map("wrong") }
datasource db { provider = "postgresql" }
model Mod {
  id    Int    @id
  note  String @default("} @@map(\\"not this\\")") // @@map("nor this")
  /* @@map("or this") */
  @@map("mods")
}
model FacetDefinitions {
  id Int @id
  @@map(name: "facet_definitions")
  @@schema("catalog")
}
model Plain { id Int @id }
"""


def test_the_names_of_prisma_models_lead_to_their_tables(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    (tmp_path / "prisma").mkdir()
    (tmp_path / "prisma/schema.prisma").write_text(PRISMA)
    models = find_prisma_models(tmp_path)
    assert [(m.name, m.accessor, m.table, m.schema) for m in models] == [
        ("Mod", "mod", "mods", ""),
        ("FacetDefinitions", "facetDefinitions", "facet_definitions", "catalog"),
        ("Plain", "plain", "Plain", ""),
    ]
    assert not prisma_models("model {")
    assert not find_prisma_models(tmp_path / "nowhere")
    database = new_database(
        'CREATE TABLE mods (id int PRIMARY KEY, secret text); CREATE TABLE "Plain" (id int);'
        "CREATE SCHEMA catalog; CREATE TABLE catalog.facet_definitions (id int);"
        "CREATE TABLE facet_definitions (id int); CREATE TABLE plain (id int);"
    )
    taken = take(
        database,
        tmp_path / "kept",
        *("Mod", "facetDefinitions", "Plain"),
        models=models,
        exclude_columns=["Mod.secret"],
        where=["Mod=id > 0"],
    )
    # A pattern that names a table means that one, whatever the models are called.
    assert tables_of(taken) == ["public.mods", "catalog.facet_definitions", "public.plain"]
    assert taken.record.selection[0].excluded_columns == ("secret",)
    elsewhere = replace(database, schema="catalog")
    assert tables_of(take(elsewhere, tmp_path / "kept", "facet_definitions")) == [
        "catalog.facet_definitions"
    ]


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"prisma/schema/a.prisma": "A", "prisma/schema/deep/b.prisma": "B"}, ["A", "B"]),
        ({"prisma/one.prisma": "A", "prisma/two.prisma": "B"}, ["A", "B"]),
        ({"schema.prisma": "A", "prisma/schema.prisma": "B"}, ["A"]),
        ({"package.json": '{"prisma": {"schema": "db/s.prisma"}}', "db/s.prisma": "A"}, ["A"]),
        ({"package.json": '{"prisma": {"schema": 7}}', "schema.prisma": "A"}, ["A"]),
        (
            {
                "prisma.config.ts": "x({ schema: 'db', })",
                "db/a/b.prisma": "A",
                "schema.prisma": "B",
            },
            ["A"],
        ),
        (
            {
                "prisma.config.ts": "x({ migrations: { path: 'm' }, schema: join('db', 's.prisma') })",
                "db/s.prisma": "A",
            },
            ["A"],
        ),
        ({"prisma.config.ts": "x({ schema: somewhere() })", "prisma/schema.prisma": "A"}, ["A"]),
    ],
)
def test_the_schema_is_where_prisma_is_told(
    tmp_path: Path, files: dict[str, str], found: list[str]
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(
            f"model {text} {{ id Int @id }}" if name.endswith(".prisma") else text
        )
    assert [model.name for model in find_prisma_models(tmp_path)] == found


def test_a_filter_selects_rows_and_is_part_of_the_record_and_the_name(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(SHOP)
    heard = Heard()
    where = "mods.\"contentType\" = 'furniture' -- by type"
    taken = take(database, tmp_path, "mods", where=[where], progress=heard)
    assert re.fullmatch(r"backup_\d{8}_\d{6}_mods_furniture\.sql", taken.dump.name)
    assert taken.record.selection[0].where == where
    assert any("mods: 3 rows" in note for note in heard.notes)
    empty = new_database()
    load_plainly(taken, empty)
    assert query(empty, 'SELECT DISTINCT "contentType" FROM mods') == [("furniture",)]
    # A reference among the rows may lead to one that the filter left out.
    assert {one.name for one in taken.record.selection[0].omitted} == {
        "public.mods.mods_creator",
        "public.mods.mods_parent_id_fkey",
    }
    both = take(
        database,
        tmp_path,
        *("mods", "favorites", "creators"),
        where=["favorites=mod_id IN (SELECT id FROM mods WHERE title = 'title 2')", "mods= id = 2"],
    )
    assert {name: f["rows"] for name, f in both.record.inventory.of("table").items()} == {
        "public.mods": 1,
        "public.favorites": 1,
        "public.creators": 1,
    }
    load_plainly(both, new_database())


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (
            "contentType = 'hair'",
            r'column "contenttype" does not exist, at character 1: HERE>> content',
        ),
        ("id > 1 AND tite = 'x'", r"at character 12: id > 1 AND HERE>> tite = 'x'"),
        ("title", "must be type boolean"),
        ("id = 'one'", "invalid input syntax for type integer"),
        ("title::int > 1", "invalid input syntax for type integer"),
        ("id > 1; DROP TABLE mods", "it holds a semicolon"),
        ("true) OR (true", "closes a parenthesis"),
        ("true) TO PROGRAM 'false' --", "closes a parenthesis"),
        ("(true", "does not close"),
        ("title = 'x", "does not end"),
        ("true /* ", "does not end"),
        ("id = 1 \\! false", "backslash"),
        ("", "it is empty"),
        ("\udcff", "no UTF-8"),
        ("id = $1", "holds a parameter"),
        ("generate_series(1, 2) = 1", "set-returning"),
        ("nextval('mods_id_seq') > 0", "read-only transaction"),
        ("count(*) > 1", "aggregate"),
        ("pg_read_file('x') = ''", "reaches beyond the database"),
    ],
)
def test_a_filter_that_is_no_condition_is_refused_before_anything_is_written(
    where: str, message: str, shop: Database, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        take(shop, tmp_path / "new", "mods", where=[where])
    assert not (tmp_path / "new").exists()


def test_it_must_be_clear_which_table_a_filter_is_for(shop: Database, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not said which table") as refusal:
        take(shop, tmp_path, "mods", "favorites", where=["id > 1"])
    assert "mods, favorites" in refusal.value.hint
    with pytest.raises(UsageError, match="two filters for mods"):
        take(shop, tmp_path, "mods", "favorites", where=["mods=id > 1", "public.mods=id > 2"])
    with pytest.raises(ServerFailed, match="counted 0 rows and sent 6"):
        take(shop, tmp_path, "mods", where=["calls_so_far() > 6"])
    assert not left_behind(tmp_path)


FRAGMENTS = ["'", '"', "(", ")", ";", "--", "/*", "*/", "$$", "$a$", "E'", "U&'", "\\", "\n", " "]
FRAGMENTS += [
    "id",
    "1",
    "=",
    " UNION SELECT ",
    " TO PROGRAM ",
    " LIMIT ",
    " OR ",
    " -- ",
    "||",
    ",",
]


@settings(deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join))
def test_a_filter_never_leaves_its_parentheses(text: str) -> None:
    try:
        statement = f"SELECT 1 FROM mods WHERE {row_filter(text).condition()}"
    except UsageError:
        return
    try:
        (parsed,) = pglast.parse_sql(statement)
    except pglast.parser.ParseError:
        return  # the server refuses it as well
    assert parsed.stmt.whereClause is not None
    without = ("limitCount", "sortClause", "groupClause", "lockingClause", "larg", "intoClause")
    assert not any(getattr(parsed.stmt, clause) for clause in without)


def test_excluded_values_are_nowhere(
    new_database: NewDatabase, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    database = new_database(PEOPLE)
    heard = Heard()
    taken = take(
        database,
        tmp_path,
        *("users", "posts"),
        exclude_columns=["users.email", "users.passwordHash", "posts.author"],
        standing_exclusions={"users": ["note"], "nobody": ["x"], "posts": []},
        progress=heard,
    )
    users, posts = taken.record.selection
    assert users.excluded_columns == ("email", "passwordHash", "note")
    assert users.columns == ("id", "age")
    assert posts.excluded_columns == ("author",)
    told = "".join([*heard.notes, *heard.warnings, *capfd.readouterr()]).encode()
    for content in [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()] + [told]:
        assert not re.search(rb"(?i)private\.example|HASHED|note \d", content)
    assert any("users: not in the file: email, passwordHash, note" in n for n in taken.record.notes)
    assert any("no such table" in note for note in taken.record.notes), "a rule that misses warns"
    # What the missing values could not meet is left out, and the file still restores.
    assert {one.name for one in users.omitted if one.kind == "constraint"} == {
        "public.users.users_email_key",
        "public.users.strong",
    }
    empty = new_database()
    load_plainly(taken, empty)
    assert query(empty, "SELECT count(*), count(email), min(age) FROM users") == [(4, 0, 30)]
    again = {
        "exclude_columns": ["users.email", 'users."passwordHash"', "users.note", "posts.author"]
    }
    assert not differences(taken, take(empty, tmp_path / "again", "users", "posts", **again))
    run_sql(empty, "DELETE FROM posts; DELETE FROM users;")
    run_sql(empty, "".join(f"{one.statement};" for one in (*users.omitted, *posts.omitted)))
    run_sql(empty, "INSERT INTO users (email, \"passwordHash\") VALUES ('a', 'long enough')")


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("users.id", "part of the primary key"),
        ("users.nothing", "has no column nothing"),
        ("posts.author", "posts is not among the tables"),
        ("email", "does not name a table and a column"),
        ("users.", "does not name a table and a column"),
    ],
)
def test_a_column_that_cannot_be_left_out_is_refused(
    column: str, message: str, people: Database, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        take(people, tmp_path / "new", "users", exclude_columns=[column])
    assert not (tmp_path / "new").exists()


def test_constraints_are_cut_out_of_a_table_and_nothing_else() -> None:
    statement = """CREATE UNLOGGED TABLE public."a (b" (
    id integer NOT NULL,
    "not" text DEFAULT 'x) NOT NULL, y'::text CONSTRAINT "c,d" NOT NULL,
    flag boolean DEFAULT (1 IS NOT NULL) NOT NULL,
    amount numeric(10,2) NOT NULL NO INHERIT,
    CONSTRAINT kept CHECK ((id > 0)),
    CONSTRAINT gone CHECK (("not" <> ','::text)),
    CONSTRAINT named NOT NULL flag
)
PARTITION BY RANGE (id);"""
    names = frozenset({"not", "flag", "amount"})
    loosenings = {'public."a (b"': Loosening(names, frozenset({"gone"}))}
    assert (
        loosened(statement.encode(), loosenings).decode()
        == """CREATE UNLOGGED TABLE public."a (b" (
    id integer NOT NULL,
    "not" text DEFAULT 'x) NOT NULL, y'::text,
    flag boolean DEFAULT (1 IS NOT NULL),
    amount numeric(10,2),
    CONSTRAINT kept CHECK ((id > 0))
)
PARTITION BY RANGE (id);"""
    )
    for other in (statement.replace("a (b", "c"), "CREATE INDEX i ON t (id);", "SELECT 1;"):
        assert loosened(other.encode(), loosenings) == other.encode()


def test_the_record_says_what_was_taken_and_older_ones_stay_valid(
    people: Database, tmp_path: Path
) -> None:
    taken = take(people, tmp_path, "users", where=["id > 1"], exclude_columns=["users.email"])
    path = taken.dump.with_suffix(".json")
    assert read_record(path) == taken.record
    document = json.loads(path.read_text())
    del document["selection"]
    assert record_from_json(document, where="here").selection == ()


def test_all_tables_are_of_one_moment(new_database: NewDatabase, tmp_path: Path) -> None:
    database = new_database("CREATE TABLE debits (n int); CREATE TABLE credits (n int);")
    ended = threading.Event()

    def write() -> None:
        with connect(database) as connection:
            for number in range(100_000):
                execute(
                    connection,
                    f"BEGIN; INSERT INTO public.debits VALUES ({number}); "
                    f"INSERT INTO public.credits VALUES ({number}); COMMIT",
                )
                if ended.is_set():
                    return

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(2):
            rows = take(database, tmp_path, "debits", "credits").record.inventory.of("table")
            assert rows["public.debits"]["content"] == rows["public.credits"]["content"]
    finally:
        ended.set()
        writer.join()


def test_a_role_needs_rights_on_the_tables_alone_and_waits_for_no_other(
    new_database: NewDatabase, tmp_path: Path, server: ThrowawayServer
) -> None:
    database = new_database(SHOP)
    role = f"owner_of_{database.name}"
    run_sql(
        database,
        f"CREATE ROLE {role} LOGIN; ALTER TABLE favorites OWNER TO {role};"
        "REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO PUBLIC;",
    )
    as_owner = replace(database, parameters={**database.parameters, "user": role})
    try:
        with connect(database) as other:
            execute(other, "BEGIN; LOCK TABLE public.mods, public.secrets")
            taken = take(as_owner, tmp_path, "favorites")
            assert taken.record.inventory.total_rows() == 6
        assert role.encode() in (tmp_path / taken.record.privileges.file).read_bytes()
        with pytest.raises(RightMissing, match="permission denied"):
            take(as_owner, tmp_path, "secrets")
    finally:
        run_sql(database, f"REASSIGN OWNED BY {role} TO CURRENT_USER; DROP ROLE {role}")


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_other_encodings_keep_their_bytes(
    encoding: str, new_database: NewDatabase, tmp_path: Path, server: ThrowawayServer
) -> None:
    name = f"encoded_{encoding.lower()}"
    with connect(server.database()) as connection:
        execute(
            connection,
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'",
        )
    try:
        database = server.database(name)
        word = "chr(228)" if encoding == "LATIN1" else "E'\\xe4'"
        run_sql(database, f"CREATE TABLE t AS SELECT 1 AS id, {word} AS word")
        taken = take(database, tmp_path, "t", where=["id = 1"])
        expected = "ä".encode() if encoding == "LATIN1" else b"\xe4"
        assert b"1\t" + expected + b"\n" in taken.dump.read_bytes()
    finally:
        drop_all_like(server, name)


def test_many_rows_are_announced_and_stream(new_database: NewDatabase, tmp_path: Path) -> None:
    database = new_database(
        "CREATE TABLE big AS"
        " SELECT i AS id, repeat('x', 100) AS text FROM generate_series(1, 100001) AS i"
    )
    heard = Heard()
    taken = take(database, tmp_path, "big", progress=heard)
    assert heard.notes[0].startswith("big: 100,001 rows, about 1")
    assert "--where" in heard.warnings[0]
    assert [finding.severity for finding in taken.findings] == ["warning"]
    filtered = Heard()
    take(database, tmp_path, "big", where=["id > 0"], progress=filtered)
    assert not filtered.warnings
    rows = RowsToCopy(("id", "text"), "FROM public.big")
    with connect(database) as connection:
        assert max(map(len, copy_rows(connection, rows, expected=100_001))) < 2 * PIECE_BYTES
        begun = copy_rows(connection, rows, expected=100_001)
        next(begun)
        begun.close()  # as when the disk is full
        assert fetch_value(connection, "SELECT 1") == 1


def test_tables_are_verified_against_the_live_ones(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(SHOP + EVENTS)
    taken = take(
        database,
        tmp_path,
        *("mods", "favorites", "events"),
        where=["mods=\"contentType\" = 'hair'", "events=id < 4"],
        exclude_columns=["mods.contentType", "mods.contact"],
    )
    part = take(database, tmp_path, "events_old")
    for each in (taken, part):
        assert not verify(each.dump, database).findings
    # What is not in the backup may change.
    run_sql(
        database,
        "ALTER TABLE mods DISABLE TRIGGER mods_stamp; UPDATE mods SET contact = 'c@d';"
        "ALTER TABLE mods ENABLE TRIGGER mods_stamp; INSERT INTO mods (title) VALUES ('furniture');"
        "UPDATE events SET note = 'other' WHERE id = 5; DELETE FROM secrets",
    )
    objects = {finding.object for finding in verify(taken.dump, database).findings}
    assert objects == {"sequence public.mods_id_seq", "sequence public.shared_numbers"}
    run_sql(
        database,
        "DELETE FROM favorites WHERE mod_id = 2; UPDATE mods SET title = 'new' WHERE id = 3;"
        "DROP INDEX mods_loud; ALTER TABLE mods DROP CONSTRAINT mods_creator; DROP TABLE events;",
    )
    messages = {finding.message for finding in verify(taken.dump, database).findings}
    assert {
        "favorites: 1 row missing",
        "mods: 1 row differs",
        "index mods_loud is gone",
        "constraint mods_creator of mods is gone",
        "table events is gone",
    } <= messages
    assert verify(part.dump, database).verdict == "different"


def test_the_command_line(
    people: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    dbsnap_here: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", url_of(people))
    (tmp_path / "schema.prisma").write_text('model User { id Int @id\n @@map("users") }')
    (tmp_path / "dbsnap.toml").write_text('[tables.User]\nexclude_columns = ["passwordHash"]')
    done = dbsnap_here(
        "backup", "-t", "User", "-t", "posts", "--where", "User=id > 1", "--reason", "it's time"
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"(?m)^users +3 +3 .* id > 1$", done.stdout)
    assert "VERIFIED" in done.stdout
    assert "not in the file: passwordHash" in done.stdout
    assert "HASHED" not in done.stdout + done.stderr
    assert re.search(
        r"restore it with:  dbsnap restore backup_\d+_\d+_users_posts_id_1\n", done.stdout
    )
    document = json.loads(dbsnap_here("backup", "-t", "posts", "--json").stdout)
    assert (document["status"], document["rows"], document["id"][-5:]) == ("ok", 4, "posts")
    (selection,) = document["selection"]
    assert (selection["rows"], selection["rows_in_file"]) == (4, 4)
    for arguments, message in (
        (["-t", "usr"], "no table is named usr"),
        (["--where", "id > 1"], "name the table with -t"),
        (["-t", "posts", "--where", "di = 1"], "at character 1: HERE>> di = 1"),
        (["-t", "posts", "--require-migrations"], "for backups of a whole database"),
    ):
        refused = dbsnap_here("backup", *arguments)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert message in refused.stderr
    whole = dbsnap_here("backup")
    assert "holds everything, also what dbsnap.toml leaves out of table backups: User.pass" in (
        whole.stdout
    )
    (tmp_path / "dbsnap.toml").write_text('[tables.users]\nexclude_columns = "passwordHash"')
    assert "exclude_columns" in dbsnap_here("backup").stderr


@pytest.mark.parametrize("most_bytes", [1, 1000, 1 << 20])
def test_what_is_left_out_is_exactly_that(new_database: NewDatabase, most_bytes: int) -> None:
    """However many names stand in one pattern, and whatever they are made of."""
    database = new_database((SCHEMAS / "names_tables.sql").read_text())
    names = query(
        database,
        "SELECT nspname, relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace "
        "WHERE relkind IN ('r', 'p') AND nspname !~ '^(pg_|information_schema)' ORDER BY 1, 2",
    )
    out = names[::2]
    patterns = [f"--exclude-table={found}" for found in exact_patterns(out, most_bytes)]
    assert (len(patterns) == len(out)) == (most_bytes == 1 << 20)
    program = choose("pg_dump", 180000)
    command = [program.path, "--section=pre-data", *patterns]
    environment = child_environment(client_environment(database, application="test"))
    dumped = subprocess.run(command, env=environment, check=True, capture_output=True)
    contents = ContentsReader()
    for event in lex(io.BytesIO(dumped.stdout).read):
        contents.feed(event)
    left = {object_name(*name) for name in names if name not in out}
    assert set(contents.contents().inventory.of("table")) == left
