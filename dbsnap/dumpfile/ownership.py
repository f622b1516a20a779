"""Owners and privileges, left out of a dump as it passes: the rest is what ``pg_dump -O -x`` writes.

pg_dump writes an entry for each object (``_printTocEntry`` in ``pg_backup_archiver.c``, PostgreSQL 9.6
to 18): a heading of three comments, which names the owner, the statements, and ``ALTER … OWNER TO``.
Privileges have entries of their own, which hold nothing else. Dumping twice, once with owners and once
without, would have the server read the whole catalogue twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsnap.dumpfile.lexing.events import Comment, Event, Statement
from dbsnap.dumpfile.patterns import compiled
from dbsnap.dumpfile.privileges import privilege_statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dbsnap.dumpfile.privileges import PrivilegeStatement

_COMMENTS = 3
_HEADING_LINE = b"--"
_HEADING = compiled(
    rb"-- (?:Data for )?Name: .*; Type: [A-Z ]++; Schema: .*?; Owner: (.*?)(?:; Tablespace: .*)?"
)
_NO_OWNER = b"-"
_CHANGES_OWNER = compiled(rb"ALTER (?!DEFAULT PRIVILEGES\b)")


def without_owners(
    events: Iterable[Event],
    replace: Callable[[int, int, bytes], None],
    found: Callable[[PrivilegeStatement], None],
) -> Iterator[Event]:
    """Yield the events that remain without owners and privileges, having their bytes replaced.

    ``replace`` is told, in the order of the bytes, which are to go and what comes in their place, and
    ``found`` each statement about owners and privileges. Whenever an event is yielded, all before it is
    settled. A heading that names its owner comes with the text that replaces it.
    """
    heading = _Heading(replace)
    begin: int | None = None
    for event in events:
        if isinstance(event, Statement) and (statement := privilege_statement(event)):
            found(statement)
            if not _CHANGES_OWNER.match(event.text) and heading.comments:
                begin = heading.comments.pop(0).offset
                heading.comments.clear()
            yield from heading.released()
            begin = event.offset if begin is None else begin
            continue
        if begin is not None:  # up to here: the empty lines behind go, too
            replace(begin, event.offset, b"")
            begin = None
        if isinstance(event, Comment):
            if not heading.takes(event):
                yield from heading.released()
                if not heading.takes(event):
                    yield event
            continue
        if heading.comments:
            yield from heading.released()
        yield event
    yield from heading.released()


class _Heading:
    """The comments that may be a heading so far, held back until it is known whether they stay."""

    def __init__(self, replace: Callable[[int, int, bytes], None]) -> None:
        self.comments: list[Comment] = []
        self._replace = replace
        self._owner = (0, 0)
        """Where in the second comment the owner stands."""

    def takes(self, comment: Comment) -> bool:
        """Take the next comment; return False, and leave it, if it does not belong to a heading."""
        if len(self.comments) == 1:
            match = _HEADING.fullmatch(comment.text)
            belongs = match is not None
            self._owner = match.span(1) if match else (0, 0)
        else:
            belongs = len(self.comments) < _COMMENTS and comment.text == _HEADING_LINE
        if belongs:
            self.comments.append(comment)
        return belongs

    def released(self) -> Iterator[Comment]:
        """Yield what was held back, without its owner, and hold nothing any more."""
        for number, comment in enumerate(self.comments):
            begin, end = self._owner
            if number == 1 and comment.text[begin:end] != _NO_OWNER:
                self._replace(comment.offset + begin, comment.offset + end, _NO_OWNER)
                text = comment.text[:begin] + _NO_OWNER + comment.text[end:]
                yield Comment(comment.end - len(text), comment.end, comment.line, text)
            else:
                yield comment
        self.comments.clear()
