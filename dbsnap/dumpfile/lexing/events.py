"""The parts of a dump, in the order in which the lexer finds them.

They are not frozen, though nobody changes one: a frozen dataclass takes three times as long to make,
and a dump has millions of parts.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Piece:
    """A part of the dump: ``offset`` and ``end`` in uncompressed bytes from 0, ``line`` from 1."""

    offset: int
    end: int
    line: int


@dataclass(slots=True)
class Comment(Piece):
    """A line comment (without its line end) or block comment that stands between statements."""

    text: bytes


@dataclass(slots=True)
class Heading(Piece):
    """The three line comments above an entry: ``--``, ``-- [Data for ]Name: …``, ``--``.

    ``text`` is all of them, with the LF between two, as ``_printTocEntry`` in pg_backup_archiver.c
    writes them. They come as one because they are half of all that a schema's dump consists of.
    """

    text: bytes


@dataclass(slots=True)
class Statement(Piece):
    """What psql sends at once: from the first token to the ``;`` that ends it, both included.

    ``standard_strings`` False: backslashes mean something in its plain strings, because
    ``standard_conforming_strings`` is off where it stands.
    """

    text: bytes
    standard_strings: bool = True


@dataclass(slots=True)
class MetaCommand(Piece):
    r"""A backslash where psql looks for a command, and the rest of its line (without line end).

    ``\;`` counts as one too: it smuggles a second statement past every splitter. One that stands
    inside a statement comes before that statement, whose text then holds its bytes as well.
    """

    text: bytes


@dataclass(slots=True)
class CopyStart(Piece):
    """A ``COPY … FROM stdin …;`` statement; its data, if any, and a CopyEnd follow."""

    text: bytes
    standard_strings: bool = True


@dataclass(slots=True)
class CopyData(Piece):
    """The next bytes of a COPY body; the chunks of a block together are its body exactly."""

    data: bytes


@dataclass(slots=True)
class CopyEnd(Piece):
    r"""The ``\.`` line, its line end included."""


Event = Comment | Heading | Statement | MetaCommand | CopyStart | CopyData | CopyEnd
