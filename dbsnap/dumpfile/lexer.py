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
from typing import NoReturn

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
_Texted = Comment | Statement | MetaCommand | CopyData

_NEWLINE, _CARRIAGE_RETURN = b"\n\r"
_OPENING, _CLOSING, _SEMICOLON, _BACKSLASH, _DOLLAR, _COLON, _DASH = rb"();\$:-"
_HINT = "pg_dump never writes this: find out who changed the file before loading it"

_WHITE_SPACE = re.compile(rb"[ \t\n\r\f\v]*+")
_BLANK = re.compile(rb"[ \t\r\f\v]*+")
_LINE_COMMENT = re.compile(rb"--[^\n\r]*+")
_TERMINATOR = re.compile(rb"\\\.\r?\n")
_PART_OF_TERMINATOR = re.compile(rb"\\(?:\.\r?)?\Z")
_WORD = re.compile(rb"[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*+")
_NEXT_WORD = re.compile(rb"[ \t\n\r\f\v]*+((?:[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*+)?)")
_DOLLAR_QUOTE = re.compile(rb"\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*+)?\$")
_DOLLAR_AND_MORE = re.compile(rb"\$[A-Za-z0-9_\x80-\xff]*+")
_NUMBER_AND_MORE = re.compile(rb"[0-9]++(?:\.[0-9]*+)?+[A-Za-z0-9_\x80-\xff]*+[+-]?+[0-9]*+")
_VARIABLE = re.compile(
    rb"""
    :(?P<quote>['"]?)
    (?:(?P<preset>[A-Z][A-Z0-9_]*+(?![A-Za-z0-9_\x80-\xff])) | (?P<plain>[A-Za-z0-9_\x80-\xff]++))
    (?P=quote)
  | :(?P<test>\{\?)
    """,
    re.VERBOSE,
)
_INTERESTING = re.compile(
    rb"(?is)(?:copy|set|reset|discard|select(?=.*set_config))(?![A-Za-z0-9_$\x80-\xff])"
)
_UNSAFE_ENCODINGS = frozenset(
    {"big5", "gb18030", "gbk", "johab", "mskanji", "shiftjis", "shiftjis2004", "sjis", "uhc"}
    | {"win932", "win936", "win949", "win950"}
    | {"windows932", "windows936", "windows949", "windows950"}
)
"""Encodings in which a byte of a longer character can be an ASCII one, say a backslash
(``pg_valid_server_encoding_id`` in ``src/common/encnames.c``)."""


_ESCAPED = rb"'(?:[^'\\]++|\\[\s\S]|'')*+'"
_STRING_PREFIX = {True: re.compile(rb"[eE]'"), False: re.compile(rb"(?:[eEbBxX]|[uU]&)'")}
_ANY_STRING = {
    True: re.compile(rb"[eE]" + _ESCAPED),
    False: re.compile(rb"[eE]?" + _ESCAPED + rb"|[bBxX]'[^']*+'|[uU]&'(?:[^']++|'')*+'"),
}


def _patterns() -> Iterator[tuple[tuple[bool, str], re.Pattern[bytes]]]:
    """Yield what cannot end a statement, by the meaning of backslashes and the statement's form.

    ``head``: the form depends on the next word, so each word stops the run. ``routine``: CREATE [OR
    REPLACE] FUNCTION or PROCEDURE, in which psql counts BEGIN, CASE and END outside parentheses.
    ``plain``: words do not matter.
    """
    # Two strings with a line end between them are one string to the server but two to psql, which
    # looks at one line at a time: the run stops there unless both are free of escapes.
    single = rb"(?!(?:[ \t\f\v]|--[^\n\r]*+)*+[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*+[\n\r])*+')"
    escaped, bits, coded = _ESCAPED + single, rb"'[^']*+'" + single, rb"&'(?:[^']++|'')*+'" + single
    more = rb"[A-Za-z0-9_$\x80-\xff]*+"
    yield from _forms(
        standard_strings=True,
        strings=rb"'[^']*+'",
        words=rb"[A-DF-Za-df-z_\x80-\xff]%(m)s|[eE](?:%(e)s|(?!')%(m)s)"
        % {b"m": more, b"e": escaped},
        uncounted=rb"[eE]%s|[bBxXnN](?=')|[uU](?=&)" % escaped,
    )
    yield from _forms(
        standard_strings=False,
        strings=escaped,
        words=rb"[AC-DF-TVWYZac-df-tvwyz_\x80-\xff]%(m)s|[eE](?:%(e)s|(?!')%(m)s)"
        rb"|[bBxX](?:%(b)s|(?!')%(m)s)|[uU](?:%(c)s|(?!&')%(m)s)"
        % {b"m": more, b"e": escaped, b"b": bits, b"c": coded},
        uncounted=rb"[eE]%s|[bBxX]%s|[uU](?:%s|(?=&(?!')))|[nN](?=')" % (escaped, bits, coded),
    )


def _forms(
    *, standard_strings: bool, strings: bytes, words: bytes, uncounted: bytes
) -> Iterator[tuple[tuple[bool, str], re.Pattern[bytes]]]:
    """Yield the patterns of the three forms; ``uncounted`` are strings as psql counts no word."""
    others = (
        rb"""
        [^A-Za-z0-9_\x80-\xff$'"()\\;:/-][^A-Za-z0-9_\x80-\xff$'"()\\;:/-]*+
      | [0-9](?:[0-9]*+(?:\.[0-9]*+)?+(?:[eE][+-]?+[0-9]++)?+(?![A-Za-z_\x80-\xff]))
      | "[^"]*+"
      | :(?:[:=]|(?!['"]?[A-Z]|\{\?)[A-Za-z0-9_\x80-\xff]*+)
      | -(?:(?!-)|-[^\n\r]*+(?=[\n\r]))
      | /(?:(?!\*)|\*[^*/]*+(?:(?:\*(?!/)|/(?!\*))[^*/]*+)*+\*/)
      | \$[0-9]++(?![A-Za-z_\x80-\xff])
      | """
        + strings
    )
    # Whole parentheses are stepped over here where they nest at most twice, one by one elsewhere.
    inner = rb"\((?:%(all)s|;|\((?:%(all)s|;)*+\))*+\)" % {b"all": words + rb"|" + others}
    keyword = rb"(?:begin|case|end)(?![A-Za-z0-9_$\x80-\xff])"
    counted = rb"(?!(?i:%s))(?:%s)" % (keyword, words)
    for form, alternatives in {
        "head": [uncounted, others],
        "routine": [counted, others, inner],
        "plain": [words, others, inner],
    }.items():
        pattern = rb"(?:" + rb"|".join(alternatives) + rb")*+"
        yield (standard_strings, form), re.compile(pattern, re.VERBOSE)


_RUNS = dict(_patterns())
_PLAIN_HEAD = re.compile(
    rb"(?i)(?!create)[a-z]{2,}+[ \n]|create[ \n]++(?!or[ \n]|function|procedure)[a-z]{2,}+[ \n]"
)


def lex(read: Read, *, chunk_bytes: int = 1 << 20) -> Iterator[Event]:
    """Yield the parts of a dump in file order; only white space lies between them.

    ``read(n)`` returns up to ``n`` bytes and ``b""`` at the end. One statement is held in memory at
    a time, and never a COPY body. Raises DumpRefused with offset and line when the file ends inside
    something (rule ``truncated``, the offset being the file's end), and by the rules ``nul-byte``,
    ``ambiguous-token``, ``hidden-statement``, ``psql-variable``, ``unsafe-encoding``,
    ``unstable-quoting``, ``copy-binary`` and ``text-after-copy``.
    """
    source = _Source(read, chunk_bytes)
    scan = _Scan(source)
    while source.skip_white_space():
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
        if scan.commands:
            yield from source.meta_commands(scan.commands)
        event = source.take(kind, end)
        if kind is not Comment and _INTERESTING.match(event.text):
            if table := _table_copied_into(event):
                yield CopyStart(event.offset, event.end, event.line, event.text)
                yield from _copy_body(source, table)
                continue
            scan.standard_strings = _standard_strings_after(event, before=scan.standard_strings)
        elif kind is MetaCommand and event.text.startswith(b"\\c"):
            scan.standard_strings = True  # a new session, if it is \connect
        yield event


class _Incomplete(Exception):
    """The bytes at hand end inside what the message names."""


class _Unsafe(Exception):
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


class _Scan:
    """Finds what begins where the source stands, and its end, in the bytes at hand."""

    def __init__(self, source: _Source) -> None:
        self.source = source
        self.text = b""
        self.standard_strings = True
        self.commands: list[tuple[int, int]] = []
        """Where in ``text`` there are meta-commands inside the statement scanned last."""

    def piece(self) -> tuple[type[_Texted], int]:
        """Return what begins here, and its end."""
        self.text = text = self.source.text
        start = self.source.position
        if self.commands:
            self.commands = []
        if text.startswith(b"--", start):
            end = _end_of(_LINE_COMMENT, text, start)
            if end == len(text) and not self.source.at_end:
                raise _Incomplete("a comment")
            return Comment, end
        if text.startswith(b"/*", start):
            return Comment, self._comment_end(start)
        if text[start] == _BACKSLASH:
            return MetaCommand, self._line_end(start)
        return Statement, self._statement_end(start)

    def _comment_end(self, start: int) -> int:
        end = comment_end(self.text, start)
        if end is None:
            raise _Incomplete("a comment")
        return end

    def _line_end(self, start: int) -> int:
        end = self.text.find(b"\n", start)
        if end < 0:
            if not self.source.at_end:
                raise _Incomplete("a meta-command")
            end = len(self.text)
        return end - (self.text[end - 1] == _CARRIAGE_RETURN)

    def _statement_end(self, position: int) -> int:
        """Return the end of the statement that begins here, behind its semicolon."""
        text, size = self.text, len(self.text)
        form = "plain" if _PLAIN_HEAD.match(text, position) else "head"
        run = _RUNS[self.standard_strings, form]
        words: list[bytes] = []
        parentheses = bodies = 0
        while (position := _end_of(run, text, position)) < size:
            byte = text[position]
            if byte == _SEMICOLON and not parentheses:
                if not bodies:
                    return position + 1
                if bodies > 1:
                    raise _Unsafe("hidden-statement", "psql overlooks this semicolon", position)
                position += 1
            elif byte in b";()":
                parentheses = max(0, parentheses + (byte == _OPENING) - (byte == _CLOSING))
                position += 1
            elif (word := self._word(position)) is None:
                position = self._beyond(position)
            else:
                position += len(word)
                if form == "head":
                    words.append(word.lower())
                    form = _statement_form(words)
                    run = _RUNS[self.standard_strings, form]
                elif not parentheses:
                    bodies = self._bodies_after(word.lower(), position, bodies)
        raise _Incomplete("a statement")

    def _word(self, position: int) -> bytes | None:
        """Return the unquoted word here; None where something else begins."""
        if _STRING_PREFIX[self.standard_strings].match(self.text, position):
            return None
        word = _WORD.match(self.text, position)
        if word and word.end() == len(self.text):
            raise _Incomplete("a statement")
        return word and word.group()

    def _bodies_after(self, word: bytes, end: int, bodies: int) -> int:
        """Return how many BEGIN and CASE are open behind a word of CREATE FUNCTION, as psql counts.

        psql takes any word ``begin`` for the start of a body. Where the server does not, it would
        send several statements as one, which is refused here or at the next semicolon.
        """
        if word == b"end":
            return max(0, bodies - 1)
        if word == b"case" and not bodies:
            return 0
        if not bodies:
            following = _NEXT_WORD.match(self.text, end)
            if following is None or following.end() == len(self.text):
                raise _Incomplete("a statement")
            if following[1].lower() != b"atomic":
                message = "psql takes this word begin for the start of a function body"
                raise _Unsafe("hidden-statement", message, end - len(word))
        return bodies + 1

    def _beyond(self, position: int) -> int:
        """Return the end of what stops the run here; raise if it has no end or no one meaning."""
        text, byte = self.text, self.text[position]
        if byte == _BACKSLASH:
            end = self._line_end(position)
            self.commands.append((position, end))
            return end
        if byte == _DOLLAR:
            return self._beyond_dollar(position)
        if byte == _COLON:
            return self._beyond_colon(position)
        if text.startswith(b"/*", position):
            return self._comment_end(position)
        if byte == _DASH:
            raise _Incomplete("a comment")
        is_number = byte in b"0123456789"
        whole = _NUMBER_AND_MORE if is_number else _ANY_STRING[self.standard_strings]
        match = whole.match(text, position)
        if match is None or match.end() == len(text):
            raise _Incomplete("quotes")
        message = "releases of psql disagree about where this token ends"
        raise _Unsafe("ambiguous-token", message, position)

    def _beyond_dollar(self, position: int) -> int:
        opening = _DOLLAR_QUOTE.match(self.text, position)
        if opening:
            closing = self.text.find(opening.group(), opening.end())
            if closing < 0:
                raise _Incomplete("a dollar-quoted string")
            return closing + len(opening.group())
        end = _end_of(_DOLLAR_AND_MORE, self.text, position)
        if end == len(self.text):
            raise _Incomplete("a statement")
        if self.text[position + 1] in b"0123456789":
            message = "releases of psql disagree about where this parameter ends"
            raise _Unsafe("ambiguous-token", message, position)
        return position + 1

    def _beyond_colon(self, position: int) -> int:
        variable = _VARIABLE.match(self.text, position)
        if variable is None:
            return position + 1
        if variable.end() == len(self.text):
            raise _Incomplete("a statement")
        if variable["preset"] or variable["test"]:
            raise _Unsafe("psql-variable", "psql would put a variable's value here", position)
        return variable.end() if variable["plain"] else position + 1


def _end_of(pattern: re.Pattern[bytes], text: bytes, position: int) -> int:
    """Return the end of a pattern that matches everywhere, if only nothing."""
    match = pattern.match(text, position)
    return match.end() if match else position


def _statement_form(words: list[bytes]) -> str:
    """Return the form of a statement that begins with these words, as psql tells them apart."""
    if words[-1] in (b"function", b"procedure") and words[:-1] in (
        [b"create"],
        [b"create", b"or", b"replace"],
    ):
        return "routine"
    is_head = words == [b"create", b"or", b"replace"][: len(words)]
    return "head" if is_head else "plain"


def _table_copied_into(statement: _Texted) -> str:
    """Return the table whose data psql reads behind this COPY statement; "" if it reads none.

    The server takes ``FROM stdout`` for ``FROM stdin`` (``copy_file_name`` in
    ``src/backend/parser/gram.y``).
    """
    cursor = Cursor(tokenize(statement.text))
    cursor.next()
    binary = cursor.accept("binary")
    name = cursor.name()
    while not cursor.at_end():
        if cursor.accept("from"):
            if not cursor.accept_any("stdin", "stdout"):
                return ""
            if binary or any(token.value.lower() == "binary" for token in cursor.rest()):
                _refuse_statement(statement, "copy-binary", "psql reads binary data to the end")
            return object_name(*name)
        if not cursor.skip_parentheses():
            cursor.next()
    return ""


def _standard_strings_after(statement: _Texted, *, before: bool) -> bool:
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


def _refuse_statement(statement: _Texted, rule: str, message: str, hint: str = _HINT) -> NoReturn:
    message = f"line {statement.line:,}, byte {statement.offset:,}: {message}"
    raise DumpRefused(message, rule=rule, offset=statement.offset, line=statement.line, hint=hint)
