"""What a user's check expects of its query: a value, a comparison, or no rows. Pure."""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from dbsnap.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

NO_ROWS = "no rows"
ROWS_READ = 1000
"""How many rows of an answer are counted; the rest is ``more than``."""

TIMEOUT_SECONDS = 60.0

_COMPARISON = re.compile(r"(>=|<=|<>|!=|==|>|<|=)\s*(.*)", re.DOTALL)
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
}
_EQUALITY = frozenset({"=", "==", "!=", "<>"})
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Expectation:
    """What an answer must be. ``sign`` is "" for no rows at all; ``wanted`` is text as written."""

    sign: str = ""
    wanted: str = ""

    @property
    def words(self) -> str:
        """Return it for people."""
        if not self.sign:
            return NO_ROWS
        return self.wanted if self.sign == "=" else f"{self.sign} {self.wanted}"

    def problem(self, rows: Sequence[Sequence[Any]]) -> str:
        """Return what is wrong with an answer, "" if nothing is.

        ``rows`` are at most ``ROWS_READ`` and one more. Rows are counted and never shown: they are
        data, and reports go where data may not.
        """
        if not self.sign:
            return f"expected no rows, found {_count(rows, 'row')}" if rows else ""
        if len(rows) != 1 or len(rows[0]) != 1:
            columns = _count(rows[0], "column") if rows else "no column"
            found = f"{_count(rows, 'row')} of {columns}" if rows else "no rows"
            return f"expected one value, {self.words}, found {found}"
        found = rows[0][0]
        return "" if self._fits(found) else f"expected {self.words}, found {_shown(found)}"

    def _fits(self, found: Any) -> bool:
        if found is None:
            return self.sign == "=" and self.wanted.lower() == "null"
        try:
            compared = _like(found, self.wanted)
            if isinstance(found, str) and self.sign not in _EQUALITY:
                compared = Decimal(found), Decimal(self.wanted)
        except (ValueError, InvalidOperation):
            return self.sign in {"!=", "<>"}
        try:
            return _OPERATORS[self.sign](*compared)
        except (TypeError, InvalidOperation):  # NaN is neither more nor less than a number
            return False


@dataclass(frozen=True, slots=True)
class UserCheck:
    """A query of the user's, and what it must answer. The query is ``sql``, or what is in ``file``."""

    name: str
    expect: Expectation
    sql: str = ""
    file: Path | None = None
    timeout_seconds: float = TIMEOUT_SECONDS

    def query(self) -> str:
        """Return the query; raise UsageError where its file cannot be read or holds nothing."""
        if self.file is None:
            return self.sql
        try:
            text = self.file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
            raise UsageError(f"the check {self.name}: {self.file} cannot be read: {why}") from None
        return text


def expectation(expect: Any, *, where: str) -> Expectation:
    """Return what ``expect`` in dbsnap.toml means; raise UsageError if it is nothing that can be held.

    A number, true or false, or text is a value; text that begins with a sign is a comparison; "no rows"
    is neither.
    """
    if isinstance(expect, bool):
        return Expectation("=", "true" if expect else "false")
    if not isinstance(expect, str):
        return Expectation("=", str(expect))
    if " ".join(expect.lower().split()) == NO_ROWS:
        return Expectation()
    match = _COMPARISON.fullmatch(expect.strip())
    if match is None:
        return Expectation("=", expect)
    sign, wanted = match[1], match[2].strip()
    if not wanted:
        raise UsageError(
            f'{where}: expect = "{sign}" compares with nothing',
            hint='Write a number or a date behind it, as in ">= 100"',
        )
    if sign not in _EQUALITY and not _has_order(wanted):
        raise UsageError(
            f"{where}: expect compares with something that is no number and no date",
            hint='Write ">= 100", "< 2026-01-31", a value, or "no rows"',
        )
    return Expectation({"==": "=", "<>": "!="}.get(sign, sign), wanted)


def _has_order(wanted: str) -> bool:
    for reads in (Decimal, datetime.fromisoformat):
        try:
            reads(wanted)
        except (ValueError, InvalidOperation):
            continue
        return True
    return False


def _like(found: Any, wanted: str) -> tuple[Any, Any]:
    """Return both sides as values of one type; raise ValueError where ``wanted`` is none of it."""
    if isinstance(found, bool):
        words = {"true": True, "t": True, "yes": True, "false": False, "f": False, "no": False}
        if wanted.lower() not in words:
            raise ValueError(wanted)
        return found, words[wanted.lower()]
    if isinstance(found, int | float | Decimal):
        return Decimal(str(found)), Decimal(wanted)
    if isinstance(found, datetime):
        return _in_utc(found), _in_utc(datetime.fromisoformat(wanted))
    if isinstance(found, date):
        return found, datetime.fromisoformat(wanted).date()
    if isinstance(found, time):
        return found, time.fromisoformat(wanted)
    return str(found), wanted


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _count(things: Sequence[Any], noun: str) -> str:
    if len(things) > ROWS_READ:
        return f"more than {ROWS_READ:,} {noun}s"
    return f"{len(things):,} {noun}{'' if len(things) == 1 else 's'}"


def _shown(value: Any) -> str:
    text = "NULL" if value is None else str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
