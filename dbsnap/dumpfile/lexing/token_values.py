"""What the bytes of a token mean: text decoded, escapes undone."""

from __future__ import annotations

import codecs
import re

_SAFE_ENCODING = re.compile(r"(?:latin|iso-8859-|cp|koi8-|euc-)[a-z0-9-]{1,20}\Z")
_ESCAPE = re.compile(
    r"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([\s\S]))|''"
)
_UNICODE_FORM = re.compile(
    r"""
    [uU]&(?P<quoted>'(?:[^']++|'')*+'|"(?:[^"]++|"")*+")(?:[\s\S]*'(?P<escape>[\s\S])')?
    """,
    re.VERBOSE,
)
_UNICODE_ESCAPE = r"%s(?:([0-9A-Fa-f]{4})|\+([0-9A-Fa-f]{6})|%s)"
_CONTROL = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def decode(text: bytes) -> str:
    """Return the text of a dump as str; bytes that are not UTF-8 become surrogates (PEP 383)."""
    return text.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """Undo ``decode``."""
    return text.encode("utf-8", "surrogateescape")


def codec_of(encoding: str) -> str | None:
    """Return Python's name of a PostgreSQL encoding; None for UTF-8 and for what nobody knows."""
    name = encoding.lower().replace("_", "-")
    name = re.sub(r"^win", "cp", re.sub(r"^koi8", "koi8-", name))
    if not _SAFE_ENCODING.match(name):
        return None
    try:
        return codecs.lookup(name).name
    except LookupError:
        return None


def escaped_value(inside: str) -> str:
    """Return what stands between the quotes of an E'' string, without its escapes."""
    # Bytes that are given one by one, in octal or hexadecimal, become characters together.
    return decode(encode(_ESCAPE.sub(_unescape, inside)))


def unicode_value(written: str) -> str:
    """Return what a U& form means; the character that escapes is a backslash or what it names."""
    form = _UNICODE_FORM.fullmatch(written)
    if form is None:  # never: the pattern of tokens admits nothing else
        return written
    quote, quoted, escape = written[2], form["quoted"], re.escape(form["escape"] or "\\")
    pattern = _UNICODE_ESCAPE % (escape, escape)
    return re.sub(pattern, _unescape_unicode, quoted[1:-1].replace(quote * 2, quote))


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
    return _character(four or six) if four or six else match.group()[:1]


def _character(code: str) -> str:
    """Return a character by its number; half of one, or none, is U+FFFD."""
    number = int(code, 16)
    is_character = number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF
    return chr(number) if is_character else "\ufffd"
