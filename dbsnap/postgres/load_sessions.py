"""Several psql sessions that load one database side by side, each told what to do piece by piece.

psql is told nothing by what it reads, so each piece of work ends with a query whose answer says that all
before it is done. Programs are started, waited for and stopped by the calling thread alone (see
``tools.start``); the threads here only write to a psql and read from it.
"""

from __future__ import annotations

import re
import secrets
import select
import socket
from bisect import bisect_right
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, NoReturn

from dbsnap.errors import ToolFailed
from dbsnap.postgres.load import (
    LOAD_SETTINGS,
    NOTICE_CLIENT_DEATH,
    PsqlInput,
    psql,
    restriction_key,
)
from dbsnap.postgres.tools import PIPE_BYTES, channel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.url import Database

ARGUMENTS = ("-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "--no-password", "-f", "-")

_LINE_IN_MESSAGE = re.compile(r"psql:<stdin>:([0-9]+):")

ALONE = "alone"

SENT_BYTES = 256 << 10
"""Small pieces are sent together."""

NOT_OF_THE_DUMP = 0
"""The line of what dbsnap adds of its own."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes for psql, and the line of the dump where they begin; None where they go on from others.

    ``lines`` is how many line ends psql has read when it comes to what follows, where that need not be
    counted.
    """

    text: bytes
    line: int | None = NOT_OF_THE_DUMP
    lines: int | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """Work for one session: pieces that are sent in their order.

    Tasks on one of the same ``tables`` run side by side only if they are of the same ``manner``, which
    is not ``ALONE``. ``prepare`` gives SQL to begin with, told how many of the tasks that still wait
    could run beside this one and those that run already.
    """

    pieces: Callable[[], Iterable[Piece]]
    tables: frozenset[str] = frozenset()
    manner: str = ALONE
    prepare: Callable[[int], bytes] = lambda _others: b""

    def excludes(self, other: Task) -> bool:
        """Return whether the two may not run side by side."""
        if self.tables.isdisjoint(other.tables):
            return False
        return self.manner == ALONE or self.manner != other.manner


class SessionEnded(Exception):
    """A psql has ended; why is for whoever started it to find out."""


class LoadSession:
    """One psql, and which lines of the dump it was sent."""

    def __init__(self, source: PsqlInput, from_psql: socket.socket) -> None:
        self.source = source
        self._to_psql = source.channel
        self._from_psql = from_psql
        self._token = b"dbsnap-" + secrets.token_hex(16).encode()
        self._answers = b""
        self._pending = bytearray()
        self._line = 1
        self._places: list[tuple[int, int]] = []

    def run(self, pieces: Iterable[Piece]) -> None:
        """Send pieces and wait until psql has done them; raise SessionEnded if it will not."""
        for piece in chain(pieces, [Piece(b"SELECT '" + self._token + b"';\n")]):
            self._note(piece)
            if len(piece.text) >= SENT_BYTES:
                self._send_pending()
                self._send(piece.text)
                continue
            self._pending += piece.text
            if len(self._pending) >= SENT_BYTES:
                self._send_pending()
        self._send_pending()
        while self._token not in self._answers:
            self._receive()
        self._answers = b""

    def place_in_dump(self, text: str) -> str:
        """Return psql's messages with the line numbers of the dump instead of its own."""
        return _LINE_IN_MESSAGE.sub(lambda found: self._label(int(found[1])), text)

    def _note(self, piece: Piece) -> None:
        if piece.line is not None:
            self._places.append((self._line, piece.line))
        self._line += piece.text.count(b"\n") if piece.lines is None else piece.lines

    def _send_pending(self) -> None:
        pending, self._pending = self._pending, bytearray()
        self._send(pending)

    def _send(self, text: bytes | bytearray) -> None:
        """Send bytes, and take what psql writes meanwhile: it may not go on otherwise."""
        rest = memoryview(text)
        while rest:
            readable, writable, _ = select.select([self._from_psql], [self._to_psql], [])
            if readable:
                self._receive()
            if writable:
                rest = rest[self._write(rest) :]

    def _write(self, piece: memoryview) -> int:
        try:
            return self._to_psql.send(piece, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        except (BrokenPipeError, ConnectionResetError):
            raise SessionEnded from None

    def _receive(self) -> None:
        """Take what psql wrote; all that matters is whether the token is in it."""
        try:
            answer = self._from_psql.recv(PIPE_BYTES)
        except ConnectionResetError:
            answer = b""
        if not answer:
            raise SessionEnded
        self._answers = (self._answers + answer)[-PIPE_BYTES:]

    def _label(self, line: int) -> str:
        place = bisect_right(self._places, line, key=itemgetter(0)) - 1
        started, of_dump = self._places[place] if place >= 0 else (1, NOT_OF_THE_DUMP)
        if of_dump == NOT_OF_THE_DUMP:
            return "psql:"
        return f"psql:<stdin>:{of_dump + line - started}:"


class LoadSessions:
    """The sessions of one load. The first is the one for what must be done by one."""

    def __init__(self, sessions: Sequence[LoadSession], threads: ThreadPoolExecutor) -> None:
        self._sessions = sessions
        self._threads = threads

    def __len__(self) -> int:
        return len(self._sessions)

    def run_by_one(self, pieces: Iterable[Piece]) -> None:
        """Run pieces in the first session, to their end."""
        self.run([Task(lambda: pieces)])

    def run_by_all(self, pieces: Sequence[Piece]) -> None:
        """Run the same pieces in every session."""
        for session in self._sessions:
            self._run_here(session, pieces)

    def run_by_others(self, pieces: Sequence[Piece]) -> None:
        """Run the same pieces in every session but the first."""
        for session in self._sessions[1:]:
            self._run_here(session, pieces)

    def run(self, tasks: Sequence[Task]) -> None:
        """Run tasks in any session, beginning them in their order as far as they let each other.

        Raises ToolFailed with psql's message, in which the line is the dump's, as soon as one fails;
        the others are stopped then, and nothing runs any more.
        """
        waiting = list(tasks)
        idle = list(reversed(self._sessions))
        running: dict[Future[None], tuple[LoadSession, Task]] = {}
        try:
            while waiting or running:
                while idle and (task := _next(waiting, [each for _, each in running.values()])):
                    session = idle.pop()
                    beside = [task, *(each for _, each in running.values())]
                    others = sum(_may_begin(other, beside) for other in waiting)
                    future = self._threads.submit(self._begin, session, task, others)
                    running[future] = session, task
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    session, _ = running[future]
                    self._finish(session, future)
                    del running[future]
                    idle.append(session)
        except BaseException:
            self._stop(running)
            raise

    def end(self) -> None:
        """Say to every psql that nothing more comes, and see that it has ended well."""
        for session in self._sessions:
            try:
                session.source.finish()
            except ToolFailed as error:
                _refuse(session, error)

    @staticmethod
    def _begin(session: LoadSession, task: Task, others: int) -> None:
        session.run(chain([Piece(task.prepare(others))], task.pieces()))

    def _run_here(self, session: LoadSession, pieces: Sequence[Piece]) -> None:
        try:
            session.run(pieces)
        except SessionEnded:
            _explain(session)

    @staticmethod
    def _finish(session: LoadSession, future: Future[None]) -> None:
        try:
            future.result()
        except SessionEnded:
            _explain(session)

    def _stop(self, running: Iterable[Future[None]]) -> None:
        for session in self._sessions:
            session.source.process.stop()
        wait(running)


def _next(waiting: list[Task], running: Sequence[Task]) -> Task | None:
    """Take the first task that may begin beside those that run."""
    for place, task in enumerate(waiting):
        if _may_begin(task, running):
            return waiting.pop(place)
    return None


def _may_begin(task: Task, running: Iterable[Task]) -> bool:
    return not any(task.excludes(other) for other in running)


def _explain(session: LoadSession) -> NoReturn:
    """Raise what psql ended with."""
    try:
        session.source.process.wait()
    except ToolFailed as error:
        _refuse(session, error)
    raise ToolFailed("psql ended before it had read everything")


def _refuse(session: LoadSession, error: ToolFailed) -> NoReturn:
    message, detail = session.place_in_dump(str(error)), session.place_in_dump(error.detail)
    raise ToolFailed(message, detail=detail, hint=error.hint) from None


@contextmanager
def load_sessions(
    program: Program, database: Database, count: int, *, settings: str = ""
) -> Iterator[LoadSessions]:
    """Start ``count`` psql sessions; all are stopped if the block raises.

    ``settings`` are options of the server for these sessions, added to those of every load. At the
    block's end ``LoadSessions.end`` must have been called.
    """
    with ThreadPoolExecutor(count) as threads, ExitStack() as stack:
        sessions = []
        for _ in range(count):
            ours, theirs = channel()
            stack.callback(ours.close)
            with theirs:
                source = stack.enter_context(
                    psql(
                        program,
                        database,
                        arguments=ARGUMENTS,
                        options=f"{LOAD_SETTINGS} {settings}",
                        stdout=theirs.fileno(),
                    )
                )
            sessions.append(LoadSession(source, ours))
        pool = LoadSessions(sessions, threads)
        pool.run_by_all([Piece(_opening(program))])
        yield pool


def _opening(program: Program) -> bytes:
    key = restriction_key(program)
    restricted = b"\\restrict " + key + b" \\\\ " if key else b""
    return restricted + NOTICE_CLIENT_DEATH + b"\n"
