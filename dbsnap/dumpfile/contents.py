"""What a dump file contains, read out of the file alone, as an Inventory.

Names are taken from parsed statements, never from pg_dump's comments, which are cut and escaped
(``sanitize_line`` in ``src/fe_utils/string_utils.c``). Only what a dump states is known: the
inventory is partial.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.dumpfile.copy_blocks import CopyBlock, CopyBlocks
from dbsnap.dumpfile.defining.definitions import Definitions
from dbsnap.dumpfile.defining.inserted_rows import InsertedRows
from dbsnap.dumpfile.lexing.events import (
    Comment,
    CopyData,
    CopyEnd,
    CopyStart,
    Event,
    Heading,
    MetaCommand,
    Statement,
)
from dbsnap.dumpfile.lexing.token_values import codec_of, decode
from dbsnap.dumpfile.lexing.tokens import Cursor, tokenize
from dbsnap.dumpfile.patterns import compiled
from dbsnap.inventory import NAMED_NOT_NULL_SINCE, Facts, Inventory

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_HEADERS = (b"-- PostgreSQL database dump", b"-- PostgreSQL database cluster dump")
_TRAILERS = (
    b"-- PostgreSQL database dump complete",
    b"-- PostgreSQL database cluster dump complete",
)
_HEADING_OF_DATA = b"--\n-- Data for Name: "
_SET = re.compile(rb"(?i)SET\b")
_VERSION = re.compile(rb"-- Dumped (from database|by pg_dump) version (.*)")
_RELEVANT = re.compile(
    rb"(?is)CREATE\b|SET\b|ALTER\b.*?\b(?:ADD|DISABLE|ENABLE|ATTACH)\b"
    rb"|SELECT\b.*?\b(?:setval|lo_create|set_config)\b"
)

_PLAIN = rb"[a-z_][a-z0-9_]*+"
_COLUMN = rb'(?:%s|"[A-Za-z0-9_ ]++")' % _PLAIN
_USUAL_COPY = compiled(
    rb"COPY (%s\.%s) \((%s(?:, %s)*+)\) FROM stdin;" % (_PLAIN, _PLAIN, _COLUMN, _COLUMN)
)
"""COPY as nearly all dumps have it; what it does not match is read by its tokens."""


@dataclass(frozen=True, slots=True)
class DumpContents:
    r"""What a dump file contains, and whether it is whole.

    ``complete``: pg_dump's trailer is there, nothing but ``\unrestrict`` follows it, and every
    ``\restrict`` has its ``\unrestrict``. ``has_header``: the dump begins as pg_dump's or
    pg_dumpall's do. Versions are as the header words them, ``encoding`` as the dump sets its
    client_encoding; "" where there is none.
    """

    inventory: Inventory
    pg_dump_version: str
    server_version: str
    has_header: bool
    complete: bool
    copy_blocks: tuple[CopyBlock, ...]
    restrict_keys: tuple[str, ...]
    encoding: str
    languages: tuple[str, ...]

    @property
    def tables_with_rows(self) -> list[str]:
        """Return the tables that the dump has rows of under their own name, or says to be empty."""
        return [name for name, facts in self.inventory.of("table").items() if "rows" in facts]


class ContentsReader:
    """Gathers what a dump contains from its events, in order, in memory that rows do not add to."""

    def __init__(self) -> None:
        self._definitions = Definitions()
        self._blocks = CopyBlocks()
        self._inserted = InsertedRows()
        self._data_announced = False
        self._comments_only = True
        self._has_header = False
        self._versions = {b"from database": "", b"by pg_dump": ""}
        self._keys: list[str] = []
        self._open_keys: Counter[bytes] = Counter()
        self._trailer_comments = 0
        self._codec: str | None = None
        self._encoding = ""
        self._feeders: dict[type, Callable[..., None]] = {
            Comment: self._feed_comment,
            Heading: self._feed_heading,
            Statement: self._feed_statement,
            CopyStart: self._feed_copy_start,
            CopyData: self._blocks.take,
            CopyEnd: self._blocks.close,
            MetaCommand: self._feed_command,
        }

    def feed(self, event: Event) -> None:
        """Take the next event of ``lexer.lex``."""
        self._feeders[type(event)](event)

    def contents(self) -> DumpContents:
        """Return what the events so far say; call it at the end, any later event is then missed."""
        return DumpContents(
            inventory=self._inventory(),
            pg_dump_version=self._versions[b"by pg_dump"],
            server_version=self._versions[b"from database"],
            has_header=self._has_header,
            complete=self._trailer_comments >= 2
            and not self._open_keys.total()
            and not self._blocks.is_open,
            copy_blocks=tuple(self._blocks.found),
            restrict_keys=tuple(self._keys),
            encoding=self._encoding,
            languages=tuple(sorted(self._definitions.languages)),
        )

    def _feed_comment(self, comment: Comment) -> None:
        text = comment.text
        if self._trailer_comments:
            self._trailer_comments = 2 if text == b"--" else 0
        if text == b"--":
            return
        if text in _TRAILERS:
            self._trailer_comments = 1
        elif text in _HEADERS and self._comments_only:
            self._has_header = True
        elif text.startswith(b"-- Data for Name: "):  # pg_dump --verbose, in headings of more lines
            self._data_announced = True
        elif (version := _VERSION.fullmatch(text)) and not self._versions[version[1]]:
            self._versions[version[1]] = decode(version[2]).strip()
            self._definitions.names_not_null = self._names_not_null(unless_known=True)

    def _feed_heading(self, heading: Heading) -> None:
        self._trailer_comments = 0
        self._data_announced |= heading.text.startswith(_HEADING_OF_DATA)

    def _feed_copy_start(self, start: CopyStart) -> None:
        self._trailer_comments = 0
        self._blocks.open(*self._table_and_columns(start))

    def _feed_command(self, command: MetaCommand) -> None:
        name, _, argument = command.text.partition(b" ")
        key = argument.strip()
        if name == b"\\restrict":
            self._keys.append(decode(key))
            self._open_keys[key] += 1
        elif name == b"\\unrestrict" and self._open_keys[key] > 0:
            self._open_keys[key] -= 1
            return
        self._trailer_comments = 0

    def _feed_statement(self, statement: Statement) -> None:
        self._trailer_comments = 0
        self._comments_only = False
        text = statement.text
        if _RELEVANT.match(text):
            text = self._recode(text)
            self._definitions.learn(text, standard_strings=statement.standard_strings)
            if text[0] in b"sS" and _SET.match(text):
                self._set(Cursor(tokenize(text, standard_strings=statement.standard_strings), 1))
        else:
            self._inserted.take(statement, self._definitions.schema)

    def _set(self, cursor: Cursor) -> None:
        cursor.accept("session")
        if cursor.accept("client_encoding") and cursor.accept_any("=", "to"):
            self._encoding = cursor.next().value
            self._codec = codec_of(self._encoding)

    def _recode(self, text: bytes) -> bytes:
        """Return what the dump wrote in UTF-8."""
        if self._codec is None:
            return text
        return text.decode(self._codec, "replace").encode("utf-8", "replace")

    def _table_and_columns(self, event: CopyStart) -> tuple[str, tuple[str, ...]]:
        """Return the table and the columns that a COPY statement names."""
        if usual := _USUAL_COPY.fullmatch(event.text):
            names = usual[2].decode().split(", ")
            return usual[1].decode(), tuple(name.strip('"') for name in names)
        text = self._recode(event.text)
        cursor = Cursor(tokenize(text, standard_strings=event.standard_strings), 1)
        table = self._definitions.qualified(cursor.name())
        columns: list[str] = []
        if cursor.accept("("):
            while not cursor.at_end() and not cursor.accept(")"):
                columns.extend(cursor.name() or (cursor.next().value,))
                cursor.accept(",")
        return table, tuple(columns)

    def _inventory(self) -> Inventory:
        objects = {kind: dict(names) for kind, names in self._definitions.objects.items()}
        has_data = bool(self._blocks.found or self._inserted or self._data_announced)
        rows = self._rows() if has_data else {}
        if has_data:
            partitions = self._loaded_via_root(frozenset(rows))
            for name, facts in objects["table"].items():
                if facts.get("form") == "table" and name not in partitions:
                    rows.setdefault(name, {"rows": 0})
        tables = objects["table"]
        objects["table"] = {
            name: {**tables.get(name, {}), **rows.get(name, {})} for name in [*tables, *rows]
        }
        values = self._definitions.sequence_values
        if has_data and not self._definitions.any:
            objects = {"table": objects["table"], "sequence": values}
        objects["sequence"] = {
            name: {**facts, **values.get(name, {})} for name, facts in objects["sequence"].items()
        }
        if not self._names_not_null():
            objects.pop("not-null constraint", None)
        server_version = _version_number(self._versions[b"from database"])
        return Inventory(server_version, objects, partial=True)

    def _names_not_null(self, *, unless_known: bool = False) -> bool:
        """Return whether the server that was dumped has names for NOT NULL constraints."""
        version = self._versions[b"from database"]
        if not version:
            return unless_known
        return _version_number(version) >= NAMED_NOT_NULL_SINCE

    def _loaded_via_root(self, rows: Collection[str]) -> set[str]:
        """Return the partitions whose rows come with those of a table that they are part of."""
        parents = self._definitions.parents
        known: dict[str, bool] = {}
        for partition in parents:
            path: dict[str, None] = {}
            table: str | None = partition
            while table is not None and table not in known and table not in path:
                path[table] = None
                table = parents.get(table)
                if table in rows:
                    break
            via_root = table in rows or known.get(table or "", False)
            known.update(dict.fromkeys(path, via_root))
        return {table for table, via_root in known.items() if via_root}

    def _rows(self) -> dict[str, Facts]:
        """Return rows and content of every table that the dump has rows of, or an empty block."""
        found: dict[str, Facts] = {}
        for block in self._blocks.found:
            facts = found.setdefault(block.table, {"rows": 0})
            facts["rows"] += block.rows
            facts["content"] = self._blocks.content_of(block.table)
        for table, rows in self._inserted.by_table(self._recode):
            before = found.get(table, {"rows": 0})
            found[table] = {"rows": before["rows"] + rows, "content": None}
        return {
            name: {fact: value for fact, value in facts.items() if value is not None}
            for name, facts in found.items()
        }


def _version_number(version: str) -> int:
    """Return ``server_version_num`` for a version as the header words it; 0 if there is none."""
    match = re.match(r"([0-9]{1,4})(?:\.([0-9]{1,4}))?(?:\.([0-9]{1,4}))?", version)
    if match is None:
        return 0
    major, minor, patch = (int(part or 0) for part in match.groups())
    return major * 10000 + (minor * 100 + patch if major < 10 else minor)
