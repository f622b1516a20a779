"""Regular expressions with possessive groups, compiled so that every Python 3.11 reads them alike.

Before 3.11.5 a possessive group whose inside had tried another way first could match wrongly
(CPython issue 106052). An atomic group around the same repetition means the same, and was right.
"""

from __future__ import annotations

import re
import sys
from typing import AnyStr

READS_POSSESSIVE_GROUPS = sys.version_info >= (3, 11, 5)

_TOKEN = re.compile(r"\\[\s\S]|\[\^?\]?(?:\\[\s\S]|[^\]\\])*\]|\)[*+?]\+|[\s\S]")


def compiled(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return ``re.compile(pattern, flags)``, or the same in words that this Python reads rightly."""
    if READS_POSSESSIVE_GROUPS:
        return re.compile(pattern, flags)
    if isinstance(pattern, bytes):
        return re.compile(atomic(pattern.decode("latin-1")).encode("latin-1"), flags)
    return re.compile(atomic(pattern), flags)


def atomic(pattern: str) -> str:
    """Return a pattern with ``(?>(?:…)*)`` for every ``(?:…)*+``, and so on."""
    parts: list[str] = []
    opened: list[int] = []
    for token in _TOKEN.findall(pattern):
        if token == "(":
            opened.append(len(parts))
        elif token == ")":
            opened.pop()
        elif token[:1] == ")":
            start = opened.pop()
            parts[start] = "(?>" + parts[start]
        parts.append(token if len(token) < 3 or token[0] != ")" else token[:2] + ")")
    return "".join(parts)
