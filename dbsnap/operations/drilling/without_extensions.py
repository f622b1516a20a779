"""What of a dump cannot be without an extension: found out by trying, statement by statement.

Nothing in a dump says what belongs to an extension, and the server at hand does not know it. So all
definitions, without a row, are tried on an empty database: what fails there because something does not
exist that is not the backup's own either needs the extension, and what needs that fails in its turn.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors as postgres_errors

from dbsnap.dumpfile.lexer import CopyEnd, CopyStart, Statement, lex
from dbsnap.dumpfile.lexing.tokens import Cursor, tokenize
from dbsnap.dumpfile.stored import StoredDump
from dbsnap.inventory import Inventory, object_name, split_name
from dbsnap.operations.drilling.left_out import LeftOut, created_table, repair
from dbsnap.postgres.connection import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from dbsnap.operations.drilling.left_out import Repair
    from dbsnap.operations.opened import OpenedBackup
    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.url import Database

NOT_THERE = (
    postgres_errors.UndefinedObject,
    postgres_errors.UndefinedFunction,
    postgres_errors.UndefinedTable,
    postgres_errors.InvalidSchemaName,
)
"""What can be missing because an extension is; a column never is."""

OWN_KINDS = (
    "table",
    "view",
    "materialized view",
    "sequence",
    "type",
    "function",
    "index",
    "schema",
)
MISSING_NAME = re.compile(r'"([^"]+)"|function ([^\s(]+)\(')
REPAIRS = 100
"""How many parts of one table may be missing before the table itself is left out."""


@dataclass(frozen=True, slots=True)
class EditedDump(StoredDump):
    """A dump that is loaded with some bytes replaced; (offset, text) in uncompressed bytes, in order."""

    edits: tuple[tuple[int, bytes], ...] = ()

    def hashing_reader(self) -> tuple[Callable[[int], bytes], Callable[[], str]]:
        """Return what is loaded, and the sha256 of the file that it comes from."""
        read, digest = StoredDump.hashing_reader(self)
        return edited(read, self.edits), digest


def edited(
    read: Callable[[int], bytes], edits: tuple[tuple[int, bytes], ...]
) -> Callable[[int], bytes]:
    """Return a reader that gives these texts at these offsets instead of what is there."""
    position = 0
    waiting = sorted(edits, reverse=True)

    def read_edited(size: int) -> bytes:
        nonlocal position
        piece = bytearray(read(size))
        end = position + len(piece)
        while waiting and waiting[-1][0] < end:
            offset, text = waiting.pop()
            here = text[: end - offset]
            piece[offset - position : offset - position + len(here)] = here
            if len(here) < len(text):
                waiting.append((end, text[len(here) :]))
        position = end
        return bytes(piece)

    return read_edited


def without_extensions(
    opened: OpenedBackup, missing: Collection[str], database: Database
) -> tuple[OpenedBackup, LeftOut]:
    """Return the backup as it can be loaded and expected without these extensions.

    ``database`` is empty, and full of definitions afterwards. What fails there for any other reason is
    not left out: the load itself will say it.
    """
    trial = _Trial(opened, missing)
    with connect(database, purpose="dbsnap drill") as connection:
        trial.run(connection)
    dump = opened.dump
    return (
        replace(
            opened,
            expected=trial.left_out.reduced(opened.expected),
            not_sent=(*opened.not_sent, *trial.spans),
            dump=EditedDump(
                dump.path,
                dump.descriptor,
                dump.file_bytes,
                dump.compression,
                dump.members,
                tuple(trial.edits),
            ),
        ),
        trial.left_out,
    )


def declaring_less(opened: OpenedBackup, missing: Collection[str]) -> OpenedBackup:
    """Return the backup as if its dump did not ask for these extensions."""
    contents = opened.contents
    names = {object_name(name) for name in missing}
    kept = {k: f for k, f in contents.inventory.of("extension").items() if k not in names}
    objects = {**contents.inventory.objects, "extension": kept}
    inventory = replace(contents.inventory, objects=objects)
    return replace(opened, contents=replace(contents, inventory=inventory))


@dataclass(slots=True)
class _Trial:
    opened: OpenedBackup
    missing: Collection[str]
    left_out: LeftOut = field(default_factory=LeftOut)
    spans: list[tuple[int, int]] = field(default_factory=list)
    edits: list[tuple[int, bytes]] = field(default_factory=list)

    def run(self, connection: Connection) -> None:
        """Try every definition; leave the rows of tables out that are."""
        own = _own_names(self.opened.expected)
        block_start = None
        for event in lex(self.opened.dump.raw()):
            if isinstance(event, CopyStart):
                left_out = self._is_left_out(event.text) or self._is_gone(connection, event.text)
                block_start = event.offset if left_out else None
            elif isinstance(event, CopyEnd) and block_start is not None:
                self.spans.append((block_start, event.end))
            elif isinstance(event, Statement) and not self._not_sent(event):
                self._try(connection, event, own)

    def _not_sent(self, event: Statement) -> bool:
        return any(start <= event.offset < end for start, end in self.opened.not_sent)

    def _is_left_out(self, text: bytes) -> bool:
        return self.left_out.has("table", _filled_table(text))

    def _is_gone(self, connection: Connection, text: bytes) -> bool:
        """Whether rows are of a table that neither the dump makes nor an extension that is there."""
        table = _filled_table(text)
        made = self.opened.contents.inventory.of("table").get(table, {})
        query = b"SELECT pg_catalog.to_regclass(%s) IS NULL"
        if "form" in made or not connection.execute(query, [table]).fetchall()[0][0]:
            return False
        self.left_out.add_extension_table(table)
        return True

    def _try(self, connection: Connection, event: Statement, own: Collection[str]) -> None:
        text = event.text
        if text.startswith(b"INSERT "):
            if self._is_left_out(text):
                self.spans.append((event.offset, event.end))
            return
        if (extension := self._extension(text)) is not None:
            if text.startswith(b"CREATE"):
                self.left_out.add_extension(extension)
            self.spans.append((event.offset, event.end))
            return
        table = created_table(text)
        repairs: list[tuple[bytes, Repair, str]] = []
        while (problem := _attempt(connection, text)) and self._needs_extension(problem, own):
            position = _byte_position(problem, text, connection.info.encoding)
            mended = repair(text, position) if table and position is not None else None
            if mended is None or len(repairs) == REPAIRS:
                self.left_out.add_statement(event.text, _reason(problem))
                self.spans.append((event.offset, event.end))
                return
            repairs.append((text, mended, _reason(problem)))
            text = mended.applied(text)
        for before, one, reason in repairs:
            self.left_out.add_repair(table, before, one, reason)
        if repairs:
            self.edits.append((event.offset, text))

    def _extension(self, text: bytes) -> str | None:
        """Return which of the missing extensions a statement is about: its creation, its comment."""
        cursor = Cursor(tokenize(text))
        if cursor.accept("create", "extension"):
            cursor.accept("if", "not", "exists")
        elif not cursor.accept("comment", "on", "extension"):
            return None
        name = ".".join(cursor.name())
        return name if name in self.missing else None

    def _needs_extension(self, problem: psycopg.Error, own: Collection[str]) -> bool:
        """Whether what does not exist is not the backup's own, or is left out itself."""
        if not isinstance(problem, NOT_THERE):
            return False
        message = problem.diag.message_primary or ""
        if message.startswith("unrecognized configuration parameter"):
            return False
        names = [a or b for a, b in MISSING_NAME.findall(message)]
        left_out = {_printed(name) for _, name in self.left_out.objects}
        return not any(name in own and name not in left_out for name in names[:1])


def _attempt(connection: Connection, text: bytes) -> psycopg.Error | None:
    try:
        connection.execute(text)
    except psycopg.Error as error:
        if connection.closed:
            raise
        return error
    return None


def _filled_table(text: bytes) -> str:
    """Return the full name of the table that a COPY or INSERT fills."""
    cursor = Cursor(tokenize(text))
    cursor.next()
    cursor.accept("into")
    return object_name(*cursor.name())


def _own_names(inventory: Inventory) -> set[str]:
    return {_printed(name) for kind in OWN_KINDS for name in inventory.of(kind)}


def _printed(name: str) -> str:
    """Return a name as the server's messages print it: its parts as they are, without arguments."""
    plain = name.partition("(")[0]
    return ".".join(split_name(plain))


def _byte_position(problem: psycopg.Error, text: bytes, encoding: str) -> int | None:
    position: Any = problem.diag.statement_position
    if position is None:
        return None
    characters = text.decode(encoding, "surrogateescape")[: int(position) - 1]
    return len(characters.encode(encoding, "surrogateescape"))


def _reason(problem: psycopg.Error) -> str:
    return problem.diag.message_primary or "it needs the extension"
