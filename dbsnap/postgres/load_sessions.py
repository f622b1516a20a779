"""Several sessions that load one database side by side, and what may be done beside what."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from dbsnap.postgres.load_session import CANCEL_SECONDS, Command, load_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from dbsnap.postgres.load_session import LoadSession, Piece
    from dbsnap.postgres.url import Database

ALONE = "alone"


@dataclass(frozen=True, slots=True)
class Task:
    """Work for one session: pieces, in their order.

    Tasks on one of the same ``tables`` run side by side only if they are of the same ``manner``, which
    is not ``ALONE``. ``size`` is that of the rows it goes through, in bytes. ``prepare`` gives SQL to
    begin with, told the size of all tasks that still wait and could run beside this one.
    """

    pieces: Callable[[], Iterable[Piece]]
    tables: frozenset[str] = frozenset()
    manner: str = ALONE
    size: int = 0
    prepare: Callable[[int], bytes] = lambda _waiting: b""

    def excludes(self, other: Task) -> bool:
        """Return whether the two may not run side by side."""
        if self.tables.isdisjoint(other.tables):
            return False
        return self.manner == ALONE or self.manner != other.manner


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
        self._run_by(self._sessions, pieces)

    def run_by_others(self, pieces: Sequence[Piece]) -> None:
        """Run the same pieces in every session but the first."""
        self._run_by(self._sessions[1:], pieces)

    def run(self, tasks: Sequence[Task]) -> None:
        """Run tasks in any session, beginning them in their order as far as they let each other.

        Raises what the first that fails raises (``LoadSession.run``); the others are stopped then, and
        nothing runs any more.
        """
        waiting = list(tasks)
        idle = list(reversed(self._sessions))
        running: dict[Future[None], tuple[LoadSession, Task]] = {}
        try:
            while waiting or running:
                while idle and (task := _next(waiting, [each for _, each in running.values()])):
                    session = idle.pop()
                    beside = [task, *(each for _, each in running.values())]
                    others = sum(other.size for other in waiting if _may_begin(other, beside))
                    future = self._threads.submit(_begin, session, task, others)
                    running[future] = session, task
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
                    idle.append(running.pop(future)[0])
        except BaseException:
            self._stop(running)
            raise

    def _run_by(self, sessions: Iterable[LoadSession], pieces: Sequence[Piece]) -> None:
        running = [self._threads.submit(session.run, pieces) for session in sessions]
        try:
            for future in running:
                future.result()
        except BaseException:
            self._stop(running)
            raise

    def _stop(self, running: Iterable[Future[None]]) -> None:
        for session in self._sessions:
            session.stop()
        if wait(running, timeout=CANCEL_SECONDS).not_done:
            for session in self._sessions:
                session.cut()
            wait(running)


def _begin(session: LoadSession, task: Task, others: int) -> None:
    first = task.prepare(others)
    session.run(chain([Command(first)] if first else [], task.pieces()))


def _next(waiting: list[Task], running: Sequence[Task]) -> Task | None:
    """Take the first task that may begin beside those that run."""
    for place, task in enumerate(waiting):
        if _may_begin(task, running):
            return waiting.pop(place)
    return None


def _may_begin(task: Task, running: Iterable[Task]) -> bool:
    return not any(task.excludes(other) for other in running)


@contextmanager
def load_sessions(database: Database, count: int, *, settings: str = "") -> Iterator[LoadSessions]:
    """Connect ``count`` times; at the end of the block nothing runs any more.

    ``settings`` are options of the server for these sessions, added to those of every load.
    """
    with ThreadPoolExecutor(count, "loading") as threads, ExitStack() as stack:
        sessions = [
            stack.enter_context(load_session(database, settings=settings)) for _ in range(count)
        ]
        yield LoadSessions(sessions, threads)
