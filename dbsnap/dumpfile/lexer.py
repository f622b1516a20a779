"""The only reader of the plain-SQL dump format: bytes in; statements, COPY blocks, commands out.

The boundaries are those that psql sees, because psql is what will load the file: its scanner
(``src/fe_utils/psqlscan.l``), its loop over lines (``src/bin/psql/mainloop.c``) and its COPY reader
(``handleCopyIn`` in ``src/bin/psql/copy.c``) are the sources of every rule here. Where releases of
psql, or psql and the server, disagree about some bytes, no reading is safe and the file is refused;
pg_dump writes none of these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsnap.dumpfile.lexing.copy_blocks import copy_body, table_copied_into
from dbsnap.dumpfile.lexing.events import (
    Comment,
    CopyData,
    CopyEnd,
    CopyStart,
    Event,
    Heading,
    MetaCommand,
    Piece,
    Statement,
)
from dbsnap.dumpfile.lexing.quoting import Quoting, is_connect
from dbsnap.dumpfile.lexing.runs import end_of
from dbsnap.dumpfile.lexing.source import Read, Source, refuse
from dbsnap.dumpfile.lexing.statements import (
    Incomplete,
    StatementScan,
    Unsafe,
    block_comment_end,
    line_end,
)
from dbsnap.dumpfile.lexing.usual_pieces import WHOLE_HEADING, compile_patterns
from dbsnap.dumpfile.patterns import compiled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "Comment",
    "CopyData",
    "CopyEnd",
    "CopyStart",
    "Event",
    "Heading",
    "MetaCommand",
    "Piece",
    "Read",
    "Statement",
    "lex",
]

_BACKSLASH = b"\\"[0]
_HEADING_START = b"--\n-- "
_LINE_COMMENT = compiled(rb"--[^\n\r]*+")
_WORD_FIRST = compiled(rb"[A-Za-z]{2,}+(?![A-Za-z0-9_$\x80-\xff&'])")


def lex(read: Read, *, chunk_bytes: int = 1 << 20) -> Iterator[Event]:
    """Yield the parts of a dump in file order; only white space lies between them.

    ``read(n)`` returns up to ``n`` bytes and ``b""`` at the end. One statement is held in memory at
    a time, and never a COPY body. Raises DumpRefused with offset and line when the file ends inside
    something (rule ``truncated``, the offset being the file's end), and by the rules ``nul-byte``,
    ``ambiguous-token``, ``hidden-statement``, ``psql-variable``, ``unsafe-encoding``,
    ``unstable-quoting``, ``copy-binary`` and ``text-after-copy``.
    """
    source = Source(read, chunk_bytes)
    quoting = Quoting()
    compile_patterns(standard_strings=quoting.standard)  # while the first bytes are on their way
    after_copy = False
    while True:
        plain = None
        if quoting.certain:
            took_statement = yield from source.take_inert(standard_strings=quoting.standard)
            after_copy = after_copy and not took_statement
            plain = source.take_plain(standard_strings=quoting.standard)
        if plain is None and not source.skip_white_space():
            return
        pieces: Iterable[Comment | Heading | Statement | MetaCommand] = (
            _take_exactly(source, quoting) if plain is None else (plain,)
        )
        for piece in pieces:
            if isinstance(piece, Statement):
                if after_copy:
                    _refuse_wordless(piece)
                    after_copy = False
                if table := table_copied_into(piece):
                    standard = piece.standard_strings
                    yield CopyStart(piece.offset, piece.end, piece.line, piece.text, standard)
                    yield from copy_body(source, table)
                    after_copy = True
                    continue
                if quoting.changes_with(piece):
                    message = "psql reads the rest of this line by the setting before it"
                    source.refuse_text_in_line("unstable-quoting", message)
            elif isinstance(piece, MetaCommand):
                quoting.command(piece.text)
            yield piece


def _take_exactly(
    source: Source, quoting: Quoting
) -> Iterator[Comment | Heading | Statement | MetaCommand]:
    """Yield the piece that begins here, behind the meta-commands in it; nothing if it needs more.

    Raises DumpRefused, when those have been yielded, if it cannot be read or has no end.
    """
    commands: list[tuple[int, int]] = []
    try:
        kind, end = _next_span(source, commands, standard_strings=quoting.standard)
    except Incomplete as incomplete:
        if not source.at_end:
            source.more()
            return
        yield from source.meta_commands(commands)
        source.refuse_end(str(incomplete), source.line)
    except Unsafe as unsafe:
        yield from source.meta_commands(commands)
        source.refuse(unsafe.rule, str(unsafe), unsafe.position)
    for command in source.meta_commands(commands):
        yield command
        if is_connect(command.text):
            message = "a statement goes on in another session than it began in"
            refuse("hidden-statement", message, command.offset, command.line)
    if kind is Statement:
        statement = source.take_statement(end, standard_strings=quoting.standard)
        quoting.check(statement)
        yield statement
    else:
        yield source.take(kind, end)


def _next_span(
    source: Source, commands: list[tuple[int, int]], *, standard_strings: bool
) -> tuple[type[Comment | Heading | Statement | MetaCommand], int]:
    """Return what begins where the source stands and its end, in the bytes at hand.

    ``commands`` receives the spans of the meta-commands inside a statement.
    """
    text, start = source.text, source.position
    if text.startswith(b"--", start):
        if end := _heading_end(text, start, at_end=source.at_end):
            return Heading, end
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


def _heading_end(text: bytes, start: int, *, at_end: bool) -> int | None:
    """Return the end of the heading that begins here; None if none does; raise Incomplete."""
    if heading := WHOLE_HEADING.match(text, start):
        return heading.end()
    if not at_end and text.startswith(_HEADING_START[: len(text) - start], start):
        line_end = text.find(b"\n", start + len(_HEADING_START))
        if line_end < 0 or len(text) < line_end + len(b"\n--\n"):
            raise Incomplete("a comment")
    return None


def _refuse_wordless(statement: Statement) -> None:
    """Refuse a statement such as a lone semicolon right behind a COPY block.

    Since August 2026 psql counts the COPY commands in what it sends, to skip the data of one that
    fails (CVE-2026-6464). It forgets the words of the last statement only at the next word, so it
    takes this for a COPY that failed and skips everything up to the next end of data, which may stand
    in a string: what follows there, and was a string to the server, it would execute.
    """
    if not _WORD_FIRST.match(statement.text):
        message = "psql would skip what follows a statement without words behind COPY data"
        refuse("hidden-statement", message, statement.offset, statement.line)
