"""When two wordings of one definition mean the same.

Servers print definitions back in their own words, and the words change between majors: since
PostgreSQL 16 ``pg_get_viewdef`` leaves out the table name where a query reads a single relation
(``SELECT users.id`` became ``SELECT id``), other releases moved parentheses, casts and line breaks
(``src/backend/utils/adt/ruleutils.c`` in each release).
"""

from __future__ import annotations

import re
from typing import Any

_TOKEN = re.compile(
    r"""
    (?P<string> [eE]?'(?:[^']|'')*' | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
  | (?P<quoted> "(?:[^"]|"")*" )
  | (?P<word>   [^\W\d][\w$]* )
  | (?P<number> \d[\w.]* )
  | (?P<cast>   ::\s*(?:"[^"]*"|[\w.]+)(?:\s+(?:varying|precision|with(?:out)?\ time\ zone))?
                (?:\(\d+(?:,\s*\d+)?\))?(?:\[\])* )
  | (?P<mark>   \S )
    """,
    re.VERBOSE | re.DOTALL,
)


def same_wording(expected: Any, actual: Any, *, same_major: bool) -> bool:
    """Return whether two definitions are the same but for how a server words them.

    Between servers of one major only white space may differ. Between majors, qualifying names,
    parentheses and casts may too, because only those are known to have changed; literals, operators
    and every name itself must still be equal and in the same order.
    """
    if not isinstance(expected, str) or not isinstance(actual, str):
        return bool(expected == actual)
    if same_major:
        return _tokens(expected) == _tokens(actual)
    return _essence(expected) == _essence(actual)


def _tokens(definition: str) -> list[str]:
    return [match.group() for match in _TOKEN.finditer(definition)]


def _essence(definition: str) -> list[str]:
    """Return the tokens without qualifiers, parentheses and casts, names unquoted."""
    kept: list[str] = []
    for match in _TOKEN.finditer(definition):
        token = match.group()
        if match.lastgroup == "cast" or token in "()":
            continue
        if token == "." and kept:
            kept.pop()
            continue
        kept.append(token[1:-1].replace('""', '"') if match["quoted"] else token)
    return kept
