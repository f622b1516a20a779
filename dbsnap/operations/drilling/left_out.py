"""What is left out of a dump because an extension is not there, and what is then not expected. Pure.

A table is kept where it can be: a column of a type that is missing becomes one of text, whose values are
the same in a dump, and a default or a check that calls what is missing goes alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from dbsnap.dumpfile.defining.definitions import Definitions
from dbsnap.dumpfile.defining.table_definitions import TABLE_CONSTRAINTS, elements
from dbsnap.dumpfile.lexing.tokens import Cursor, tokenize
from dbsnap.inventory import object_name, short_name
from dbsnap.operations.drilling.comparison import kind_of

if TYPE_CHECKING:
    from dbsnap.dumpfile.lexing.tokens import Token
    from dbsnap.inventory import Inventory
    from dbsnap.report import Finding

STAND_IN = b"text"
IDENTIFIED = frozenset({"comment", "other", "privilege"})
"""Kinds whose names are those of ``pg_identify_object``, with the object's type before them."""

CLAUSES = frozenset(
    {"default", "generated", "constraint", "not", "null", "collate", "check", "storage", "options"}
)
"""Words behind a column's type with which something else begins."""


@dataclass(frozen=True, slots=True)
class Repair:
    """A change to one CREATE TABLE, byte for byte as long as what it replaces.

    ``column`` is the column that is then another one than in the backup, "" if none is.
    """

    start: int
    end: int
    text: bytes
    column: str
    what: str

    def applied(self, statement: bytes) -> bytes:
        """Return the statement with this change."""
        return statement[: self.start] + self.text + statement[self.end :]


@dataclass(slots=True)
class LeftOut:
    """Grows with each thing that is left out; ``said`` names them for people."""

    objects: set[tuple[str, str]] = field(default_factory=set)
    changed_columns: set[str] = field(default_factory=set)
    said: list[str] = field(default_factory=list)
    _texts: list[str] = field(default_factory=list)

    def add_extension(self, name: str) -> None:
        """Leave out an extension itself."""
        self.objects.add(("extension", object_name(name)))
        self.said.append(f"extension {name}")

    def add_extension_table(self, table: str) -> None:
        """Leave out the rows of a table that an extension makes."""
        self.objects.add(("table", table))
        self.said.append(f"rows of {short_name(table)} (the table is the extension's)")

    def add_statement(self, text: bytes, reason: str) -> None:
        """Leave out a statement, with whatever it defines."""
        defined = defined_by(text)
        self.objects |= defined
        self._texts.append(text.decode("utf-8", "replace"))
        cursor = Cursor(tokenize(text))
        if cursor.accept("alter", "sequence"):
            self.objects.add(("sequence", object_name(*cursor.name())))
        elif column := _altered_column(cursor):
            self.changed_columns.add(column)
        self.said.append(f"{_title(text, defined)} ({reason})")

    def add_repair(self, table: str, before: bytes, repair: Repair, reason: str) -> None:
        """Leave out a part of one table."""
        gone = defined_by(before) - defined_by(repair.applied(before))
        self.objects |= gone
        if repair.column:
            self.changed_columns.add(f"{table}.{object_name(repair.column)}")
        of = f"{short_name(table)}.{repair.column}" if repair.column else short_name(table)
        self.said.append(f"{of}: {repair.what} ({reason})")

    def has(self, kind: str, name: str) -> bool:
        """Return whether an object is left out."""
        return (kind, name) in self.objects

    def reduced(self, expected: Inventory) -> Inventory:
        """Return what is still expected: nothing that is left out, nor what belongs to such a table."""
        tables = {name for kind, name in self.objects if kind == "table"}
        return replace(
            expected,
            objects={
                kind: {
                    name: facts
                    for name, facts in names.items()
                    if (kind, name) not in self.objects and facts.get("table") not in tables
                }
                for kind, names in expected.objects.items()
            },
        )

    def covers(self, finding: Finding) -> bool:
        """Return whether a difference is because of what was left out."""
        kind = kind_of(finding)
        name = finding.object[len(kind) + 1 :]
        if kind == "column" and name in self.changed_columns:
            return True
        if kind in IDENTIFIED:
            return finding.kind == "missing" and self._identifies(kind, name)
        return (kind, name) in self.objects

    def _identifies(self, kind: str, identity: str) -> bool:
        """Whether an identity is that of something in one of the statements, or of what they define."""
        bare = identity.partition("(")[0]
        if any(bare.endswith(f" {name.partition('(')[0]}") for _, name in self.objects):
            return True
        if kind == "privilege":
            return False
        words = identity.split(" ")
        tails = [" ".join(words[number:]) for number in range(1, min(len(words), 4))]
        starts = ("COMMENT ON ",) if kind == "comment" else ("CREATE ",)
        return any(
            text.startswith(starts)
            and any(f" {tail} " in text.replace(" ON ", " on ") for tail in tails)
            for text in self._texts
        )


def defined_by(text: bytes) -> set[tuple[str, str]]:
    """Return kind and name of each object that a statement defines."""
    definitions = Definitions()
    definitions.learn(text)
    return {(kind, name) for kind, names in definitions.objects.items() for name in names}


def created_table(text: bytes) -> str:
    """Return the full name of the table that a statement creates, "" if it creates none."""
    return next((name for kind, name in defined_by(text) if kind == "table"), "")


def repair(text: bytes, position: int) -> Repair | None:
    """Return what takes the thing at a byte of a CREATE TABLE out of it, None where nothing can."""
    cursor = Cursor(tokenize(text))
    while not cursor.at_end() and not cursor.sees("("):
        cursor.next()
    if not cursor.accept("("):
        return None
    parts = [part for part in elements(cursor) if part]
    number = next((n for n, p in enumerate(parts) if p[0].start <= position < p[-1].end), None)
    if number is None:
        return None
    element = parts[number]
    if element[0].kind == "word" and element[0].value in TABLE_CONSTRAINTS:
        return _without_element(parts, number)
    return _mended_column(text, element, position)


def _without_element(parts: list[list[Token]], number: int) -> Repair | None:
    """Return the table without one constraint, and without the comma beside it."""
    if len(parts) == 1:
        return None
    if number + 1 < len(parts):
        start, end = parts[number][0].start, parts[number + 1][0].start
    else:
        start, end = parts[number - 1][-1].end, parts[number][-1].end
    return Repair(start, end, b" " * (end - start), "", "a constraint of it")


def _mended_column(text: bytes, element: list[Token], position: int) -> Repair | None:
    column = element[0].value
    starts = _clause_starts(element)
    type_end = element[starts[0] - 1].end if starts else element[-1].end
    first = element[1].start
    if position < type_end:
        written = text[first:type_end].decode("utf-8", "replace")
        filled = STAND_IN.ljust(type_end - first)
        return Repair(
            first, type_end, filled, column, f"its values are compared as text, not as {written}"
        )
    for begin, end in pairwise([*starts, len(element)]):
        start, stop = element[begin].start, element[end - 1].end
        if not start <= position < stop:
            continue
        word = element[begin].value
        if word == "generated":  # NOT NULL behind it cannot hold either
            stop = element[-1].end
        changed = column if word in {"default", "generated", "collate"} else ""
        what = {"default": "its default", "generated": "its expression"}.get(word, f"its {word}")
        return Repair(start, stop, b" " * (stop - start), changed, what)
    return None


def _clause_starts(element: list[Token]) -> list[int]:
    """Return the indexes of the tokens with which the clauses behind a column's type begin."""
    found, depth = [], 0
    for index, token in enumerate(element):
        if token.kind == "punctuation":
            depth += (token.value == "(") - (token.value == ")")
        is_word = token.kind == "word" and token.value in CLAUSES
        continues = element[index - 1].value == "not" or (
            index > 1 and element[index - 2].value == "constraint"
        )
        if index > 1 and depth == 0 and is_word and not continues:
            found.append(index)
    return found


def _altered_column(cursor: Cursor) -> str:
    if not cursor.accept("alter", "table"):
        return ""
    cursor.accept("only")
    table = cursor.name()
    if not cursor.accept("alter", "column"):
        return ""
    return object_name(*table, *cursor.name()[:1])


def _title(text: bytes, defined: set[tuple[str, str]]) -> str:
    """Return what a statement is about: what it defines, else its first words."""
    for kind in ("table", "index", "constraint", "trigger", "policy"):
        for found, name in sorted(defined):
            if found == kind:
                return f"{kind} {short_name(name)}"
    if defined:
        kind, name = min(defined)
        return f"{kind} {short_name(name)}"
    line = " ".join(text.decode("utf-8", "replace").split())
    return line if len(line) <= 80 else line[:79] + "…"
