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
from typing import NoReturn, TypeVar

from dbsnap.dumpfile.tokens import Cursor, comment_end, tokenize
from dbsnap.errors import DumpRefused
from dbsnap.inventory import object_name

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
    r"""The ``\.`` line, its line end included."""


Event = Comment | Statement | MetaCommand | CopyStart | CopyData | CopyEnd
_Whole = TypeVar("_Whole", Comment, Statement, MetaCommand)


def lex(read: Read, *, chunk_bytes: int = 1 << 20) -> Iterator[Event]:
    """Yield the parts of a dump in file order; only white space lies between them.

    ``read(n)`` returns up to ``n`` bytes and ``b""`` at the end. One statement is held in memory at
    a time, and never a COPY body. Raises DumpRefused with offset and line when the file ends inside
    something (rule ``truncated``, the offset being the file's end), and by the rules ``nul-byte``,
    ``ambiguous-token``, ``hidden-statement``, ``psql-variable``, ``unsafe-encoding``,
    ``unstable-quoting``, ``copy-binary`` and ``text-after-copy``.
    """
    source = _Source(read, chunk_bytes)
    standard_strings = True
    while source.skip_white_space():
        scan = _Scan(source.text, source.position, source.at_end, standard_strings)
        try:
            kind, end = scan.piece()
        except _Incomplete as incomplete:
            if not source.at_end:
                source.more()
                continue
            yield from source.meta_commands(scan.commands)
            source.refuse_end(str(incomplete), source.line)
        except _Unsafe as unsafe:
            yield from source.meta_commands(scan.commands)
            source.refuse(unsafe.rule, str(unsafe), unsafe.position)
        yield from source.meta_commands(scan.commands)
        event = source.take(kind, end)
        if isinstance(event, Statement):
            if _COPY.match(event.text) and (table := _table_copied_into(event)):
                yield CopyStart(event.offset, event.end, event.line, event.text)
                yield from _copy_body(source, table)
                continue
            if _SETTING.match(event.text):
                standard_strings = _standard_strings_after(event, before=standard_strings)
        elif isinstance(event, MetaCommand) and event.text.startswith(b"\\c"):
            standard_strings = True  # a new session, if it is \connect
        yield event


class _Incomplete(Exception):  # noqa: N818 - a state of the scan, not an error
    """The bytes at hand end inside what the message names."""


class _Unsafe(Exception):  # noqa: N818 - becomes a DumpRefused once its place is known
    """From a position in the bytes at hand on, psql's reading and another one may part."""

    def __init__(self, rule: str, message: str, position: int) -> None:
        super().__init__(message)
        self.rule = rule
        self.position = position


class _Source:
    """The bytes that were read but not yet taken (``text``), and where in the dump they are."""

    def __init__(self, read: Read, chunk_bytes: int) -> None:
        self._read = read
        self._chunk_bytes = chunk_bytes
        self._before = 0
        self._nul = False
        self.text = b""
        self.position = 0
        self.line = 1
        self.at_end = False

    def more(self) -> None:
        """Read on, at least as much as is pending so that scanning it again stays linear."""
        pending = self.text[self.position :]
        self._before += self.position
        self.position = 0
        chunks = [pending] if pending else []
        missing = max(len(pending), 1)
        while missing > 0 and not self.at_end:
            chunk = self._read(max(len(pending), self._chunk_bytes))
            if b"\0" in chunk:
                self._nul = True
                chunk = chunk[: chunk.index(b"\0")]
            self.at_end = self._nul or not chunk
            chunks.append(chunk)
            missing -= len(chunk)
        self.text = chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def skip_white_space(self) -> bool:
        """Step over white space; return False at the end of the dump."""
        while True:
            self._advance(_end_of(_WHITE_SPACE, self.text, self.position))
            if self.position < len(self.text):
                return True
            if self.at_end:
                if self._nul:
                    self.refuse_end("it", self.line)
                return False
            self.more()

    def skip_line_end(self) -> None:
        """Step over the line end behind a COPY statement, where its data begin."""
        began = self.line
        while (end := _end_of(_BLANK, self.text, self.position)) == len(self.text):
            if self.at_end:
                self.refuse_end("a COPY block", began)
            self.more()
        if self.text[end] != _NEWLINE:
            # psql runs this after the data, a reader of the file would see it before them.
            self.refuse("text-after-copy", "more text in the line of a COPY statement", end)
        self._advance(end + 1)

    def take(self, kind: type[_Whole], end: int) -> _Whole:
        """Return the piece that ends at a position in ``text`` and step over it."""
        taken = self.text[self.position : end]
        piece = kind(self._before + self.position, self._before + end, self.line, taken)
        self.line += taken.count(b"\n")
        self.position = end
        return piece

    def take_copy_end(self, end: int) -> CopyEnd:
        """Return the terminator that ends at a position in ``text`` and step over it."""
        copy_end = CopyEnd(self._before + self.position, self._before + end, self.line)
        self._advance(end)
        return copy_end

    def meta_commands(self, spans: list[tuple[int, int]]) -> Iterator[MetaCommand]:
        """Yield the meta-commands at these positions in ``text``, stepping over nothing."""
        for start, end in spans:
            line = self.line + self.text.count(b"\n", self.position, start)
            text = self.text[start:end]
            yield MetaCommand(self._before + start, self._before + end, line, text)

    def refuse(
        self, rule: str, message: str, position: int, *, hint: str = _HINT, table: str | None = None
    ) -> NoReturn:
        """Raise DumpRefused for what stands at a position in ``text``."""
        line = self.line + self.text.count(b"\n", self.position, position)
        offset = self._before + position
        message = f"line {line:,}, byte {offset:,}: {message}"
        raise DumpRefused(message, rule=rule, offset=offset, line=line, table=table, hint=hint)

    def refuse_end(self, what: str, began: int, *, table: str | None = None) -> NoReturn:
        """Raise DumpRefused because the dump ends inside ``what``, or at a NUL byte."""
        end = len(self.text)
        if self._nul:
            self.refuse("nul-byte", "a NUL byte, behind which psql reads on wrongly", end)
        message = f"the file ends inside {what} that begins in line {began:,}"
        hint = "the file is incomplete: take it from its source again"
        self.refuse("truncated", message, end, hint=hint, table=table)

    def _advance(self, position: int) -> None:
        self.line += self.text.count(b"\n", self.position, position)
        self.position = position


def _copy_body(source: _Source, table: str) -> Iterator[CopyData | CopyEnd]:
    """Yield the data and the end of a COPY block, from behind the ``;`` of its statement."""
    began = source.line
    source.skip_line_end()
    at_line_start = True
    while True:
        text, start = source.text, source.position
        if at_line_start and (terminator := _TERMINATOR.match(text, start)):
            yield source.take_copy_end(terminator.end())
            return
        stop = _copy_data_end(text, start, at_line_start=at_line_start)
        if stop > start:
            at_line_start = text[stop - 1] == _NEWLINE
            yield source.take(CopyData, stop)
        elif source.at_end:
            source.refuse_end(f"the data of table {short_name(table)}", began, table=table)
        else:
            source.more()


def _copy_data_end(text: bytes, start: int, *, at_line_start: bool) -> int:
    """Return up to where the bytes at hand are data for sure, terminator or not behind them."""
    if at_line_start and _PART_OF_TERMINATOR.match(text, start):
        return start
    found = text.find(b"\n\\.", start)
    while found >= 0:
        if _TERMINATOR.match(text, found + 1) or _PART_OF_TERMINATOR.match(text, found + 1):
            return found + 1
        found = text.find(b"\n\\.", found + 1)
    return len(text) - text.endswith(b"\n\\")


class _Scan:
    """One look at the bytes at hand: which piece begins at ``start``, and where does it end?"""

    def __init__(self, text: bytes, start: int, at_end: bool, standard_strings: bool) -> None:  # noqa: FBT001
        self.text = text
        self.start = start
        self.at_end = at_end
        self.standard_strings = standard_strings
        self.commands: list[tuple[int, int]] = []

    def piece(self) -> tuple[type[Comment | Statement | MetaCommand], int]:
        """Return what begins here, and its end."""
        text, start = self.text, self.start
        if text.startswith(b"--", start):
            end = _end_of(_LINE_COMMENT, text, start)
            if end == len(text) and not self.at_end:
                raise _Incomplete("a comment")
            return Comment, end
        if text.startswith(b"/*", start):
            return Comment, self._comment_end(start)
        if text[start] == _BACKSLASH:
            return MetaCommand, self._line_end(start)
        return Statement, self._statement_end()

    def _comment_end(self, start: int) -> int:
        end = comment_end(self.text, start)
        if end is None:
            raise _Incomplete("a comment")
        return end

    def _line_end(self, start: int) -> int:
        end = self.text.find(b"\n", start)
        if end < 0:
            if not self.at_end:
                raise _Incomplete("a meta-command")
            end = len(self.text)
        return end - (self.text[end - 1] == _CARRIAGE_RETURN)
