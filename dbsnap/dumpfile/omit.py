"""Leaving out what an older server does not know, without changing the line of anything else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dbsnap.dumpfile.lexer import Comment, Heading, MetaCommand, Statement, lex
from dbsnap.dumpfile.lexing.tokens import tokenize

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

Span = tuple[int, int]

_TEXT = re.compile(rb"[^\n]")


def unknown_settings(
    read: Callable[[int], bytes], known: Collection[str], *, until: int = 0
) -> list[tuple[Span, str]]:
    r"""Return where the dump's opening statements set something the server does not know, and what.

    pg_dump opens with settings of its own version: 17 and newer set ``transaction_timeout``, which a
    16 server refuses (``_doSetFixedOutputState`` in pg_backup_archiver.c). Only the opening run of SET
    and ``SELECT … set_config`` statements is looked at; with ``--create`` there is another one behind
    the ``\connect``, which ends at the byte ``until``.
    """
    known_names = {name.lower() for name in known}
    found = []
    for event in lex(read):
        if isinstance(event, Comment | Heading | MetaCommand):
            continue
        if not isinstance(event, Statement):
            break
        words = [token.value for token in tokenize(event.text)[:3]]
        if words[:1] not in (["set"], ["select"]):
            if event.offset < until:
                continue
            break
        # Longer forms (SET SESSION …, SET TIME ZONE …, SET extension.name …) are left to the server.
        if words[0] == "set" and words[2:] in (["="], ["to"]) and words[1] not in known_names:
            found.append(((event.offset, event.end), words[1]))
    return found


def blanked(read: Callable[[int], bytes], spans: Collection[Span]) -> Callable[[int], bytes]:
    """Return a reader that gives white space for these spans, keeping line ends and offsets."""
    if not spans:
        return read
    position = 0
    waiting = sorted(spans, reverse=True)

    def read_blanked(size: int) -> bytes:
        nonlocal position
        piece = read(size)
        while waiting and waiting[-1][0] < position + len(piece):
            start, end = (max(edge - position, 0) for edge in waiting[-1])
            piece = piece[:start] + _TEXT.sub(b" ", piece[start:end]) + piece[end:]
            if end > len(piece):
                break
            waiting.pop()
        position += len(piece)
        return piece

    return read_blanked
