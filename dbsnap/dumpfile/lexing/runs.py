"""Runs of bytes that cannot end a statement, as patterns (``src/fe_utils/psqlscan.l``).

psql ends a statement at a semicolon outside quotes, comments, parentheses and the BEGIN … END body
of a function. All else is stepped over by one compiled pattern at a time. Every repetition is
possessive: what a pattern has read it never tries in another way, so that no text takes longer than
its length allows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

Form = Literal["head", "routine", "plain"]
"""What words mean in a statement.

``head``: its form depends on the next word, so each word stops the run. ``routine``: CREATE [OR
REPLACE] FUNCTION or PROCEDURE, in which psql counts BEGIN, CASE and END outside parentheses.
``plain``: words do not matter.
"""

PARENTHESES_DEPTH = 5
"""Parentheses nested deeper than this end a run; nothing else depends on it."""

LETTER = rb"A-Za-z_\x80-\xff"
IN_WORD = rb"A-Za-z0-9_$\x80-\xff"
WORD = rb"[%s][%s]*+" % (LETTER, IN_WORD)
SPACE = rb"[ \t\n\r\f\v]"
KEYWORD_OF_BODY = rb"(?i:begin|case|end)(?![%s])" % IN_WORD

PLAIN_STRING = rb"'[^']*+'"
ESCAPED_STRING = rb"'(?:[^'\\]++|\\[\s\S]|'')*+'"
# Two strings with a line end between them are one to the server but two to psql, which looks at one
# line at a time. It makes no difference unless backslashes mean something in the first.
SINGLE = rb"(?!(?:[ \t\f\v]|--[^\n\r]*+)*+[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*+[\n\r])*+')"
PREFIX = {True: rb"[eE]'", False: rb"(?:[eEbBxX]|[uU]&)'"}
PREFIXED_STRING = {
    True: rb"[eE]" + ESCAPED_STRING,
    False: rb"(?:[eE]%s|[bBxX]%s|[uU]&'(?:[^']++|'')*+')" % (ESCAPED_STRING, PLAIN_STRING),
}
_AROUND = rb"""
    "[^"]*+"
  | -(?:(?!-)|-[^\n\r]*+(?=[\n\r]))
  | /(?:(?!\*)|\*[^*/]*+(?:(?:\*(?!/)|/(?!\*))[^*/]*+)*+\*/)
"""
_EXACT = rb"""
    [^A-Za-z0-9_\x80-\xff$'"()\\;:/-][^A-Za-z0-9_\x80-\xff$'"()\\;:/-]*+
  | [0-9](?:[0-9]*+(?:\.[0-9]*+)?+(?:[eE][+-]?+[0-9]++)?+(?![A-Za-z_\x80-\xff]))
  | :(?:[:=]|(?!['"]?[A-Z]|\{\?)[A-Za-z0-9_\x80-\xff]*+)
  | \$[0-9]++(?![A-Za-z_\x80-\xff])
"""
# Looks at no word: only an e before a quote and a $ need to know where the word at hand began.
_COARSE = (
    rb"""
    [^'"$\\;():/-][^'"$\\;():/-]*+
  | '(?<![eE]')[^']*+'
  | '(?<=[^A-Za-z0-9_$\x80-\xff:.][eE]')(?:[^'\\]++|\\[\s\S]|'')*+'%s
  | :(?:[:=]|(?!['"]?[A-Z]|\{\?))
"""
    % SINGLE
)


def parentheses(inside: bytes, depth: int = PARENTHESES_DEPTH) -> bytes:
    """Return the pattern of parentheses around ``inside``, nested up to ``depth`` deep."""
    nested = rb"|" + parentheses(inside, depth - 1) if depth > 1 else rb""
    return rb"\((?:%s%s)*+\)" % (inside, nested)


def _parts() -> Iterator[tuple[tuple[bool, Form], bytes]]:
    for standard in (True, False):
        string = PLAIN_STRING if standard else ESCAPED_STRING + SINGLE
        exact = rb"%s%s|%s|%s" % (PREFIXED_STRING[standard], SINGLE, string, _EXACT)
        unprefixed = rb"(?!%s)" % PREFIX[standard]
        word = unprefixed + WORD
        prefix_of_plain = unprefixed + rb"(?:[bBxXnN](?=')|[uU](?=&))"
        yield (standard, "head"), rb"%s|%s|%s" % (exact, prefix_of_plain, _AROUND)
        inside = parentheses(rb"%s|%s|%s|;" % (exact, word, _AROUND))
        no_keyword = rb"(?!%s)%s" % (KEYWORD_OF_BODY, word)
        yield (standard, "routine"), rb"%s|%s|%s|%s" % (exact, no_keyword, _AROUND, inside)
        plain = rb"%s|%s" % (_COARSE if standard else rb"%s|%s" % (exact, word), _AROUND)
        yield (standard, "plain"), rb"%s|%s" % (plain, parentheses(plain + rb"|;"))


PARTS: dict[tuple[bool, Form], bytes] = dict(_parts())
"""The alternatives that a run consists of (verbose patterns that never match nothing), by whether
plain strings are standard ones and by the form of the statement."""


def run(*, standard_strings: bool, form: Form) -> bytes:
    """Return the verbose pattern of a run, which may be empty."""
    return rb"(?:%s)*+" % PARTS[standard_strings, form]


def end_of(pattern: re.Pattern[bytes], text: bytes, position: int) -> int:
    """Return the end of a pattern that matches everywhere, if only nothing."""
    match = pattern.match(text, position)
    return match.end() if match else position
