"""When two wordings of one definition mean the same.

Servers print definitions back in their own words (``src/backend/utils/adt/ruleutils.c``), and the words
are not stable. A definition that was printed, dumped and restored can be printed differently by the very
same server: ``x IN ('a')`` becomes ``(x)::text = ANY ((ARRAY['a'::character varying])::text[])``
and, once more, ``(x)::text = ANY (ARRAY[('a'::character varying)::text])``; ``a BETWEEN 1 AND 2`` gains
and loses parentheses. Between majors more changes: since PostgreSQL 16 ``pg_get_viewdef`` leaves out the
table's name where a query reads a single relation.
"""

from __future__ import annotations

import re
from typing import Any

_TOKEN = re.compile(
    r"""
    (?P<string>   [eE]?'(?:[^']|'')*' | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
  | (?P<cast>     ::\s*(?P<type>(?:"(?:[^"]|"")*"|\w+)(?:\.(?:"(?:[^"]|"")*"|\w+))*
                    (?:\s+(?:varying|precision|with(?:out)?\ time\ zone))?)
                  (?:\(\d+(?:,\s*\d+)?\))?(?:\[\])* )
  | (?P<quoted>   "(?:[^"]|"")*" )
  | (?P<word>     [^\W\d][\w$]* )
  | (?P<number>   \d[\w.]* )
  | (?P<operator> [~!@\#^&|`?+*/%<>=-]+ )
  | (?P<mark>     \S )
    """,
    re.VERBOSE | re.DOTALL,
)

_TEXT_TYPES = frozenset({"text", "character varying", "varchar", "bpchar", "name"})
"""Types that the server converts into each other when it reads a comparison of strings again."""

_Tree = list["str | _Tree"]


def same_wording(expected: Any, actual: Any, *, same_major: bool) -> bool:
    """Return whether two definitions are the same but for how a server words them.

    White space, redundant parentheses and casts between text types never matter. Between majors
    neither do other casts nor qualifying names. Literals, operators, every name itself, their order
    and every parenthesis that groups something must be equal.
    """
    if not isinstance(expected, str) or not isinstance(actual, str):
        return bool(expected == actual)
    return _meaning(expected, same_major=same_major) == _meaning(actual, same_major=same_major)


def same_privileges(expected: Any, actual: Any, *, same_major: bool) -> bool:
    """Return whether two access control lists grant the same.

    Between majors MAINTAIN (``m``, new in PostgreSQL 17) does not matter: it is part of ALL where it
    exists, so that GRANT ALL means more on a newer server.
    """
    if same_major or not isinstance(expected, list) or not isinstance(actual, list):
        return bool(expected == actual)
    return _without_maintain(expected) == _without_maintain(actual)


def _without_maintain(acl: list[str]) -> list[str]:
    parts = [re.match(r"(.*=)([^=/]*)(/.*)\Z", item, re.DOTALL) for item in acl]
    return sorted(p[1] + p[2].replace("m*", "").replace("m", "") + p[3] for p in parts if p)


def _meaning(definition: str, *, same_major: bool) -> _Tree:
    """Return the definition as nested lists, without what does not matter."""
    stack: list[_Tree] = [[]]
    for match in _TOKEN.finditer(definition):
        token = match.group()
        if match["cast"]:
            if same_major and match["type"] not in _TEXT_TYPES:
                stack[-1].append(token)
        elif token == "(":
            stack.append([])
        elif token == ")" and len(stack) > 1:
            group = _plain(stack.pop())
            stack[-1].append(group)
        elif token == "." and not same_major and stack[-1]:
            stack[-1].pop()
        else:
            quoted = match["quoted"]
            stack[-1].append(token[1:-1].replace('""', '"') if quoted else token)
    while len(stack) > 1:
        rest = stack.pop()
        stack[-1].append(rest)
    return _plain(stack[0])


def _plain(group: _Tree) -> _Tree:
    """Remove parentheses around a single thing, and around AND within AND or OR within OR."""
    items: _Tree = []
    for item in group:
        inner = item
        while isinstance(inner, list) and len(inner) == 1:
            inner = inner[0]
        items.append(inner)
    for word in ("AND", "OR"):
        if _joined_only_by(items, word):
            items = [part for item in items for part in _flattened(item, word)]
    return items


def _joined_only_by(items: _Tree, word: str) -> bool:
    """Whether a list is groups and plain items with this word, and no other connective, between."""
    return word in items and not {"AND", "OR"} - {word} & {i for i in items if isinstance(i, str)}


def _flattened(item: str | _Tree, word: str) -> _Tree:
    if isinstance(item, list) and _joined_only_by(item, word):
        return item
    return [item]
