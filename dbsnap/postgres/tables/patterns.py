"""Names of tables as pg_dump takes them after ``-t``, turned into the server's regular expressions.

The rules are those of psql's patterns (documentation, ``app-psql``, "Patterns";
``src/fe_utils/string_utils.c``, ``patternToSQLRegex``): letters outside double quotes are folded to
lower case, ``*`` and ``?`` stand for any characters and any one, a dot parts schema and name, and the
rest of a regular expression works. Within double quotes everything is only itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dbsnap.errors import UsageError

_SPECIAL = frozenset("|*+?()[]{}.^$\\")
_FOLD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_PIECE = re.compile(r'"(?:[^"]|"")*"|[\s\S]')
PLAIN_PATTERN = re.compile(r"\w+\Z")


@dataclass(frozen=True, slots=True)
class TablePattern:
    """What was asked for, and the expressions that a table's schema and name must match.

    ``schema`` is None where the pattern has no schema: any that is on the search path.
    """

    text: str
    schema: str | None
    name: str

    @property
    def is_plain(self) -> bool:
        """Whether it is one word without quotes or wildcards, as a model's name is."""
        return PLAIN_PATTERN.match(self.text) is not None


def table_pattern(text: str, *, database: str) -> TablePattern:
    """Return the expressions of a pattern.

    A third part in front must be the database's own name. Raises UsageError where the pattern is empty,
    has too many parts, or a quote that does not end.
    """
    parts = _split(text)
    if len(parts) == 3 and "".join(_literal(part) for part in parts[0]) == database:
        parts = parts[1:]
    if not 1 <= len(parts) <= 2 or not all(parts):
        raise UsageError(
            f"{text!r} names no table",
            hint="write TABLE or SCHEMA.TABLE, with double quotes around a name that needs them",
        )
    *schema, name = [_expression(part) for part in parts]
    return TablePattern(text, schema[0] if schema else None, name)


def quoted_pattern(name: str) -> str:
    """Return the pattern that matches exactly one name."""
    return '"' + name.replace('"', '""') + '"'


def _split(text: str) -> list[list[str]]:
    """Return the parts between dots, each as its pieces: quoted strings and single characters.

    None at all where a quote does not end, or where it is no UTF-8 text.
    """
    parts: list[list[str]] = [[]]
    for piece in _PIECE.findall(text):
        if piece == ".":
            parts.append([])
        else:
            parts[-1].append(piece)
    if any(piece in '"\0' or "\ud800" <= piece <= "\udfff" for part in parts for piece in part):
        return []
    return parts


def _literal(piece: str) -> str:
    if piece.startswith('"'):
        return piece[1:-1].replace('""', '"')
    return piece.translate(_FOLD)


def _expression(pieces: list[str]) -> str:
    written = []
    for piece, following in zip(pieces, [*pieces[1:], ""], strict=True):
        if piece.startswith('"'):
            written += ["\\" + c if c in _SPECIAL else c for c in _literal(piece)]
        elif (
            piece == "[" and following == "]"
        ):  # more likely an array type than a bracket expression
            written.append("\\[")
        else:
            written.append({"*": ".*", "?": ".", "$": "\\$"}.get(piece, _literal(piece)))
    return f"^({''.join(written)})$"
