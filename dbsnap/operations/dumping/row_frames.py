"""Frames of rows, copied by several sessions at once and given out in an order that a dump can have.

The parts of a table come in their order, so that its rows stand in the dump as one COPY would have
written them. A session may be a few frames ahead of its turn, no more: that bounds memory, and since
the session whose turn it is never waits for others, it cannot come to a standstill.
"""

from __future__ import annotations

import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Self

from dbsnap.dumpfile.frames import Frame
from dbsnap.dumpfile.lines import count_lines
from dbsnap.operations.dumping.plan import FRAMES_AHEAD, MOST_TIMES_STORED
from dbsnap.operations.row_buffers import RowBuffers
from dbsnap.postgres.dump import LOOK_SECONDS
from dbsnap.postgres.row_session import END_OF_ROWS
from dbsnap.scheduling import give_way

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbsnap.dumpfile.members import MemberWriter
    from dbsnap.operations.dumping.plan import ParallelPlan
    from dbsnap.operations.dumping.rate import Rate
    from dbsnap.operations.row_buffers import RowBuffer
    from dbsnap.postgres.row_parts import RowPart, StoredTable
    from dbsnap.postgres.row_session import RowSession

Place = tuple[int, int]
"""The number of a table and of one of its parts."""


class RowFrames:
    """The frames of all parts of a plan; ``dumpfile.frames.Frames`` for whoever writes them.

    They are copied by one session less than there are ``jobs`` while pg_dump writes rows, too.
    ``meanwhile`` is called now and then by who asks for frames, in that thread; what it raises goes
    through. At the end of the ``with`` block all sessions have ended.
    """

    def __init__(
        self,
        plan: ParallelPlan,
        members: MemberWriter,
        new_session: Callable[[], RowSession],
        *,
        jobs: int,
        rate: Rate,
        meanwhile: Callable[[], None],
    ) -> None:
        self._members = members
        self._new_session = new_session
        self._jobs = jobs
        self._rate = rate
        self._meanwhile = meanwhile
        self._buffers = RowBuffers(MOST_TIMES_STORED * plan.frame_bytes)
        self._todo = deque(
            ((table, number), part)
            for table, parts in enumerate(plan.parts())
            for number, part in enumerate(parts)
        )
        self._turn = dict.fromkeys(range(len(plan.tables)), 0)
        self._waiting: dict[Place, deque[tuple[RowSession, Frame]]] = {}
        self._copied: set[Place] = set()
        self._ready: deque[tuple[RowSession, Frame]] = deque()
        self._held: dict[RowSession, int] = {}
        self._working: dict[RowSession, threading.Thread] = {}
        self._failure: BaseException | None = None
        self._stopped = False
        self._changed = threading.Condition()

    def __enter__(self) -> Self:
        try:
            for _ in range(self._jobs - 1):
                self._start_session()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def ready(self) -> Iterator[Frame]:
        """Yield the frames that there are."""
        while frame := self._next(wait=False):
            yield frame

    def remaining(self) -> Iterator[Frame]:
        """Yield all frames that are still to come."""
        with self._changed:
            one_more = bool(self._todo)
        if one_more:
            self._start_session()
        while frame := self._next(wait=True):
            yield frame

    def _next(self, *, wait: bool) -> Frame | None:
        """Return the next frame; None if there is none yet, or, having waited, none any more."""
        while True:
            if wait:
                self._meanwhile()
            with self._changed:
                if self._failure is not None:
                    raise self._failure
                if self._ready:
                    session, frame = self._ready.popleft()
                    self._held[session] -= 1
                    self._changed.notify_all()
                    return frame
                if not wait or not self._working:
                    return None
                self._changed.wait(LOOK_SECONDS)

    def _start_session(self) -> None:
        """Let one more session copy parts, in a thread of its own."""
        session = self._new_session()
        thread = threading.Thread(target=self._work, args=(session,), name="copying", daemon=True)
        with self._changed:
            self._held[session] = 0
            self._working[session] = thread
        thread.start()

    def _stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._rate.end()
            self._changed.notify_all()
            working = dict(self._working)
        for session in self._held:
            session.stop()
        for thread in working.values():
            if thread.ident is not None:  # an interruption may have come before it was started
                thread.join()

    def _work(self, session: RowSession) -> None:
        give_way()
        try:
            while taken := self._take():
                place, part = taken
                for frame in self._frames(part, session, is_first=place[1] == 0):
                    if not self._give(place, session, frame):
                        return
                with self._changed:
                    self._copied.add(place)
                    self._promote(place[0])
            session.close()
        except BaseException as failure:  # noqa: BLE001 - raised again by next()
            with self._changed:
                self._failure = self._failure or failure
        finally:
            with self._changed:
                del self._working[session]
                self._changed.notify_all()

    def _take(self) -> tuple[Place, RowPart] | None:
        with self._changed:
            if self._stopped or self._failure is not None or not self._todo:
                return None
            return self._todo.popleft()

    def _give(self, place: Place, session: RowSession, frame: Frame) -> bool:
        """Leave a frame for its turn, when there is room; return False if it is not wanted any more."""
        with self._changed:
            while self._held[session] >= FRAMES_AHEAD:
                if self._stopped or self._failure is not None:
                    return False
                self._changed.wait(LOOK_SECONDS)
            self._held[session] += 1
            self._waiting.setdefault(place, deque()).append((session, frame))
            self._promote(place[0])
            return True

    def _promote(self, table: int) -> None:
        """Make ready what is at its turn. The caller holds the condition."""
        while True:
            place = (table, self._turn[table])
            self._ready.extend(self._waiting.pop(place, ()))
            if place not in self._copied:
                break
            self._turn[table] += 1
        self._changed.notify_all()

    def _frames(self, part: RowPart, session: RowSession, *, is_first: bool) -> Iterator[Frame]:
        """Yield the rows of a part as frames; at least one of its table's first part."""
        name, columns = part.table.quoted_name, part.table.quoted_columns
        statement = f"COPY {name} ({columns}) FROM stdin;".encode()
        head = (_heading(part.table) if is_first else b"") + statement + b"\n"
        buffer, rows = self._buffers.take(head), 0
        session.copy(part.copy_statement())
        while not buffer.is_complete():
            if room := buffer.room:
                count = session.receive(room)
                rows += count_lines(room[:count])  # while psql writes what comes next
                self._rate.took(count)
                buffer.took(count)
                continue
            rest = buffer.take_rest()
            if not buffer.has_rows():  # a row that is longer than the buffer
                buffer = self._buffers.take(head, rest)
                continue
            head = statement + b"\n"
            following = self._buffers.take(head, rest)
            yield self._frame(buffer, statement, rows)
            buffer, rows, is_first = following, 0, False
        buffer.drop_end()
        if buffer.has_rows() or is_first:
            yield self._frame(buffer, statement, rows - count_lines(END_OF_ROWS))

    def _frame(self, buffer: RowBuffer, statement: bytes, rows: int) -> Frame:
        raw = buffer.raw()
        return Frame(
            raw,
            statement,
            begin=buffer.begin,
            rows=rows,
            packed=self._members.pack(raw),
            written=partial(self._buffers.give_back, buffer),
        )


def _heading(table: StoredTable) -> bytes:
    """Return the comment that pg_dump writes above a table's rows (``_printTocEntry``)."""
    name, schema = (
        text.replace("\n", " ").replace("\r", " ") for text in (table.name, table.schema)
    )
    title = f"-- Data for Name: {name}; Type: TABLE DATA; Schema: {schema}; Owner: -"
    return f"--\n{title}\n--\n\n".encode()
