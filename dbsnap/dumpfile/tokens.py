"""The tokens of one statement, for whoever needs the names in it.

The rules are those of the server's scanner (``src/backend/parser/scan.l``). Where a statement ends
is for the lexer to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

Kind = Literal[
    "word", "quoted", "string", "number", "parameter", "operator", "punctuation", "unterminated"
]

_PATTERN = rb"""
    (?P<blank>       (?: [ \t\n\r\f\v]++ | --[^\n\r]*+ )++ )
  | (?P<comment>     /\* )
  | (?P<escaped>     %(escaped)s'(?: [^'\\]++ | \\[\s\S] | '' )*+' )
  | (?P<unicode>     [uU]&(?: '(?:[^']++|'')*+' | "(?:[^"]++|"")*+" ) )
  | (?P<bits>        [bBxX]'[^']*+' )
  | (?P<plain>       %(plain)s'(?: [^']++ | '' )*+' )
  | (?P<quoted>      "(?: [^"]++ | "" )*+" )
  | (?P<dollar>      \$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*+)?\$ )
  | (?P<parameter>   \$[0-9]++ )
  | (?P<word>        (?![bBeEnNxX]'|[uU]&['"])[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*+ )
  | (?P<number>      (?: [0-9]++(?:\.(?!\.)[0-9]*+)?+ | \.[0-9]++ )(?:[eE][+-]?+[0-9]++)?+ )
  | (?P<punctuation> :: | := | [,()\[\].;:] )
  | (?P<operator>    (?: (?!--|/\*)[~!@\#^&|`?+*/%%<>=-] )++ )
  | (?P<other>       [\s\S] )
"""
_TOKEN = {
    True: re.compile(_PATTERN % {b"escaped": rb"[eE]", b"plain": rb"[nN]?"}, re.VERBOSE),
    False: re.compile(_PATTERN % {b"escaped": rb"[eEnN]?", b"plain": rb"(?!)"}, re.VERBOSE),
}
_COMMENT_MARK = re.compile(rb"/\*|\*/")
_ESCAPE = re.compile(
    r"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([\s\S]))|''"
)
_UNICODE_ESCAPE = re.compile(r"\\(?:([0-9A-Fa-f]{4})|\+([0-9A-Fa-f]{6})|\\)")
_CONTROL = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_FOLD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


@dataclass(frozen=True, slots=True)
class Token:
    """One token; ``value`` is decoded: words folded to lower case, quotes and escapes undone.

    ``start`` and ``end`` are byte positions in the statement. Only ASCII letters are folded, as the
    server does in UTF-8. Bytes that are not UTF-8 become surrogates (PEP 383): no name is lost.
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
    tokens: list[Token] = []
    position = 0
    while match := pattern.match(statement, position):
        if match.lastgroup == "blank":
            position = match.end()
            continue
        kind, value, end = _read(match, statement)
        if kind is not None:
            tokens.append(Token(kind, value, position, end))
        position = end
    return tokens


def _read(match: re.Match[bytes], statement: bytes) -> tuple[Kind | None, str, int]:
    """Return kind (None for nothing), value and end of what was matched."""
    unterminated: tuple[Kind, str, int] = ("unterminated", "", len(statement))
    end = match.end()
    match match.lastgroup:
        case "comment":
            closed = comment_end(statement, match.start())
            return (None, "", closed) if closed else unterminated
        case "dollar":
            closed = statement.find(match.group(), end)
            value = decode(statement[end:closed])
            return ("string", value, closed + len(match.group())) if closed >= 0 else unterminated
        case "other" if match.group() in (b"'", b'"') or match.group().isalpha():
            return unterminated
        case "operator":
            written = _operator(match.group())
            return "operator", decode(written), match.start() + len(written)
        case group:
            kind, value = _value(str(group), decode(match.group()))
            return kind, value, end


def _operator(run: bytes) -> bytes:
    """Return the first operator in a run of operator characters.

    Only one that holds a character unknown to the standard may end in plus or minus: ``=-`` is two.
    """
    if len(run) == 1 or any(byte in run for byte in b"~!@#^&|`?%"):
        return run
    return run[:1] + run[1:].rstrip(b"+-")


def _value(group: str, written: str) -> tuple[Kind, str]:
    """Return the kind of a token of one of the pattern's groups, and its value decoded."""
    match group:
        case "word":
            return "word", written.translate(_FOLD)
        case "quoted":
            return "quoted", written[1:-1].replace('""', '"')
        case "bits":
            return "string", written[2:-1]
        case "plain":
            return "string", written[written.index("'") + 1 : -1].replace("''", "'")
        case "escaped":
            return "string", _ESCAPE.sub(_unescape, written[written.index("'") + 1 : -1])
        case "unicode":
            value = written[3:-1].replace(written[2] * 2, written[2])
            value = _UNICODE_ESCAPE.sub(_unescape_unicode, value)
            return ("quoted" if written[2] == '"' else "string"), value
        case "other":
            return "operator", written
    return cast("Kind", group), written


def decode(text: bytes) -> str:
    """Return the text of a dump as str; bytes that are not UTF-8 become surrogates (PEP 383)."""
    return text.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """Undo ``decode``."""
    return text.encode("utf-8", "surrogateescape")


def comment_end(text: bytes, start: int) -> int | None:
    """Return where the block comment at ``start`` ends, counting nested ones; None if nowhere."""
    depth = 0
    for mark in _COMMENT_MARK.finditer(text, start):
        depth += 1 if mark.group() == b"/*" else -1
        if depth == 0:
            return mark.end()
    return None


def _unescape(match: re.Match[str]) -> str:
    octal, short, four, eight, letter = match.groups()
    if letter is not None:
        return _CONTROL.get(letter, letter)
    if octal or short:
        # Single bytes: those above 0x7f are parts of a character that only all of them make.
        return decode(bytes([int(octal, 8) & 0xFF if octal else int(short, 16)]))
    if four or eight:
        return _character(four or eight)
    return "'"


def _unescape_unicode(match: re.Match[str]) -> str:
    four, six = match.groups()
    return _character(four or six) if four or six else "\\"


def _character(code: str) -> str:
    number = int(code, 16)
    return chr(number) if number <= 0x10FFFF else "\ufffd"


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
        for ahead, value in enumerate(values):
            token = self.peek(ahead)
            if token.value != value or token.kind not in _BARE:
                return False
        return True

    def accept(self, *values: str) -> bool:
        """Step over these unquoted words or marks if they come next; return whether they did."""
        found = self.sees(*values)
        self.position += len(values) if found else 0
        return found

    def accept_any(self, *values: str) -> str:
        """Step over one of these words or marks; return it, or "" when none comes next."""
        return next((value for value in values if self.accept(value)), "")

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
        depth = 0
        while self.peek() is not _NOTHING:
            depth += self.sees("(") - self.sees(")")
            self.next()
            if depth == 0:
                break
        return True
