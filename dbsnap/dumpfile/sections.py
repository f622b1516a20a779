"""Where the rows of a dump have their place: behind pg_dump's section pre-data, before post-data.

pg_dump marks its sections nowhere in plain SQL. Which objects belong to which one is said in
``src/bin/pg_dump/pg_dump.c`` (``SECTION_POST_DATA``), and that all of one section come before those of
the next, by ``addBoundaryDependencies`` there. What is put into post-data only because it needs a key (a
view that groups by one) comes behind that key.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dbsnap.dumpfile.lexer import Comment, CopyData, CopyEnd, CopyStart, Statement
from dbsnap.dumpfile.lexing.tokens import Cursor, tokenize

if TYPE_CHECKING:
    from dbsnap.dumpfile.lexer import Event

_TRAILER = b"-- PostgreSQL database dump complete"
_SET_VALUE = b"SELECT pg_catalog.setval("

_BEHIND_ROWS = re.compile(
    rb"CREATE (?:(?:UNIQUE )?INDEX|STATISTICS|RULE|(?:CONSTRAINT )?TRIGGER|EVENT TRIGGER|POLICY"
    rb"|PUBLICATION|SUBSCRIPTION|OR REPLACE VIEW)\s"
    rb"|REFRESH MATERIALIZED VIEW\s"
)
"""A view that had to be broken out of a circle is replaced by the real one there (``dumpRule``)."""

_MAY_BE_BEHIND_ROWS = re.compile(rb"ALTER (?:TABLE|FOREIGN TABLE|DOMAIN)\s")


class PlaceOfRows:
    """Follows a dump, and says where more rows can be put in.

    That is from its first COPY, sequence value or large object (``BEGIN``) on, never into a transaction,
    and at last before the first statement behind rows, or the trailer.
    """

    def __init__(self) -> None:
        self.passed = False
        """Whether the last place was there."""
        self._reached = False
        self._transaction = False

    def is_before(self, event: Event) -> bool:
        """Take the next event; return whether rows can stand before it."""
        if self.passed or isinstance(event, CopyData | CopyEnd):
            return False
        if isinstance(event, Comment):
            self.passed = event.text == _TRAILER
            return self.passed
        can_stand = self._reached and not self._transaction
        if isinstance(event, CopyStart):
            self._reached = True
        elif isinstance(event, Statement):
            self.passed = begins_post_data(event)
            self._follow(event.text)
        return can_stand or self.passed

    def _follow(self, text: bytes) -> None:
        if text == b"BEGIN;":
            self._reached = self._transaction = True
        elif text == b"COMMIT;":
            self._transaction = False
        elif text.startswith(_SET_VALUE):
            self._reached = True


def begins_post_data(statement: Statement) -> bool:
    """Whether a statement can be the first of those that pg_dump writes behind all rows.

    It is True for none that pg_dump writes before rows or among them.
    """
    text = statement.text
    if _BEHIND_ROWS.match(text):
        return True
    if not _MAY_BE_BEHIND_ROWS.match(text) or not (b"ADD " in text or b"ENABLE " in text):
        return False
    cursor = Cursor(tokenize(text, standard_strings=statement.standard_strings))
    cursor.next()
    cursor.accept("foreign")
    cursor.next()
    cursor.accept("only")
    cursor.name()
    return cursor.accept("add", "constraint") or cursor.accept("enable", "row")
