"""What a dump file contains, read out of the file alone, as an Inventory.

Names are taken from parsed statements, never from pg_dump's comments, which are cut and escaped
(``sanitize_line`` in ``src/fe_utils/string_utils.c``). Only what a dump states is known: the
inventory is partial.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xxhash import xxh3_128

from dbsnap.dumpfile.lexer import (
    Comment,
    CopyData,
    CopyEnd,
    CopyStart,
    Event,
    MetaCommand,
    Statement,
)
from dbsnap.dumpfile.tokens import Cursor, Token, decode, tokenize
from dbsnap.inventory import ALL_LARGE_OBJECTS, Facts, Inventory, Objects, object_name

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFINED_KINDS = (
    "schema",
    "extension",
    "type",
    "table",
    "column",
    "index",
    "constraint",
    "not-null constraint",
    "sequence",
    "view",
    "materialized view",
    "function",
    "trigger",
    "rule",
    "policy",
    "event trigger",
    "large objects",
)
"""The kinds that a dump with definitions in it tells of."""

CONSTRAINT_TYPES = {
    "primary": "primary key",
    "unique": "unique constraint",
    "foreign": "foreign key",
    "check": "check constraint",
    "exclude": "exclusion constraint",
    "not": "not-null constraint",
}
INDEX_CONSTRAINTS = frozenset({"primary key", "unique constraint", "exclusion constraint"})
NAMED_NOT_NULL_SINCE = 18
"""The first major in which not-null constraints have names, so that every one is an object."""

_TRAILERS = (
    b"-- PostgreSQL database dump complete",
    b"-- PostgreSQL database cluster dump complete",
)
_VERSION = re.compile(rb"-- Dumped (from database|by pg_dump) version (.*)")
_RELEVANT = re.compile(
    rb"(?is)CREATE\b|SET\b|ALTER\b.*?\b(?:ADD|DISABLE|ENABLE)\b"
    rb"|SELECT\b.*?\b(?:setval|lo_create|set_config)\b"
)
_PART = rb'(?:"(?:[^"]|"")*"|[A-Za-z0-9_$\x80-\xff]+)'
_INSERT = re.compile(
    rb"INSERT\s+INTO\s+(?P<table>%s(?:\s*\.\s*%s)*)\s*(?:\((?:\s*%s\s*,?)*\)\s*)?"
    rb"(?:OVERRIDING\s+\w+\s+VALUE\s+)?(?:DEFAULT\s+)?VALUES\b" % (_PART, _PART, _PART),
    re.IGNORECASE,
)
_INSERTED_ROW = re.compile(
    rb"\((?:[^'()]++|(?<![eE])'[^']*+'|(?<=[eE])'(?:[^'\\]++|\\[\s\S]|'')*+'"
    rb"|\((?:[^'()]++|'[^']*+')*+\))*+\)"
)


@dataclass(frozen=True, slots=True)
class CopyBlock:
    """One COPY block: the table, its columns as listed, and the body in uncompressed bytes.

    ``line`` is the one of the first row, ``rows`` the number of line ends in the body, ``content``
    the xxh3-128 of the body in hexadecimal.
    """

    table: str
    columns: tuple[str, ...]
    offset: int
    end: int
    line: int
    rows: int
    content: str


@dataclass(frozen=True, slots=True)
class DumpContents:
    """What a dump file contains, and whether it is whole.

    ``complete``: pg_dump's trailer is there, nothing but ``\\unrestrict`` follows it, and every
    ``\\restrict`` has its ``\\unrestrict``. ``has_header``: the dump begins as pg_dump's or
    pg_dumpall's do. Versions are as the header words them, "" where there is none.
    """

    inventory: Inventory
    pg_dump_version: str
    server_version: str
    has_header: bool
    complete: bool
    copy_blocks: tuple[CopyBlock, ...]
    restrict_keys: tuple[str, ...]
    languages: tuple[str, ...]


class ContentsReader:
    """Gathers what a dump contains from its events, in order, in memory that rows do not add to."""

    def __init__(self) -> None:
        self._definitions = _Definitions()
        self._blocks: list[CopyBlock] = []
        self._block: _OpenBlock | None = None
        self._inserted: dict[bytes, int] = {}
        self._data_announced = False
        self._comments_only = True
        self._has_header = False
        self._versions = {b"from database": "", b"by pg_dump": ""}
        self._keys: list[str] = []
        self._open_keys: list[bytes] = []
        self._trailer_comments = 0
        self._codec: str | None = None

    def feed(self, event: Event) -> None:
        """Take the next event of ``lexer.lex``."""
        if isinstance(event, CopyData):
            self._feed_data(event)
        elif isinstance(event, Statement):
            self._feed_statement(event.text)
        elif isinstance(event, Comment):
            self._feed_comment(event.text)
        elif isinstance(event, CopyStart):
            self._trailer_comments = 0
            self._block = self._open_block(event)
        elif isinstance(event, CopyEnd):
            self._close_block(event)
        else:
            self._feed_command(event)

    def contents(self) -> DumpContents:
        """Return what the events so far say; call it at the end, any later event is then missed."""
        return DumpContents(
            inventory=self._inventory(),
            pg_dump_version=self._versions[b"by pg_dump"],
            server_version=self._versions[b"from database"],
            has_header=self._has_header,
            complete=self._trailer_comments >= 2 and not self._open_keys and self._block is None,
            copy_blocks=tuple(self._blocks),
            restrict_keys=tuple(self._keys),
            languages=tuple(sorted(self._definitions.languages)),
        )

    def _feed_comment(self, text: bytes) -> None:
        if text in _TRAILERS:
            self._trailer_comments = 1
        elif self._trailer_comments:
            self._trailer_comments = 2 if text == b"--" else 0
        if text in _HEADERS and self._comments_only:
            self._has_header = True
        elif text.startswith(b"-- Data for Name: "):
            self._data_announced = True
        elif (version := _VERSION.fullmatch(text)) and not self._versions[version[1]]:
            self._versions[version[1]] = decode(version[2]).strip()

    def _feed_command(self, command: MetaCommand) -> None:
        name, _, argument = command.text.partition(b" ")
        key = argument.strip()
        if name == b"\\restrict":
            self._keys.append(decode(key))
            self._open_keys.append(key)
        elif name == b"\\unrestrict" and key in self._open_keys:
            self._open_keys.remove(key)
            return
        self._trailer_comments = 0

    def _feed_statement(self, text: bytes) -> None:
        self._trailer_comments = 0
        self._comments_only = False
        if text[:6].upper() == b"INSERT" and (insert := _INSERT.match(text)):
            rows = sum(1 for _ in _INSERTED_ROW.finditer(text, insert.end())) or 1
            table = insert["table"]
            self._inserted[table] = self._inserted.get(table, 0) + rows
        elif _RELEVANT.match(text):
            tokens = self._tokens(text)
            self._definitions.take(Cursor(tokens))
            if [token.value for token in tokens[:2]] == ["set", "client_encoding"]:
                self._codec = _codec(tokens[3].value)

    def _tokens(self, text: bytes) -> list[Token]:
        if self._codec:
            text = text.decode(self._codec, "replace").encode("utf-8", "replace")
        return tokenize(text)

    def _open_block(self, event: CopyStart) -> _OpenBlock:
        cursor = Cursor(self._tokens(event.text))
        cursor.accept("copy")
        table = self._definitions.qualified(cursor.name())
        columns: list[str] = []
        if cursor.accept("("):
            while not cursor.accept(")") and not cursor.at_end():
                columns.extend(cursor.name())
                cursor.accept(",")
        return _OpenBlock(table, tuple(columns), xxh3_128(), -1, -1, -1)

    def _feed_data(self, event: CopyData) -> None:
        if self._block is None:
            return
        if self._block.offset < 0:
            self._block.offset, self._block.line = event.offset, event.line
        self._block.digest.update(event.data)

    def _close_block(self, event: CopyEnd) -> None:
        block, self._block = self._block, None
        if block is None:
            return
        empty = block.offset < 0
        self._blocks.append(
            CopyBlock(
                table=block.table,
                columns=block.columns,
                offset=event.offset if empty else block.offset,
                end=event.offset,
                line=event.line if empty else block.line,
                rows=0 if empty else event.line - block.line,
                content=block.digest.hexdigest(),
            )
        )

    def _inventory(self) -> Inventory:
        objects = {kind: dict(names) for kind, names in self._definitions.objects.items()}
        has_data = bool(self._blocks or self._inserted or self._data_announced)
        tables = {
            name: {**facts, "rows": 0} if has_data and facts.get("form") == "table" else dict(facts)
            for name, facts in objects["table"].items()
        }
        for name, facts in self._rows().items():
            tables[name] = {**tables.get(name, {}), **facts}
        objects["table"] = tables
        if has_data and not self._definitions.any:
            objects = {kind: objects[kind] for kind in ("table", "sequence")}
        major = _major(self._versions[b"from database"])
        if major < NAMED_NOT_NULL_SINCE:
            objects.pop("not-null constraint", None)
        return Inventory(_version_number(self._versions[b"from database"]), objects, partial=True)

    def _rows(self) -> dict[str, Facts]:
        """Return rows and content of every table that the dump has rows of, or an empty block."""
        found: dict[str, Facts] = {}
        for block in self._blocks:
            facts = {"rows": block.rows, "content": block.content}
            if before := found.get(block.table):
                facts = {"rows": before["rows"] + block.rows, "content": None}
            found[block.table] = facts
        for written, rows in self._inserted.items():
            table = self._definitions.qualified(Cursor(self._tokens(written)).name())
            before = found.get(table, {"rows": 0})
            found[table] = {"rows": before["rows"] + rows, "content": None}
        return {
            name: {fact: value for fact, value in facts.items() if value is not None}
            for name, facts in found.items()
        }


@dataclass(slots=True)
class _OpenBlock:
    table: str
    columns: tuple[str, ...]
    digest: xxh3_128
    offset: int
    line: int


class _Definitions:
    """The objects that the statements so far define, by kind and name."""

    def __init__(self) -> None:
        self.objects: Objects = {kind: {} for kind in DEFINED_KINDS}
        self.languages: set[str] = set()
        self.any = False
        self._schema = "public"
        self._types: dict[str, list[str]] = {}

    def take(self, cursor: Cursor) -> None:
        """Learn from a statement; what is none of an inventory's business changes nothing."""
        match cursor.next().value:
            case "create":
                self.any = True
                self._create(cursor)
            case "alter":
                self._alter(cursor)
            case "select":
                self._select(cursor)
            case "set" if cursor.accept("search_path"):
                cursor.accept_any("to", "=")
                self._schema = cursor.next().value or "public"

    def qualified(self, name: tuple[str, ...], *own: str) -> str:
        """Return an object's full name; ``own`` are further parts (a column, a constraint)."""
        return object_name(*(name if len(name) > 1 else (self._schema, *name)), *own)

    def _add(self, kind: str, name: str, **facts: object) -> Facts:
        """Add an object once; a second statement for it (shell type, dummy view) adds facts."""
        entry = self.objects[kind].setdefault(name, {})
        entry.update(facts)
        return entry

    def _create(self, cursor: Cursor) -> None:
        cursor.accept("or", "replace")
        words = []
        while cursor.peek().value in _MODIFIERS:
            words.append(cursor.next().value)
        kind = cursor.next().value
        if kind in ("materialized", "event"):
            kind += " " + cursor.next().value
        cursor.accept("if", "not", "exists")
        match kind:
            case "schema" if not cursor.sees("public"):
                self._add("schema", object_name(*cursor.name()))
            case "extension":
                self._create_extension(cursor)
            case "type" | "domain":
                self._create_type(cursor)
            case "table":
                self._create_table(cursor, words)
            case "index":
                self._create_index(cursor)
            case "sequence" | "view" | "materialized view":
                self._add(kind, self.qualified(cursor.name()))
            case "function" | "procedure" | "aggregate":
                self._create_function(cursor, kind)
            case "trigger" | "policy" | "rule":
                self._create_on_table(cursor, kind)
            case "event trigger":
                self._add(kind, object_name(*cursor.name()), enabled="yes")
