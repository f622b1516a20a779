"""The guard: a dump file that is not whole and harmless does not come near a server.

The whole file is read once before anything else happens. psql alone cannot tell: given a dump that is
cut off inside a COPY block, ``psql -1 -v ON_ERROR_STOP=1`` exits 0 and commits some of the rows.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.dumpfile.contents import ContentsReader, DumpContents
from dbsnap.dumpfile.definitions import stated_in_dump
from dbsnap.dumpfile.lexer import Comment, Event, MetaCommand, lex
from dbsnap.dumpfile.stored import READ_BYTES, StoredDump
from dbsnap.errors import DumpRefused
from dbsnap.inventory import Inventory, compare, short_name

if TYPE_CHECKING:
    from collections.abc import Callable

PROMISED = (("table", "rows"), ("sequence", "last_value"))
"""What a whole dump states of every table that holds rows, and of every sequence."""

HEAD_BYTES = 64
"""pg_dump's first lines, in which there is no text of the user's yet."""

RESTRICT = b"\\restrict "
UNRESTRICT = b"\\unrestrict "


@dataclass(frozen=True, slots=True)
class GuardedDump:
    """What the guard let through: contents, size of the raw text in bytes, sha256 of the file."""

    contents: DumpContents
    raw_bytes: int
    sha256: str


def guard(
    dump: StoredDump,
    *,
    expected: Inventory | None = None,
    sha256: str | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> GuardedDump:
    r"""Read a whole dump and return what it contains, or raise DumpRefused.

    ``expected`` and ``sha256`` are what a record promises; without a record the file must still be
    whole: header, trailer, every COPY block ended, and no psql command but one ``\\restrict`` pair.
    ``on_progress`` is told how many raw bytes were read.
    """
    _refuse_converted_line_ends(dump)
    read, digest = dump.hashing_reader()
    try:
        contents, raw_bytes = _read_contents(read, on_progress)
    except DumpRefused:
        _refuse_changed_bytes(dump, sha256, sha256 and _digest(dump))
        raise
    _refuse_changed_bytes(dump, sha256, digest())
    _refuse_incomplete(dump, contents)
    if expected is not None:
        _refuse_other_contents(dump, contents, expected)
    return GuardedDump(contents, raw_bytes, digest())


def _read_contents(
    read: Callable[[int], bytes], on_progress: Callable[[int], None]
) -> tuple[DumpContents, int]:
    reader = ContentsReader()
    restriction = _Restriction()
    reported = position = 0
    for event in lex(read):
        restriction.check(event)
        reader.feed(event)
        position = event.end
        if position - reported >= READ_BYTES:
            on_progress(position - reported)
            reported = position
    on_progress(position - reported)
    restriction.check_end()
    return reader.contents(), position


class _Restriction:
    r"""Lets exactly one ``\\restrict KEY`` … ``\\unrestrict KEY`` pair through, around all statements.

    pg_dump wraps its output in it since August 2025 (CVE-2025-8714), so that psql refuses every other
    command in between. Anything else that psql would take as a command is refused here.
    """

    def __init__(self) -> None:
        self._key: bytes | None = None
        self._ended = False
        self._statements = False

    def check(self, event: Event) -> None:
        if isinstance(event, Comment):
            return
        if not isinstance(event, MetaCommand):
            if self._ended:
                raise _refusal(event, "after-unrestrict", "a statement follows the end of the dump")
            self._statements = True
            return
        command = event.text.rstrip()
        if command.startswith(RESTRICT) and self._key is None and not self._statements:
            self._key = command.removeprefix(RESTRICT).strip()
        elif self._key is not None and not self._ended and command == UNRESTRICT + self._key:
            self._ended = True
        else:
            if command.startswith((b"\\connect", b"\\c ")):
                raise DumpRefused(
                    f"line {event.line}: it changes databases (\\connect), as pg_dump --create does",
                    rule="psql-command",
                    offset=event.offset,
                    line=event.line,
                    hint="dump it again without --create; of pg_dumpall's, dump each database",
                )
            shown = command[:60].decode("utf-8", "backslashreplace")
            raise _refusal(event, "psql-command", f"it holds the psql command {shown!r}")

    def check_end(self) -> None:
        if self._key is not None and not self._ended:
            raise DumpRefused(
                "the dump's \\restrict has no matching \\unrestrict: its end is missing",
                rule="truncated",
                hint="the file is cut off: take another copy of it",
            )


def _refusal(event: Event, rule: str, message: str) -> DumpRefused:
    return DumpRefused(
        f"line {event.line}: {message}",
        rule=rule,
        offset=event.offset,
        line=event.line,
        hint="pg_dump writes no such thing; do not load this file",
    )


def _refuse_converted_line_ends(dump: StoredDump) -> None:
    head = dump.raw()(HEAD_BYTES)
    if b"\r\n" in head:
        raise DumpRefused(
            f"{dump.path.name} has CR LF line ends: it was converted, and text in it with it",
            rule="line-ends",
            offset=head.index(b"\r\n"),
            line=1,
            hint="take the file as pg_dump wrote it, copied in binary mode",
        )


def _digest(dump: StoredDump) -> str:
    digest = hashlib.sha256()
    read = dump.file_reader()
    while piece := read(READ_BYTES):
        digest.update(piece)
    return digest.hexdigest()


def _refuse_changed_bytes(dump: StoredDump, promised: str | None, found: str | None) -> None:
    if promised != found and promised is not None:
        raise DumpRefused(
            f"{dump.path.name} was changed since it was taken: its sha256 is not the record's",
            rule="changed-bytes",
            hint="take another copy of the file, or another backup",
        )


def _refuse_incomplete(dump: StoredDump, contents: DumpContents) -> None:
    if not contents.has_header:
        raise DumpRefused(
            f"{dump.path.name} does not begin like a dump of pg_dump",
            rule="no-header",
            hint="dbsnap restores plain-SQL dumps written by pg_dump",
        )
    if not contents.complete:
        raise DumpRefused(
            f"{dump.path.name} does not end with pg_dump's trailer: the end is missing",
            rule="truncated",
            hint="the file is cut off: take another copy of it",
        )


def _refuse_other_contents(dump: StoredDump, contents: DumpContents, expected: Inventory) -> None:
    findings = compare(stated_in_dump(expected), contents.inventory, require=PROMISED)
    if findings:
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        raise DumpRefused(
            f"{dump.path.name} is not what its record promises: {findings[0].message}{more}",
            rule="differs-from-record",
            table=short_name(findings[0].object.partition(" ")[2]),
            hint="the record and the dump do not belong together",
        )
