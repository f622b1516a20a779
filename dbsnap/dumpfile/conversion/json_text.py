"""JSON as it is written: values with their place in the text, numbers with all their digits."""

from __future__ import annotations

import json
import re
from json.scanner import make_scanner
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

SHOWN_LENGTH = 60


class InvalidValue(ValueError):
    """A value that its type does not have; ``row`` counts the values of a column from 0."""

    def __init__(self, message: str, *, row: int = 0) -> None:
        super().__init__(message)
        self.row = row


class Lexeme(str):
    """A JSON number as it is written."""

    __slots__ = ()


def scan_json(text: str, position: int) -> tuple[Any, int]:
    """Return the JSON value that begins here and its end; numbers as Lexeme.

    Raises StopIteration with the position where no value begins, JSONDecodeError where one cannot go
    on, RecursionError where it nests too deeply, and InvalidValue for NaN and Infinity.
    """
    value, end = _SCAN(text, position)
    return value, end


def raw_elements(raw: str) -> list[str]:
    """Return the elements of a JSON array, which was scanned before, as they are written.

    White space belongs to them, but for a single space behind a comma (or colon, in ``raw_members``).
    """
    return list(_items(raw))


def raw_members(raw: str) -> dict[str, str]:
    """Return the members of a JSON object, which was scanned before, as they are written."""
    items = list(_items(raw))
    return dict(zip(map(json.loads, items[::2]), items[1::2], strict=True))


def end_of_space(text: str, position: int) -> int:
    """Return the end of the white space that begins here."""
    match = _SPACE.match(text, position)
    return match.end() if match else position


def check_json(text: str, *, values: int = 1) -> None:
    """Raise InvalidValue unless the text is this many JSON values with commas between them."""
    try:
        found = len(_CHECKER.decode(f"[{text}]"))
    except RecursionError:
        raise InvalidValue("JSON that nests too deeply for other programs to read") from None
    except ValueError as error:
        raise InvalidValue(f"{shown(text)} is no JSON: {reason(error)}") from None
    if found != values:
        raise InvalidValue(f"{shown(text)} is no JSON")


def kind_of(value: Any) -> str:
    """Say in words what a scanned value is."""
    if isinstance(value, str):
        return f"the {'number' if isinstance(value, Lexeme) else 'text'} {shown(value)}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "an array" if isinstance(value, list) else "an object" if value is not None else "null"


def shown(text: str) -> str:
    """Return a text as a message can show it."""
    return repr(str(text) if len(text) <= SHOWN_LENGTH else text[: SHOWN_LENGTH - 1] + "…")


def reason(error: ValueError) -> str:
    """Return what is wrong, without the position in a text that nobody sees as a whole."""
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)


def _refuse_constant(name: str) -> None:
    raise InvalidValue(f"{name} is no JSON")


_SCAN = cast("Any", make_scanner)(
    json.JSONDecoder(parse_float=Lexeme, parse_int=Lexeme, parse_constant=_refuse_constant)
)
_CHECKER = json.JSONDecoder(parse_int=len, parse_constant=_refuse_constant)
_SPACE = re.compile(r"[ \t\n\r]*+")


def _items(raw: str) -> Iterator[str]:
    """Yield what stands between the marks of an array or object."""
    start = end_of_space(raw, 0) + 1
    if raw[end_of_space(raw, start)] in "]}":
        return
    while True:
        _, end = scan_json(raw, end_of_space(raw, start))
        end = end_of_space(raw, end)
        yield raw[start:end]
        if raw[end] in "]}":
            return
        start = end + 1 + raw.startswith(" ", end + 1)
