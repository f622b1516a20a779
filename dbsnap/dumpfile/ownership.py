"""Owners and privileges, left out of a dump as it passes: the rest is what ``pg_dump -O -x`` writes.

pg_dump writes an entry for each object (``_printTocEntry`` in ``pg_backup_archiver.c``, PostgreSQL 9.6
to 18): a heading of three comments, which names the owner, the statements, and ``ALTER … OWNER TO``.
Privileges have entries of their own, which hold nothing else. Dumping twice, once with owners and once
without, would have the server read the whole catalogue twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dbsnap.dumpfile.lexing.events import Event, Heading, Statement
from dbsnap.dumpfile.patterns import compiled
from dbsnap.dumpfile.privileges import privilege_statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dbsnap.dumpfile.privileges import PrivilegeStatement

_OWNER_IN_HEADING = compiled(
    rb"--\n-- (?:Data for )?Name: .*; Type: [A-Z ]++; Schema: .*?; Owner: (.*?)(?:; Tablespace: .*)?\n--"
)
_OWNER_IN_USUAL_HEADING = compiled(
    rb"--\n-- (?:Data for )?+Name: [^;\n]++; Type: [A-Z ]++; Schema: [^;\n]++; Owner: ([^;\n]*+)\n--"
)
"""The same, where no name holds a semicolon: it saves time."""
_NO_OWNER = b"-"
_CHANGES_OWNER = compiled(rb"ALTER (?!DEFAULT PRIVILEGES\b)")

Replace = Callable[[int, int, bytes], None]


def without_owners(
    events: Iterable[Event], replace: Replace, found: Callable[[PrivilegeStatement], None]
) -> Iterator[Event]:
    """Yield the events that remain without owners and privileges, having their bytes replaced.

    ``replace`` is told, in the order of the bytes, which are to go and what comes in their place, and
    ``found`` each statement about owners and privileges. Whenever an event is yielded, all before it is
    settled. A heading that names its owner comes with the text that replaces it.
    """
    heading: Heading | None = None  # held back until it is known whether its entry stays
    begin: int | None = None
    for event in events:
        if isinstance(event, Statement) and (statement := privilege_statement(event)):
            found(statement)
            if heading is not None:
                if _CHANGES_OWNER.match(event.text):
                    yield _without_owner(heading, replace)
                else:
                    begin = heading.offset
                heading = None
            begin = event.offset if begin is None else begin
            continue
        if begin is not None:  # up to here: the empty lines behind go, too
            replace(begin, event.offset, b"")
            begin = None
        if heading is not None:
            yield _without_owner(heading, replace)
            heading = None
        if isinstance(event, Heading):
            heading = event
        else:
            yield event
    if heading is not None:
        yield _without_owner(heading, replace)


def _without_owner(heading: Heading, replace: Replace) -> Heading:
    """Return the heading, with its owner replaced if it names one."""
    text = heading.text
    match = _OWNER_IN_USUAL_HEADING.fullmatch(text) or _OWNER_IN_HEADING.fullmatch(text)
    if match is None or match[1] == _NO_OWNER:
        return heading
    begin, end = match.span(1)
    replace(heading.offset + begin, heading.offset + end, _NO_OWNER)
    heading.text = text[:begin] + _NO_OWNER + text[end:]
    heading.offset = heading.end - len(heading.text)
    return heading
