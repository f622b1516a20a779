"""How many rows the INSERT statements of a dump hold, by table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dbsnap.dumpfile.lexing.tokens import Cursor, tokenize
from dbsnap.dumpfile.patterns import compiled
from dbsnap.inventory import object_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbsnap.dumpfile.lexing.events import Statement

_PART = rb'(?:"(?:[^"]++|"")*+"|[A-Za-z0-9_$\x80-\xff]++)'
_INSERT = compiled(
    rb"""
    INSERT\s+INTO\s+(?P<table>%s(?:\s*\.\s*%s)*)\s*(?:\((?:\s*%s\s*,?)*+\)\s*)?
    (?:OVERRIDING\s+\w+\s+VALUE\s+)?(?:DEFAULT\s+)?VALUES\b
    """
    % (_PART, _PART, _PART),
    re.IGNORECASE | re.VERBOSE,
)
_ESCAPED_STRING = rb"'(?:[^'\\]++|\\[\s\S]|'')*+'"
_STRING = {
    True: rb"(?<![eE])'[^']*+'|(?<=[eE])" + _ESCAPED_STRING,
    False: _ESCAPED_STRING,
}
_ROW = {
    standard: compiled(rb"\((?:[^'()]++|%s|\((?:[^'()]++|%s)*+\))*+\)" % (string, string))
    for standard, string in _STRING.items()
}


class InsertedRows:
    """Counts rows as they are inserted, in memory that only tables add to."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, bytes], int] = {}

    def take(self, statement: Statement, schema: str) -> bool:
        """Count the rows of a statement; return whether it is an INSERT that tells its rows.

        ``schema`` is where a table without one is looked for.
        """
        text = statement.text
        insert = _INSERT.match(text)
        if insert is None:
            return False
        rows = len(_ROW[statement.standard_strings].findall(text, insert.end())) or 1
        table = (schema, insert["table"])
        self._rows[table] = self._rows.get(table, 0) + rows
        return True

    def by_table(self, recode: Callable[[bytes], bytes]) -> Iterator[tuple[str, int]]:
        """Yield names of tables and their rows; ``recode`` turns what the dump wrote into UTF-8."""
        for (schema, written), rows in self._rows.items():
            name = Cursor(tokenize(recode(written))).name()
            yield object_name(*(name if len(name) > 1 else (schema, *name))), rows

    def __bool__(self) -> bool:
        """Return whether there was any."""
        return bool(self._rows)
