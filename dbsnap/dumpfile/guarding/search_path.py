"""Where a dump makes what it names without a schema: never among the system's own objects."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dbsnap.dumpfile.guarding.system_names import SYSTEM_SCHEMAS
from dbsnap.dumpfile.lexing.tokens import Cursor, encode, tokenize

if TYPE_CHECKING:
    from dbsnap.dumpfile.lexer import CopyStart, Statement

_RELEVANT = re.compile(
    rb"(?is)(?:CREATE\b.{,100}?|DROP\b.*?)\bSCHEMA\b|(?:SET|SELECT)\b.*?search_path"
)


class SearchPath:
    """Follows which schemas there are, and where ``search_path`` leads.

    pg_dump before 10.3 sets it to a schema of the dump's and ``pg_catalog``: in the first of these
    that exists everything without a schema is made.
    """

    def __init__(self) -> None:
        self._schemas = {"public"}

    def leads_astray(self, event: Statement | CopyStart) -> bool:
        """Take the next statement; return whether it leads into a schema of the system's."""
        lowered = event.text.lower()
        if b"schema" not in lowered and b"search_path" not in lowered:
            return False  # which is told faster
        if not _RELEVANT.match(event.text):
            return False
        cursor = Cursor(tokenize(event.text, standard_strings=event.standard_strings))
        match cursor.next().value:
            case "create" if cursor.accept("schema"):
                cursor.accept("if", "not", "exists")
                self._schemas.update(cursor.name())
            case "drop" if cursor.accept("schema"):
                self._schemas.difference_update(token.value for token in cursor.rest())
            case "set" if cursor.name() == ("search_path",):
                cursor.accept_any("=", "to")
                return self._is_astray(_listed(cursor))
            case "select" if cursor.accept("pg_catalog", ".", "set_config", "("):
                if cursor.next().value.lower() == "search_path" and cursor.accept(","):
                    return self._is_astray(_listed(Cursor(tokenize(encode(cursor.next().value)))))
        return False

    def _is_astray(self, schemas: list[str]) -> bool:
        leading = [schema for schema in schemas if schema not in SYSTEM_SCHEMAS]
        if len(leading) == len(schemas):
            return False
        return schemas[0] in SYSTEM_SCHEMAS or schemas[0] not in self._schemas


def _listed(cursor: Cursor) -> list[str]:
    schemas = []
    while not cursor.at_end():
        schemas.append(cursor.next().value)
        cursor.accept(",")
    return schemas
