"""A column's values by its type: the text that PostgreSQL gives them ↔ JSON.

===================================  ==============================================================
type                                 in JSON
===================================  ==============================================================
NULL of any type                     ``null``
smallint, integer, bigint, numeric   a number with the digits as they are; a string where a double
                                     would lose digits, and for NaN and Infinity
real, double precision               a number; a string for NaN and Infinity
boolean                              ``true``, ``false``
json, jsonb                          the value itself (``json_structures``)
bytea                                a string in base64 (RFC 4648)
date, timestamp, timestamptz,        a string in ISO 8601: ``2024-01-31T12:00:00.5Z``; years before 1
timetz                               and after 9999 with a sign and six digits or more, counted from
                                     the year 0 (``-000043-03-15`` is 44 BC); ``infinity``
array                                an array (``json_structures``)
domain                               as its base type
everything else                      a string: the text that PostgreSQL gives the value
===================================  ==============================================================

What stands in JSON this way is turned back into the very text that it came from.
"""

from __future__ import annotations

import binascii
from decimal import Decimal
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

from dbsnap.dumpfile.conversion.copy_text import NULL, decode_field
from dbsnap.dumpfile.conversion.json_text import (
    InvalidValue,
    Lexeme,
    kind_of,
    reason,
    shown,
)
from dbsnap.dumpfile.patterns import compiled

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Sequence


def whole_column(value: bytes) -> re.Pattern[bytes]:
    """Return the pattern of fields joined by line feeds, each of which is NULL or has this pattern."""
    field = rb"(?:%s|\\N)" % value
    return compiled(rb"(?:%s\n)*+%s" % (field, field))


JSON_NULL = b"null"

_CONTROL_BYTES = bytes([*range(0x0A), *range(0x0B, 0x20)])
_CONTROL = compiled(rb"[\x00-\x09\x0b-\x1f]")
_UNUSUAL_ESCAPE = compiled(rb"\\(?:(?![bfnrtN])|N(?!\n|\Z)|(?<=[^\n]\\)N)")
_DIGITS = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?"
_NUMBER = rf"{_DIGITS}(?:[eE][+-]?[0-9]+)?"
_PLAIN_NUMBER = compiled(_DIGITS)
_ANY_NUMBER = compiled(_NUMBER)
_NUMBER_IN_WORDS = compiled(rf"{_NUMBER}|NaN|-?Infinity")
_FLOATS = whole_column(_NUMBER.encode())
_SHORT_NUMBERS = whole_column(
    rb"-?(?:0|[1-9][0-9]{0,14}|(?=[0-9.]{3,16}(?:\n|\Z))(?:0|[1-9][0-9]*)\.[0-9]+)"
)
_HEXADECIMAL = rb"\\x"
_BYTE_ESCAPE = compiled(rb"\\(?:\\|([0-3][0-7]{2}))")


class ValueFormat:
    """How the values of a type stand in JSON.

    A scanned value of the type ``same`` is the text itself. ``keeps_space`` says that white space
    around a value belongs to it.
    """

    same: type[str] | None = None
    keeps_space = False

    def json_of(self, text: str) -> str:
        """Return the JSON for the text of a value that is not NULL; raise InvalidValue."""
        raise NotImplementedError

    def text_of(self, value: Any, raw: str) -> str:  # noqa: ARG002 - only what is JSON needs it raw
        """Return the text for a JSON value other than null, decoded and as it is written.

        Numbers come as Lexeme. Raises InvalidValue for JSON that no value of the type has. What only
        the server can judge (is this text a uuid?) is left to it.
        """
        if isinstance(value, str):
            return value
        raise InvalidValue(f"{kind_of(value)} where text belongs")

    def members(self, key: bytes, fields: Sequence[bytes]) -> list[bytes]:
        """Return ``key`` and the JSON of each field of a column in COPY's text format, in UTF-8.

        ``key`` is what stands before a value: the column's name in JSON and a colon. Raises
        InvalidValue. A whole column is turned at once where its values allow it: many times as fast.
        """
        return self._at_once(key, b"\n".join(fields)) or list(self._one_by_one(key, fields))

    def _at_once(self, key: bytes, joined: bytes) -> list[bytes]:  # noqa: ARG002
        """Return what ``members`` does for fields joined by line feeds; nothing where some are odd."""
        return []

    def _one_by_one(self, key: bytes, fields: Sequence[bytes]) -> Iterator[bytes]:
        for row, field in enumerate(fields):
            value = decode_field(field)
            if value is None:
                yield key + JSON_NULL
                continue
            try:
                yield key + self.json_of(value.decode()).encode()
            except ValueError as error:
                raise InvalidValue(reason(error), row=row) from None


class Text(ValueFormat):
    """Text as a string: of every type that JSON has no better form for."""

    same = str

    def json_of(self, text: str) -> str:
        """Return a string."""
        return encode_basestring(text)

    def _at_once(self, key: bytes, joined: bytes) -> list[bytes]:
        if b"\\" in joined and _UNUSUAL_ESCAPE.search(joined.replace(rb"\\", b"..")):
            return []
        # What COPY escapes, JSON escapes in the same way, but for \v.
        if b'"' in joined:
            joined = joined.replace(b'"', rb"\"")
        if not is_printable(joined):
            joined = _CONTROL.sub(lambda match: rb"\u%04x" % ord(match.group()), joined)
        return quoted_members(key, joined)


class ExactNumber(ValueFormat):
    """Integers and numerics: numbers as long as a double keeps every digit."""

    same = Lexeme
    column = _SHORT_NUMBERS

    def json_of(self, text: str) -> str:
        """Return a number or a string."""
        return text if self.is_number(text) else encode_basestring(text)

    def is_number(self, text: str) -> bool:
        """Return whether the shortest decimal of the nearest double is this number again."""
        if not _PLAIN_NUMBER.fullmatch(text):
            return False
        return Decimal(repr(float(text))) == Decimal(text)

    def text_of(self, value: Any, raw: str) -> str:
        """Return the digits as they are written."""
        text = super().text_of(value, raw)
        if isinstance(value, Lexeme) or _NUMBER_IN_WORDS.fullmatch(text):
            return str(text)
        raise InvalidValue(f"{shown(text)} is no number")

    def _at_once(self, key: bytes, joined: bytes) -> list[bytes]:
        if not self.column.fullmatch(joined):
            return []
        joined = joined.replace(NULL, JSON_NULL)
        return (key + joined.replace(b"\n", b"\n" + key)).split(b"\n")


class Float(ExactNumber):
    """Doubles: what PostgreSQL writes is the shortest decimal that gives the same one back."""

    column = _FLOATS

    def is_number(self, text: str) -> bool:
        """Return whether it is neither NaN nor infinite."""
        return _ANY_NUMBER.fullmatch(text) is not None


class Boolean(ValueFormat):
    """``t`` and ``f``."""

    def json_of(self, text: str) -> str:
        """Return true or false."""
        try:
            return {"t": "true", "f": "false"}[text]
        except KeyError:
            raise InvalidValue(f"{shown(text)} is no boolean") from None

    def text_of(self, value: Any, raw: str) -> str:  # noqa: ARG002
        """Return t or f."""
        if isinstance(value, bool):
            return "t" if value else "f"
        raise InvalidValue(f"{kind_of(value)} where true or false belongs")

    def _at_once(self, key: bytes, joined: bytes) -> list[bytes]:
        words = {b"t": key + b"true", b"f": key + b"false", NULL: key + JSON_NULL}
        try:
            return [words[field] for field in joined.split(b"\n")]
        except KeyError:
            return []


class Bytes(ValueFormat):
    r"""Bytes, as ``\x5c2e`` or in the older escape format (documentation, "Binary Data Types")."""

    def json_of(self, text: str) -> str:
        """Return base64."""
        written = text.encode()
        if written.startswith(b"\\x"):
            value = _from_hexadecimal(written[2:])
        elif b"\\" in _BYTE_ESCAPE.sub(b"", written):
            raise InvalidValue(f"{shown(text)} is no bytea")
        else:
            value = _BYTE_ESCAPE.sub(_unescaped_byte, written)
        return f'"{binascii.b2a_base64(value, newline=False).decode()}"'

    def text_of(self, value: Any, raw: str) -> str:
        """Return the bytes in hexadecimal."""
        text = super().text_of(value, raw)
        try:
            return "\\x" + binascii.a2b_base64(text, strict_mode=True).hex()
        except ValueError:
            raise InvalidValue(f"{shown(text)} is no base64") from None

    def _at_once(self, key: bytes, joined: bytes) -> list[bytes]:
        fields = joined.split(b"\n")
        if not all(field.startswith(_HEXADECIMAL) or field == NULL for field in fields):
            return []
        encode, decode = binascii.b2a_base64, binascii.unhexlify
        try:
            return [
                key + (JSON_NULL if f == NULL else b'"%b"' % encode(decode(f[3:]), newline=False))
                for f in fields
            ]
        except ValueError:
            return []


def is_printable(joined: bytes) -> bool:
    """Return whether fields joined by line feeds hold no other control character."""
    return len(joined.translate(None, _CONTROL_BYTES)) == len(joined)


def quoted_members(key: bytes, joined: bytes) -> list[bytes]:
    """Return ``key`` and a string in quotes for each of the fields joined by line feeds, or null."""
    joined = key + b'"' + joined.replace(b"\n", b'"\n' + key + b'"') + b'"'
    if rb'"\N"' in joined:  # a backslash of a value or name is doubled, so this is NULL
        joined = joined.replace(rb'"\N"', JSON_NULL)
    return joined.split(b"\n")


def _from_hexadecimal(digits: bytes) -> bytes:
    try:
        return binascii.unhexlify(digits)
    except ValueError:
        raise InvalidValue(f"{shown(digits.decode())} is no bytea in hexadecimal") from None


def _unescaped_byte(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 8)]) if match[1] else b"\\"
