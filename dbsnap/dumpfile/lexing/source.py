"""The bytes of a dump that were read but not yet taken, and where in the dump they stand."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import NoReturn, TypeVar

from dbsnap.dumpfile.lexing.events import (
    Comment,
    CopyData,
    CopyEnd,
    Heading,
    MetaCommand,
    Statement,
)
from dbsnap.dumpfile.lexing.runs import end_of
from dbsnap.dumpfile.lexing.usual_pieces import COMMENT, HEADING, inert, plain
from dbsnap.dumpfile.lines import count_lines
from dbsnap.dumpfile.patterns import compiled
from dbsnap.errors import DumpRefused

Read = Callable[[int], bytes]
T = TypeVar("T", bound=Comment | Heading | Statement | MetaCommand | CopyData)

HINT = "pg_dump never writes this: find out who changed the file before loading it"

_LINE_END = b"\n"
_WHITE_SPACE = compiled(rb"[ \t\n\r\f\v]*+")
_BLANK = compiled(rb"[ \t\r\f\v]*+")


class Source:
    """Takes pieces off the front of ``text``, which begins at ``position``, in line ``line``."""

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
            self.step_to(end_of(_WHITE_SPACE, self.text, self.position))
            if self.position < len(self.text):
                return True
            if self.at_end:
                if self._nul:
                    self.refuse_end("it", self.line)
                return False
            self.more()

    def blanks_end(self) -> int:
        """Return where in ``text`` the blanks here end."""
        while (end := end_of(_BLANK, self.text, self.position)) == len(self.text):
            if self.at_end:
                break
            self.more()
        return end

    def skip_line_end(self) -> None:
        """Step over the line end behind a COPY statement, where its data begin."""
        end = self.blanks_end()
        if end == len(self.text):
            self.refuse_end("a COPY block", self.line)
        # psql would run it after the data, a reader of the file sees it before them.
        self.refuse_text_in_line("text-after-copy", "more text in the line of a COPY statement")
        self.step_to(end + 1)

    def refuse_text_in_line(self, rule: str, message: str) -> None:
        """Raise DumpRefused unless nothing but blanks follow up to the end of the line."""
        end = self.blanks_end()
        if self.text[end : end + 1] not in (b"", _LINE_END):
            self.refuse(rule, message, end)

    def take_inert(
        self, *, standard_strings: bool
    ) -> Generator[Comment | Heading | Statement, None, bool]:
        """Yield the comments and inert statements here; return whether there was a statement.

        They are stepped over when all have been taken.
        """
        text, before, line, position = self.text, self._before, self.line, self.position
        counted = position
        statements = False
        for match in inert(standard_strings=standard_strings).finditer(text, position):
            kind = match.lastindex
            if kind is None:
                break
            start, position = match.span(kind)
            line += text.count(_LINE_END, counted, start)
            counted = start
            taken = match[kind]
            if kind == HEADING:
                yield Heading(before + start, before + position, line, taken)
            elif kind == COMMENT:
                yield Comment(before + start, before + position, line, taken)
            else:
                statements = True
                yield Statement(before + start, before + position, line, taken, standard_strings)
        self.position = position
        self.line = line + text.count(_LINE_END, counted, position)
        return statements

    def take_plain(self, *, standard_strings: bool) -> Statement | None:
        """Step over white space and a statement in which words do not matter; None if none is here."""
        match = plain(standard_strings=standard_strings).match(self.text, self.position)
        if match is None:
            return None
        self.step_to(match.start(1))
        return self.take_statement(match.end(), standard_strings=standard_strings)

    def take_statement(self, end: int, *, standard_strings: bool) -> Statement:
        """Return the statement that ends at a position in ``text`` and step over it."""
        offset, line, taken = self._take(end)
        return Statement(offset, offset + len(taken), line, taken, standard_strings)

    def take(self, kind: type[T], end: int) -> T:
        """Return the piece that ends at a position in ``text`` and step over it."""
        offset, line, taken = self._take(end)
        return kind(offset, offset + len(taken), line, taken)

    def take_copy_end(self, end: int) -> CopyEnd:
        """Return the terminator that ends at a position in ``text`` and step over it."""
        offset, line, taken = self._take(end)
        return CopyEnd(offset, offset + len(taken), line)

    def meta_commands(self, spans: list[tuple[int, int]]) -> Iterator[MetaCommand]:
        """Yield the meta-commands at these positions in ``text``, stepping over nothing."""
        line, position = self.line, self.position
        for start, end in spans:
            line += self.text.count(_LINE_END, position, start)
            position = start
            yield MetaCommand(self._before + start, self._before + end, line, self.text[start:end])

    def step_to(self, position: int) -> None:
        """Step over everything before a position in ``text``."""
        self.line += self.text.count(_LINE_END, self.position, position)
        self.position = position

    def refuse(
        self, rule: str, message: str, position: int, *, hint: str = HINT, table: str | None = None
    ) -> NoReturn:
        """Raise DumpRefused for what stands at a position in ``text``."""
        line = self.line + self.text.count(_LINE_END, self.position, position)
        refuse(rule, message, self._before + position, line, hint=hint, table=table)

    def refuse_end(self, what: str, began: int, *, table: str | None = None) -> NoReturn:
        """Raise DumpRefused because the dump ends inside ``what``, or at a NUL byte."""
        end = len(self.text)
        if self._nul:
            self.refuse("nul-byte", "a NUL byte, behind which psql reads on wrongly", end)
        message = f"the file ends inside {what} that begins in line {began:,}"
        hint = "the file is incomplete: take it from its source again"
        self.refuse("truncated", message, end, hint=hint, table=table)

    def _take(self, end: int) -> tuple[int, int, bytes]:
        """Step to a position in ``text``; return offset and line of what was stepped over, and it."""
        offset, line, taken = (
            self._before + self.position,
            self.line,
            self.text[self.position : end],
        )
        self.line += count_lines(taken)
        self.position = end
        return offset, line, taken


def refuse(
    rule: str, message: str, offset: int, line: int, *, hint: str = HINT, table: str | None = None
) -> NoReturn:
    """Raise DumpRefused for what stands at an offset (bytes from 0), in a line (from 1)."""
    message = f"line {line:,}, byte {offset:,}: {message}"
    raise DumpRefused(message, rule=rule, offset=offset, line=line, table=table, hint=hint)
