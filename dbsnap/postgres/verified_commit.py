"""A psql session whose transaction is committed only on dbsnap's word.

The dump is loaded inside an explicit transaction, and the questions that prove it are asked inside the
same one; then dbsnap sends COMMIT. If dbsnap dies, or never becomes satisfied, psql's input ends without
it, psql ends, and the server rolls everything back. So a dump that is cut off, which psql alone takes
for a complete one, cannot be committed.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from dbsnap.errors import OperationFailed, ToolFailed
from dbsnap.postgres.connection import NO_IDLE_TIMEOUT, settings_sql
from dbsnap.postgres.load import PsqlInput, psql, restriction_key
from dbsnap.postgres.tools import PIPE_BYTES, channel

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.url import Database

SESSION_ARGUMENTS = ("-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "--no-password", "-f", "-")

DUMP_NAME = "dump.sql"
"""The name by which psql's messages call the dump (``psql:dump.sql:17: ERROR: …``)."""

OPENING_PAUSE_SECONDS = 0.002

RAW_BYTES = "surrogateescape"
"""How bytes that are no UTF-8 pass through str (PEP 383): a SQL_ASCII database may hold any."""

BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;"
"""Whatever the role's or the database's defaults are."""

NOTICE_DEATH = (
    "SELECT set_config('client_connection_check_interval', '2s', false) WHERE version() ~ 'linux'"
)
"""Lets the server end a long statement, and release its locks, soon after psql was killed."""

ATTEMPT = """\
SAVEPOINT dbsnap;
\\set ON_ERROR_STOP off
{sql}
\\set dbsnap_failed :ERROR
\\set ON_ERROR_STOP on
\\if :dbsnap_failed
ROLLBACK TO SAVEPOINT dbsnap;
\\echo :LAST_ERROR_MESSAGE
\\endif
RELEASE SAVEPOINT dbsnap;
"""
"""After a failure every further statement fails too, so the last one's outcome is that of all."""


class UncommittedSession:
    """An open transaction in a psql of ours.

    Every method raises ToolFailed with psql's own words if psql, or its connection, has ended; nothing
    is committed then.
    """

    def __init__(self, program: Program, source: PsqlInput, output: socket.socket) -> None:
        self._program = program
        self._source = source
        self._output = output
        self._sender: threading.Thread | None = None
        self._failure: ToolFailed | None = None

    def run(self, sql: str) -> None:
        """Run statements to their end; an error ends psql and, with it, the transaction."""
        self._answer(sql)

    def load(self, read: Callable[[int], bytes], on_progress: Callable[[int], None]) -> None:
        """Run a dump whose own commands neither begin nor end a transaction, to its end.

        psql reads it as a file of its own: so the dump's end is the end of whatever it is in the midst
        of, the lines in psql's messages are the dump's, and what it prints goes nowhere.
        """
        directory = tempfile.mkdtemp(prefix="dbsnap-psql-")
        try:
            path = Path(directory) / DUMP_NAME
            os.mkfifo(path, 0o600)
            self._send(f"\\o {os.devnull}\n\\cd {_quoted(directory)}\n\\i {DUMP_NAME}\n")
            end = self._open_for_writing(path)
        finally:
            shutil.rmtree(directory)  # once psql has it open, nothing needs its name
        key = restriction_key(self._program)
        with os.fdopen(end, "wb", buffering=0) as pipe:
            if key:
                self._write(pipe.fileno(), b"\\restrict " + key + b" \\\\ ")
            while piece := read(PIPE_BYTES):
                self._write(pipe.fileno(), piece)
                on_progress(len(piece))
        if key:
            self._send(f"\\unrestrict {key.decode()}\n")
        self._send("\\o\n")
        self.settle()

    def settle(self) -> None:
        """Give the session dbsnap's settings, whatever was set before."""
        self.run(f"{settings_sql()}SET client_encoding TO 'UTF8';")

    def attempt(self, sql: str) -> str | None:
        """Run statements under a savepoint; return None, or the server's reason for undoing them."""
        answer = self._answer(ATTEMPT.format(sql=sql)).decode("utf-8", RAW_BYTES).strip()
        return answer or None

    def ask(self, sql: str) -> list[Any]:
        """Answer a query inside the transaction (see ``catalog.Ask``)."""
        answer = self._answer(f"COPY (\n{sql}\n) TO STDOUT;")
        return [
            json.loads(_unescaped(line).decode("utf-8", RAW_BYTES)) for line in answer.splitlines()
        ]

    @contextmanager
    def stream(self, script: str) -> Iterator[Callable[[int], bytes]]:
        """Run a script and give a function that reads what it writes, up to its end."""
        marker = f"dbsnap-{secrets.token_hex(16)}"
        # psql writes rows while it still has to read statements: both ends must move.
        self._sender = threading.Thread(
            target=self._send_aside, args=(f"{script}\n\\echo {marker}\n",), daemon=True
        )
        self._sender.start()
        yield _Until(marker.encode() + b"\n", self._receive).read
        self._sender.join()

    def commit(self) -> None:
        """Commit, and wait until psql has ended well: the commit point of an in-place restore.

        Raises ToolFailed when the server refused it (nothing is committed then), and OperationFailed
        when the connection was lost before its answer came.
        """
        self._send("COMMIT;\n")
        try:
            self._source.finish()
        except ToolFailed as error:
            if "exit status 3" in str(error):  # a statement failed (documentation, psql)
                raise
            raise OperationFailed(
                f"the connection was lost while the server committed: {error}",
                hint="dbsnap verify says whether the database is the old or the new one",
            ) from None

    def _answer(self, script: str) -> bytes:
        with self.stream(script) as read:
            return b"".join(iter(lambda: read(PIPE_BYTES), b""))

    def _send(self, script: str) -> None:
        self._source.send(script.encode("utf-8", RAW_BYTES))

    def _send_aside(self, script: str) -> None:
        try:
            self._send(script)
        except ToolFailed as error:
            self._failure = error
        except OSError:  # psql has ended without an error: the reader says so
            return

    def _receive(self) -> bytes:
        try:
            piece = self._output.recv(PIPE_BYTES)
        except ConnectionResetError:
            piece = b""
        return piece or self._refuse_end()

    def _refuse_end(self) -> NoReturn:
        """Raise what psql ended with. Only one thread may wait for a process."""
        if self._sender is not None:
            self._sender.join()
        if self._failure is None:
            self._source.process.wait()
        raise self._failure or ToolFailed("psql ended before it was told to; nothing was committed")

    def _open_for_writing(self, path: Path) -> int:
        """Open a named pipe as soon as psql reads from it."""
        while True:
            try:
                end = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
            else:
                os.set_blocking(end, True)
                return end
            if not self._source.process.running:
                self._refuse_end()
            time.sleep(OPENING_PAUSE_SECONDS)

    def _write(self, pipe: int, piece: bytes) -> None:
        rest = memoryview(piece)
        try:
            while rest:
                rest = rest[os.write(pipe, rest) :]
        except BrokenPipeError:
            self._refuse_end()


class _Until:
    """Gives what is received up to a marker, and from then on the end."""

    def __init__(self, marker: bytes, receive: Callable[[], bytes]) -> None:
        self._marker = marker
        self._receive = receive
        self._pending = bytearray()
        self._ended = False

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes, and ``b""`` when the marker has been reached."""
        kept = len(self._marker) - 1  # they may be the beginning of the marker
        while not self._ended and len(self._pending) <= kept:
            piece = self._receive()
            start = max(len(self._pending) - kept, 0)
            self._pending += piece
            found = self._pending.find(self._marker, start)
            if found >= 0:
                self._ended = True
                del self._pending[found:]
        available = len(self._pending) - (0 if self._ended else kept)
        taken = bytes(self._pending[: min(size, available)])
        del self._pending[: len(taken)]
        return taken


@contextmanager
def uncommitted_session(program: Program, database: Database) -> Iterator[UncommittedSession]:
    """Begin a transaction in a new psql; unless ``commit`` is reached it is rolled back."""
    ours, theirs = channel()
    try:
        with psql(
            program, database, arguments=SESSION_ARGUMENTS, options="", stdout=theirs.fileno()
        ) as source:
            theirs.close()
            session = UncommittedSession(program, source, ours)
            session.settle()
            session.run(f"{NO_IDLE_TIMEOUT};\n{NOTICE_DEATH};\n{BEGIN}")
            yield session
            source.process.stop()
    finally:
        theirs.close()
        ours.close()


def _quoted(path: str) -> str:
    """Return a path as an argument of a psql command (documentation, psql, Meta-Commands)."""
    return "'" + path.replace("\\", "\\\\").replace("'", "''") + "'"


def _unescaped(line: bytes) -> bytes:
    """Undo COPY's text format for a single column of JSON, which holds no raw control characters."""
    return line.replace(b"\\\\", b"\\")
