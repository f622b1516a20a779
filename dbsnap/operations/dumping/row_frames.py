"""Frames of rows, copied by several sessions at once and given out in an order that a dump can have.

The parts of a table come in their order, so that its rows stand in the dump as one COPY would have
written them. A session may be a few frames ahead of its turn, no more: that bounds memory, and since
the session whose turn it is never waits for others, it cannot come to a standstill.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from dbsnap.dumpfile.frames import BLOCK_END, Frame
from dbsnap.operations.dumping.plan import FRAMES_AHEAD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dbsnap.dumpfile.members import MemberWriter
    from dbsnap.operations.dumping.plan import ParallelPlan
    from dbsnap.operations.dumping.rate import Rate
    from dbsnap.postgres.row_parts import RowPart, RowSession, StoredTable

LOOK_SECONDS = 0.5
"""How often who waits for a frame calls ``meanwhile``."""

Place = tuple[int, int]
"""The number of a table and of one of its parts."""


class RowFrames:
    """The frames of all parts of a plan; ``dumpfile.frames.Frames`` for whoever writes them.

    ``meanwhile`` is called now and then by who asks for frames, in that thread; what it raises goes
    through. ``stop`` must be called at the end, whatever happened: all sessions have then ended.
    """

    def __init__(
        self,
        plan: ParallelPlan,
        members: MemberWriter,
        *,
        rate: Rate,
        meanwhile: Callable[[], None],
    ) -> None:
        self._members = members
        self._rate = rate
        self._meanwhile = meanwhile
        self._most_bytes = 2 * plan.frame_bytes
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

    def work_with(self, session: RowSession) -> None:
        """Let one more session copy parts, in a thread of its own."""
        thread = threading.Thread(target=self._work, args=(session,), name="copying", daemon=True)
        with self._changed:
            self._held[session] = 0
            self._working[session] = thread
        thread.start()

    def next(self, *, wait: bool) -> Frame | None:
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

    def stop(self) -> None:
        """End all sessions and their threads."""
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
        heading = _heading(part.table) if is_first else b""
        body: list[bytes] = []
        size = 0
        for piece in session.copy(part):
            self._rate.took(len(piece))
            body.append(piece)
            size += len(piece)
            if size >= self._most_bytes and (end := piece.rfind(b"\n") + 1):
                body[-1] = piece[:end]
                yield self._frame(part.table, heading, body)
                heading, body = b"", [piece[end:]]
                size = len(body[0])
        if size or heading:
            yield self._frame(part.table, heading, body)

    def _frame(self, table: StoredTable, heading: bytes, body: Sequence[bytes]) -> Frame:
        statement = f"COPY {table.quoted_name} ({table.quoted_columns}) FROM stdin;".encode()
        head = heading + statement + b"\n"
        pieces = tuple(piece for piece in body if piece)
        packed = self._members.pack([head, *pieces, BLOCK_END])
        rows = sum(piece.count(b"\n") for piece in pieces)
        return Frame(head, statement, pieces, rows, packed)


def _heading(table: StoredTable) -> bytes:
    """Return the comment that pg_dump writes above a table's rows (``_printTocEntry``)."""
    name, schema = (
        text.replace("\n", " ").replace("\r", " ") for text in (table.name, table.schema)
    )
    title = f"-- Data for Name: {name}; Type: TABLE DATA; Schema: {schema}; Owner: -"
    return f"--\n{title}\n--\n\n".encode()
