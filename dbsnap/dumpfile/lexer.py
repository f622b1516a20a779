"""The only reader of the plain-SQL dump format: bytes in; statements, COPY blocks, commands out.

The boundaries are those that psql sees, because psql is what will load the file: its scanner
(``src/fe_utils/psqlscan.l``), its loop over lines (``src/bin/psql/mainloop.c``) and its COPY reader
(``handleCopyIn`` in ``src/bin/psql/copy.c``) are the sources of every rule here. Where releases of
psql, or psql and the server, disagree about some bytes, no reading is safe and the file is refused;
pg_dump writes none of these.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dbsnap.dumpfile.tokens import (
    CopyTarget,
    copy_target,
    session_setting,
)
from dbsnap.errors import DumpRefused

Read = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the dump: ``offset`` and ``end`` in uncompressed bytes from 0, ``line`` from 1."""

    offset: int
    end: int
    line: int


@dataclass(frozen=True, slots=True)
class Comment(Piece):
    """A line comment (without its line end) or block comment that stands between statements."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Statement(Piece):
    """What psql sends at once: from the first token to the ``;`` that ends it, both included."""

    text: bytes


@dataclass(frozen=True, slots=True)
class MetaCommand(Piece):
    r"""A backslash where psql looks for a command, and the rest of its line (without line end).

    ``\;`` counts as one too: it smuggles a second statement past every splitter. One that stands
    inside a statement comes before that statement, whose text then holds its bytes as well.
    """

    text: bytes


@dataclass(frozen=True, slots=True)
class CopyStart(Piece):
    """A ``COPY … FROM stdin …;`` statement; its data, if any, and a CopyEnd follow."""

    text: bytes


@dataclass(frozen=True, slots=True)
class CopyData(Piece):
    """The next bytes of a COPY body; the chunks of a block together are its body exactly."""

    data: bytes


@dataclass(frozen=True, slots=True)
class CopyEnd(Piece):
    r"""The ``\.`` line, line end included. Its ``line`` less that of the first data is the rows."""


Event = Comment | Statement | MetaCommand | CopyStart | CopyData | CopyEnd


def lex(read: Read, *, chunk_bytes: int = 1 << 20) -> Iterator[Event]:
    """Yield the parts of a dump in file order; only white space lies between them.

    ``read(n)`` returns up to ``n`` bytes and ``b""`` at the end. At most one statement is held in
    memory, and never a COPY body. Raises DumpRefused, with offset and line, by these rules:
    ``truncated`` (the file ends inside something; the offset is the file's end), ``nul-byte``,
    ``ambiguous-token``, ``hidden-statement``, ``psql-variable``, ``unsafe-encoding``,
    ``copy-binary`` and ``text-after-copy``.
    """
    source = _Source(read, chunk_bytes)
    standard_strings = True
    while source.skip_white_space():
        try:
            events = _next_events(source, standard_strings=standard_strings)
        except _Incomplete as incomplete:
            if source.more():
                continue
            yield from (source.piece(MetaCommand, *span) for span in incomplete.meta_commands)
            raise source.truncated(incomplete.what) from None
        last = events[-1]
        if isinstance(last, CopyStart):
            source.advance(last.end)
            yield from events
            yield from _copy_body(source, _copy_in(last, source))
            continue
        if isinstance(last, Statement) and last.text[:1] in b"sSrRdD":
            standard_strings = _standard_strings_after(last, standard_strings)
        elif isinstance(last, MetaCommand) and last.text.startswith((b"\\c ", b"\\connect")):
            standard_strings = True
        source.advance(last.end)
        yield from events
