"""prune, pin and list: what stays in the directory and on the server, whatever happens meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import database_names, url_of
from small_backups import TODAY, publish_small_backup

from dbsnap.archive.retention import Policy
from dbsnap.archive.storage import entries
from dbsnap.errors import UsageError
from dbsnap.operations.catalogue import list_backups
from dbsnap.operations.pin import pin, unpin
from dbsnap.operations.prune import prune
from dbsnap.postgres.connection import connect, execute

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbsnap.operations.prune import Pruned, PrunePlan
    from dbsnap.postgres.throwaway import ThrowawayServer
    from dbsnap.postgres.url import Database

    Here = Callable[..., subprocess.CompletedProcess[str]]

WEEK = Policy(keep_days=7)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Give a directory with whole backups of 0, 10 and 20 days, and one table's of 30 and 40."""
    for days in (20, 10, 0):
        publish_small_backup(tmp_path / "b", TODAY - timedelta(days), manifest=False)
    for days in (40, 30):
        publish_small_backup(
            tmp_path / "b", TODAY - timedelta(days), tables=("public.mods",), manifest=days == 30
        )
    return tmp_path / "b"


def ids(directory: Path) -> list[str]:
    return [entry.id for entry in entries(directory)]


def tree(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def in_manifest(directory: Path) -> list[str]:
    document = json.loads((directory / "backup_manifest.json").read_text())
    return [line["id"] for line in document["backups"]]


def apply(directory: Path, policy: Policy = WEEK, **options: object) -> Pruned:
    return prune(directory, policy, clock=lambda: TODAY, **{"confirm": lambda _: None, **options})


def test_what_no_rule_keeps_goes_with_all_its_files_and_nothing_else(directory: Path) -> None:
    by_hand = {"backup_by_hand.sql": b"SELECT 1;", "notes.txt": b"mine"}
    for name, content in by_hand.items():
        (directory / name).write_bytes(content)
    before = tree(directory)
    old_table, _, old, middle, _ = ids(directory)
    done = apply(directory)
    assert list(done.backups) == [old_table, old, middle]
    gone = {name for name in before if name.startswith((old_table, old, middle))}
    assert len(gone) == 12
    assert set(tree(directory)) == set(before) - gone
    assert in_manifest(directory) == ids(directory)
    assert {entry.status for entry in entries(directory)} == {"verified"}
    assert apply(directory).backups == ()


def test_a_plan_that_is_not_confirmed_changes_nothing(directory: Path) -> None:
    before = tree(directory)

    def refuse(plan: PrunePlan) -> None:
        assert len(plan.removed) == 3
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply(directory, confirm=refuse)
    assert tree(directory) == before


def test_what_changes_between_plan_and_removal_is_respected(directory: Path) -> None:
    """A pin counts at once; a newer backup does not make more go than was shown."""
    old_table, table, old, middle, newest = ids(directory)

    def meanwhile(_: PrunePlan) -> None:
        pin(directory, old)
        (directory / f"{newest}.sql").write_bytes(
            b""
        )  # so that the middle one is the last good one
        publish_small_backup(directory, tables=("public.mods",))

    assert list(apply(directory, confirm=meanwhile).backups) == [old_table]
    assert {table, old, middle, newest} < set(ids(directory))


def test_a_table_with_a_filter_does_not_replace_the_whole_table(directory: Path) -> None:
    filtered = publish_small_backup(directory, tables=("public.mods",), where="id = 1")
    _, whole, *_ = ids(directory)
    apply(directory)
    assert {whole, filtered} < set(ids(directory))


def test_backups_that_restores_took_count_by_their_tables_and_replace_no_others(
    directory: Path,
) -> None:
    """Each has a filter of its own: the newest of each filter would stay for good."""
    _, asked_for, *_ = ids(directory)
    older, newer = [
        publish_small_backup(
            directory,
            TODAY - timedelta(days),
            tables=("public.mods",),
            where=f"id IN ({days})",
            undoes=asked_for,
        )
        for days in (20, 10)
    ]
    done = apply(directory)
    assert older in done.backups
    assert {asked_for, newer} < set(ids(directory))
    assert "newest verified of mods before restores in app on localhost:5432" in str(done.plan)


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import shutil
from test_prune import apply
from dbsnap.archive.storage import entries

def kill_at(number):
    left = [number]
    def counted(event, arguments):
        if event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir"):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(counted)

source, work = Path(sys.argv[1]), Path(sys.argv[2])
for number in range(1, 400):
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(source, work)
    child = os.fork()
    if child == 0:
        kill_at(number)
        apply(work)
        os._exit(0)
    killed = os.waitpid(child, 0)[1] != 0
    assert {{entry.status for entry in entries(work)}} == {{"verified"}}, number
    apply(work)  # and the next one finishes what it began
    assert len(entries(work)) == 1
    files = [path.name for path in work.iterdir() if path.name.startswith("backup_2")]
    assert len(files) == 4, (number, files)
    assert not [path.name for path in work.iterdir() if path.is_dir()], number
    if not killed:
        break
print("killed at", number - 1, "moments")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks to be killed at every moment")
def test_killed_at_any_moment_every_backup_is_whole_or_gone(tmp_path: Path) -> None:
    for days in (9, 8, 0):
        publish_small_backup(tmp_path / "source", TODAY - timedelta(days))
    script = KILLED.format(tests=str(Path(__file__).parent))
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "source"), str(tmp_path / "work")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[2]) > 10


WRITES = """
import sys
from datetime import timedelta
from pathlib import Path
sys.path.insert(0, {tests!r})
from small_backups import TODAY, publish_small_backup
from dbsnap.operations.pin import pin
directory, number = Path(sys.argv[1]), int(sys.argv[2])
for days in range(6):
    own_id = publish_small_backup(directory, TODAY - timedelta(days * 3), database=f"app{{number}}")
    if days == 5:
        pin(directory, own_id)
"""


def test_processes_that_write_prune_and_pin_at_once_lose_nothing(tmp_path: Path) -> None:
    directory = tmp_path / "b"
    script = WRITES.format(tests=str(Path(__file__).parent))
    publish_small_backup(directory)
    writers = [
        subprocess.Popen([sys.executable, "-c", script, str(directory), str(number)])
        for number in range(3)
    ]
    rounds = 0
    while any(writer.poll() is None for writer in writers):
        apply(directory, Policy(keep_days=30))
        assert in_manifest(directory)  # it is whole whenever it is looked at
        rounds += 1
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert rounds > 2
    listed, findings = list_backups(directory)
    assert len(listed) == 1 + 3 * 6
    assert findings == []
    assert sorted(in_manifest(directory)) == sorted(ids(directory))
    assert len([entry for entry in listed if entry.pinned]) == 3
    assert len(apply(directory).backups) == 3 * 2


# Pins


def test_a_pin_outlives_manifest_and_rules(directory: Path) -> None:
    oldest = ids(directory)[0]
    assert pin(directory, oldest).changed
    assert not pin(directory, f"{directory}/{oldest}.sql").changed
    (directory / "backup_manifest.json").unlink()
    (directory / ".summaries.json").unlink(missing_ok=True)
    list_backups(directory)
    document = json.loads((directory / "backup_manifest.json").read_text())
    assert [line["id"] for line in document["backups"] if line["pinned"]] == [oldest]
    apply(directory)
    assert oldest in ids(directory)
    assert unpin(directory, oldest).changed
    assert not unpin(directory, oldest).changed
    assert list(apply(directory).backups) == [oldest]


def test_what_can_be_pinned(directory: Path, tmp_path: Path) -> None:
    newest = ids(directory)[-1]
    assert pin(directory, "latest").id == newest
    (directory / f"{newest}.sql").unlink()
    assert unpin(directory, newest).changed  # one that is damaged too
    (directory / "by_hand.sql").write_text("SELECT 1;")
    (tmp_path / "elsewhere.sql").write_text("SELECT 1;")
    before = tree(directory)
    for name in ("by_hand.sql", str(tmp_path / "elsewhere.sql"), "none", "../b/by_hand"):
        with pytest.raises(UsageError):
            pin(directory, name)
    assert tree(directory) == before


# Databases that restores replaced


@pytest.fixture
def replaced(
    new_database: Callable[..., Database], server: ThrowawayServer
) -> tuple[Database, list[str]]:
    """Give a database and the names of two that restores replaced, 40 and 3 days ago."""
    database = new_database()
    kept = [f"{database.name}_before_{TODAY - timedelta(d):%Y%m%d_%H%M%S}" for d in (40, 3)]
    with connect(server.database()) as connection:
        for name in (*kept, f"{database.name}_before_the_war", f"{database.name}_x_before_1"):
            execute(connection, f'CREATE DATABASE "{name}" STRATEGY file_copy')
    return database, kept


def test_replaced_databases_go_by_age_when_their_database_is_named(
    replaced: tuple[Database, list[str]], server: ThrowawayServer, directory: Path
) -> None:
    database, (old, _) = replaced
    before = database_names(server)
    assert apply(directory, Policy(keep_daily=99), database=database).databases == ()
    assert apply(directory, Policy(keep_days=30)).databases == ()
    assert database_names(server) == before
    done = apply(directory, Policy(keep_days=30), database=database)
    assert done.databases == (old,)
    assert database_names(server) == before - {old}
    assert done.plan.removed[-1].bytes > 1_000_000


def test_a_protected_database_wants_its_name(
    replaced: tuple[Database, list[str]],
    server: ThrowawayServer,
    directory: Path,
    dbsnap_here: Here,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database, kept = replaced
    monkeypatch.chdir(directory.parent)
    Path(".env").write_text(f'DATABASE_URL="{url_of(database)}"\n')
    arguments = ("prune", "--dir", "b", "--keep-days", "3", "--json", "--target", "production")
    before = tree(directory), database_names(server)
    plan = document(dbsnap_here(*arguments))
    assert [line["action"] for line in plan["databases"]] == ["remove", "remove"]
    assert not plan["applied"]
    assert dbsnap_here(*arguments, "--yes").returncode == 2
    assert (tree(directory), database_names(server)) == before
    done = document(dbsnap_here(*arguments, "--confirm", database.name))
    assert done["removed"][-2:] == kept
    assert database_names(server) == before[1] - set(kept)


# The command line


def document(result: subprocess.CompletedProcess[str]) -> dict[str, object]:
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["status"] == "ok"
    return found


@pytest.fixture
def aged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the ids of backups of 40, 10 and 0 days in the backups of a project."""
    monkeypatch.chdir(tmp_path)
    now = datetime.now(UTC)
    return [
        publish_small_backup(tmp_path / "backups", now - timedelta(days)) for days in (40, 10, 0)
    ]


def test_prune_only_says_what_it_would_do_until_it_is_told_to(
    aged: list[str], dbsnap_here: Here, tmp_path: Path
) -> None:
    before = tree(tmp_path / "backups")
    for arguments in ([], ["--dry-run"], ["--yes", "--dry-run"]):
        plan = document(dbsnap_here("prune", "--keep-days", "30", "--json", *arguments))
        assert [line["action"] for line in plan["backups"]] == ["remove", "keep", "keep"]
        assert all(line["reasons"] for line in plan["backups"])
        assert (plan["applied"], plan["removed"]) == (False, [])
        assert tree(tmp_path / "backups") == before
    text = dbsnap_here("prune", "--keep-days", "30").stdout
    assert f"remove {aged[0]}  no rule keeps it" in text
    assert f"keep   {aged[1]}  of the last 30 days" in text
    assert "repeat it with --yes" in text
    assert tree(tmp_path / "backups") == before
    done = document(dbsnap_here("prune", "--keep-days", "30", "--json", "--yes"))
    assert (done["applied"], done["removed"], done["removed_bytes"]) == (True, [aged[0]], 10)
    assert ids(tmp_path / "backups") == aged[1:]
    assert "nothing to remove: 2 kept" in dbsnap_here("prune", "--keep-days", "30").stdout
    assert "removed nothing" in dbsnap_here("prune", "--keep-days", "30", "--yes").stdout
    assert "removed nothing" in dbsnap_here("prune", "--dir", "none", "--yes").stdout


def test_without_rules_prune_says_so(aged: list[str], dbsnap_here: Here, tmp_path: Path) -> None:
    result = dbsnap_here("prune", "--yes")
    assert "nothing is removed" in result.stdout
    (finding,) = document(dbsnap_here("prune", "--yes", "--json"))["findings"]
    assert "no rule" in finding["message"]
    assert ids(tmp_path / "backups") == aged


def test_rules_come_from_the_configuration_too(
    aged: list[str], dbsnap_here: Here, tmp_path: Path
) -> None:
    toml = tmp_path / "dbsnap.toml"
    toml.write_text("[retention]\nkeep_days = 5\nkeep_monthly = 3\n")
    assert document(dbsnap_here("prune", "--json", "--keep-monthly", "1"))["rules"] == {
        "keep_days": 5,
        "keep_monthly": 1,
    }
    document(dbsnap_here("pin", aged[0], "--json"))
    assert "pinned" in dbsnap_here("list").stdout
    assert dbsnap_here("prune", "--yes", "--keep-monthly", "1").returncode == 0
    assert ids(tmp_path / "backups") == [aged[0], aged[2]]
    assert document(dbsnap_here("unpin", aged[0], "--json"))["changed"] is True
    for wrong, words in {
        "keep_days = 0": "retention.keep_days must be at least 1",
        "keep_days = '5'": "retention.keep_days must be a whole number",
        "keep_day = 5": "did you mean keep_days",
    }.items():
        toml.write_text(f"[retention]\n{wrong}\n")
        result = dbsnap_here("prune", "--yes")
        assert result.returncode == 2
        assert words in result.stderr
    toml.unlink()
    assert dbsnap_here("prune", "--keep-days", "0").returncode == 2


def test_list_finds_by_table_database_status_and_age(
    aged: list[str], dbsnap_here: Here, tmp_path: Path
) -> None:
    backups = tmp_path / "backups"
    moment = datetime.now(UTC) - timedelta(days=2)
    mods = publish_small_backup(
        backups, moment, tables=('public."Mods"', "other.mods"), where="id = 1"
    )
    shop = publish_small_backup(backups, moment, database="shop")
    (backups / f"{aged[1]}.sql").unlink()

    def found(*arguments: str) -> list[str]:
        return [
            line["id"] for line in document(dbsnap_here("list", "--json", *arguments))["backups"]
        ]

    listed = document(dbsnap_here("list", "--json", "-t", "Mods"))["backups"]
    assert listed[0]["parts"][1] == {"table": "other.mods", "where": "id = 1", "whole": True}
    assert found("-t", "Mods") == found("--table", "other.*") == [mods]
    assert found("-t", "mods") == found("--database", "sho", "--since", "1w") == []
    assert found("--database", "shop") == [shop]
    assert found("--status", "incomplete", "--status", "damaged") == [aged[1]]
    assert found("--since", "3d") == [mods, shop, aged[2]]
    assert found("--since", f"{moment:%Y-%m-%d}", "--database", "a*") == [mods, aged[2]]
    assert dbsnap_here("list", "--since", "yesterday").returncode == 2
    whole = document(dbsnap_here("list", "--json"))
    assert whole["totals"]["backups"] == 5
    assert (whole["totals"]["rows"], whole["totals"]["bytes"]) == (12, 50)
    assert whole["totals"]["oldest"] == whole["backups"][0]["created_at"]
    assert whole["backups"][0]["age_seconds"] // 86400 == 40
    text = dbsnap_here("list").stdout
    assert text.splitlines()[-1].endswith("; oldest 40 d")
    assert "part of Mods, part of other.mods" in text
    assert "all of shop" in text
    assert "no such backups" in dbsnap_here("list", "-t", "none").stdout
