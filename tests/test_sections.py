"""Rows have their place where pg_dump has its section of data, whatever a database holds."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from conftest import DEFAULT_MAJOR, MAJORS, schema_files
from test_ownership import pg_dump
from test_round_trips import needs_met

from dbsnap.dumpfile.lexer import Comment, Statement, lex
from dbsnap.dumpfile.sections import PlaceOfRows, begins_post_data

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbsnap.postgres.url import Database

    NewDatabase = Callable[..., Database]

EACH_MAJOR = [
    DEFAULT_MAJOR,
    *(pytest.param(m, marks=pytest.mark.matrix) for m in MAJORS if m != 18),
]


def statements(dump: bytes) -> list[Statement]:
    found = [event for event in lex(io.BytesIO(dump).read) if isinstance(event, Statement)]
    return [
        each for each in found if not each.text.startswith((b"SET ", b"SELECT pg_catalog.set_"))
    ]


def assert_sections(database: Database) -> None:
    options = ("--no-owner", "--no-privileges")
    before = statements(pg_dump(database, *options, "--section=pre-data", "--section=data"))
    behind = statements(pg_dump(database, *options, "--section=post-data"))
    assert [each.text for each in before if begins_post_data(each)] == []
    assert [each.text for each in behind[:1] if not begins_post_data(each)] == []
    place = PlaceOfRows()
    last = Comment(0, 0, 0, b"")
    for last in lex(io.BytesIO(pg_dump(database, *options)).read):
        place.is_before(last)
        if place.passed:
            break
    assert not behind or last.text == behind[0].text
    assert behind or isinstance(last, Comment)


@pytest.mark.parametrize("schema", schema_files(), ids=lambda path: path.stem)
@pytest.mark.parametrize("major", EACH_MAJOR)
def test_what_is_behind_rows_is_known(new_database: NewDatabase, schema: Path, major: int) -> None:
    if not needs_met(schema, major):
        pytest.skip("this server lacks the extensions")
    assert_sections(new_database(schema.read_text(), major=major))


FIRST_BEHIND_ROWS = {
    "statistics": "CREATE STATISTICS s ON a, b FROM t",
    "trigger": "CREATE TRIGGER r BEFORE INSERT ON t EXECUTE FUNCTION f()",
    "constraint trigger": "CREATE CONSTRAINT TRIGGER r AFTER DELETE ON t "
    "FOR EACH ROW EXECUTE FUNCTION f()",
    "event trigger": "CREATE EVENT TRIGGER e ON sql_drop EXECUTE FUNCTION e()",
    "rule": "CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING",
    "row level security": "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
    "policy": "CREATE POLICY p ON t USING (true)",
    "publication": "CREATE PUBLICATION p",
    "index": "CREATE INDEX ON t (a)",
    "unique index": "CREATE UNIQUE INDEX ON t (a)",
    "partitioned index": "CREATE TABLE p (a integer) PARTITION BY RANGE (a); CREATE INDEX ON p (a)",
    "key": "ALTER TABLE t ADD PRIMARY KEY (a)",
    "key of a domain": "ALTER DOMAIN d ADD CONSTRAINT c CHECK (value > 0) NOT VALID",
    "check not valid": "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
    "materialized view": "CREATE MATERIALIZED VIEW m AS SELECT 1 AS one",
    "foreign table": "ALTER FOREIGN TABLE ft ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
    "nothing": "SELECT",
}
BEFORE = """
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE TABLE t (a integer, b integer DEFAULT 1, "ADD CONSTRAINT" integer GENERATED ALWAYS AS IDENTITY);
CREATE TABLE "x\n    ADD CONSTRAINT y" (a integer DEFAULT 1);
ALTER TABLE "x\n    ADD CONSTRAINT y" FORCE ROW LEVEL SECURITY;
ALTER TABLE "x\n    ADD CONSTRAINT y" REPLICA IDENTITY FULL;
CREATE DOMAIN d AS integer CHECK (value < 9);
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER s FOREIGN DATA WRAPPER w;
CREATE FOREIGN TABLE ft (a integer OPTIONS (o 'ADD CONSTRAINT') DEFAULT 1) SERVER s OPTIONS (o 'v');
"""


@pytest.mark.parametrize("first", FIRST_BEHIND_ROWS.values(), ids=FIRST_BEHIND_ROWS)
@pytest.mark.parametrize("major", EACH_MAJOR)
def test_each_kind_as_the_only_one(new_database: NewDatabase, first: str, major: int) -> None:
    assert_sections(new_database(BEFORE + first, major=major))
