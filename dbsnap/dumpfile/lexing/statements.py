"""Where one statement ends, as psql sees it (``src/fe_utils/psqlscan.l``), token by token."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from dbsnap.dumpfile.lexing.runs import (
    ESCAPED_STRING,
    LETTER,
    PLAIN_STRING,
    PREFIX,
    PREFIXED_STRING,
    SINGLE,
    WORD,
    end_of,
    run,
)
from dbsnap.dumpfile.lexing.tokens import comment_end
from dbsnap.dumpfile.lexing.usual_pieces import PLAIN_HEAD
from dbsnap.dumpfile.patterns import compiled

if TYPE_CHECKING:
    from dbsnap.dumpfile.lexing.runs import Form

_DIGITS = b"0123456789"
_WORD_BYTES = frozenset(b"".join(re.findall(rb"[A-Za-z0-9_\x80-\xff]", bytes(range(256)))))
_CARRIAGE_RETURN, _OPENING, _CLOSING, _SEMICOLON = b"\r();"
_CREATE_OR_REPLACE = [b"create", b"or", b"replace"]
_AMBIGUOUS = "releases of psql disagree about where this token ends"

_WORD = compiled(WORD)
_NEXT_WORD = compiled(rb"[ \t\n\r\f\v]*+((?:%s)?)" % WORD)
_DOLLAR_QUOTE = compiled(rb"\$(?:[%s][A-Za-z0-9_\x80-\xff]*+)?\$" % LETTER)
_DOLLAR_AND_MORE = compiled(rb"\$[A-Za-z0-9_\x80-\xff]*+")
_NUMBER_AND_MORE = compiled(rb"[0-9]++(?:\.[0-9]*+)?+[A-Za-z0-9_\x80-\xff]*+[+-]?+[0-9]*+")
_VARIABLE = compiled(
    rb"""
    :(?P<quote>['"]?)
    (?: (?P<preset>[A-Z][A-Z0-9_]*+(?![A-Za-z0-9_\x80-\xff])) | [A-Za-z0-9_\x80-\xff]++ )
    (?P=quote)
  | :(?P<test>\{\?)
    """,
    re.VERBOSE,
)
_STRING_PREFIX = {standard: compiled(prefix) for standard, prefix in PREFIX.items()}
_STRINGS = {
    True: compiled(PREFIXED_STRING[True]),
    False: compiled(rb"%s|%s" % (PREFIXED_STRING[False], ESCAPED_STRING)),
}
_PLAIN_STRING = compiled(PLAIN_STRING)
_ESCAPED_STRING = compiled(ESCAPED_STRING)
_SINGLE_STRING = compiled(ESCAPED_STRING + SINGLE)


class Incomplete(Exception):
    """The bytes at hand end inside what the message names."""


class Unsafe(Exception):
    """From a position in the bytes at hand on, psql's reading and another one may part."""

    def __init__(self, rule: str, message: str, position: int) -> None:
        super().__init__(message)
        self.rule = rule
        self.position = position


class StatementScan:
    """Finds the end of the statement that begins at ``start``; the bytes may end before it does.

    ``commands`` receives the spans of the meta-commands that are met inside it.
    """

    __slots__ = ("_commands", "at_end", "standard_strings", "start", "text")

    def __init__(
        self,
        text: bytes,
        start: int,
        commands: list[tuple[int, int]],
        *,
        standard_strings: bool,
        at_end: bool,
    ) -> None:
        self.text = text
        self.start = start
        self.standard_strings = standard_strings
        self.at_end = at_end
        self._commands = commands

    def end(self) -> int:
        """Return the end, behind the semicolon; raise Incomplete or Unsafe."""
        text, size, position = self.text, len(self.text), self.start
        form: Form = "plain" if PLAIN_HEAD.match(text, position) else "head"
        pattern = _run(self.standard_strings, form)
        words: list[bytes] = []
        parentheses = bodies = 0
        while (stop := end_of(pattern, text, position)) < size:
            byte = text[stop]
            if byte == _SEMICOLON and not parentheses:
                if not bodies:
                    return stop + 1
                if bodies > 1:
                    raise Unsafe("hidden-statement", "psql overlooks this semicolon", stop)
                position = stop + 1
            elif byte in b";()":
                if byte == _OPENING and form == "head":
                    # Since August 2026 psql counts no words in parentheses, before it did.
                    raise Unsafe("ambiguous-token", _AMBIGUOUS, stop)
                parentheses = max(0, parentheses + (byte == _OPENING) - (byte == _CLOSING))
                position = stop + 1
            elif (word := self._word(stop)) is None:
                position = self._beyond(position, stop, form)
            else:
                position = stop + len(word)
                if form == "head":
                    words.append(word)
                    form = _statement_form(words)
                    pattern = _run(self.standard_strings, form)
                elif not parentheses:
                    bodies = self._bodies_after(word, position, bodies)
        raise Incomplete("a statement")

    def _word(self, position: int) -> bytes | None:
        """Return the unquoted word here in lower case; None where something else begins."""
        if _STRING_PREFIX[self.standard_strings].match(self.text, position):
            return None
        word = _WORD.match(self.text, position)
        if word and word.end() == len(self.text):
            raise Incomplete("a statement")
        return word and word.group().lower()

    def _bodies_after(self, word: bytes, end: int, bodies: int) -> int:
        """Return how many BEGIN and CASE are open behind a word of CREATE FUNCTION, as psql counts.

        psql takes any word ``begin`` for the start of a body. Where the server does not, it would
        send several statements as one, which is refused here or at the next semicolon.
        """
        if word == b"end":
            return max(0, bodies - 1)
        if word == b"case" and not bodies:
            return 0
        if not bodies:
            following = _NEXT_WORD.match(self.text, end)
            if following is None or following.end() == len(self.text):
                raise Incomplete("a statement")
            if following[1].lower() != b"atomic":
                message = "psql takes this word begin for the start of a function body"
                raise Unsafe("hidden-statement", message, end - len(word))
        return bodies + 1

    def _beyond(self, position: int, stop: int, form: Form) -> int:
        """Return the end of what stopped the run that began at ``position``."""
        match self.text[stop : stop + 1]:
            case b"\\":
                end = line_end(self.text, stop, at_end=self.at_end)
                self._commands.append((stop, end))
                return end
            case b"$":
                return self._beyond_dollar(position, stop)
            case b":":
                return self._beyond_colon(stop)
            case b"/":
                return block_comment_end(self.text, stop)
            case b"-":
                raise Incomplete("a comment")
            case b'"':
                raise Incomplete("a quoted name")
            case b"'" if self.standard_strings and form == "plain":
                return self._beyond_quote(position, stop)
        return self._beyond_ambiguous(stop)

    def _beyond_ambiguous(self, stop: int) -> int:
        is_number = self.text[stop] in _DIGITS
        token = _NUMBER_AND_MORE if is_number else _STRINGS[self.standard_strings]
        match = token.match(self.text, stop)
        if match is None or match.end() == len(self.text):
            raise Incomplete("a statement" if is_number else "a quoted string")
        raise Unsafe("ambiguous-token", _AMBIGUOUS, stop)

    def _beyond_quote(self, position: int, stop: int) -> int:
        """Return the end of a string that an e stands before, or raise Incomplete."""
        if self.text[stop - 1 : stop] not in (b"e", b"E"):
            raise Incomplete("a quoted string")
        began = self._word_start(position, stop)
        word, before = self.text[began:stop], self.text[max(position, began - 1) : began]
        if word and (before in (b":", b".") or word[0] in _DIGITS):
            raise Unsafe("ambiguous-token", _AMBIGUOUS, began)
        string = _SINGLE_STRING if word in (b"e", b"E") else _PLAIN_STRING
        match = string.match(self.text, stop)
        if match:
            return match.end()
        if string is _SINGLE_STRING and _ESCAPED_STRING.match(self.text, stop):
            raise Unsafe("ambiguous-token", _AMBIGUOUS, stop)
        raise Incomplete("a quoted string")

    def _beyond_dollar(self, position: int, stop: int) -> int:
        """Return the end of a dollar-quoted string, a parameter, or a word with a $ in it."""
        end = end_of(_DOLLAR_AND_MORE, self.text, stop)
        if end == len(self.text):
            raise Incomplete("a statement")
        began = self._word_start(position, stop)
        word = self.text[began:stop]
        after_colon = self.text.endswith(b":", position, began)
        if word and word[0] not in _DIGITS and not after_colon:
            return end_of(_WORD, self.text, began)
        if word and not word.isdigit():
            raise Unsafe("ambiguous-token", _AMBIGUOUS, began)
        if opening := _DOLLAR_QUOTE.match(self.text, stop):
            closing = self.text.find(opening.group(), opening.end())
            if closing < 0:
                raise Incomplete("a dollar-quoted string")
            return closing + len(opening.group())
        after = self.text[stop + 1 : end]
        if after[:1].isdigit() and not after.isdigit():
            raise Unsafe("ambiguous-token", _AMBIGUOUS, stop)
        return end if after.isdigit() else stop + 1

    def _beyond_colon(self, stop: int) -> int:
        variable = _VARIABLE.match(self.text, stop)
        if variable is None:
            return stop + 1
        if variable.end() == len(self.text):
            raise Incomplete("a statement")
        if variable["preset"] or variable["test"]:
            raise Unsafe("psql-variable", "psql would put a variable's value here", stop)
        return variable.end()

    def _word_start(self, position: int, stop: int) -> int:
        """Return where the letters and digits that end at ``stop`` begin."""
        while stop > position and self.text[stop - 1] in _WORD_BYTES:
            stop -= 1
        return stop


@cache
def _run(standard_strings: bool, form: Form) -> re.Pattern[bytes]:  # noqa: FBT001 - a cache key
    return compiled(run(standard_strings=standard_strings, form=form), re.VERBOSE)


def block_comment_end(text: bytes, start: int) -> int:
    """Return the end of the block comment that begins here, or raise Incomplete."""
    end = comment_end(text, start)
    if end is None:
        raise Incomplete("a comment")
    return end


def line_end(text: bytes, start: int, *, at_end: bool) -> int:
    """Return the end of the line without its CR and LF; raise Incomplete if more may come."""
    end = text.find(b"\n", start)
    if end < 0:
        if not at_end:
            raise Incomplete("a meta-command")
        end = len(text)
    return end - (text[end - 1] == _CARRIAGE_RETURN)


def _statement_form(words: list[bytes]) -> Form:
    """Return the form of a statement that begins with these words, as psql tells them apart."""
    *before, last = words
    if last in (b"function", b"procedure") and before in ([b"create"], _CREATE_OR_REPLACE):
        return "routine"
    return "head" if words == _CREATE_OR_REPLACE[: len(words)] else "plain"


def reads_alike(text: bytes) -> bool:
    """Return whether a statement is one and the same whatever backslashes mean in plain strings."""
    readings = []
    for standard_strings in (True, False):
        commands: list[tuple[int, int]] = []
        scan = StatementScan(text, 0, commands, standard_strings=standard_strings, at_end=True)
        try:
            readings.append((scan.end(), commands))
        except (Incomplete, Unsafe):
            return False
    return readings[0] == readings[1] and readings[0][0] == len(text)
