"""Rows that stand in a text as JSON objects, one after the other, turned into rows of COPY text."""

from __future__ import annotations

import difflib
import json
import re
from typing import TYPE_CHECKING, Any, NoReturn

from dbsnap.dumpfile.conversion.copy_text import NULL_TEXT, TO_ESCAPE, encode_field
from dbsnap.dumpfile.conversion.json_text import InvalidValue, end_of_space, scan_json
from dbsnap.errors import DumpRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from dbsnap.dumpfile.conversion.json_values import ValueFormat

Members = list[tuple[str, Any, str]]
"""Key, value and the value as it is written, of each member of an object."""

_LONGEST_TOKEN = 16
"""What the end of the text cuts, but for strings, is noticed less than this before the end."""

UNSCANNABLE = (StopIteration, json.JSONDecodeError, RecursionError, InvalidValue)
"""What ``scan_json`` raises."""

_MARKS_OF_MORE = frozenset("]}\n")
_BETWEEN_ROWS = re.compile(r"[ \t\r\n]*+(?:,[ \t\r\n]*+)?")


class RowReader:
    """Takes the text of rows piece by piece and gives back rows of COPY's text format.

    ``columns`` are those that every row must have, in the order of the result, and ``formats`` what is
    known of the table. ``where`` names the file, and ``line`` the one that the text begins in. ``rows``
    says how many were read.
    """

    def __init__(
        self, columns: Sequence[str], formats: Mapping[str, ValueFormat], *, where: str, line: int
    ) -> None:
        for column in columns:
            if column not in formats:
                near = difflib.get_close_matches(column, formats, 3) or list(formats)[:3]
                raise DumpRefused(
                    f"{where} has a column {column} that the table does not have",
                    rule="unknown-column",
                    line=line,
                    hint=f"the table has {', '.join(near)}",
                )
        self._columns = columns
        self._formats = [formats[column] for column in columns]
        keys = [json.dumps(column, ensure_ascii=False) + ": " for column in columns]
        keys = [("{" if number == 0 else ", ") + key for number, key in enumerate(keys)]
        self._plan = [(k, len(k), formats[c]) for k, c in zip(keys, columns, strict=True)]
        self._where = where
        self._line = line
        self._pieces: list[str] = []
        self._pending = self._enough = 0
        self.rows = 0

    def take(self, text: str) -> Iterator[bytes]:
        """Yield the rows that end in the next piece, in UTF-8 with their line ends, if there are any."""
        self._pieces.append(text)
        self._pending += len(text)
        if self._pending >= self._enough:  # a row longer than a piece is not begun for each of them
            yield from self._read(at_end=False)

    def finish(self) -> Iterator[bytes]:
        """Yield the rest; raise DumpRefused if it is not whole."""
        yield from self._read(at_end=True)

    def _read(self, *, at_end: bool) -> Iterator[bytes]:
        text = "".join(self._pieces)
        lines: list[str] = []
        position = _begin_of_row(text, 0)
        while position < len(text):
            try:
                fields, position = self._row(text, position)
            except _Broken as broken:
                if not at_end and broken.may_go_on(text):
                    break
                self._refuse(broken, text, position, number=self.rows + len(lines) + 1)
            lines.append("\t".join(fields))
            position = _begin_of_row(text, position)
        self.rows += len(lines)
        self._line += text.count("\n", 0, position)
        self._pieces = [text[position:]]
        self._pending = len(text) - position
        self._enough = 2 * self._pending
        if lines:
            lines.append("")
            yield "\n".join(lines).encode()

    def _row(self, text: str, position: int) -> tuple[list[str], int]:
        """Read a row as dbsnap lays it out, or else in any layout."""
        start = position
        fields: list[str] = []
        try:
            for key, length, value_format in self._plan:
                if not text.startswith(key, position):
                    return self._row_in_any_layout(text, start)
                position += length
                begin = position
                if value_format.keeps_space:
                    position = end_of_space(text, position)
                value, position = scan_json(text, position)
                if value is None:
                    fields.append(NULL_TEXT)
                elif type(value) is value_format.same and not TO_ESCAPE.search(value):
                    fields.append(value)
                else:
                    if value_format.keeps_space:
                        position = end_of_space(text, position)
                    raw = text[begin:position]
                    fields.append(self._field(len(fields), value, raw, start))
        except UNSCANNABLE:
            return self._row_in_any_layout(text, start)  # which finds the place
        if not fields or not text.startswith("}", position):
            return self._row_in_any_layout(text, start)
        return fields, position + 1

    def _row_in_any_layout(self, text: str, start: int) -> tuple[list[str], int]:
        members, end = _members(text, start)
        by_name = {key: (value, raw) for key, value, raw in members}
        if len(by_name) != len(members):
            raise _Broken(start, "a column stands in it twice", rule="repeated-column")
        if unknown := [key for key in by_name if key not in self._columns]:
            message = f"it has a column {unknown[0]} that the rows before do not have"
            raise _Broken(start, message, rule="unknown-column")
        if missing := [column for column in self._columns if column not in by_name]:
            message = f"the column {missing[0]} is missing; NULL is written as null"
            raise _Broken(start, message, rule="missing-column")
        values = [by_name[column] for column in self._columns]
        return [self._field(i, value, raw, start) for i, (value, raw) in enumerate(values)], end

    def _field(self, index: int, value: Any, raw: str, start: int) -> str:
        if value is None:
            return NULL_TEXT
        try:
            return encode_field(self._formats[index].text_of(value, raw))
        except ValueError as error:
            raise _Broken(start, str(error), rule="value", column=self._columns[index]) from None

    def _refuse(self, broken: _Broken, text: str, start: int, *, number: int) -> NoReturn:
        line = self._line + text.count("\n", 0, start)
        column = f", column {broken.column}" if broken.column else ""
        is_cut = broken.rule == "json" and not _MARKS_OF_MORE & {*text[broken.position :]}
        raise DumpRefused(
            f"{self._where}, line {line:,} (row {number:,}{column}): "
            + ("the file ends inside it" if is_cut else str(broken)),
            rule="truncated" if is_cut else broken.rule,
            line=line,
            hint="take another copy of the file, or export it again",
        )


def first_columns(texts: Iterable[str], *, where: str, line: int) -> tuple[str, ...]:
    """Return the columns of the first row in a text that comes in pieces; nothing without rows.

    Raises DumpRefused where no row can be read.
    """
    text = ""
    broken: _Broken | None = None
    for piece in texts:
        text += piece
        start = end_of_space(text, 0)
        try:
            return tuple(key for key, _, _ in _members(text, start)[0])
        except _Broken as error:
            broken = error
            if not error.may_go_on(text):
                break
    if not text.strip():
        return ()
    raise DumpRefused(
        f"{where}, line {line} (row 1): {broken}",
        rule=broken.rule if broken else "json",
        line=line,
        hint="a JSON export is what dbsnap export --format json or ndjson writes",
    )


class _Broken(Exception):
    """A row that cannot be read from a position of the text on."""

    def __init__(
        self, position: int, message: str, *, rule: str = "json", column: str = ""
    ) -> None:
        super().__init__(message)
        self.position = position
        self.rule = rule
        self.column = column

    def may_go_on(self, text: str) -> bool:
        """Return whether the text may only have ended too early."""
        return self.rule == "json" and len(text) - self.position < _LONGEST_TOKEN


def _scan(text: str, position: int) -> tuple[Any, int]:
    try:
        return scan_json(text, position)
    except StopIteration as stop:
        raise _Broken(stop.value, "there is no JSON value where one belongs") from None
    except json.JSONDecodeError as error:
        is_cut_string = error.msg.startswith("Unterminated string")
        raise _Broken(
            len(text) if is_cut_string else error.pos, f"it is no JSON: {error.msg}"
        ) from None
    except RecursionError:
        raise _Broken(position, "it nests too deeply to be read", rule="value") from None
    except InvalidValue as error:
        raise _Broken(position, str(error), rule="value") from None


def _members(text: str, position: int) -> tuple[Members, int]:
    """Read an object; return its members and its end."""
    members: Members = []
    position = _after(text, position, "{")
    if text.startswith("}", position):
        return members, position + 1
    while True:
        begin = position
        key, position = _scan(text, begin)
        if type(key) is not str:
            raise _Broken(begin, "the name of a column is no string")
        begin = _after(text, position, ":")
        value, position = _scan(text, begin)
        members.append((key, value, text[begin:position]))
        position = end_of_space(text, position)
        if text.startswith("}", position):
            return members, position + 1
        position = _after(text, position, ",")


def _after(text: str, position: int, mark: str) -> int:
    """Return the position behind a mark and the white space around it."""
    position = end_of_space(text, position)
    if not text.startswith(mark, position):
        raise _Broken(position, f"there is no {mark} where one belongs")
    return end_of_space(text, position + 1)


def _begin_of_row(text: str, position: int) -> int:
    match = _BETWEEN_ROWS.match(text, position)
    return match.end() if match else position
