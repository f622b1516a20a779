"""The content of live tables, measured as a dump's is: by one session, or by several side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from dbsnap.dumpfile.contents import ContentsReader
from dbsnap.dumpfile.lexer import CopyData, lex
from dbsnap.dumpfile.rows import UnorderedSum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from dbsnap.dumpfile.lexer import Event
    from dbsnap.postgres.content import TableContent
    from dbsnap.progress import Progress

    Stream = Callable[[Sequence[TableContent]], AbstractContextManager[Callable[[int], bytes]]]


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
    shares: Sequence[Sequence[TableContent]], stream: Stream, progress: Progress
) -> dict[str, str]:
    """Return the fingerprint of each table, in the order in which the server gives the rows.

    ``stream`` opens a session for one share of the tables. Raises what the first of them raises; the
    others are stopped then.
    """
    found: dict[str, str] = {}
    for share, reader in zip(
        shares, _read_all(shares, stream, ContentsReader, progress), strict=True
    ):
        blocks = reader.contents().copy_blocks
        found |= {table.table: block.content for table, block in zip(share, blocks, strict=True)}
    return found


def sum_side_by_side(
    parts: Sequence[TableContent], stream: Stream, progress: Progress
) -> UnorderedSum:
    """Return the rows of all parts of a table, read by a session each; see ``measure_side_by_side``."""
    total = UnorderedSum()
    for summing in _read_all([[part] for part in parts], stream, _RowSum, progress):
        total.join(summing.rows)
    return total


class _RowSum:
    """Sums up the rows among events."""

    def __init__(self) -> None:
        self.rows = UnorderedSum()
        self._rest = b""

    def feed(self, event: Event) -> None:
        if isinstance(event, CopyData):
            *rows, self._rest = (self._rest + event.data).split(b"\n")
            self.rows.add(rows)


class _Taker(Protocol):
    def feed(self, event: Event) -> None: ...


T = TypeVar("T", bound=_Taker)


def _read_all(
    shares: Sequence[Sequence[TableContent]],
    stream: Stream,
    taker: Callable[[], T],
    progress: Progress,
) -> list[T]:
    """Feed what each share's session sends to a taker of its own."""
    # The threads end when the sessions that they read from have ended.
    with ThreadPoolExecutor(max(len(shares), 1)) as threads, ExitStack() as stack:
        reads = [stack.enter_context(stream(share)) for share in shares]
        takings = [threads.submit(_feed, taker(), lex(read), progress) for read in reads]
        return [taking.result() for taking in takings]


def _feed(taker: T, events: Iterable[Event], progress: Progress) -> T:
    position = 0
    for event in events:
        taker.feed(event)
        progress.advance(event.end - position)
        position = event.end
    return taker


def measure_content(
    tables: Sequence[TableContent], events: Iterable[Event], progress: Progress
) -> dict[str, str]:
    """Return the fingerprint of each table whose block is among the events, in that order."""
    blocks = _feed(ContentsReader(), events, progress).contents().copy_blocks
    return {table.table: block.content for table, block in zip(tables, blocks, strict=True)}
