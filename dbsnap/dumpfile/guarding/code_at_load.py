"""Code of the dump's own that runs while it is loaded, as the role that loads it.

No rule forbids it: most schemas have a CHECK or a trigger that calls a function. But a function can do
whatever the role may, so that a dump from elsewhere is better loaded by a role that may do little.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.dumpfile.guarding.calls import Call, calls_in, operator_or_name
from dbsnap.dumpfile.lexer import CopyStart, Event, Statement
from dbsnap.dumpfile.lexing.tokens import Cursor, encode, tokenize
from dbsnap.inventory import object_name, short_name

if TYPE_CHECKING:
    from dbsnap.dumpfile.lexing.tokens import Token

_DEFINING = frozenset({"aggregate", "function", "operator", "procedure"})
_PLACES = frozenset(
    {"cast", "domain", "index", "materialized view", "operator class", "rule", "statistics"}
    | {"table", "trigger", "type", "view"}
)
_ON_TABLES = frozenset({"index", "trigger"})
_READING_VIEWS = frozenset({"materialized view", "rule"})
_RELEVANT = re.compile(rb"(?i)(?:CREATE|ALTER)\b")
_ONLY_CALLING = re.compile(rb"ALTER |CREATE (?:(?:UNIQUE )?INDEX|SEQUENCE|TABLE|TRIGGER|TYPE) ")
_INSERT = re.compile(rb"(?i)INSERT\b")
_PATH = re.compile(rb"(?is)(?:SET|SELECT)\b.*?search_path(?!', ''\s*,)")


@dataclass(frozen=True, slots=True)
class LoadedCode:
    """``place`` (``table users``, ``index users_lower on users``) calls ``function`` during the load."""

    place: str
    function: str


class CodeReader:
    """Gathers which functions a dump calls while it is loaded, in memory that rows do not add to.

    What calls a function by way of a default is known only when rows come: pg_dump writes the value of
    every column, so that no default is computed, but another might leave one out.
    """

    def __init__(self) -> None:
        self._defined: set[tuple[str, ...]] = set()
        self._needles: set[bytes] = {b"u&"}
        """What a text has in it if it has one of their names in it."""
        self._calls: dict[tuple[str, Call], None] = {}
        self._defaults: dict[tuple[str, ...], dict[str, list[tuple[str, Call]]]] = {}
        self._views_are_read = False
        self._path_is_set = False

    def feed(self, event: Event) -> None:
        """Take the next event."""
        if not isinstance(event, Statement | CopyStart):
            return
        if _RELEVANT.match(event.text):
            if not _ONLY_CALLING.match(event.text) or self._may_call(event.text):
                self._define(Cursor(_tokens(event)))
        elif self._defaults and (isinstance(event, CopyStart) or _INSERT.match(event.text)):
            self._load(event)
        elif _PATH.match(event.text):
            self._path_is_set = True

    def _may_call(self, text: bytes) -> bool:
        """Whether one of the names defined so far is in a statement; what it calls is among these."""
        lowered = text.lower()
        return any(name in lowered for name in self._needles)

    def code(self) -> list[LoadedCode]:
        """Return what the events so far say: calls of functions and operators of the dump's own."""
        return [
            LoadedCode(place, short_name(object_name(*call.name)))
            for place, call in self._calls
            if call.name in self._defined
            and (self._path_is_set or not call.bare)
            and (self._views_are_read or not place.startswith("view "))
        ]

    def _define(self, cursor: Cursor) -> None:
        is_made = cursor.next().value == "create"
        kind = _kind(cursor)
        if is_made and kind in _DEFINING:
            name = operator_or_name(cursor)
            self._defined.update({name, name[-1:]})
            self._needles.add(b'"' if '"' in name[-1] else encode(name[-1]).lower())
            return
        if kind not in _PLACES:
            return
        self._views_are_read |= kind in _READING_VIEWS
        place, table = _place(kind, cursor) if is_made else _altered(cursor)
        columns: dict[str, list[tuple[str, Call]]] = {}
        for call in calls_in(cursor, kind if is_made else ""):
            if not call.column:
                self._calls[place, call] = None
            elif call.name in self._defined:
                columns.setdefault(call.column, []).append((place, call))
        if columns:
            self._defaults[table] = columns

    def _load(self, event: Statement | CopyStart) -> None:
        """Look whether rows leave out a column with a default that calls something."""
        cursor = Cursor(_tokens(event))
        cursor.accept_any("copy", "insert")
        cursor.accept("into")
        defaults = self._defaults.get(cursor.name()[-1:], {})
        start = cursor.position
        is_listed = cursor.skip_parentheses()
        given = {token.value for token in cursor.tokens[start : cursor.position]}
        is_insert = isinstance(event, Statement)
        says_default = is_insert and b"DEFAULT" in event.text.upper()
        for column, calls in defaults.items():
            if says_default or (is_listed and column not in given):
                self._calls.update(dict.fromkeys(calls))


def _tokens(event: Statement | CopyStart) -> list[Token]:
    return tokenize(event.text, standard_strings=event.standard_strings)


def _kind(cursor: Cursor) -> str:
    """Step over the words behind CREATE or ALTER that say of what kind it is; return that."""
    while cursor.accept_any("constraint", "foreign", "or", "replace", "unique", "unlogged"):
        pass
    kind = cursor.next().value
    if following := cursor.accept_any("class", "family", "view"):
        kind += " " + following
    return kind


def _place(kind: str, cursor: Cursor) -> tuple[str, tuple[str, ...]]:
    """Return what is made, in words, and step over its name; also the last part of that."""
    cursor.accept("if", "not", "exists")
    name = cursor.name()
    place = f"{kind} {short_name(object_name(*name))}" if name else kind
    if kind in _ON_TABLES:
        while not cursor.at_end() and not cursor.accept("on"):
            cursor.next()
        cursor.accept("only")
        place += f" on {short_name(object_name(*cursor.name()))}"
    return place, name[-1:]


def _altered(cursor: Cursor) -> tuple[str, tuple[str, ...]]:
    for words in (("if", "exists"), ("only",)):
        cursor.accept(*words)
    name = cursor.name()
    return f"constraint of {short_name(object_name(*name))}", name[-1:]
