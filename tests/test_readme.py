"""README.md is executed: its commands run in a copy of the repository, its tables are the program's."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import SCHEMAS, database_names, run_sql, url_of

from dbsnap.cli import commands
from dbsnap.cli.invocation import DIFFERENT, EXIT_CODES, INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbsnap.postgres.throwaway import ThrowawayServer
    from dbsnap.postgres.url import Database

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
OF_OTHER_PROGRAMS = {"--restore", "--strict", "--create", "--clean"}
"""Options that README names of the restore script and of mypy."""

EVERYWHERE = {"--dir", "--json", "--url", "--target", "--help"}
OPTION = re.compile(r"(?<![\w-])--?[A-Za-z][a-z-]*\b")


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of one language, in README's order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def make_targets(text: str) -> set[str]:
    """Return what ``make`` is asked for in commands, wherever they stand on a line."""
    return set(re.findall(r"\bmake ([a-z][a-z-]*)", text))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Give a copy of the repository, with an environment in which nothing is left to install."""
    copy = tmp_path / "dbsnap"
    for name in repository_files():
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    programs = copy / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, arguments in (("python", '"$@"'), ("dbsnap", '-m dbsnap "$@"')):
        path = programs / name
        path.write_text(
            f'#!/bin/sh\nPYTHONPATH="{copy}" exec "{sys.executable}" {arguments}\n', "utf-8"
        )
        path.chmod(0o755)
    for stamp in ("ready", "ready-dev"):
        (copy / ".venv" / stamp).touch()
    return copy


def repository_files() -> list[str]:
    """Return the files that belong to the repository, committed or about to be."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        output = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout
        return output.decode().rstrip("\0").split("\0")
    top = ("dbsnap", "scripts", "backups", ".ci")
    files = [path for name in top for path in (ROOT / name).rglob("*")]
    files += [ROOT / "Makefile", ROOT / "README.md", ROOT / "pyproject.toml"]
    return [str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts]


def shell(
    script: str, directory: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-e"],
        input=script,
        cwd=directory,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_the_commands_of_readme_run_in_their_order(
    new_database: Callable[..., Database], server: ThrowawayServer, checkout: Path
) -> None:
    database = new_database((SCHEMAS / "prisma_forty.sql").read_text())
    script, replaced = re.subn(
        r"^export DATABASE_URL=.*$",
        f'export DATABASE_URL="{url_of(database)}"',
        "\n".join(blocks("sh")),
        flags=re.MULTILINE,
    )
    assert replaced == 1
    before = {name for name in database_names(server) if not name.startswith(database.name)}
    first, verify, rest = script.partition("make verify")
    assert verify
    result = shell(first, checkout)
    assert result.returncode == 0, result.stdout + result.stderr
    run_sql(database, "DROP TABLE _prisma_migrations")  # what README calls the risky thing
    shown = shell(f'export DATABASE_URL="{url_of(database)}"\n{verify}{rest}', checkout)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "table _prisma_migrations is gone" in shown.stdout
    assert "something changed" in shown.stdout
    assert "VERIFIED and restored" in shown.stdout
    assert "rolled back" in shown.stdout
    mine = {name for name in database_names(server) if name.startswith(database.name)}
    assert len(mine) == 2  # the live one, and the one that the rollback replaced
    assert database_names(server) - mine == before
    (record,) = (checkout / "backups").glob("backup_2*_test_*.json")
    assert json.loads(record.read_text())["reason"] == "before the migration"


def test_make_backup_without_a_database_says_what_to_do(checkout: Path) -> None:
    result = shell("make backup", checkout)
    assert result.returncode != 0
    ours = [line for line in result.stderr.splitlines() if not line.startswith("make")]
    assert len(ours) == 2
    assert "DATABASE_URL" in ours[0]
    assert "make demo" in ours[1]
    assert result.stdout == ""
    assert [path.name for path in (checkout / "backups").iterdir()] == [".gitignore"]


@pytest.mark.parametrize("given", ["argument", "environment"])
def test_a_reason_is_only_ever_text(
    new_database: Callable[..., Database], checkout: Path, given: str
) -> None:
    reason = """it's 50% "off" $HOME $(touch a) `touch b`; touch c # $$"""
    environment = {"DATABASE_URL": url_of(new_database("CREATE TABLE t ()")), "THE_REASON": reason}
    command = {
        "argument": 'make backup REASON="$THE_REASON"',
        "environment": 'REASON="$THE_REASON" make backup',
    }[given]
    result = shell(command, checkout, environment)
    assert result.returncode == 0, result.stderr
    (record,) = (checkout / "backups").glob("backup_2*.json")
    assert json.loads(record.read_text())["reason"] == reason
    assert not [name for name in "abc" if (checkout / name).exists()]


def test_git_sees_no_dump(checkout: Path) -> None:
    git = shutil.which("git")
    if git is None:
        pytest.skip("there is no git here")
    for name in ("backup_1_app.sql", "backup_1_app.json", "backup_1_app_restore.sh"):
        (checkout / "backups" / name).touch()
    subprocess.run([git, "init", "--quiet"], cwd=checkout, check=True)
    listed = [git, "ls-files", "--others", "--exclude-standard", "backups"]
    output = subprocess.run(listed, cwd=checkout, capture_output=True, text=True, check=True)
    assert output.stdout.split() == ["backups/.gitignore"]


def test_make_targets_that_readme_names_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    existing = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    named = make_targets("\n".join(blocks("sh") + blocks("bash")))
    assert named
    assert named <= existing
    phony = makefile.partition(".PHONY:")[2].replace("\\\n", " ").partition("\n")[0].split()
    assert set(phony) == existing


def test_contributors_and_ci_run_the_same() -> None:
    continuous = make_targets((ROOT / ".ci" / "run").read_text(encoding="utf-8"))
    for_contributors = make_targets("\n".join(blocks("bash")))
    assert for_contributors
    assert for_contributors <= continuous
    assert continuous <= for_contributors | make_targets("\n".join(blocks("sh")))


def table_rows() -> dict[str, str]:
    """Return the usage of each command as README's table gives it."""
    rows = re.findall(r"^\| (`dbsnap .*?) \| ", README.replace(r"\|", "¦"), re.MULTILINE)
    usages = [usage for row in rows for usage in re.findall(r"`dbsnap ([^`]+)`", row)]
    return {usage.split()[0]: usage.replace("¦", "|") for usage in usages}


def help_of(command: str) -> str:
    context = commands.make_context("dbsnap", [command], resilient_parsing=True)
    found = commands.get_command(context, command)
    assert found is not None
    return found.get_help(found.make_context(command, [], parent=context, resilient_parsing=True))


def options_in(help_text: str) -> set[str]:
    """Return the options that a help text defines, not those it only mentions."""
    defined = help_text.partition("Options:")[2]
    heads = re.findall(r"^  (-.*?)(?:  |$)", defined, re.MULTILINE)
    return {option for head in heads for option in OPTION.findall(head)}


def test_readmes_table_has_every_command() -> None:
    assert set(table_rows()) == set(commands.modules)


@pytest.mark.parametrize("command", sorted(commands.modules))
def test_readmes_table_says_what_help_says(command: str) -> None:
    usage, help_text = table_rows()[command], help_of(command)
    assert set(OPTION.findall(usage)) <= options_in(help_text)
    arguments = re.search(r"\[OPTIONS\](.*)", help_text)
    assert arguments is not None
    without_options = re.sub(r"\[-[^]]*\]…?", "", usage).split()[1:]
    assert without_options == arguments[1].split()


def test_readme_names_no_option_that_is_none() -> None:
    prose = re.sub(r"^```(?:text|toml)\n.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL)
    known = {option for command in commands.modules for option in options_in(help_of(command))}
    named = {option for option in OPTION.findall(prose) if option.startswith("--")}
    assert named - OF_OTHER_PROGRAMS <= known
    assert EVERYWHERE - {"--help"} <= named


def test_exit_codes_are_those_of_the_program() -> None:
    table = README.partition("### Exit codes")[2].partition("\n### ")[0]
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    real = {0, DIFFERENT, INTERRUPTED, *(code for _, code in EXIT_CODES)}
    assert documented == real
    in_help = (commands.help or "").partition("Exit codes:")[2]
    assert {int(code) for code in re.findall(r"\b\d+\b", in_help)} == real
