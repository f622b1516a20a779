"""The only reader of the plain-SQL dump format: bytes in; statements, COPY blocks, commands out.

The boundaries are those that psql sees, because psql is what will load the file: its scanner
(``src/fe_utils/psqlscan.l``), its loop over lines (``src/bin/psql/mainloop.c``) and its COPY reader
(``handleCopyIn`` in ``src/bin/psql/copy.c``) are the sources of every rule here. Where releases of
psql, or psql and the server, disagree about some bytes, no reading is safe and the file is refused;
pg_dump writes none of these.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NoReturn

from dbsnap.dumpfile.statements import (
    SIMPLE_PIECE,
    Incomplete,
    StatementScan,
    Unsafe,
    block_comment_end,
    end_of,
    line_end,
)
from dbsnap.dumpfile.tokens import Cursor, tokenize
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
_Texted = Comment | Statement | MetaCommand | CopyData


_NEWLINE, _BACKSLASH = b"\n\\"
_HINT = "pg_dump never writes this: find out who changed the file before loading it"

_WHITE_SPACE = re.compile(rb"[ \t\n\r\f\v]*+")
_BLANK = re.compile(rb"[ \t\r\f\v]*+")
_LINE_COMMENT = re.compile(rb"--[^\n\r]*+")
_TERMINATOR = re.compile(rb"\\\.\r?\n")
_PART_OF_TERMINATOR = re.compile(rb"\\(?:\.\r?)?\Z")
_INTERESTING = re.compile(
    rb"(?is)(?:copy|set|reset|discard|select(?=.*set_config))(?![A-Za-z0-9_$\x80-\xff])"
)
_WORD_FIRST = re.compile(rb"[A-Za-z]{2,}+(?![A-Za-z0-9_$\x80-\xff&'])")
_UNSAFE_ENCODINGS = frozenset(
    {"big5", "gb18030", "gbk", "johab", "mskanji", "shiftjis", "shiftjis2004", "sjis", "uhc"}
    | {"win932", "win936", "win949", "win950"}
    | {"windows932", "windows936", "windows949", "windows950"}
)
"""Encodings in which a byte of a longer character can be an ASCII one, say a backslash
(``pg_valid_server_encoding_id`` in ``src/common/encnames.c``)."""


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
    after_copy = False
    while True:
        simple = source.take_simple(SIMPLE_PIECE[standard_strings])
        if simple is not None:
            pieces: Iterable[_Texted] = (simple,)
        elif source.skip_white_space():
            pieces = _take_exactly(source, standard_strings=standard_strings)
        else:
            return
        for piece in pieces:
            if after_copy and isinstance(piece, Statement):
                _refuse_wordless(piece)
                after_copy = False
            if isinstance(piece, Statement) and _INTERESTING.match(piece.text):
                if table := _table_copied_into(piece, standard_strings=standard_strings):
                    yield CopyStart(piece.offset, piece.end, piece.line, piece.text)
                    yield from _copy_body(source, table)
                    after_copy = True
                    continue
                standard_strings = _standard_strings_after(piece, before=standard_strings)
            elif isinstance(piece, MetaCommand) and piece.text.startswith(b"\\c"):
                standard_strings = True  # a new session, if it is \connect
            yield piece


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
            self._advance(end_of(_WHITE_SPACE, self.text, self.position))
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
        while (end := end_of(_BLANK, self.text, self.position)) == len(self.text):
            if self.at_end:
                self.refuse_end("a COPY block", began)
            self.more()
        if self.text[end] != _NEWLINE:
            # psql runs this after the data, a reader of the file would see it before them.
            self.refuse("text-after-copy", "more text in the line of a COPY statement", end)
        self._advance(end + 1)

    def take_simple(self, pattern: re.Pattern[bytes]) -> Comment | Statement | None:
        """Step over white space and a SIMPLE_PIECE and return that; None where something else is."""
        text, before = self.text, self._before
        match = pattern.match(text, self.position)
        if match is None:
            return None
        group = match.lastindex or 0
        start, end = match.span(group)
        line = self.line + text.count(b"\n", self.position, start)
        self.position = end
        taken = match[group]
        if group == 1:
            self.line = line
            return Comment(before + start, before + end, line, taken)
        self.line = line + taken.count(b"\n")
        return Statement(before + start, before + end, line, taken)

    def take(self, kind: type[_Texted], end: int) -> _Texted:
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


def _take_exactly(source: _Source, *, standard_strings: bool) -> Iterator[_Texted]:
    """Yield the piece that begins here, behind the meta-commands in it; nothing if it needs more.

    Raises DumpRefused, when those have been yielded, if it cannot be read or has no end.
    """
    commands: list[tuple[int, int]] = []
    try:
        kind, end = _next_span(source, commands, standard_strings=standard_strings)
    except Incomplete as incomplete:
        if not source.at_end:
            source.more()
            return
        yield from source.meta_commands(commands)
        source.refuse_end(str(incomplete), source.line)
    except Unsafe as unsafe:
        yield from source.meta_commands(commands)
        source.refuse(unsafe.rule, str(unsafe), unsafe.position)
    yield from source.meta_commands(commands)
    yield source.take(kind, end)


def _next_span(
    source: _Source, commands: list[tuple[int, int]], *, standard_strings: bool
) -> tuple[type[_Texted], int]:
    """Return what begins where the source stands and its end, in the bytes at hand.

    ``commands`` receives the spans of the meta-commands inside a statement.
    """
    text, start = source.text, source.position
    if text.startswith(b"--", start):
        end = end_of(_LINE_COMMENT, text, start)
        if end == len(text) and not source.at_end:
            raise Incomplete("a comment")
        return Comment, end
    if text.startswith(b"/*", start):
        return Comment, block_comment_end(text, start)
    if text[start] == _BACKSLASH:
        return MetaCommand, line_end(text, start, at_end=source.at_end)
    scan = StatementScan(
        text, start, commands, standard_strings=standard_strings, at_end=source.at_end
    )
    return Statement, scan.end()


def _copy_body(source: _Source, table: str) -> Iterator[Event]:
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
            source.refuse_end(f"the data of table {table}", began, table=table)
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


def _table_copied_into(statement: Statement, *, standard_strings: bool) -> str:
    """Return the table whose data psql reads behind this COPY statement; "" if it reads none.

    The server takes ``FROM stdout`` for ``FROM stdin`` (``copy_file_name`` in
    ``src/backend/parser/gram.y``).
    """
    cursor = Cursor(tokenize(statement.text, standard_strings=standard_strings))
    if not cursor.accept("copy"):
        return ""
    binary = cursor.accept("binary")
    name = cursor.name()
    cursor.skip_parentheses()
    cursor.accept("with", "oids")
    is_regular = bool(name) and cursor.sees("from")
    while not cursor.at_end():
        if cursor.accept("from"):
            if not cursor.accept_any("stdin", "stdout"):
                return ""
            if not is_regular:
                message = "a COPY that no server understands: psql may run its data as SQL"
                _refuse_statement(statement, "ambiguous-token", message)
            if binary or any(token.value.lower() == "binary" for token in cursor.rest()):
                _refuse_statement(statement, "copy-binary", "psql reads binary data to the end")
            return object_name(*name)
        if not cursor.skip_parentheses():
            cursor.next()
    return ""


def _refuse_wordless(statement: Statement) -> None:
    """Refuse a statement such as a lone semicolon right behind a COPY block.

    Since August 2026 psql counts the COPY commands in what it sends, to skip the data of one that
    fails (CVE-2026-6464). It forgets the words of the last statement only at the next word, so it
    takes this for a COPY that failed and skips everything up to the next end of data, which may stand
    in a string: what follows there, and was a string to the server, it would execute.
    """
    if not _WORD_FIRST.match(statement.text):
        message = "psql would skip what follows a statement without words behind COPY data"
        _refuse_statement(statement, "hidden-statement", message)


def _standard_strings_after(statement: Statement, *, before: bool) -> bool:
    """Return whether backslashes are plain in '' strings behind a statement that may set it."""
    name, value, lasting = _setting(Cursor(tokenize(statement.text, standard_strings=before)))
    if name == "client_encoding" and re.sub("[^a-z0-9]", "", value) in _UNSAFE_ENCODINGS:
        message = f"in client_encoding {value} a quote or backslash can be part of a character"
        _refuse_statement(statement, "unsafe-encoding", message, "use pg_dump --encoding=UTF8")
    if name == "all" and not before:
        lasting = False
    elif name != "standard_conforming_strings":
        return before
    for meaning, written in (
        (True, ("on", "true", "yes", "1")),
        (False, ("off", "false", "no", "0")),
    ):
        if lasting and value not in ("", "o") and any(word.startswith(value) for word in written):
            return meaning
    return _refuse_statement(
        statement, "unstable-quoting", "the meaning of backslashes in strings is not foreseeable"
    )


def _setting(cursor: Cursor) -> tuple[str, str, bool]:
    """Return the name and value that a statement sets, in lower case, and whether for good."""
    if cursor.accept("set"):
        lasting = cursor.accept_any("session", "local") != "local"
        if cursor.accept("names"):
            return "client_encoding", cursor.next().value.lower(), lasting
        name = ".".join(cursor.name()).lower()
        cursor.accept_any("to", "=")
        return name, cursor.next().value.lower(), lasting
    if cursor.accept_any("reset", "discard"):
        return ".".join(cursor.name()).lower(), "", False
    while not cursor.at_end() and not cursor.accept("set_config", "("):
        cursor.next()
    name = cursor.next().value.lower()
    cursor.accept(",")
    value = cursor.next().value.lower()
    cursor.accept(",")
    return name, value, cursor.next().value == "false"


def _refuse_statement(statement: Statement, rule: str, message: str, hint: str = _HINT) -> NoReturn:
    message = f"line {statement.line:,}, byte {statement.offset:,}: {message}"
    raise DumpRefused(message, rule=rule, offset=statement.offset, line=statement.line, hint=hint)
