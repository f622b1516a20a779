"""psql, fed with a dump through a channel, so that it never outlives dbsnap by much."""

from __future__ import annotations

import secrets
import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from dbsnap.errors import ToolFailed
from dbsnap.postgres.client import client_environment
from dbsnap.postgres.discovery import psql_flaw
from dbsnap.postgres.tools import PIPE_BYTES, Process, channel, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.url import Database

PSQL_ARGUMENTS = ("-X", "-q", "-v", "ON_ERROR_STOP=1", "--no-password", "-f", "-")

LOAD_SETTINGS = (
    "-c array_nulls=on -c synchronous_commit=off -c statement_timeout=0 -c lock_timeout=0"
)
"""A side database that is lost in a crash is loaded again; nobody waits for its commits."""

NOTICE_CLIENT_DEATH = (
    b"DO $$BEGIN SET client_connection_check_interval TO '500ms'; "
    b"EXCEPTION WHEN OTHERS THEN NULL; END$$; "
)
"""Else the server ends a long statement first and looks for its client then; not known everywhere.

No newline at its end: the numbers of lines in psql's messages stay those of the dump.
"""


def restriction_key(program: Program) -> bytes:
    """Return a key that restricts a psql to SQL while a dump is loaded; b"" if it cannot be.

    Code of a dump's own can change, while it is loaded, what the quotes behind it mean, and so bring a
    psql command into the open that nobody saw before. The dump's own key would not help: it knows it.
    """
    return b"" if "CVE-2025-8714" in psql_flaw(program) else secrets.token_hex(32).encode()


class PsqlInput:
    """The end of the channel that psql reads from."""

    def __init__(self, end: socket.socket, process: Process) -> None:
        self._end = end
        self.process = process

    def send(self, piece: bytes) -> None:
        """Send bytes; if psql has ended, wait for it and raise ToolFailed with what it said."""
        try:
            self._end.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            self.process.wait()
            raise ToolFailed("psql ended before it had read everything") from None

    def end(self) -> None:
        """Say that nothing more comes: psql ends when it has done all of it."""
        with suppress(OSError):  # psql has ended already; wait() says why
            self._end.shutdown(socket.SHUT_WR)

    def finish(self) -> None:
        """Say that nothing more comes, and wait for psql to succeed."""
        self.end()
        self.process.wait()


@contextmanager
def psql(
    program: Program,
    database: Database,
    *,
    arguments: tuple[str, ...] = PSQL_ARGUMENTS,
    options: str = LOAD_SETTINGS,
    stdout: int | None = None,
    bulk: bool = False,
) -> Iterator[PsqlInput]:
    """Run psql on a database and give its input; it is stopped if the block raises.

    ``bulk`` is for one that writes much (``tools.start``).
    """
    ours, theirs = channel()
    environment = client_environment(database, application="dbsnap psql", options=options)
    # The lexer reads a dump as psql does only where no byte of a character can look like ASCII.
    environment["PGCLIENTENCODING"] = "UTF8"
    try:
        process = start(
            program.path,
            arguments,
            environment=environment,
            stdin=theirs.fileno(),
            stdout=stdout,
            bulk=bulk,
        )
    finally:
        theirs.close()
    with ours:
        try:
            yield PsqlInput(ours, process)
        except BaseException:
            process.stop()
            raise


def load(
    program: Program,
    database: Database,
    read: Callable[[int], bytes],
    *,
    on_progress: Callable[[int], None],
) -> None:
    """Run a whole dump in a database; stop at the first error.

    ``on_progress`` is told how many bytes psql took. Raises ToolFailed with psql's message, which
    names the line; what was loaded until then stays, so load only into a database made for it.
    """
    with psql(program, database) as target:
        if key := restriction_key(program):
            target.send(b"\\restrict " + key + b" \\\\ ")
        target.send(NOTICE_CLIENT_DEATH)
        while piece := read(PIPE_BYTES):
            target.send(piece)
            on_progress(len(piece))
        target.finish()
