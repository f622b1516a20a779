"""Values that are structures themselves: JSON columns and arrays, as JSON and back.

A json or jsonb value stands in JSON in its own words: repeated keys, numbers of any size, white space
and escapes stay as they are. One that would be taken for another is wrapped, ``{"$json": value}``:
``null``, which is not SQL's NULL; an object whose first key is ``$json``; and, in an SQL array, an
element that is a JSON array, which would be one more dimension.

An SQL array is a JSON array, of arrays if it has more dimensions. Where its lower bounds are not all 1
it is ``{"lowerBounds": [0], "elements": [1, 2]}``, one bound for each dimension.
"""

from __future__ import annotations

import itertools
import re
from typing import Any

from dbsnap.dumpfile.conversion.copy_text import NULL
from dbsnap.dumpfile.conversion.json_text import (
    InvalidValue,
    check_json,
    kind_of,
    raw_elements,
    raw_members,
    shown,
)
from dbsnap.dumpfile.conversion.json_values import (
    JSON_NULL,
    Text,
    ValueFormat,
    is_printable,
    whole_column,
)
from dbsnap.dumpfile.patterns import compiled

WRAPPER = "$json"
BOUNDS, ELEMENTS = "lowerBounds", "elements"

_SPACE = r"[ \t\n\r]*+"
_NEEDS_WRAPPER = compiled(rf'{_SPACE}(?:null{_SPACE}\Z|\{{{_SPACE}"\$json")')
_ELEMENT_NEEDS_WRAPPER = compiled(rf"{_NEEDS_WRAPPER.pattern}|{_SPACE}\[")
_BEGINNINGS_TO_LOOK_AT = (b"\n ", b"\n{ ", b"\nnull", b'\n{"$json"')
_ESCAPE_IN_TEXT = compiled(rb"\\(?:(?!N(?:\n|\Z))|(?<=[^\n]\\))")
_LINE_ENDS = str.maketrans("\n\r", "  ")
_DIMENSIONS = compiled(r"((?:\[[+-]?[0-9]+:[+-]?[0-9]+\])+)=")
_LOWER_BOUND = compiled(r"\[([+-]?[0-9]+):")
_NULL_ELEMENTS = frozenset(map(bytes, itertools.product(*zip(b"NULL", b"null", strict=True))))
_ESCAPED = compiled(r"\\([\s\S])")
_QUOTABLE = compiled(r'["\\]')


class Json(ValueFormat):
    """JSON in its own words.

    ``one_line`` writes line ends between tokens, which only type json keeps, as spaces: for NDJSON. An
    ``element`` is one of an SQL array.
    """

    keeps_space = True

    def __init__(self, *, one_line: bool = False, element: bool = False) -> None:
        self.one_line = one_line
        self._needs_wrapper = _ELEMENT_NEEDS_WRAPPER if element else _NEEDS_WRAPPER

    def json_of(self, text: str) -> str:
        """Return the value, wrapped where it would be taken for another; raise InvalidValue."""
        check_json(text)
        if self.one_line:
            text = text.translate(_LINE_ENDS)
        return f'{{"{WRAPPER}": {text}}}' if self._needs_wrapper.match(text) else text

    def text_of(self, value: Any, raw: str) -> str:
        """Return the JSON as it is written."""
        if isinstance(value, dict) and value.keys() == {WRAPPER}:
            return raw_members(raw)[WRAPPER]
        return raw

    def _at_once(self, key: bytes, joined: bytes) -> list[bytes]:
        # jsonb needs no escape but that of the backslash; and no dump holds a NUL (see the lexer).
        joined = joined.replace(rb"\\", b"\0")
        padded = b"\n" + joined
        if _ESCAPE_IN_TEXT.search(joined) or any(b in padded for b in _BEGINNINGS_TO_LOOK_AT):
            return []
        joined = joined.replace(NULL, JSON_NULL).replace(b"\0", b"\\")
        try:
            values = joined.count(b"\n") + 1
            check_json(joined.replace(b"\n", b",").decode(), values=values)
        except InvalidValue:
            return []
        return (key + joined.replace(b"\n", b"\n" + key)).split(b"\n")


class Array(ValueFormat):
    """Arrays of any dimensions (documentation, "Array Input and Output Syntax").

    ``element`` is the format of what is in them, ``delimiter`` what stands between: a comma but for
    ``box`` (``typdelim`` in pg_type).
    """

    def __init__(self, element: ValueFormat, *, delimiter: str = ",") -> None:
        self.element = element
        self.delimiter = delimiter
        other = rf'[^{{}}"\\{delimiter}]'
        self._token = compiled(
            rf'(?P<mark>[{{}}{delimiter}])|"(?P<quoted>(?:[^"\\]++|\\[\s\S])*+)"'
            rf"|(?P<bare>(?:{other}++|\\[\s\S])++)"
        )
        plain = rf'[^{{}}"\\\n{delimiter}]++'
        self._plain_column = whole_column(rf"\{{(?:{plain}(?:{delimiter}{plain})*+)?\}}".encode())
        self._needs_quotes = compiled(rf'\Z|(?i:null)\Z|[\s\S]*["\\{{}}{delimiter} \t\n\r\v\f]')

    def json_of(self, text: str) -> str:
        """Return the array; raise InvalidValue for text that is none."""
        dimensions = _DIMENSIONS.match(text)
        elements = self._elements(text, dimensions.end() if dimensions else 0)
        if dimensions is None:
            return elements
        bounds = ", ".join(str(int(bound)) for bound in _LOWER_BOUND.findall(dimensions[1]))
        return f'{{"{BOUNDS}": [{bounds}], "{ELEMENTS}": {elements}}}'

    def text_of(self, value: Any, raw: str) -> str:
        """Return the array as the server writes it; raise InvalidValue for what is none."""
        bounds: list[int] = []
        if isinstance(value, dict) and value.keys() == {BOUNDS, ELEMENTS}:
            members = raw_members(raw)
            bounds, value, raw = _bounds(value[BOUNDS]), value[ELEMENTS], members[ELEMENTS]
        if not isinstance(value, list):
            raise InvalidValue(f"{kind_of(value)} where an array belongs")
        if not value and not bounds:
            return "{}"
        lengths: list[int] = []
        written = self._written(value, raw, lengths, 0)
        if not bounds:
            return written
        if len(bounds) != len(lengths):
            raise InvalidValue(f"{len(bounds)} lower bounds for {len(lengths)} dimensions")
        dimensions = [
            f"[{low}:{low + length - 1}]" for low, length in zip(bounds, lengths, strict=True)
        ]
        return f"{''.join(dimensions)}={written}"

    def _at_once(self, key: bytes, joined: bytes) -> list[bytes]:
        # Without quotes, escapes and inner dimensions an array is its elements with marks between.
        if self._is_raw or not self._plain_column.fullmatch(joined):
            return []
        if type(self.element) is Text and b"null" not in joined.lower() and is_printable(joined):
            joined = joined.replace(self.delimiter.encode(), b'", "')
            joined = joined.replace(b"{", b'["').replace(b"}", b'"]').replace(b'[""]', b"[]")
            return (key + joined.replace(NULL, JSON_NULL).replace(b"\n", b"\n" + key)).split(b"\n")
        delimiter = self.delimiter.encode()
        arrays = [
            None if field == NULL else field[1:-1].split(delimiter) if len(field) > 2 else []
            for field in joined.split(b"\n")
        ]
        flat = [
            NULL if element in _NULL_ELEMENTS else element
            for array in arrays
            for element in array or ()
        ]
        try:
            each = iter(self.element.members(b"", flat) if flat else [])
        except InvalidValue:
            return []
        return [
            key + JSON_NULL
            if array is None
            else key + b"[" + b", ".join(itertools.islice(each, len(array))) + b"]"
            for array in arrays
        ]

    def _elements(self, text: str, position: int) -> str:
        parts: list[str] = []
        depth = 0
        before = self.delimiter
        while match := self._token.match(text, position):
            mark, position = match["mark"], match.end()
            if not _may_follow(mark, before, self.delimiter) or (depth == 0 and mark != "{"):
                break
            if mark == "{":
                parts.append("[")
            elif mark == "}":
                parts.append("]")
            elif mark:
                parts.append(", ")
            else:
                parts.append(self._element(match))
            depth += {"{": 1, "}": -1}.get(mark, 0)
            before = mark or ""
            if depth == 0:
                break
        if depth or position != len(text) or before != "}":
            raise InvalidValue(f"{shown(text)} is no array")
        return "".join(parts)

    def _element(self, match: re.Match[str]) -> str:
        bare = match["bare"]
        if bare is None:
            return self.element.json_of(_ESCAPED.sub(r"\1", match["quoted"]))
        return "null" if bare.upper() == "NULL" else self.element.json_of(_ESCAPED.sub(r"\1", bare))

    def _written(self, values: list[Any], raw: str, lengths: list[int], depth: int) -> str:
        """Return one dimension; ``lengths`` are those of the dimensions that were met so far."""
        if depth == len(lengths):
            lengths.append(len(values))
        if not values or lengths[depth] != len(values):
            raise InvalidValue("an array whose inner arrays are empty or differ in length")
        each_raw = raw_elements(raw) if self._is_raw else [""] * len(values)
        parts: list[str] = []
        for value, its_raw in zip(values, each_raw, strict=True):
            deeper = depth + 1 < len(lengths)
            if isinstance(value, list) != deeper and (parts or deeper):
                raise InvalidValue("an array whose inner arrays differ in depth")
            if isinstance(value, list):
                parts.append(self._written(value, its_raw, lengths, depth + 1))
            elif value is None:
                parts.append("NULL")
            else:
                text = self.element.text_of(value, its_raw)
                parts.append(self._quoted(text) if self._needs_quotes.match(text) else text)
        return "{" + self.delimiter.join(parts) + "}"

    @property
    def _is_raw(self) -> bool:
        return isinstance(self.element, Json)

    @staticmethod
    def _quoted(text: str) -> str:
        return '"' + _QUOTABLE.sub(r"\\\g<0>", text) + '"'


def _may_follow(mark: str | None, before: str, delimiter: str) -> bool:
    """Return whether a mark (None for an element) makes sense behind the mark before it."""
    if mark == "}":
        return before != delimiter
    if mark == delimiter:
        return before in ("", "}")
    return before in ("{", delimiter)


def _bounds(value: Any) -> list[int]:
    if not isinstance(value, list) or not all(
        re.fullmatch(r"-?[0-9]{1,10}", str(v)) for v in value
    ):
        raise InvalidValue("lower bounds that are no integers")
    return [int(bound) for bound in value]
