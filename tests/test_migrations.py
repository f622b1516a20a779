"""Prisma's migrations without a server: the directory, the checksums, and the pure decision."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsnap.errors import CannotRun, UsageError
from dbsnap.inventory import Inventory
from dbsnap.operations.migrations import (
    HISTORY_ALONE,
    ProjectMigrations,
    choose_history,
    read_project,
    report_migrations,
)
from dbsnap.prisma.history import HistoryRow, status_of
from dbsnap.prisma.migrations import (
    LocalMigration,
    LocalMigrations,
    checksums_of,
    read_migrations,
    without_leading_zeros,
)
from dbsnap.prisma.places import migrations_directory

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dbsnap.operations.migration_findings import Moment
    from dbsnap.operations.migrations import MigrationReport

NAMES = st.sampled_from([f"2024010{day}000000_step" for day in range(1, 7)])
GOOD, BAD = "a" * 64, "b" * 64
STATES = st.sampled_from(["applied", "failed", "rolled back"])
LINES = st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=8))


def script_of(name: str) -> bytes:
    return f'-- {name}\nCREATE TABLE "{name}" ();\n'.encode()


def digest(script: bytes) -> str:
    return sha256(script).hexdigest()


def local_of(names: Sequence[str]) -> LocalMigrations:
    whole = (LocalMigration(n, checksums_of(script_of(n)), creates_tables=True) for n in names)
    return LocalMigrations("prisma/migrations", tuple(whole))


def applied(name: str) -> HistoryRow:
    return HistoryRow(name, digest(script_of(name)), "applied")


# --- checksums


@given(lines=LINES, ends=st.tuples(*2 * [st.sampled_from(["\n", "\r\n"])]))
def test_ends_of_lines_are_no_edit(lines: list[str], ends: tuple[str, str]) -> None:
    then, now = ("".join(line + end for line in lines).encode() for end in ends)
    migration = LocalMigration("m", checksums_of(now))
    assert migration.matches(digest(then))
    assert migration.matches(without_leading_zeros(digest(then)))


@given(lines=LINES, data=st.data())
def test_every_other_change_is_an_edit(lines: list[str], data: st.DataObject) -> None:
    script = "\n".join(lines).encode()
    place = data.draw(st.integers(0, len(script)))
    edited = script[:place] + b"x" + script[place:]
    assert not LocalMigration("m", checksums_of(edited)).matches(digest(script))
    assert not LocalMigration("m", checksums_of(script)).matches(digest(script).upper() + "0")


def test_a_checksum_as_prisma_wrote_it() -> None:
    known = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    assert LocalMigration("m", checksums_of(b"hello")).matches(known)
    assert LocalMigration("m", checksums_of(b"hello")).matches(
        known.replace("a30e26", "a3e26").replace("730433", "73433")
    )
    assert not LocalMigration("m", checksums_of(b"hello\n")).matches(known)


# --- the directory


def test_whatever_else_lies_there_is_no_migration(tmp_path: Path) -> None:
    for name in ("2_b", "10_c", "1_a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "migration.sql").write_bytes(script_of(name))
    (tmp_path / "1_a" / "migration.sql").write_text("INSERT INTO t VALUES ('CREATE TABLE');\n")
    (tmp_path / "migration_lock.toml").write_text('provider = "postgresql"\n')
    (tmp_path / "README.md").touch()
    (tmp_path / "3_link").symlink_to(tmp_path / "2_b")
    (tmp_path / "4_empty").mkdir()
    (tmp_path / "5_odd" / "migration.sql").mkdir(parents=True)
    found = read_migrations(tmp_path, "prisma/migrations")
    assert [migration.name for migration in found.migrations] == ["10_c", "1_a", "2_b"]
    assert [migration.creates_tables for migration in found.migrations] == [True, False, True]
    assert found.without_script == ("4_empty", "5_odd")
    assert not found.unreadable


def test_a_script_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "1_a").mkdir()
    script = tmp_path / "1_a" / "migration.sql"
    script.symlink_to("/proc/self/mem")  # a file whose first byte nobody can read, root neither
    if not script.is_file():
        script.unlink()
        script.touch(mode=0)
    assert read_migrations(tmp_path, "prisma/migrations").unreadable == ("1_a",)


PLACES = {
    "none": ({}, None),
    "the usual one": ({}, "prisma/migrations"),
    "beside schema.prisma": ({"schema.prisma": ""}, "migrations"),
    "package.json": ({"package.json": '{"prisma": {"schema": "db/app.prisma"}}'}, "db/migrations"),
    "package.json of something else": ({"package.json": '{"prisma": 1}'}, "prisma/migrations"),
    "package.json is none": ({"package.json": "[", "schema.prisma": ""}, "migrations"),
    "a schema of several files": (
        {
            "package.json": '{"prisma": {"schema": "db"}}',
            "db/main/base.prisma": 'datasource db {\n  provider = "postgresql"\n}',
            "db/a.prisma": "model datasource {\n}",
        },
        "db/main/migrations",
    ),
    "prisma.config.ts": (
        {
            "prisma.config.ts": """// migrations: { path: 'old' }
                export default defineConfig({
                    schema: 'db/schema.prisma',
                    migrations: { seed: `tsx seed.ts`, path: 'db/steps' },
                })""",
            "package.json": '{"prisma": {"schema": "other/schema.prisma"}}',
        },
        "db/steps",
    ),
    "joined in it": (
        {"prisma.config.mjs": "export default {migrations: {path: path.join('db', \"m\")}}"},
        "db/m",
    ),
    "resolved in it": (
        {"prisma.config.js": "m = {migrations: {\n path: resolve(process.cwd(), 'db', 'm'),\n}}"},
        "db/m",
    ),
    "its schema": (
        {
            "prisma.config.ts": "export default defineConfig({ schema: path.join('db', 's.prisma') })"
        },
        "db/migrations",
    ),
    "it says nothing": ({"prisma.config.ts": "export default {}"}, "prisma/migrations"),
    "its own directory": ({".config/prisma.ts": "x = {schema: '../db/s.prisma'}"}, "db/migrations"),
}


@pytest.mark.parametrize("place", PLACES)
def test_migrations_are_where_prisma_has_them(place: str, tmp_path: Path) -> None:
    files, expected = PLACES[place]
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert migrations_directory(tmp_path, None) == (None, "")  # where there is none, none is found
    if expected is not None:
        (tmp_path / expected).mkdir(parents=True)
        found, problem = migrations_directory(tmp_path, None)
        assert problem == ""
        assert found is not None
        assert found.resolve() == tmp_path / expected


@pytest.mark.parametrize(
    "text",
    [
        "export default {migrations: {path: process.env.MIGRATIONS}}",
        "export default {migrations: {path: path.join(root, 'migrations')}}",
        "export default {migrations: {path: `${root}/migrations`}}",
        "export default {migrations: {path}}",
        "const migrations = where(); export default {migrations}",
        "export default {schema: find('schema.prisma')}",
        "export default {schema, }",
    ],
)
def test_a_configuration_that_cannot_be_read_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "prisma.config.ts").write_text(text)
    (tmp_path / "prisma" / "migrations").mkdir(parents=True)
    found, problem = migrations_directory(tmp_path, None)
    assert found is None
    assert "prisma.config.ts" in problem
    assert "[prisma] migrations" in problem
    found, problem = migrations_directory(tmp_path, "prisma/migrations")
    assert (found, problem) == (tmp_path / "prisma/migrations", "")
    report = report_migrations(
        database(["1_a"]), None, read_project(tmp_path, None, required=True), "verify"
    )
    assert [finding.severity for finding in report.findings] == ["error"]


def test_dbsnap_toml_goes_first_and_must_be_right(tmp_path: Path) -> None:
    (tmp_path / "prisma" / "migrations").mkdir(parents=True)
    (tmp_path / "db" / "1_a").mkdir(parents=True)
    project = read_project(tmp_path, "db", required=False)
    assert project.local == LocalMigrations("db", (), without_script=("1_a",))
    with pytest.raises(UsageError, match="elsewhere"):
        read_project(tmp_path, "elsewhere", required=False)


# --- the decision


@given(
    rows=st.lists(st.builds(HistoryRow, NAMES, st.sampled_from([GOOD, BAD]), STATES)),
    here=st.sets(NAMES),
    data=st.data(),
)
def test_every_migration_is_in_the_states_it_is_in(
    rows: list[HistoryRow], here: set[str], data: st.DataObject
) -> None:
    whole = (LocalMigration(name, frozenset({GOOD})) for name in sorted(here))
    local = LocalMigrations("m", tuple(whole))
    status = status_of(rows, local)
    for name in {row.name for row in rows} | here:
        of_name = {row.state for row in rows if row.name == name}
        fine = HistoryRow(name, GOOD, "applied") in rows
        blocked = "failed" in of_name
        done = "applied" in of_name and not blocked
        assert (name in status.failed) == blocked
        assert (name in status.applied) == done
        assert (name in status.rolled_back) == (of_name == {"rolled back"})
        assert (name in status.pending) == (name in here and not of_name & {"applied", "failed"})
        assert (name in status.missing_here) == (
            name not in here and bool(of_name - {"rolled back"})
        )
        assert (name in status.edited) == (name in here and done and not fine)
    shuffled = data.draw(st.permutations(rows))
    again = status_of(shuffled, local)
    for states in ("applied", "failed", "rolled_back", "missing_here", "pending", "edited"):
        assert set(getattr(again, states)) == set(getattr(status, states))
    alone = status_of(rows, None)
    assert (alone.applied, alone.failed) == (status.applied, status.failed)
    assert not alone.compared
    assert not {*alone.edited, *alone.missing_here, *alone.pending}


def database(
    names: Sequence[str] = (),
    *,
    rows: Sequence[HistoryRow] | None = None,
    tables: Sequence[str] = ("public.users",),
    schema: str = "public",
    history: bool = True,
) -> Inventory:
    """Return a database with a history of these migrations, or of these rows."""
    rows = [applied(name) for name in names] if rows is None else rows
    table = f"{schema}._prisma_migrations"
    found = {
        name: {"form": "table", "rows": 1} for name in (*tables, *([table] if history else []))
    }
    entries = {
        f"{row.name} {number}": {
            "table": table,
            "migration_name": row.name,
            "checksum": row.checksum,
            "state": row.state,
        }
        for number, row in enumerate(rows)
    }
    return Inventory(180006, {"table": found, "migration": entries})


def report(
    inventory: Inventory,
    local: LocalMigrations | None,
    moment: Moment = "verify",
    *,
    required: bool = False,
    recorded: Inventory | None = None,
) -> MigrationReport:
    project = ProjectMigrations(local, required=required)
    return report_migrations(inventory, None, project, moment, recorded=recorded)


@given(names=st.sets(NAMES, min_size=1), data=st.data())
def test_each_thing_that_is_wrong_is_said_and_nothing_else(
    names: set[str], data: st.DataObject
) -> None:
    ordered = sorted(names)
    rows, local, one = [applied(name) for name in ordered], local_of(ordered), ordered[0]
    rolled_back = HistoryRow(one, "x" * 64, "rolled back")
    changed = data.draw(
        st.sampled_from(
            [
                ("", [*rows], local),
                ("", [rolled_back, *rows], local),
                (f"migration {one} failed", [HistoryRow(one, "x", "failed"), *rows[1:]], local),
                ("1 migration is pending", [rolled_back, *rows[1:]], local),
                ("1 migration is pending", rows, local_of([*ordered, "9_new"])),
                (
                    f"migration {one} was edited",
                    [replace(rows[0], checksum="0" * 64), *rows[1:]],
                    local,
                ),
                ("lacks (9_gone)", [*rows, applied("9_gone")], local),
                ("9_half has no migration.sql", rows, replace(local, without_script=("9_half",))),
                ("9_odd/migration.sql cannot be read", rows, replace(local, unreadable=("9_odd",))),
                ("(public._prisma_migrations) is empty", [], local),
            ]
        )
    )
    words, new_rows, here = changed
    found = report(database(rows=new_rows), here).findings
    if not words:
        assert [finding.severity for finding in found] == ["note"]
        assert f"{len(ordered)} migration" in found[0].message
        required = report(database(rows=new_rows), here, required=True).findings
        assert required == found
        return
    assert len(found) == 1
    assert words in found[0].message
    assert found[0].severity == ("error" if "is empty" in words else "warning")
    required = report(database(rows=new_rows), here, required=True).findings
    assert [finding.severity for finding in required] == ["error"]


def test_what_a_restore_would_bring_is_said_of_the_backup() -> None:
    local = local_of(["1_a", "2_b", "3_c", "4_d"])
    rows = [applied("1_a"), applied("0_gone")]
    pending, missing = report(database(rows=rows), local, "plan").findings
    deploy = "run `npx prisma migrate deploy` (2_b, 3_c, 4_d)"
    assert pending.message == f"3 migrations will be pending after this restore: {deploy}"
    assert missing.message == (
        "in the backup, the history has 1 migration that prisma/migrations lacks (0_gone)"
    )
    many = local_of([f"{number}_m" for number in range(100, 120)])
    (only,) = report(database(rows=[]), many, "plan").findings
    assert "is empty" in only.message
    (only,) = report(database(["100_m"]), many, "plan").findings
    assert only.message.endswith("(101_m, 102_m, 103_m, 104_m, 105_m and 14 more)")


def test_an_emptied_history_comes_with_the_lines_that_bring_it_back() -> None:
    local, backup = local_of(["1_a", "2 b", "3_c"]), database(["1_a", "2 b", "0_gone"])
    emptied = database()
    found = report(emptied, local, recorded=backup)
    assert found.commands == (
        "npx prisma migrate resolve --applied 1_a",
        "npx prisma migrate resolve --applied '2 b'",
    )  # not 3_c, which the backup has not, nor 0_gone, which Prisma would refuse
    assert [finding.severity for finding in found.findings] == ["error"]
    assert len(report(emptied, local).commands) == 3
    assert len(report(emptied, None, recorded=backup).commands) == 3
    gone = database(history=False)
    assert report(gone, local, recorded=backup).findings[0].severity == "error"
    assert len(report(gone, local, recorded=backup).commands) == 2
    # At backup time, or where nobody knows that there was a history, it is a warning.
    assert report(emptied, local, "backup").findings[0].severity == "warning"
    (never,) = report(gone, local).findings
    assert (never.severity, "P3005" in never.message) == ("warning", True)


def test_an_empty_database_has_lost_nothing() -> None:
    nothing = database(history=False, tables=())
    local = local_of(["1_a"])
    (pending,) = report(nothing, local).findings
    assert pending.message.startswith("1 migration is pending")
    (pending,) = report(database(tables=()), local).findings
    assert pending.message.startswith("1 migration is pending")
    assert report(nothing, None).findings == ()
    assert report(database(history=False), None).findings == ()  # not Prisma's at all
    assert report(database(history=False), LocalMigrations("m", ())).findings == ()


def test_a_history_without_any_table_is_not_up_to_date() -> None:
    local = local_of(["1_a"])
    for here in (local, None):
        (finding,) = report(database(["1_a"], tables=()), here).findings
        assert "there is no other table" in finding.message
    types_only = replace(local, migrations=(replace(local.migrations[0], creates_tables=False),))
    assert report(database(["1_a"], tables=()), types_only).findings[0].severity == "note"


def test_required_migrations_that_nobody_knows_of_are_no_pass() -> None:
    with pytest.raises(CannotRun, match="no history"):
        report(database(history=False), None, required=True)
    assert not report(database(["1_a"]), None, required=True).findings
    assert not report_migrations(
        Inventory(180006, {"table": {}}), None, HISTORY_ALONE, "plan"
    ).findings


def test_the_history_is_the_one_in_the_schema_of_the_url() -> None:
    both = ["app._prisma_migrations", "public._prisma_migrations"]
    assert choose_history(both, "app") == both[0]
    assert choose_history(both, None) == both[1]
    assert choose_history(both[:1], None) == both[0]
    assert choose_history(both[:1], "public") is None
    assert choose_history(["a._prisma_migrations", "b._prisma_migrations"], None) is None
    assert choose_history(['"My App"._prisma_migrations'], "My App") is not None
    failed = HistoryRow("1_x", "", "failed")
    other = database(rows=[failed], schema="other")
    mine = database(["1_a"])
    merged = {
        kind: {**mine.objects[kind], **{f"other: {n}": f for n, f in other.of(kind).items()}}
        if kind == "migration"
        else {**mine.objects[kind], **other.of(kind)}
        for kind in ("table", "migration")
    }
    (finding,) = report(Inventory(180006, merged), None).findings
    assert finding.message.startswith("migration other: 1_x failed")
