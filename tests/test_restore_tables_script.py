"""The script beside a table backup: rows put back with psql alone, in dash and bash."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from conftest import psql_of, query, run_sql
from hypothesis import given, settings
from hypothesis import strategies as st

from dbsnap.archive.restore_tables_script import sql_identifier
from dbsnap.operations.backup_tables import backup_tables
from dbsnap.operations.table_backup.plan import TableRequest
from dbsnap.postgres.connection import connect, execute, fetch_value
from dbsnap.postgres.quoting import quote_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbsnap.dumpfile.compression import Compression
    from dbsnap.operations.recording import Backup
    from dbsnap.postgres.url import Database

    NewDatabase = Callable[..., Database]

SHELLS = [*(["dash"] if shutil.which("dash") else ["sh"]), "bash"]

SHOP = """
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql
    AS $$BEGIN NEW.stamped := 'by the trigger'; RETURN NEW; END$$;
CREATE TABLE mods (
    id serial PRIMARY KEY, title text UNIQUE, data json, stamped text, parent int REFERENCES mods,
    length int GENERATED ALWAYS AS (length(title)) STORED
);
CREATE TRIGGER always BEFORE INSERT OR UPDATE ON mods FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE TRIGGER never BEFORE DELETE ON mods FOR EACH ROW EXECUTE FUNCTION stamp();
ALTER TABLE mods DISABLE TRIGGER USER;
ALTER TABLE mods ENABLE ALWAYS TRIGGER always;
CREATE TABLE favorites (mod int REFERENCES mods, who text, PRIMARY KEY (mod, who));
CREATE TABLE parts (id int GENERATED ALWAYS AS IDENTITY, kind text, PRIMARY KEY (id, kind))
    PARTITION BY LIST (kind);
CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN ('a');
CREATE TABLE parts_b PARTITION OF parts DEFAULT;
ALTER TABLE mods DISABLE TRIGGER always;
INSERT INTO mods (title, data, parent)
    SELECT 'title ' || i, '{"a": [1, 2]}', nullif(i - 1, 0) FROM generate_series(1, 5) AS i;
ALTER TABLE mods ENABLE ALWAYS TRIGGER always;
INSERT INTO favorites SELECT id, E'tab\\there \\\\. and\\nline' FROM mods;
INSERT INTO parts (kind) SELECT unnest('{a,b,c}'::text[]);
"""

EVERYTHING = """
SELECT 'mods', string_agg(mods::text, E'\\n' ORDER BY id) FROM mods
UNION ALL SELECT 'favorites', string_agg(favorites::text, E'\\n' ORDER BY mod) FROM favorites
UNION ALL SELECT 'parts', string_agg(parts::text, E'\\n' ORDER BY id) FROM parts
"""

DAMAGE = """
ALTER TABLE mods DISABLE TRIGGER always;
DELETE FROM favorites WHERE mod IN (3, 4);
UPDATE mods SET parent = NULL WHERE parent = 4;
DELETE FROM mods WHERE id = 4;
UPDATE mods SET title = 'changed', data = '{"a":[1,2]}' WHERE id = 1;
ALTER TABLE mods ENABLE ALWAYS TRIGGER always;
DELETE FROM parts WHERE kind <> 'c';
INSERT INTO mods (title) VALUES ('new one');
"""


def take(
    database: Database, directory: Path, *tables: str, compression: Compression = "none"
) -> Backup:
    request = TableRequest(tables)
    return backup_tables(
        database, request, target="test", directory=directory, compression=compression
    )


def run_script(
    taken: Backup, database: Database, shell: str, *arguments: str, tmp: Path
) -> subprocess.CompletedProcess[str]:
    temporary = tmp / "temporary files"
    temporary.mkdir(exist_ok=True)
    path = f"{psql_of(database).path.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [shell, str(taken.dump.parent / taken.record.restore_script.file), *arguments],
        env={"PATH": path, "TMPDIR": str(temporary), **database.environment()},
        cwd=tmp,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert not list(temporary.iterdir()), "nothing may stay of the script"
    assert not (tmp / "canary").exists()
    return done


@pytest.mark.parametrize(
    ("shell", "compression"),
    [(SHELLS[0], "none"), ("bash", "zstd" if shutil.which("zstd") else "gzip")],
)
def test_rows_come_back_and_what_was_added_stays(
    shell: str, compression: Compression, new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(SHOP)
    before = dict(query(database, EVERYTHING))
    # Asked for in the wrong order: the dump and its script have the referenced table first.
    taken = take(database, tmp_path / "kept", "favorites", "mods", "parts", compression=compression)
    run_sql(database, DAMAGE)
    damaged = dict(query(database, EVERYTHING))
    counted = run_script(taken, database, shell, tmp=tmp_path)
    assert (counted.returncode, counted.stderr) == (0, "")
    for line in (
        "mods: 1 to insert, 2 to change, 2 as they were",
        "favorites: 2 to insert, 0 to change, 3 as they were",
        "parts: 2 to insert, 0 to change, 1 as they were",
        "nothing was changed",
    ):
        assert line in counted.stdout
    assert dict(query(database, EVERYTHING)) == damaged
    done = run_script(taken, database, shell, "--restore", tmp=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "everything is committed" in done.stdout
    after = dict(query(database, EVERYTHING))
    added = '(6,"new one",,"by the trigger",,7)'
    assert after == {**before, "mods": f"{before['mods']}\n{added}"}, "no trigger fired"
    switches = "SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1"
    assert query(database, switches) == [("always", "A"), ("never", "D")]
    assert query(database, "SELECT last_value FROM mods_id_seq") == [(6,)], "never back"
    again = run_script(taken, database, shell, tmp=tmp_path)
    assert "mods: 0 to insert, 0 to change, 5 as they were" in again.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_what_cannot_be_put_back_changes_nothing(
    shell: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(SHOP + "CREATE TABLE notes (text text);")
    taken = take(database, tmp_path / "kept", "mods", "favorites")
    run_sql(database, DAMAGE + "UPDATE mods SET title = 'title 4' WHERE title = 'new one'")
    damaged = query(database, EVERYTHING)
    conflict = run_script(taken, database, shell, "--restore", tmp=tmp_path)
    assert conflict.returncode == 1
    assert "mods_title_key" in conflict.stderr
    assert "nothing was changed" in conflict.stderr
    assert query(database, EVERYTHING) == damaged
    keyless = take(database, tmp_path / "kept", "notes")
    refused = run_script(keyless, database, shell, tmp=tmp_path)
    assert (refused.returncode, "notes: without a primary key" in refused.stderr) == (5, True)
    run_sql(database, "DROP TABLE favorites; ALTER TABLE mods RENAME data TO facts")
    missing = run_script(taken, database, shell, "--restore", tmp=tmp_path)
    assert missing.returncode == 5
    assert "table favorites\ncolumn data of mods" in missing.stderr
    assert run_script(taken, database, shell, "--nonsense", tmp=tmp_path).returncode == 2
    content = taken.dump.read_bytes()
    taken.dump.write_bytes(content.replace(b"title 3", b"title X"))
    damaged_dump = run_script(taken, database, shell, "--restore", tmp=tmp_path)
    assert (damaged_dump.returncode, "sha256" in damaged_dump.stderr) == (3, True)


def test_rows_that_differ_afterwards_are_rolled_back(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(
        "CREATE TABLE t (id int PRIMARY KEY, word text); INSERT INTO t VALUES (1, 'one');"
        "CREATE TABLE other (LIKE t)"
    )
    taken = take(database, tmp_path / "kept", "t")
    run_sql(database, "DELETE FROM t; CREATE RULE away AS ON INSERT TO t DO INSTEAD NOTHING")
    script = taken.dump.parent / taken.record.restore_script.file
    text = script.read_text()
    script.write_text(text.replace('INSERT INTO "public"."t"', "INSERT INTO public.other"))
    done = run_script(taken, database, "bash", "--restore", tmp=tmp_path)
    assert (done.returncode, "not as in the dump" in done.stderr) == (4, True)
    assert query(database, "SELECT count(*) FROM other") == [(0,)]
    script.write_text(text)
    done = run_script(taken, database, "bash", "--restore", tmp=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert query(database, "SELECT * FROM t") == [(1, "one")], "a rule is switched off as well"
    assert query(database, "SELECT ev_enabled FROM pg_rewrite WHERE rulename = 'away'") == [("O",)]


AWKWARD_NAMES = [
    "it's \"quoted\" '\\''",
    "$(touch canary) `touch canary`",
    "a\n\\! touch canary\nEND_OF_SQL\n",
    "back\\slash\\0041",
    ":apply :'apply' @ROWS@ % %s",
    "a\x1b[31m\r\x7f ÀÁ\u0080 \U0001f600",
]


@pytest.mark.parametrize("shell", SHELLS)
def test_awkward_names_mean_nothing_but_themselves(
    shell: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database()
    with connect(database) as connection:
        for name in AWKWARD_NAMES:
            quoted = quote_name(name)
            execute(
                connection,
                f"CREATE TABLE public.{quoted} ({quoted} int PRIMARY KEY, word text);"
                f"INSERT INTO public.{quoted} VALUES (1, 'one'), (2, 'two')",
            )
    where = "word <> '''; \\! touch canary; $(touch canary)' -- END_OF_SQL"
    request = TableRequest(
        [quote_name(name) for name in AWKWARD_NAMES],
        where=[f"{quote_name(AWKWARD_NAMES[2])}={where}"],
    )
    taken = backup_tables(database, request, target="test", directory=tmp_path / "kept")
    assert len(taken.record.selection) == len(AWKWARD_NAMES)
    with connect(database) as connection:
        for name in AWKWARD_NAMES:
            quoted = quote_name(name)
            execute(connection, f"DELETE FROM public.{quoted} WHERE {quoted} = 2")
    done = run_script(taken, database, shell, "--restore", tmp=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("1 to insert, 0 to change, 1 as they were") == len(AWKWARD_NAMES)
    with connect(database) as connection:
        for name in AWKWARD_NAMES:
            assert fetch_value(connection, f"SELECT count(*) FROM public.{quote_name(name)}") == 2


def test_identifiers_mean_themselves(new_database: NewDatabase) -> None:
    database = new_database()
    text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
    with connect(database) as connection:

        @settings(deadline=None, max_examples=150)
        @given(text.filter(lambda name: len(name.encode()) < 64))
        def check(name: str) -> None:
            identifier = sql_identifier(name)
            assert not any(c in identifier for c in "\n\r")
            cursor = connection.execute(f"SELECT 1 AS {identifier}".encode())
            assert cursor.description is not None
            assert cursor.description[0].name == name

        check()
