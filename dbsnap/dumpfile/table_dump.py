"""A dump put together of definitions from pg_restore and rows from elsewhere, in pg_dump's own form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsnap.dumpfile.defining.loosened import loosened
from dbsnap.dumpfile.lexer import Statement, lex
from dbsnap.errors import OperationFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from dbsnap.dumpfile.defining.loosened import Loosening

HEADER = """\

--
-- {title}: {name}; Type: {kind}; Schema: {schema}; Owner: -
--

"""

END_OF_ROWS = b"\\.\n\n"


def parted(
    definitions: bytes, before_rows: bytes, loosenings: Mapping[str, Loosening]
) -> tuple[bytes, bytes]:
    """Return the part of a dump that comes before the rows, and the part after them.

    ``definitions`` is the whole text without rows, ``before_rows`` that of its pre-data section alone:
    as many statements as that has stand before the rows. Raises OperationFailed where they are not the
    same ones.
    """
    first = [event.text for event in _statements(before_rows)]
    pieces: list[bytes] = []
    position = 0
    for event, expected in zip(_statements(definitions), first, strict=False):
        if event.text != expected:
            raise OperationFailed("pg_restore gave the definitions in two different orders")
        pieces += [definitions[position : event.offset], loosened(event.text, loosenings)]
        position = event.end
    if len(pieces) != 2 * len(first):
        raise OperationFailed("pg_restore left out definitions that it had given before")
    return b"".join(pieces) + b"\n\n", definitions[position:]


def rows_header(schema: str, name: str, sql_name: str, columns: Sequence[str]) -> bytes:
    """Return what stands before a table's rows; ``sql_name`` and ``columns`` are quoted already."""
    listed = f"({', '.join(columns)})" if columns else ""
    header = _header("Data for Name", name, "TABLE DATA", schema)
    return f"{header}COPY {sql_name} {listed} FROM stdin;\n".encode()


def sequence_statement(
    schema: str, name: str, sql_literal: str, last_value: int, *, is_called: bool
) -> bytes:
    """Return the statement that gives a sequence its value; ``sql_literal`` is its quoted name."""
    called = "true" if is_called else "false"
    header = _header("Name", name, "SEQUENCE SET", schema)
    return f"{header}SELECT pg_catalog.setval({sql_literal}, {last_value}, {called});\n\n".encode()


def reader_of(pieces: Iterator[bytes]) -> Callable[[int], bytes]:
    """Return a function that reads pieces one after the other, never more than asked for."""
    rest = b""

    def read(size: int) -> bytes:
        nonlocal rest
        while not rest:
            piece = next(pieces, None)
            if piece is None:
                return b""
            rest = piece
        given, rest = rest[:size], rest[size:]
        return given

    return read


def _header(title: str, name: str, kind: str, schema: str) -> str:
    """Return a comment as pg_dump writes it: no name breaks out of its line."""
    shown = (" ".join(text.splitlines()) for text in (name, schema))
    return HEADER.format(title=title, name=next(shown), kind=kind, schema=next(shown))


def _statements(text: bytes) -> Iterator[Statement]:
    pieces = reader_of(iter([text]))
    return (event for event in lex(pieces) if isinstance(event, Statement))
