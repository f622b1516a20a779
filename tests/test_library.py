"""dbsnap as a library, as README shows it, and in the shell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import run_sql, url_of

import dbsnap
from dbsnap.operations.backup import backup

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbsnap.postgres.url import Database

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
PYTHON_BLOCKS = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
SOURCE = "CREATE TABLE mods (id integer PRIMARY KEY); INSERT INTO mods VALUES (1), (2);"


def run(
    program: list[str], directory: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        program,
        cwd=directory,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_every_public_name_is_there() -> None:
    for name in dbsnap.__dir__():
        assert getattr(dbsnap, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = dbsnap.no_such_name


def test_importing_it_imports_next_to_nothing(tmp_path: Path) -> None:
    script = "import sys, dbsnap; print(*(n for n in sys.modules if n.startswith('dbsnap')))"
    done = run([sys.executable, "-c", script], tmp_path)
    assert sorted(done.stdout.split()) == ["dbsnap", "dbsnap.version"], done.stderr


def test_readmes_example_backs_up_and_verifies(
    new_database: Callable[..., Database], tmp_path: Path
) -> None:
    example, fixtures = PYTHON_BLOCKS
    assert "pytest" in fixtures
    address = "postgresql://app:secret@localhost:5432/app"
    assert example.count(address) == 1
    script = example.replace(address, url_of(new_database(SOURCE)))
    done = run([sys.executable, "-c", script], tmp_path)
    assert done.returncode == 0, done.stderr
    (record,) = (tmp_path / "backups").glob("backup_2*.json")
    assert done.stdout.split() == [record.stem, "ok", "[]"]


def test_readmes_fixture_gives_the_newest_backup(
    new_database: Callable[..., Database], tmp_path: Path
) -> None:
    database = new_database(SOURCE)
    backup(database, target="test", directory=tmp_path / "backups")
    run_sql(database, "INSERT INTO mods VALUES (3)")
    test = """
def test_it(connection):
    assert connection.execute("SELECT id FROM mods ORDER BY id").fetchall() == [(1,), (2,)]
    connection.execute("DELETE FROM mods")


def test_again(connection):
    assert connection.execute("SELECT count(*) FROM mods").fetchone() == (2,)
"""
    (tmp_path / "test_it.py").write_text(PYTHON_BLOCKS[1] + test)
    done = run(
        [sys.executable, "-m", "pytest", "-p", "no:xdist", "-p", "no:cacheprovider"], tmp_path
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def completed(directory: Path, *words: str) -> list[str]:
    """Return what is offered for the last of these words."""
    done = run(
        [sys.executable, "-m", "dbsnap"],
        directory,
        _DBSNAP_COMPLETE="bash_complete",
        COMP_WORDS=" ".join(["dbsnap", *words]),
        COMP_CWORD=str(len(words)),
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_the_shell_completes_backups_and_targets(
    new_database: Callable[..., Database], tmp_path: Path
) -> None:
    assert completed(tmp_path, "restore", "") == ["file,"]
    taken = backup(new_database(SOURCE), target="test", directory=tmp_path / "elsewhere")
    offered = completed(tmp_path, "restore", "--dir", "elsewhere", "")
    assert offered == ["plain,latest", f"plain,{taken.record.id}"]
    assert completed(tmp_path, "verify", "--dir", "elsewhere", "backup_") == offered[1:]
    (tmp_path / ".env.local").write_text("DATABASE_URL=postgresql://localhost/app\n")
    assert completed(tmp_path, "verify", "--target", "") == ["plain,local"]
    assert "plain,restore" in completed(tmp_path, "re")
    (tmp_path / "dbsnap.toml").write_text("not = = toml")
    assert completed(tmp_path, "verify", "--target", "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shells_own_script_is_there(tmp_path: Path, shell: str) -> None:
    program = [sys.executable, "-m", "dbsnap"]
    done = run(program, tmp_path, _DBSNAP_COMPLETE=f"{shell}_source")
    assert "_DBSNAP_COMPLETE" in done.stdout
    assert f"{shell}_complete" in done.stdout
    if shell == "bash":
        (tmp_path / "script").write_text(done.stdout)
        assert run(["bash", "-n", "script"], tmp_path).returncode == 0
