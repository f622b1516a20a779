"""The tokens of one statement, for whoever needs the names in it.

The rules are those of the server's scanner (``src/backend/parser/scan.l``). Where a statement ends
is for the lexer to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dbsnap.dumpfile.lexing.token_values import decode, encode, escaped_value, unicode_value
from dbsnap.dumpfile.patterns import compiled

__all__ = ["Cursor", "Kind", "Token", "comment_end", "decode", "encode", "tokenize"]

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind = Literal[
    "word", "quoted", "string", "number", "parameter", "operator", "punctuation", "unterminated"
]

_BLANK = r"(?:[ \t\n\r\f\v]++|--[^\n\r]*+)*+"
_PATTERN = r"""
    %(blank)s
    (?: ( (?![bBeEnNxX]'|[uU]&['"])[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*+ )
      | ( :: | := | [,()\[\];:] | \.(?![0-9]) )
      | ( %(plain)s'(?: [^']++ | '' )*+' )
      | ( "(?: [^"]++ | "" )*+" )
      | ( (?: [0-9]++(?:\.(?!\.)[0-9]*+)?+ | \.[0-9]++ )(?:[eE][+-]?+[0-9]++)?+ )
      | ( (?: (?!--|/\*)[~!@\#^&|`?+*/%%<>=-] )++ )
      | ( %(escaped)s'(?: [^'\\]++ | \\[\s\S] | '' )*+' )
      | ( [uU]&(?: '(?:[^']++|'')*+' | "(?:[^"]++|"")*+" )
          (?: %(blank)s(?i:uescape)%(blank)s'[^'"+0-9A-Fa-f\s]' )?+ )
      | ( [bBxX]'[^']*+' )
      | ( \$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*+)?\$ )
      | ( \$[0-9]++ )
      | ( /\* )
      | ( [\s\S] )
      | \Z
    )
"""
"""White space, line comments and one token, in a group of its own; in no group at the end."""
_WORD, _PUNCTUATION, _PLAIN, _QUOTED, _NUMBER, _OPERATOR = range(1, 7)
_ESCAPED, _UNICODE, _BITS, _DOLLAR, _PARAMETER, _COMMENT, _OTHER = range(7, 14)
_TOKEN = {
    standard: compiled(_PATTERN % {"blank": _BLANK, "plain": plain, "escaped": escaped}, re.VERBOSE)
    for standard, plain, escaped in ((True, "[nN]?", "[eE]"), (False, "(?!)", "[eEnN]?"))
}
_COMMENT_MARK = compiled(rb"/\*|\*/")
_FOLD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


@dataclass(slots=True)
class Token:
    """One token; ``value`` is decoded: words folded to lower case, quotes and escapes undone.

    ``start`` and ``end`` are byte positions in the statement. Only ASCII letters are folded, as the
    server does in UTF-8. Bytes that are not UTF-8 become surrogates (PEP 383): no name is lost. Not
    frozen, because that would take three times as long to make.
    """

    kind: Kind
    value: str
    start: int
    end: int

    @property
    def is_name(self) -> bool:
        """Whether the token can be an identifier."""
        return self.kind in ("word", "quoted")


def tokenize(statement: bytes, *, standard_strings: bool = True) -> list[Token]:
    """Return the tokens of one statement without white space and comments.

    ``standard_strings`` False reads plain strings as ``standard_conforming_strings = off`` does.
    Never raises: a quote or comment that does not end, which the lexer lets nobody see, becomes a
    last token of kind ``unterminated``; a byte that means nothing to SQL becomes an operator.
    """
    pattern = _TOKEN[standard_strings]
    text = statement.decode("latin-1")  # a character is a byte, so positions are the same
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        for match in pattern.finditer(text, position):
            group = match.lastindex
            if group is None:
                return tokens
            start, position = match.span(group)
            written = match[group]
            if group == _WORD:
                word = written.lower() if written.isascii() else _utf8(written).translate(_FOLD)
                tokens.append(Token("word", word, start, position))
            elif group == _PUNCTUATION:
                tokens.append(Token("punctuation", written, start, position))
            elif group == _OPERATOR:
                tokens.extend(_operators(written, start))
            else:
                kind, value, end = _read(group, written, statement, start)
                if kind is not None:
                    tokens.append(Token(kind, value, start, end))
                if end != position:
                    position = end
                    break
    return tokens


def _read(group: int, written: str, statement: bytes, start: int) -> tuple[Kind | None, str, int]:
    """Return kind (None for a comment), value and end of what one of the pattern's groups matched."""
    end = start + len(written)
    if group == _COMMENT:
        closed = comment_end(statement, start)
        return (None, "", closed) if closed else ("unterminated", "", len(statement))
    if group == _DOLLAR:
        closing = statement.find(statement[start:end], end)
        if closing < 0:
            return "unterminated", "", len(statement)
        return "string", decode(statement[end:closing]), closing + len(written)
    if group == _OTHER and (written in "'\"" or written.isalpha()):
        return "unterminated", "", len(statement)
    kind, value = _value(group, written if written.isascii() else _utf8(written))
    return kind, value, end


def _operators(run: str, start: int) -> Iterator[Token]:
    """Yield the operators in a run of operator characters.

    Only one that holds a character unknown to the standard may end in plus or minus: ``=-`` is two.
    """
    first = run
    if len(run) > 1 and not any(character in run for character in "~!@#^&|`?%"):
        first = run[0] + run[1:].rstrip("+-")
    for operator in (first, *run[len(first) :]):
        yield Token("operator", operator, start, start + len(operator))
        start += len(operator)


def _value(group: int, written: str) -> tuple[Kind, str]:
    """Return the kind of a token of one of the pattern's groups, and its value decoded."""
    if group == _PLAIN:
        return "string", written[written.index("'") + 1 : -1].replace("''", "'")
    if group == _QUOTED:
        return "quoted", written[1:-1].replace('""', '"')
    if group == _ESCAPED:
        return "string", escaped_value(written[written.index("'") + 1 : -1])
    if group == _UNICODE:
        return ("quoted" if written[2] == '"' else "string"), unicode_value(written)
    if group == _BITS:
        return "string", written[2:-1]
    if group == _NUMBER:
        return "number", written
    return ("parameter" if group == _PARAMETER else "operator"), written


def comment_end(text: bytes, start: int) -> int | None:
    """Return where the block comment at ``start`` ends, counting nested ones; None if nowhere."""
    depth = 0
    for mark in _COMMENT_MARK.finditer(text, start):
        depth += 1 if mark.group() == b"/*" else -1
        if depth == 0:
            return mark.end()
    return None


def _utf8(written: str) -> str:
    return decode(written.encode("latin-1"))


_BARE = frozenset({"word", "punctuation", "operator"})
_NOTHING = Token("punctuation", "", -1, -1)


class Cursor:
    """Reads along the tokens of a statement; every method that finds nothing moves nowhere."""

    def __init__(self, tokens: list[Token], position: int = 0) -> None:
        self.tokens = tokens
        self.position = position

    def peek(self, ahead: int = 0) -> Token:
        """Return a token further on, or an empty punctuation token behind the last one."""
        index = self.position + ahead
        return self.tokens[index] if index < len(self.tokens) else _NOTHING

    def next(self) -> Token:
        """Return the token here and step over it."""
        token = self.peek()
        self.position += token is not _NOTHING
        return token

    def at_end(self) -> bool:
        """Return whether all that is left is the closing semicolon or nothing."""
        return self.peek() is _NOTHING or self.sees(";")

    def rest(self) -> list[Token]:
        """Return the tokens from here on without stepping over them."""
        return self.tokens[self.position :]

    def sees(self, *values: str) -> bool:
        """Return whether these unquoted words or marks come next."""
        tokens, position = self.tokens, self.position
        if position + len(values) > len(tokens):
            return False
        for value in values:
            token = tokens[position]
            if token.value != value or token.kind not in _BARE:
                return False
            position += 1
        return True

    def accept(self, *values: str) -> bool:
        """Step over these unquoted words or marks if they come next; return whether they did."""
        found = self.sees(*values)
        self.position += len(values) if found else 0
        return found

    def accept_any(self, *values: str) -> str:
        """Step over one of these words or marks; return it, or "" when none comes next."""
        token = self.peek()
        if token.value not in values or token.kind not in _BARE:
            return ""
        self.position += 1
        return token.value

    def name(self) -> tuple[str, ...]:
        """Read a qualified name into its parts: ``public."We""ird"`` → ("public", 'We"ird')."""
        parts: list[str] = []
        while self.peek().is_name:
            parts.append(self.next().value)
            if not (self.sees(".") and self.peek(1).is_name):
                break
            self.next()
        return tuple(parts)

    def skip_parentheses(self) -> bool:
        """Step over a parenthesis and all that is in it; return whether there was one."""
        if not self.sees("("):
            return False
        tokens, position = self.tokens, self.position
        depth = 0
        while position < len(tokens):
            token = tokens[position]
            position += 1
            if token.kind == "punctuation":
                depth += (token.value == "(") - (token.value == ")")
                if depth == 0:
                    break
        self.position = position
        return True
