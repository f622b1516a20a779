"""An extension that a server lacks: nothing is proved, unless it is left out with all that needs it."""

from __future__ import annotations

import shutil
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import DEFAULT_MAJOR, database_names, run_sql
from drilled import edit_record, not_passed, outcomes
from hypothesis import given, settings
from hypothesis import strategies as st

from dbsnap.dumpfile.lexing.tokens import tokenize
from dbsnap.operations.backup import backup
from dbsnap.operations.drill import drill
from dbsnap.operations.drilling.left_out import repair
from dbsnap.operations.drilling.options import DrillOptions
from dbsnap.operations.drilling.without_extensions import edited
from dbsnap.postgres.throwaway import server_binaries, throwaway_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbsnap.postgres.throwaway import ThrowawayServer

CONTROL = "default_version = '1.0'\nrelocatable = true\n"
FRUIT = """
CREATE FUNCTION fruit_in(cstring) RETURNS fruit LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION fruit_out(fruit) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE FUNCTION fruit_length(cstring[]) RETURNS integer LANGUAGE internal IMMUTABLE STRICT
    AS 'varchartypmodin';
CREATE FUNCTION fruit_length_out(integer) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT
    AS 'varchartypmodout';
CREATE TYPE fruit (INPUT = fruit_in, OUTPUT = fruit_out, LIKE = text, TYPMOD_IN = fruit_length,
    TYPMOD_OUT = fruit_length_out);
CREATE FUNCTION new_id() RETURNS uuid LANGUAGE sql AS 'SELECT pg_catalog.gen_random_uuid()';
CREATE FUNCTION sweet(fruit) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE FUNCTION hash(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT pg_catalog.md5($1)';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE fruit_config (a integer);
SELECT pg_catalog.pg_extension_config_dump('fruit_config', '');
CREATE OPERATOR CLASS fruit_ops FOR TYPE text USING btree AS
    OPERATOR 1 <(text, text), OPERATOR 2 <=(text, text), OPERATOR 3 =(text, text),
    OPERATOR 4 >=(text, text), OPERATOR 5 >(text, text), FUNCTION 1 bttextcmp(text, text);
"""
SHOP = """
CREATE EXTENSION fruit; CREATE EXTENSION citext; CREATE ROLE fruit_reader;
CREATE TABLE item (id uuid PRIMARY KEY DEFAULT new_id(), name text NOT NULL, tasty fruit(30) NOT NULL,
    many fruit[], mail citext DEFAULT 'x', "ö" fruit DEFAULT 'apple'::fruit,
    hashed text GENERATED ALWAYS AS (hash(name)) STORED NOT NULL,
    CONSTRAINT is_sweet CHECK (sweet(tasty)), CONSTRAINT named CHECK (name <> ''));
COMMENT ON COLUMN item.tasty IS 'a fruit'; COMMENT ON TABLE item IS 'items';
COMMENT ON CONSTRAINT is_sweet ON item IS 'sweet';
INSERT INTO item (name, tasty, many) VALUES ('one', 'pear', '{a,b}'), ('two', E'a\\tplum\\n', NULL);
CREATE INDEX item_ops ON item (name fruit_ops); COMMENT ON INDEX item_ops IS 'ops';
CREATE INDEX item_name ON item (name);
CREATE INDEX item_hash ON item (hash(name));
CREATE VIEW sweet_ones AS SELECT * FROM item WHERE sweet(tasty);
GRANT SELECT ON sweet_ones TO fruit_reader;
CREATE VIEW on_view AS SELECT id FROM sweet_ones;
CREATE VIEW plain AS SELECT name FROM item; GRANT SELECT ON item TO fruit_reader;
CREATE TRIGGER touched BEFORE UPDATE ON item FOR EACH ROW EXECUTE FUNCTION touch();
CREATE FUNCTION better(f fruit) RETURNS fruit LANGUAGE sql AS 'SELECT f';
CREATE TABLE later (id serial PRIMARY KEY, item uuid REFERENCES item, other fruit);
INSERT INTO later (item, other) SELECT id, 'x' FROM item;
CREATE DOMAIN ripe AS fruit CHECK (sweet(VALUE));
CREATE TABLE basket (id integer PRIMARY KEY, r ripe); INSERT INTO basket VALUES (1, 'plum');
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY taste ON item TO fruit_reader USING (sweet(tasty));
INSERT INTO fruit_config VALUES (7);
"""
LEFT_OUT = [
    "extension fruit",
    "type ripe",
    "function better",
    "basket.r: its values are compared as text, not as public.ripe",
    "item.tasty: its values are compared as text, not as public.fruit(30)",
    "item.many: its values are compared as text, not as public.fruit[]",
    "item.ö: its values are compared as text, not as public.fruit",
    "item.id: its default",
    "item.ö: its default",
    "item.hashed: its expression",
    "item: a constraint of it",
    "COMMENT ON CONSTRAINT is_sweet",
    "later.other: its values are compared as text",
    "view sweet_ones",
    "view on_view",
    "rows of fruit_config",
    "index item_hash",
    "index item_ops",
    "COMMENT ON INDEX public.item_ops",
    "trigger item.touched",
    "policy item.taste",
]


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a backup of a database with an extension that no other server of the tests has."""
    backups = tmp_path_factory.mktemp("backups")
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:  # the server runs as another user
        Path(directory).chmod(0o755)
        extensions = Path(directory, "extension")
        extensions.mkdir(mode=0o755)
        (extensions / "fruit.control").write_text(CONTROL)
        (extensions / "fruit--1.0.sql").write_text(FRUIT)
        where = {"extension_control_path": f"$system:{directory}"}
        return taken_with(where, backups)


def taken_with(where: dict[str, str], backups: Path) -> Path:
    """Take a backup on a server with these settings, and return its dump."""
    with throwaway_server(server_binaries(major=DEFAULT_MAJOR), settings=where) as server:
        run_sql(server.database(), "CREATE DATABASE shop")
        run_sql(server.database("shop"), SHOP)
        record = backup(server.database("shop"), target="t", directory=backups).record
    return backups / record.dump.file


@pytest.fixture
def roles(server: ThrowawayServer) -> Iterator[None]:
    """Have the role of the backup on the server of the tests."""
    run_sql(server.database(), "CREATE ROLE fruit_reader")
    yield
    run_sql(server.database(), "DROP ROLE fruit_reader")


@pytest.mark.usefixtures("roles")
def test_a_missing_extension_is_named_before_anything_is_loaded(
    dump: Path, server: ThrowawayServer
) -> None:
    before = database_names(server)
    found = drill(dump, options=DrillOptions(server=server.database()))
    assert found.verdict == "not-run"
    assert outcomes(found)["extensions"] == "NOT RUN"
    assert "the server lacks fruit, which" in found.reason
    assert "--without-extension fruit" in found.reason
    assert "citext" not in found.reason
    assert outcomes(found)["load"] == "NOT RUN"
    assert database_names(server) == before
    other = DrillOptions(server=server.database(), without_extensions=("citext",))
    assert drill(dump, options=other).verdict == "not-run"


@pytest.mark.usefixtures("roles")
def test_what_depends_on_it_is_left_out_exactly_and_named(
    dump: Path, server: ThrowawayServer
) -> None:
    options = DrillOptions(server=server.database(), without_extensions=("fruit", "unused"))
    found = drill(dump, options=options)
    assert not_passed(found) == {}
    assert len(found.left_out) == len(LEFT_OUT)
    for what in LEFT_OUT:
        assert any(line.startswith(what) for line in found.left_out), what
    messages = {check.name: check.message for check in found.checks}
    assert messages["indexes"] == "4 indexes"  # three primary keys, and item_name
    assert messages["rows and content"].startswith("5 rows in 3 tables")


@pytest.mark.usefixtures("roles")
def test_what_is_kept_is_still_proved(dump: Path, server: ThrowawayServer, tmp_path: Path) -> None:
    options = DrillOptions(server=server.database(), without_extensions=("fruit",))
    for path in dump.parent.iterdir():
        shutil.copy(path, tmp_path)
    changed, text = tmp_path / dump.name, dump.read_bytes()
    for words, instead, check in (
        (b"item USING btree (name)", b"item USING btree (nami)", "load"),
        (b"IS 'items'", b"IS 'itens'", "other objects"),
    ):
        assert text.count(words) == 1
        changed.write_bytes(text.replace(words, instead))
        digest = sha256(changed.read_bytes()).hexdigest()
        edit_record(changed, lambda document, digest=digest: document["dump"].update(sha256=digest))
        found = drill(changed, options=options)
        assert next(iter(not_passed(found))) == check
        assert found.verdict != "ok"


TABLE = b"""CREATE TABLE public.t (
    id uuid DEFAULT public.new_id() NOT NULL,
    "a b" public.fruit(3)[] DEFAULT '{}'::public.fruit[],
    n numeric(10,2) CONSTRAINT low CHECK (public.low(n)) NOT NULL,
    h text GENERATED ALWAYS AS (public.hash(x)) STORED NOT NULL,
    w timestamp with time zone DEFAULT now(),
    CONSTRAINT c CHECK (public.sweet(id)),
    CONSTRAINT d CHECK ((n > 1))
);"""


@pytest.mark.parametrize(
    ("at", "gone", "column"),
    [
        (b"public.new_id", b"DEFAULT public.new_id()", "id"),
        (b"public.fruit(3)", None, "a b"),
        (b"public.fruit[],", b"DEFAULT '{}'::public.fruit[]", "a b"),
        (b"public.low", b"CONSTRAINT low CHECK (public.low(n))", ""),
        (b"public.hash", b"GENERATED ALWAYS AS (public.hash(x)) STORED NOT NULL", "h"),
        (b"public.sweet", b"CONSTRAINT c CHECK (public.sweet(id)),\n    ", ""),
        (b"(n > 1)", b",\n    CONSTRAINT d CHECK ((n > 1))", ""),
    ],
)
def test_only_the_part_that_cannot_be_goes(at: bytes, gone: bytes | None, column: str) -> None:
    found = repair(TABLE, TABLE.index(at))
    assert found is not None
    assert found.column == column
    after = found.applied(TABLE)
    assert len(after) == len(TABLE)
    if gone is None:
        assert b'"a b" text              DEFAULT' in after
    else:
        assert b" ".join(after.split()) == b" ".join(TABLE.replace(gone, b" ").split())


@settings(max_examples=60)
@given(st.integers(0, len(TABLE) - 1))
def test_a_repair_never_changes_the_length_or_anything_outside_the_columns(position: int) -> None:
    found = repair(TABLE, position)
    if found is None:
        return
    after = found.applied(TABLE)
    assert len(after) == len(TABLE)
    assert after.startswith(b"CREATE TABLE public.t (")
    assert len(tokenize(after)) <= len(tokenize(TABLE))


@given(st.binary(max_size=60), st.data())
def test_edits_land_where_they_belong_whatever_the_pieces(text: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
    spans = list(zip(cuts[::2], cuts[1::2], strict=False))
    edits = tuple((start, b"#" * (end - start)) for start, end in spans)
    expected = bytearray(text)
    for start, replacement in edits:
        expected[start : start + len(replacement)] = replacement
    position = 0

    def read(size: int) -> bytes:
        nonlocal position
        piece = text[position : position + min(size, data.draw(st.integers(1, 9)))]
        position += len(piece)
        return piece

    reading = edited(read, edits)
    assert b"".join(iter(lambda: reading(1 << 20), b"")) == bytes(expected)
