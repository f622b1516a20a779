r"""A psql that shares a snapshot with others, and writes the rows of one table after the other.

What comes is what pg_dump writes between a COPY statement and its ``\\.``: psql with pg_dump's settings
writes it.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from dbsnap.errors import ToolFailed
from dbsnap.postgres.client import client_environment
from dbsnap.postgres.connection import settings_sql
from dbsnap.postgres.quoting import quote_literal
from dbsnap.postgres.snapshot import LOCK_WAIT_SECONDS
from dbsnap.postgres.tools import channel, start

if TYPE_CHECKING:
    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.url import Database

SESSION_ARGUMENTS = ("-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "--no-password", "-f", "-")

END_OF_ROWS = b"\\.\n"
"""A line that no row looks like: COPY doubles every backslash in a value."""

_SAY_END = "COPY (SELECT NULL) TO STDOUT WITH (NULL '\\.');\n"


class RowSession:
    """A psql in the snapshot. Start it in the main thread; any one thread may copy with it.

    ``close`` it when all is copied, ``stop`` it otherwise.
    """

    def __init__(
        self, program: Program, database: Database, *, snapshot: str, encoding: str, version: int
    ) -> None:
        self._ending = threading.Lock()
        self._commands, commands = channel()
        self._rows, rows = channel()
        try:
            self._process = start(
                program.path,
                SESSION_ARGUMENTS,
                environment=client_environment(database, application="dbsnap psql"),
                stdin=commands.fileno(),
                stdout=rows.fileno(),
                bulk=True,
            )
        except BaseException:
            self._commands.close()
            self._rows.close()
            raise
        finally:
            commands.close()
            rows.close()
        self._send(session_script(snapshot, encoding, version))

    def copy(self, statement: str) -> None:
        """Begin a ``COPY … TO STDOUT;``: ``receive`` gives its rows, and ``END_OF_ROWS`` behind them."""
        self._send(f"{statement}\n{_SAY_END}")

    def receive(self, room: memoryview) -> int:
        """Put what there is of the rows into ``room``, and return how many bytes that were, at least 1.

        Raises ToolFailed where psql fails.
        """
        count = self._rows.recv_into(room)
        if not count:
            self._wait()
            raise ToolFailed("psql ended before it had copied all rows")
        return count

    def close(self) -> None:
        """End the session; raise ToolFailed if psql did not succeed in everything."""
        self._send("COMMIT;\n")
        with suppress(OSError):
            self._commands.shutdown(socket.SHUT_WR)
        self._wait()

    def stop(self) -> None:
        """End the session whatever it does; who waits for rows gets an error. For any thread."""
        for end in (self._commands, self._rows):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        if self._process.running:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGTERM)
        with self._ending:
            self._process.stop()
        self._commands.close()
        self._rows.close()

    def _wait(self) -> None:
        with self._ending:
            self._process.wait()

    def _send(self, text: str) -> None:
        try:
            self._commands.sendall(text.encode())
        except (BrokenPipeError, ConnectionResetError):
            self._wait()
            raise ToolFailed("psql ended before it had copied all rows") from None


def session_script(snapshot: str, encoding: str, version: int) -> str:
    """Return what a session begins with: pg_dump's settings, and the snapshot; pure.

    A table is locked already by the snapshot's holder; but a statement of others that waits for it makes
    new readers wait, too, so waiting has an end, as pg_dump's has.
    """
    newer = {140000: "idle_session_timeout", 170000: "transaction_timeout"}
    settings = [f"SET {name} TO 0;\n" for since, name in newer.items() if version >= since]
    return "".join(
        [
            settings_sql(),
            *settings,
            f"SET lock_timeout TO '{LOCK_WAIT_SECONDS}s';\n",
            f"SET client_encoding TO {quote_literal(encoding)};\n",
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n",
            f"SET TRANSACTION SNAPSHOT {quote_literal(snapshot)};\n",
        ]
    )
