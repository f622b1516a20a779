"""A psql session whose transaction is committed only on dbsnap's word.

The dump is loaded inside an explicit transaction, and the questions that prove it are asked inside the
same one; then dbsnap sends COMMIT. If dbsnap dies, or never becomes satisfied, psql's input ends without
it, psql ends, and the server rolls everything back. So a dump that is cut off, which psql alone takes
for a complete one, cannot be committed.
"""

from __future__ import annotations

import json
import secrets
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dbsnap.errors import ToolFailed
from dbsnap.postgres.connection import settings_sql
from dbsnap.postgres.load import PsqlInput, psql
from dbsnap.postgres.tools import PIPE_BYTES, channel

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.url import Database

SESSION_ARGUMENTS = ("-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "--no-password", "-f", "-")


class UncommittedSession:
    """An open transaction in a psql of ours."""

    def __init__(self, source: PsqlInput, output: socket.socket) -> None:
        self._source = source
        self._output = output
        self._buffer = bytearray()

    def run(self, sql: str) -> None:
        """Run statements; an error ends psql and, with it, the transaction."""
        self._source.send(sql.encode() + b"\n")

    def load(self, read: Callable[[int], bytes], on_progress: Callable[[int], None]) -> None:
        """Run a dump whose own commands neither begin nor end a transaction."""
        while piece := read(PIPE_BYTES):
            self._source.send(piece)
            on_progress(len(piece))
        self.settle()

    def settle(self) -> None:
        """Wait until psql has done all that was sent, and give the session dbsnap's settings."""
        self._answer("")
        self.run(f"{settings_sql()}SET client_encoding TO 'UTF8';")

    def ask(self, sql: str) -> list[Any]:
        """Answer a query inside the transaction (see ``catalog.Ask``)."""
        return [json.loads(line) for line in self.lines(f"COPY (\n{sql}\n) TO STDOUT;")]

    def lines(self, copy: str) -> list[bytes]:
        """Return the rows of one ``COPY … TO STDOUT``, with COPY's escapes undone."""
        return [_unescaped(line) for line in self._answer(copy).splitlines()]

    @contextmanager
    def stream(self, script: str) -> Iterator[Callable[[int], bytes]]:
        """Run a script and give a function that reads what it writes.

        The reader has to know where the output ends: after it, reading waits for ever.
        """
        # psql writes rows while it still has to read statements: both ends must move.
        sender = threading.Thread(target=self.run, args=(script,), daemon=True)
        sender.start()
        yield self._take
        sender.join()

    def _take(self, size: int) -> bytes:
        if self._buffer:
            piece = bytes(self._buffer[:size])
            del self._buffer[:size]
            return piece
        return self._output.recv(size)

    def commit(self) -> None:
        """Commit, and wait until psql has ended well: the commit point of an in-place restore."""
        self.run("COMMIT;")
        self._source.finish()

    def _answer(self, sql: str) -> bytes:
        marker = f"dbsnap-{secrets.token_hex(16)}"
        self.run(f"{sql}\n\\echo {marker}")
        return self._read_until(marker.encode() + b"\n").removesuffix(marker.encode() + b"\n")

    def _read_until(self, marker: bytes) -> bytes:
        while True:
            end = self._buffer.find(marker)
            if end >= 0:
                answer = bytes(self._buffer[: end + len(marker)])
                del self._buffer[: end + len(marker)]
                return answer
            piece = self._output.recv(PIPE_BYTES)
            if not piece:
                self._source.process.wait()
                raise ToolFailed("psql ended before it was told to; nothing was committed")
            self._buffer += piece


@contextmanager
def uncommitted_session(program: Program, database: Database) -> Iterator[UncommittedSession]:
    """Begin a transaction in a new psql; unless ``commit`` is reached it is rolled back."""
    ours, theirs = channel()
    try:
        with psql(
            program, database, arguments=SESSION_ARGUMENTS, options="", stdout=theirs.fileno()
        ) as source:
            theirs.close()
            session = UncommittedSession(source, ours)
            session.run("BEGIN;")
            yield session
    finally:
        theirs.close()
        ours.close()


def _unescaped(line: bytes) -> bytes:
    """Undo COPY's text format for a single column of JSON, which holds no raw control characters."""
    return line.replace(b"\\\\", b"\\")
