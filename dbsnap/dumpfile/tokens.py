"""The tokens of one statement, for whoever needs the names in it.

The rules are those of the server's scanner (``src/backend/parser/scan.l``). Where a statement ends
is for the lexer to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "word", "quoted", "string", "number", "parameter", "operator", "punctuation", "unterminated"
]

_PATTERN = rb"""
    (?P<blank>       (?: [ \t\n\r\f\v]++ | --[^\n\r]*+ )++ )
  | (?P<comment>     /\* )
  | (?P<escaped>     %(escaped)s'(?: [^'\\]++ | \\[\s\S] | '' )*+' )
  | (?P<unicode>     [uU]&(?: '(?:[^']++|'')*+' | "(?:[^"]++|"")*+" ) )
  | (?P<plain>       %(plain)s'(?: [^']++ | '' )*+' )
  | (?P<quoted>      "(?: [^"]++ | "" )*+" )
  | (?P<dollar>      \$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*+)?\$ )
  | (?P<parameter>   \$[0-9]++ )
  | (?P<word>        [A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*+ )
  | (?P<number>      (?: [0-9]++(?:\.(?!\.)[0-9]*+)?+ | \.[0-9]++ )(?:[eE][+-]?+[0-9]++)?+ )
  | (?P<punctuation> :: | := | [,()\[\].;:] )
  | (?P<operator>    (?: (?!--|/\*)[~!@\#^&|`?+*/%%<>=-] )++ )
  | (?P<other>       [\s\S] )
"""
_TOKEN = {
    True: re.compile(_PATTERN % {b"escaped": rb"[eE]", b"plain": rb"[bBxXnN]?"}, re.VERBOSE),
    False: re.compile(_PATTERN % {b"escaped": rb"[eEnN]?", b"plain": rb"[bBxX]"}, re.VERBOSE),
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
    def names(self) -> bool:
        """Whether the token can be an identifier."""
        return self.kind in ("word", "quoted")


def tokenize(statement: bytes, *, standard_strings: bool = True) -> list[Token]:
    """Return the tokens of one statement without white space and comments.

    ``standard_strings`` False reads plain strings as ``standard_conforming_strings = off`` does.
    Never raises: a quote or comment that does not end, which the lexer lets nobody see, becomes a
    last token of kind ``unterminated``, and a byte that means nothing to SQL one of ``operator``.
    """
    pattern = _TOKEN[standard_strings]
    tokens: list[Token] = []
    position = 0
    while match := pattern.match(statement, position):
        end = match.end()
        if match.lastgroup == "comment":
            end = comment_end(statement, position)
        elif match.lastgroup == "dollar":
            end = statement.find(match.group(), end) + len(match.group())
            if end > match.end():
                body = statement[match.end() : end - len(match.group())]
                tokens.append(Token("string", text(body), position, end))
        elif match.lastgroup != "blank":
            tokens.append(_token(match, end))
        if end <= position or tokens and tokens[-1].kind == "unterminated":
            return [*tokens[: -1 if end > position else None], _rest(statement, position)]
        position = end
    return tokens
