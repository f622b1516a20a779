"""The content of live tables, measured as a dump's is: by one session, or by several side by side."""

from __future__ import annotations

from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from xxhash import xxh3_128

from dbsnap.dumpfile.contents import ContentsReader
from dbsnap.dumpfile.rows import UnorderedSum
from dbsnap.operations.row_buffers import RowBuffers, received
from dbsnap.scheduling import give_way

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from dbsnap.dumpfile.lexer import Event
    from dbsnap.postgres.content import TableContent
    from dbsnap.postgres.row_session import RowSession
    from dbsnap.progress import Progress

    StartSession = Callable[[], RowSession]

PIECE_BYTES = 128 << 10
"""How many bytes of rows are looked at at a time: as in ``dumpfile.conversion.block_bytes``."""

S = TypeVar("S")
T = TypeVar("T")


def shared_out(
    tables: Iterable[TableContent], sizes: Mapping[str, int], jobs: int
) -> list[list[TableContent]]:
    """Divide tables among up to ``jobs`` sessions, each to have about as many bytes; pure."""
    shares: list[list[TableContent]] = [[] for _ in range(jobs)]
    loads = [0] * jobs
    for table in sorted(tables, key=lambda each: -sizes.get(each.table, 0)):
        least = loads.index(min(loads))
        shares[least].append(table)
        loads[least] += sizes.get(table.table, 0) + 1
    return [share for share in shares if share]


def parts_of(table: TableContent, pages: int, count: int) -> list[TableContent]:
    """Return a table in ``count`` ranges of its ``pages``, to be read side by side; pure."""
    bounds = [pages * number // count for number in range(1, count)]
    ranges = zip([0, *bounds], [*bounds, None], strict=True)
    return [
        replace(
            table,
            condition=f"WHERE ctid >= '({first},0)'"
            + (f" AND ctid < '({end},0)'" if end is not None else ""),
        )
        for first, end in ranges
    ]


def measure_side_by_side(
    shares: Sequence[Sequence[TableContent]], start: StartSession, progress: Progress
) -> dict[str, str]:
    """Return the fingerprint of each table, in the order in which the server gives the rows.

    ``start`` starts a session for one share of the tables. Raises what the first of them raises; the
    others are stopped then.
    """

    def measure(session: RowSession, share: Sequence[TableContent]) -> dict[str, str]:
        buffers = RowBuffers(PIECE_BYTES)
        found: dict[str, str] = {}
        for table in share:
            digest = xxh3_128()
            for rows in received(session, table.copy_statement(), buffers):
                digest.update(rows)
                progress.advance(len(rows))
            found[table.table] = digest.hexdigest()
        return found

    return dict(chain.from_iterable(one.items() for one in _read_all(shares, start, measure)))


def sum_side_by_side(
    parts: Sequence[TableContent], start: StartSession, progress: Progress
) -> UnorderedSum:
    """Return the rows of all parts of a table, read by a session each; see ``measure_side_by_side``."""

    def add_up(session: RowSession, part: TableContent) -> UnorderedSum:
        found = UnorderedSum()
        for rows in received(session, part.copy_statement(), RowBuffers(PIECE_BYTES)):
            found.add(bytes(rows[:-1]).split(b"\n"))
            progress.advance(len(rows))
        return found

    total = UnorderedSum()
    for found in _read_all(parts, start, add_up):
        total.join(found)
    return total


def _read_all(
    shares: Sequence[S], start: StartSession, read: Callable[[RowSession, S], T]
) -> list[T]:
    """Let ``read`` read each share in a thread, with a session of its own."""
    sessions: list[RowSession] = []

    def work(session: RowSession, share: S) -> T:
        found = read(session, share)
        session.close()
        return found

    # The threads end when the sessions that they read from have ended.
    with ThreadPoolExecutor(max(len(shares), 1), "measuring", give_way) as threads:
        try:
            sessions += [start() for _ in shares]
            readings = [threads.submit(work, *each) for each in zip(sessions, shares, strict=True)]
            done, _ = wait(readings, return_when=FIRST_EXCEPTION)
            for reading in done:
                reading.result()
            return [reading.result() for reading in readings]
        finally:
            for session in sessions:
                session.stop()


def measure_content(
    tables: Sequence[TableContent], events: Iterable[Event], progress: Progress
) -> dict[str, str]:
    """Return the fingerprint of each table whose block is among the events, in that order."""
    reader = ContentsReader()
    position = 0
    for event in events:
        reader.feed(event)
        progress.advance(event.end - position)
        position = event.end
    blocks = reader.contents().copy_blocks
    return {table.table: block.content for table, block in zip(tables, blocks, strict=True)}
