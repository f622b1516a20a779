"""Changes to a live database, each with what ``verify`` must say of it, and nothing else.

Every change is made in a schema of its own, which holds the same objects as all the others, so that one
backup and one ``verify`` on each server see all of them, and a finding tells by its schema whose it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dbsnap.report import Finding

OBJECTS = """
CREATE TYPE mood AS ENUM ('calm', 'glad', 'sad');
CREATE TYPE span AS (low int, high int);
CREATE DOMAIN percent AS integer CHECK (VALUE BETWEEN 0 AND 100);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE users (
    id serial PRIMARY KEY, email text NOT NULL CONSTRAINT users_email UNIQUE, mood mood DEFAULT 'calm',
    share percent, price numeric(12, 4) CONSTRAINT positive CHECK (price >= 0), data jsonb,
    tags text[], seen timestamptz, small text GENERATED ALWAYS AS (lower(email)) STORED
);
CREATE TABLE lists (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "userId" int,
    CONSTRAINT "lists_userId" FOREIGN KEY ("userId") REFERENCES users (id) ON DELETE CASCADE);
CREATE TABLE notes (body text, extra int);
CREATE TABLE events (day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE INDEX lists_user ON lists ("userId") WHERE "userId" > 0;
CREATE INDEX users_small ON users (lower(email));
CREATE UNIQUE INDEX users_seen ON users (seen);
CREATE VIEW glad AS SELECT id, email FROM users WHERE mood = 'glad';
CREATE MATERIALIZED VIEW totals AS SELECT mood, sum(price) AS total FROM users GROUP BY mood;
CREATE TRIGGER touched BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
CREATE RULE never AS ON DELETE TO events DO INSTEAD NOTHING;
CREATE POLICY own ON lists FOR SELECT USING (id > 0);
COMMENT ON TABLE notes IS 'what people write';
INSERT INTO users (email, mood, share, price, data, tags, seen) VALUES
    ('a@x', 'calm', 1, 1.0001, '{"k": 1}', '{a,b}', '2026-01-01 10:00:00.000001+00'),
    ('b@x', 'glad', 2, 2.0000, '{"k": 2}', '{}', NULL),
    ('c@x', 'glad', 3, 3.0000, NULL, NULL, NULL);
INSERT INTO lists ("userId") VALUES (1), (2), (NULL);
INSERT INTO notes VALUES ('x', 1), ('x', 1), (NULL, 2), ('', 3);
INSERT INTO events VALUES ('2026-01-24');
REFRESH MATERIALIZED VIEW totals;
CREATE TABLE _prisma_migrations (
    id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz,
    migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,
    started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0
);
INSERT INTO _prisma_migrations VALUES
    ('1', repeat('a', 64), '2026-01-01', '20260101_init', NULL, NULL, '2026-01-01', 1),
    ('2', repeat('b', 64), '2026-01-02', '20260102_more', NULL, NULL, '2026-01-02', 1);
"""
"""What stands in every schema; the search path leads there."""

COMMON = """
SELECT lo_from_bytea(4711, 'abc');
CREATE PUBLICATION changes FOR ALL TABLES WITH (publish = 'insert');
CREATE SCHEMA alone;
CREATE TABLE alone.t (id int PRIMARY KEY, a int);
CREATE PUBLICATION few FOR TABLE alone.t WHERE (id > 1);
CREATE PUBLICATION wide FOR TABLES IN SCHEMA alone;
CREATE FOREIGN DATA WRAPPER wrapper;
CREATE SERVER far FOREIGN DATA WRAPPER wrapper OPTIONS (host 'a');
CREATE FOREIGN TABLE alone.far (id int OPTIONS (name 'a')) SERVER far OPTIONS (name 'a');
CREATE SEQUENCE alone.numbers;
"""
"""What stands in no schema."""

EXTENSION = "CREATE EXTENSION hstore VERSION '1.7';"
"""Where the server has it: the wheel of PostgreSQL 16 comes without contrib."""

KEY = """
ALTER TABLE lists DROP CONSTRAINT "lists_userId";
ALTER TABLE lists ADD CONSTRAINT "lists_userId" FOREIGN KEY ("userId") REFERENCES users (id) """
LOST_IN_HISTORY = "migration %s: 20260102_more"


@dataclass(frozen=True)
class Change:
    """SQL, and what each finding's message must contain: in each one of them, and each in one."""

    sql: str
    messages: tuple[str, ...]
    objects: tuple[str, ...] = ()
    """Whose findings these are, of objects that stand in no schema."""


def change(sql: str, *messages: str, objects: tuple[str, ...] = ()) -> Change:
    return Change(sql, messages, objects)


ROWS = {
    "row_deleted": change("DELETE FROM lists WHERE id = 1", "lists: 1 row missing"),
    "row_added": change("INSERT INTO notes VALUES ('new')", "notes: 1 row added"),
    "rows_gone_and_changed": change(
        'DELETE FROM lists WHERE id = 3; UPDATE lists SET "userId" = 3',
        "lists: 1 row missing, 2 rows differ",
    ),
    "row_added_beside_its_twin": change("INSERT INTO notes VALUES ('x', 1)", "notes: 1 row added"),
    "row_of_a_partition": change(
        "INSERT INTO events VALUES ('2026-01-25')", "events_2026: 1 row added"
    ),
    "last_digit": change("UPDATE users SET price = 1.0002 WHERE id = 1", "users: 1 row differs"),
    "trailing_space": change(
        "UPDATE users SET email = 'b@x ' WHERE id = 2", "users: 1 row differs"
    ),
    "jsonb_key": change(
        "UPDATE users SET data = '{\"K\": 1}' WHERE id = 1", "users: 1 row differs"
    ),
    "microsecond": change(
        "UPDATE users SET seen = seen + interval '1 microsecond' WHERE id = 1",
        "users: 1 row differs",
    ),
    "array_element": change("UPDATE users SET tags = '{a,c}' WHERE id = 1", "users: 1 row differs"),
    "empty_array": change(
        "UPDATE users SET tags = '{}' WHERE tags IS NULL", "users: 1 row differs"
    ),
    "null_and_empty": change(
        "UPDATE notes SET body = '' WHERE body IS NULL", "notes: 1 row missing, 1 row added"
    ),
    "values_exchanged": change(
        "UPDATE users SET price = 5 - price WHERE mood = 'glad'", "users: 2 rows differ"
    ),
    "large_object_byte": change(
        "SELECT lo_put(4711, 0, 'X')",
        "large objects: the content differs",
        objects=("large objects all",),
    ),
}

INDEXES = {
    "index_dropped": change("DROP INDEX lists_user", "index lists_user is gone"),
    "index_invalid": change(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'users_small'::regclass",
        "index users_small is not valid",
    ),
    "index_expression": change(
        "DROP INDEX users_small; CREATE INDEX users_small ON users (upper(email))",
        "index users_small: definition is",
    ),
    "index_predicate": change(
        'DROP INDEX lists_user; CREATE INDEX lists_user ON lists ("userId") WHERE "userId" > 1',
        "index lists_user: definition is",
    ),
    "index_order": change(
        'DROP INDEX lists_user; CREATE INDEX lists_user ON lists ("userId" DESC) WHERE "userId" > 0',
        "index lists_user: definition is",
    ),
    "index_unique_lost": change(
        "DROP INDEX users_seen; CREATE INDEX users_seen ON users (seen)",
        "index users_seen: definition is",
    ),
    "index_added": change("CREATE INDEX more ON notes (body)", "index more is not in the backup"),
    "unique_lost": change(
        "ALTER TABLE users DROP CONSTRAINT users_email",
        "unique constraint users_email of users is gone",
        "index users_email is gone",
    ),
}

CONSTRAINTS = {
    "primary_key_dropped": change(
        "ALTER TABLE lists DROP CONSTRAINT lists_pkey",
        "primary key lists_pkey of lists is gone",
        "index lists_pkey is gone",
    ),
    "foreign_key_dropped": change(
        'ALTER TABLE lists DROP CONSTRAINT "lists_userId"',
        "foreign key lists_userId of lists is gone",
    ),
    "foreign_key_not_validated": change(
        KEY + "ON DELETE CASCADE NOT VALID", "foreign key lists_userId is not validated"
    ),
    "foreign_key_on_delete": change(KEY, "foreign key lists_userId: definition is"),
    "foreign_key_on_update": change(
        KEY + "ON UPDATE CASCADE ON DELETE CASCADE", "foreign key lists_userId: definition is"
    ),
    "foreign_key_deferrable": change(
        KEY + "ON DELETE CASCADE DEFERRABLE", "foreign key lists_userId: definition is"
    ),
    "foreign_key_not_enforced": change(
        "ALTER TABLE lists DISABLE TRIGGER ALL", "foreign key lists_userId is not enforced"
    ),
    "check_changed": change(
        "ALTER TABLE users DROP CONSTRAINT positive, ADD CONSTRAINT positive CHECK (price > 0)",
        "check constraint positive: definition is",
    ),
    "check_gone": change(
        "ALTER TABLE users DROP CONSTRAINT positive",
        "check constraint positive of users is gone",
    ),
    "check_not_validated": change(
        "ALTER TABLE users DROP CONSTRAINT positive; "
        "ALTER TABLE users ADD CONSTRAINT positive CHECK (price >= 0) NOT VALID",
        "check constraint positive is not validated",
    ),
}

COLUMNS = {
    "column_default": change(
        "ALTER TABLE users ALTER mood SET DEFAULT 'glad'", "column users.mood: default is"
    ),
    "column_default_dropped": change(
        "ALTER TABLE users ALTER mood DROP DEFAULT", "column users.mood: default is nothing"
    ),
    "column_not_null": change(
        "ALTER TABLE users ALTER email DROP NOT NULL",
        "column users.email: nullable is yes",
        "not-null constraint users.users_email_not_null is gone",
    ),
    "column_type": change(
        "ALTER TABLE users ALTER share TYPE integer", "column users.share: type is integer"
    ),
    "column_precision": change(
        "DROP MATERIALIZED VIEW totals; ALTER TABLE users ALTER price TYPE numeric(14, 4)",
        "column users.price: type is numeric(14,4)",
        "materialized view totals is gone",
        "privilege materialized view totals is gone",
    ),
    "column_collation": change(
        'ALTER TABLE notes ALTER body TYPE text COLLATE "C"', "column notes.body: collation"
    ),
    "column_generated": change(
        "ALTER TABLE users DROP small;"
        "ALTER TABLE users ADD small text GENERATED ALWAYS AS (upper(email)) STORED",
        "column users.small: generated is",
    ),
    "column_identity": change(
        "ALTER TABLE lists ALTER id SET GENERATED BY DEFAULT",
        "column lists.id: identity is by default, was always",
    ),
    "column_order": change(
        "ALTER TABLE notes ADD again text; UPDATE notes SET again = body;"
        "ALTER TABLE notes DROP body; ALTER TABLE notes RENAME again TO body",
        "column notes.body: position is 2, was 1",
        "column notes.extra: position is 1, was 2",
    ),
    "column_added": change(
        "ALTER TABLE notes ADD more int", "column notes.more is not in the backup"
    ),
    "column_dropped": change(
        "ALTER TABLE notes DROP extra",
        "column notes.extra is gone",
        "notes: content could not be compared",
    ),
    "column_renamed": change(
        "ALTER TABLE notes RENAME extra TO other",
        "column notes.extra is gone",
        "column notes.other is not in the backup",
        "notes: content could not be compared",
    ),
    "column_statistics": change(
        "ALTER TABLE notes ALTER body SET STATISTICS 10", "column notes.body: statistics is 10"
    ),
}

TABLES = {
    "table_dropped": change(
        "DROP TABLE notes", "table notes is gone", "comment table notes is gone"
    ),
    "table_added": change("CREATE TABLE more ()", "table more is not in the backup"),
    "table_renamed": change(
        "ALTER TABLE notes RENAME TO other",
        "table notes is gone",
        "table other is not in the backup",
        "comment table notes is gone",
        "comment table other is not in the backup",
    ),
    "table_unlogged": change(
        "ALTER TABLE notes SET UNLOGGED", "notes: persistence is unlogged, was permanent"
    ),
    "table_storage": change(
        "ALTER TABLE notes SET (fillfactor = 50)", "notes: options is ['fillfactor=50']"
    ),
    "row_security": change(
        "ALTER TABLE notes ENABLE ROW LEVEL SECURITY", "notes: row security is yes"
    ),
    "row_security_forced": change(
        "ALTER TABLE notes FORCE ROW LEVEL SECURITY", "notes: force row security is yes"
    ),
    "replica_identity": change(
        "ALTER TABLE notes REPLICA IDENTITY FULL", "notes: replica identity is full"
    ),
    "partition_detached": change(
        "ALTER TABLE events DETACH PARTITION events_2026",
        "events_2026: parents is nothing",
        "events_2026: partition bound is nothing",
        "not-null constraint events_2026.events_day_not_null: inherited is",
    ),
    "policy": change("ALTER POLICY own ON lists USING (true)", "policy lists.own: definition is"),
    "policy_dropped": change("DROP POLICY own ON lists", "policy lists.own is gone"),
    "rule_disabled": change(
        "ALTER TABLE events DISABLE RULE never", "rule events.never: enabled is no"
    ),
    "trigger_dropped": change("DROP TRIGGER touched ON users", "trigger users.touched is gone"),
    "trigger_disabled": change(
        "ALTER TABLE users DISABLE TRIGGER touched", "users.touched: enabled is no"
    ),
    "trigger_event": change(
        "DROP TRIGGER touched ON users; CREATE TRIGGER touched BEFORE INSERT ON users "
        "FOR EACH ROW EXECUTE FUNCTION touch()",
        "trigger users.touched: definition is",
    ),
}

OTHERS = {
    "sequence_value": change(
        "SELECT nextval('users_id_seq')", "sequence users_id_seq: last value is 4, was 3"
    ),
    "sequence_increment": change(
        "ALTER SEQUENCE users_id_seq INCREMENT 2", "sequence users_id_seq: increment is 2, was 1"
    ),
    "sequence_owner": change(
        "ALTER SEQUENCE users_id_seq OWNED BY NONE",
        "sequence users_id_seq: owned by is nothing",
    ),
    "function_body": change(
        "CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql "
        "AS 'BEGIN RETURN OLD; END'",
        "function touch(): definition is",
    ),
    "function_definer": change(
        "ALTER FUNCTION touch() SECURITY DEFINER", "function touch(): definition is"
    ),
    "view_body": change(
        "CREATE OR REPLACE VIEW glad AS SELECT id, email FROM users WHERE mood <> 'calm'",
        "view glad: definition is",
    ),
    "view_option": change("ALTER VIEW glad SET (security_invoker = true)", "view glad: options is"),
    "view_refreshed": change(
        # The rows of the table are as they were; those of the view are not.
        "UPDATE users SET price = 9 WHERE id = 3; REFRESH MATERIALIZED VIEW totals;"
        "UPDATE users SET price = 3 WHERE id = 3",
        "materialized view totals: the content differs",
    ),
    "view_with_fewer_rows": change(
        "UPDATE users SET mood = 'glad' WHERE id = 1; REFRESH MATERIALIZED VIEW totals;"
        "UPDATE users SET mood = 'calm' WHERE id = 1",
        "materialized view totals: 1 row missing (1 instead of 2)",
    ),
    "view_emptied": change(
        "REFRESH MATERIALIZED VIEW totals WITH NO DATA", "materialized view totals is not populated"
    ),
    "enum_label_added": change("ALTER TYPE mood ADD VALUE 'new'", "type mood: definition is"),
    "enum_label_renamed": change(
        "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'", "type mood: definition is"
    ),
    "enum_reordered": change(
        "UPDATE pg_enum SET enumsortorder = 9 "
        "WHERE enumtypid = 'mood'::regtype AND enumlabel = 'glad'",
        "type mood: definition is 'calm', 'sad', 'glad', was 'calm', 'glad', 'sad'",
    ),
    "domain_check": change(
        "ALTER DOMAIN percent DROP CONSTRAINT percent_check", "type percent: definition is"
    ),
    "composite_type": change("ALTER TYPE span ADD ATTRIBUTE unit text", "type span: definition is"),
    "comment": change("COMMENT ON TABLE notes IS 'else'", "text is else, was what people write"),
    "comment_gone": change("COMMENT ON TABLE notes IS NULL", "comment table notes is gone"),
    "privilege": change("GRANT SELECT ON notes TO PUBLIC", "privilege table notes: acl is"),
    "column_privilege": change(
        "GRANT SELECT (body) ON notes TO PUBLIC",
        "privilege column notes.body is not in the backup",
    ),
    "owner": change(
        "ALTER TABLE notes OWNER TO pg_database_owner",
        "privilege table notes: owner is pg_database_owner",
        "privilege table notes: acl is",
    ),
    "extension_version": change(
        "ALTER EXTENSION hstore UPDATE",
        "extension hstore: version is 1.8, was 1.7",
        objects=("extension hstore",),
    ),
    "publication": change(
        "ALTER PUBLICATION changes SET (publish = 'truncate')",
        "other publication changes: definition is",
        objects=("other publication changes",),
    ),
    "publication_filter": change(
        "ALTER PUBLICATION few SET TABLE alone.t WHERE (id > 2)",
        "alone.t in publication few: definition is WHERE (id > 2), was WHERE (id > 1)",
        objects=("other publication relation alone.t in publication few",),
    ),
    "publication_of_a_schema": change(
        "ALTER PUBLICATION wide DROP TABLES IN SCHEMA alone",
        "other publication wide: definition is",
        objects=("other publication wide",),
    ),
    "foreign_server": change(
        "ALTER SERVER far OPTIONS (SET host 'b')",
        "other server far: definition is wrapper OPTIONS host=b, was wrapper OPTIONS host=a",
        objects=("other server far",),
    ),
    "foreign_table": change(
        "ALTER FOREIGN TABLE alone.far OPTIONS (SET name 'b');"
        "ALTER FOREIGN TABLE alone.far ALTER id OPTIONS (SET name 'b')",
        "alone.far: foreign options is ['name=b'], was ['name=a']",
        "column alone.far.id: foreign options is ['name=b']",
        objects=("table alone.far", "column alone.far.id"),
    ),
    "large_object_comment": change(
        "COMMENT ON LARGE OBJECT 4711 IS 'x'",
        "comment large object 4711 is not in the backup",
        objects=("comment large object 4711",),
    ),
    "sequence_unlogged": change(
        "ALTER SEQUENCE alone.numbers SET UNLOGGED",
        "sequence alone.numbers: persistence is unlogged, was nothing",
        objects=("sequence alone.numbers",),
    ),
    "migration_removed": change(
        "DELETE FROM _prisma_migrations WHERE id = '2'",
        f"{LOST_IN_HISTORY} is gone",
        "_prisma_migrations: 1 row missing",
    ),
    "migration_failed": change(
        "UPDATE _prisma_migrations SET finished_at = NULL WHERE id = '2'",
        f"{LOST_IN_HISTORY}: state is failed, was applied",
        f"{LOST_IN_HISTORY}: finished at is nothing",
        "_prisma_migrations: 1 row differs",
    ),
    "migration_edited": change(
        "UPDATE _prisma_migrations SET checksum = repeat('c', 64) WHERE id = '2'",
        f"{LOST_IN_HISTORY}: checksum is ccc",
        "_prisma_migrations: 1 row differs",
    ),
}

CHANGES = {**ROWS, **INDEXES, **CONSTRAINTS, **COLUMNS, **TABLES, **OTHERS}

SINCE_18 = {"not-null constraint"}
"""Kinds that older servers have no names for."""

HARMLESS = {
    "rows_in_another_order": "CREATE TEMP TABLE kept AS SELECT * FROM notes ORDER BY body DESC;"
    "TRUNCATE notes; INSERT INTO notes SELECT * FROM kept; DROP TABLE kept",
    "rows_rewritten": "UPDATE users SET share = share; UPDATE lists SET id = DEFAULT WHERE false",
    "statistics": "ANALYZE users",
    "view_refreshed_as_it_was": "REFRESH MATERIALIZED VIEW totals",
    "index_built_again": "REINDEX TABLE users",
    "nothing": "SELECT",
}
"""What is no change, and must not be one to ``verify``."""


def schema_of(name: str) -> str:
    return f"in_{name}"


def database_sql(names: Iterable[str], common: str = COMMON) -> str:
    """Return the script that fills a database before it is backed up."""
    schemas = [
        f"CREATE SCHEMA {schema_of(name)};\nSET search_path TO {schema_of(name)};\n{OBJECTS}"
        for name in names
    ]
    return "".join(["BEGIN;\n", *schemas, "SET search_path TO public;\n", common, "COMMIT;\n"])


def changes_sql(changes: Iterable[tuple[str, str]]) -> str:
    """Return the script that makes the changes, each in its schema."""
    return "".join(f"SET search_path TO {schema_of(name)};\n{sql};\n" for name, sql in changes)


def messages_by_change(findings: Iterable[Finding]) -> dict[str, list[str]]:
    """Return what was found, by the change whose schema the object stands in."""
    globally = {named: name for name, one in CHANGES.items() for named in one.objects}
    found: dict[str, list[str]] = {}
    for finding in findings:
        schema = re.search(r"\bin_(\w+)", finding.object)
        name = schema[1] if schema else globally.get(finding.object, finding.object)
        message = finding.message.replace(f"{schema_of(name)}.", "")
        found.setdefault(name, []).append(message.replace(schema_of(name), "%s"))
    return found


def unlike(expected: dict[str, tuple[str, ...]], found: dict[str, list[str]]) -> dict[str, object]:
    """Return the changes of which something else was said than what was to be said."""
    return {
        name: (expected.get(name), found.get(name))
        for name in expected.keys() | found.keys()
        if not _told(expected.get(name, ()), found.get(name, []))
    }


def _told(expected: tuple[str, ...], found: list[str]) -> bool:
    return all(any(part in message for message in found) for part in expected) and all(
        any(part in message for part in expected) for message in found
    )
