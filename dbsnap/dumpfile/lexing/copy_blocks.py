"""COPY blocks: which statements data follow, and where the data end (``handleCopyIn`` in psql)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsnap.dumpfile.lexing.events import CopyData
from dbsnap.dumpfile.lexing.source import refuse
from dbsnap.dumpfile.lexing.tokens import Cursor, tokenize
from dbsnap.dumpfile.patterns import compiled
from dbsnap.inventory import object_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbsnap.dumpfile.lexing.events import CopyEnd, Statement
    from dbsnap.dumpfile.lexing.source import Source

_COPY = compiled(rb"(?i)copy(?![A-Za-z0-9_$\x80-\xff])")
_NAME = rb"[a-z_][a-z0-9_]*+"
_USUAL = compiled(
    rb'COPY (%s\.%s) (?: |\((?:[a-z0-9_, ]|"[^"]*")*+\) )FROM stdin;' % (_NAME, _NAME)
)
_TERMINATOR = compiled(rb"\\\.\r?\n")
_PERHAPS_TERMINATOR = compiled(rb"\\(?:\.(?:\r?\n|\r?\Z)|\Z)")
_END_OF_DATA = compiled(rb"\n\\(?:\.(?:\r?\n|\r?\Z)|\Z)")
_LINE_END = b"\n"


def table_copied_into(statement: Statement) -> str:
    """Return the table whose data psql reads behind this statement; "" if it reads none.

    The server takes ``FROM stdout`` for ``FROM stdin`` (``copy_file_name`` in
    ``src/backend/parser/gram.y``). Raises DumpRefused by the rules ``ambiguous-token`` and
    ``copy-binary``.
    """
    if not _COPY.match(statement.text):
        return ""
    if usual := _USUAL.fullmatch(statement.text):
        return usual[1].decode()
    cursor = Cursor(tokenize(statement.text, standard_strings=statement.standard_strings), 1)
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
                refuse("ambiguous-token", message, statement.offset, statement.line)
            if binary or any(token.value.lower() == "binary" for token in cursor.rest()):
                message = "psql reads binary data to the end"
                refuse("copy-binary", message, statement.offset, statement.line)
            return object_name(*name)
        if not cursor.skip_parentheses():
            cursor.next()
    return ""


def copy_body(source: Source, table: str) -> Iterator[CopyData | CopyEnd]:
    """Yield the data and the end of a COPY block, from behind the ``;`` of its statement."""
    began = source.line
    source.skip_line_end()
    at_line_start = True
    while True:
        text, start = source.text, source.position
        if at_line_start and (terminator := _TERMINATOR.match(text, start)):
            yield source.take_copy_end(terminator.end())
            return
        stop = _data_end(text, start, at_line_start=at_line_start)
        if stop > start:
            at_line_start = text[stop - 1 : stop] == _LINE_END
            yield source.take(CopyData, stop)
        elif source.at_end:
            source.refuse_end(f"the data of table {table}", began, table=table)
        else:
            source.more()


def _data_end(text: bytes, start: int, *, at_line_start: bool) -> int:
    """Return up to where the bytes at hand are data for sure, terminator or not behind them."""
    if at_line_start and _PERHAPS_TERMINATOR.match(text, start):
        return start
    found = _END_OF_DATA.search(text, start)
    return found.start() + 1 if found else len(text)
