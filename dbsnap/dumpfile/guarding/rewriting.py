"""INSERT statements that a rule or a view turns into something else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dbsnap.dumpfile.lexing.tokens import Cursor, tokenize

if TYPE_CHECKING:
    from dbsnap.dumpfile.lexer import CopyStart, Statement

_CREATING = re.compile(
    rb"(?i)CREATE\b(?! (?:OR REPLACE |UNIQUE )?(?:FUNCTION|INDEX|SEQUENCE|TABLE|TRIGGER|TYPE) )"
)
_INSERTING = re.compile(rb"(?i)INSERT\b")
_MODIFIERS = ("or", "replace", "local", "temp", "temporary", "recursive", "materialized")


class Rewriting:
    """Tells an INSERT that is run as another statement than the one that stands there.

    pg_dump makes rules when all rows are loaded, and a view has no rows: but an INSERT into a view of
    ``pg_authid`` makes a superuser, and one into a table with a rule does what the rule says
    (PostgreSQL 18, "The Rule System" and CREATE VIEW, "Updatable Views").
    """

    def __init__(self) -> None:
        self._qualified: set[tuple[str, ...]] = set()
        self._bare: set[str] = set()
        """Last parts of the names without a schema, which can mean any."""
        self._last_parts: set[str] = set()
        self._head = b""
        self._is_rewritten = False

    def rewrites(self, event: Statement | CopyStart) -> bool:
        """Take the next statement; return whether it is such an INSERT."""
        if _CREATING.match(event.text):
            self._make(_name_made(_cursor(event)))
        elif self._last_parts and _INSERTING.match(event.text):
            head = event.text.partition(b"VALUES")[0]
            if head != self._head:  # most follow one another into the same table
                cursor = _cursor(event)
                cursor.accept("insert", "into")
                self._head, self._is_rewritten = head, self._is_made(cursor.name())
            return self._is_rewritten
        return False

    def _make(self, name: tuple[str, ...]) -> None:
        if name:
            self._last_parts.add(name[-1])
            self._qualified.add(name[-2:])
            self._head = b""
        if len(name) == 1:
            self._bare.add(name[0])

    def _is_made(self, name: tuple[str, ...]) -> bool:
        if len(name) < 2:
            return not self._last_parts.isdisjoint(name)
        return name[-2:] in self._qualified or name[-1] in self._bare


def _cursor(event: Statement | CopyStart) -> Cursor:
    return Cursor(tokenize(event.text, standard_strings=event.standard_strings))


def _name_made(cursor: Cursor) -> tuple[str, ...]:
    """Return the name of the view that a statement makes, or of the relation of a rule; or ()."""
    cursor.accept("create")
    while cursor.accept_any(*_MODIFIERS):
        pass
    if cursor.accept("rule"):
        while not cursor.at_end() and not cursor.accept("to"):
            cursor.next()
        return cursor.name()
    if not cursor.accept("view"):
        return ()
    cursor.accept("if", "not", "exists")
    return cursor.name()
