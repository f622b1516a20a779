"""The guard: a dump file that is not whole and harmless does not come near a server.

The whole file is read once before anything else happens. psql alone cannot tell: given a dump that is
cut off inside a COPY block, ``psql -1 -v ON_ERROR_STOP=1`` exits 0 and commits some of the rows.
"""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.dumpfile.contents import ContentsReader, DumpContents
from dbsnap.dumpfile.defining.definitions import stated_in_dump
from dbsnap.dumpfile.guarding.breaches import BreachReader
from dbsnap.dumpfile.guarding.code_at_load import CodeReader
from dbsnap.dumpfile.guarding.restriction import PsqlCommands
from dbsnap.dumpfile.guarding.row_widths import RowWidths
from dbsnap.dumpfile.lexer import Comment, CopyData, MetaCommand, lex
from dbsnap.dumpfile.loading.outline import MOST_BYTES, OutlineReader
from dbsnap.dumpfile.read_ahead import read_ahead
from dbsnap.dumpfile.stored import READ_BYTES, StoredDump
from dbsnap.errors import DumpRefused
from dbsnap.inventory import Inventory, compare, short_name
from dbsnap.report import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from dbsnap.dumpfile.guarding.breaches import Span
    from dbsnap.dumpfile.guarding.code_at_load import LoadedCode
    from dbsnap.dumpfile.guarding.rules import Breach
    from dbsnap.dumpfile.lexer import Event
    from dbsnap.dumpfile.loading.outline import Outline

PROMISED = (("table", "rows"), ("sequence", "last_value"))
"""What a whole dump states of every table that holds rows, and of every sequence."""

SMALL_BYTES = 1 << 20
"""The size of a file for which a second thread does not pay."""

TRAILER = b"-- PostgreSQL database dump complete"

HEAD_BYTES = 64
"""pg_dump's first lines, in which there is no text of the user's yet."""


@dataclass(frozen=True, slots=True)
class GuardedDump:
    """What the guard let through.

    ``raw_bytes`` is the size of the uncompressed text, ``sha256`` that of the file. ``rules`` are
    those that the dump breaks with leave, ``code`` what of its own it will run while it is loaded.
    ``not_sent`` are its psql commands, and what only ``pg_dump --create`` and ``--clean`` write: white
    space must take their place in what psql gets. ``outline`` is there if it was
    asked for, and is not too large.
    """

    contents: DumpContents
    raw_bytes: int
    sha256: str
    rules: tuple[str, ...]
    code: tuple[LoadedCode, ...]
    not_sent: tuple[Span, ...]
    outline: Outline | None = None


@dataclass(frozen=True, slots=True)
class Promise:
    """What a record says of its dump: inventory, sha256 and bytes of the file, rules it may break."""

    inventory: Inventory
    sha256: str
    file_bytes: int
    rules: tuple[str, ...] = ()


def guard(
    dump: StoredDump,
    *,
    promise: Promise | None = None,
    allowed: Collection[str] = (),
    keep_outline: bool = False,
    on_progress: Callable[[int], None] = lambda _: None,
) -> GuardedDump:
    r"""Read a whole dump and return what it contains, or raise DumpRefused.

    Without a promise the file must still be whole: header, trailer, every COPY block ended and every
    row with all its columns, and no psql command but pg_dump's own. It may break the rules that are
    ``allowed`` or promised, no other. ``on_progress`` is told how many raw bytes were read.
    """
    _refuse_converted_line_ends(dump)
    read, digest = dump.hashing_reader()
    # A promised sha256 already tells a damaged row, and pg_dump wrote none.
    widths = RowWidths() if promise is None else None
    reading = _Reading(OutlineReader(MOST_BYTES if keep_outline else -1), widths)
    try:
        with nullcontext(read) if dump.file_bytes < SMALL_BYTES else read_ahead(read) as ahead:
            reading.read(ahead, on_progress)
    except DumpRefused:
        _refuse_changed_bytes(dump, promise, _digest(dump) if promise else None)
        raise
    _refuse_changed_bytes(dump, promise, digest())
    contents = reading.contents.contents()
    _refuse_incomplete(dump, contents, reading)
    if promise is not None:
        _refuse_other_contents(dump, contents, promise.inventory)
    _refuse_breaches(dump, reading.breaches, {*allowed, *(promise.rules if promise else ())})
    return GuardedDump(
        contents=contents,
        raw_bytes=reading.position,
        sha256=digest(),
        rules=tuple(sorted(reading.breaches.rules)),
        code=tuple(reading.code.code()),
        not_sent=reading.not_sent(),
        outline=reading.outline.outline(),
    )


class _Reading:
    """One pass over a dump for everything that is asked of it."""

    def __init__(self, outline: OutlineReader, widths: RowWidths | None) -> None:
        self.outline = outline
        self.contents = ContentsReader()
        self.breaches = BreachReader()
        self.code = CodeReader()
        self.position = 0
        self.after_trailer: Event | None = None
        """What follows pg_dump's trailer, if anything but the end of its ``\\restrict`` pair does."""
        self._trailer: Comment | None = None
        self._commands = PsqlCommands()
        self._widths = widths

    def read(self, read: Callable[[int], bytes], on_progress: Callable[[int], None]) -> None:
        """Take the whole dump; raise DumpRefused where it is damaged or commands psql."""
        reported = 0
        for event in lex(read):
            self._commands.feed(event)
            self.contents.feed(event)
            if not isinstance(event, CopyData):
                self.breaches.feed(event)
                self.code.feed(event)
                self.outline.feed(event)
            if self._widths is not None:
                self._widths.feed(event)
            self._look_behind_trailer(event)
            self.position = event.end
            if self.position - reported >= READ_BYTES:
                on_progress(self.position - reported)
                reported = self.position
        on_progress(self.position - reported)
        self._commands.end()
        self.breaches.end(creates_database=bool(self._commands.connects))

    def _look_behind_trailer(self, event: Event) -> None:
        if isinstance(event, Comment) and event.text == TRAILER:
            self._trailer = event
        elif self._trailer is not None and self.after_trailer is None:
            ends = event.text == b"--" if isinstance(event, Comment) else False
            if not ends and not isinstance(event, MetaCommand):
                self.after_trailer = event

    def not_sent(self) -> tuple[Span, ...]:
        """Return what must not reach a server that another database is restored into."""
        spans = [*self.breaches.superfluous_drops]
        spans += [(command.offset, command.end) for command in self._commands.commands]
        if self._commands.connects:
            spans += self.breaches.database_spans
        return tuple(sorted(spans))


def _refuse_converted_line_ends(dump: StoredDump) -> None:
    head = dump.raw()(HEAD_BYTES)
    if b"\r" in head:
        raise DumpRefused(
            f"{dump.path.name} has CR or CR LF line ends: it was converted, and text in it with it",
            rule="line-ends",
            offset=head.index(b"\r"),
            line=1,
            hint="take the file as pg_dump wrote it, copied in binary mode",
        )


def _digest(dump: StoredDump, size: int | None = None) -> str:
    """Return the sha256 of the file, or of its first ``size`` bytes."""
    digest = hashlib.sha256()
    read = dump.file_reader()
    left = dump.file_bytes if size is None else size
    while left > 0 and (piece := read(min(READ_BYTES, left))):
        digest.update(piece)
        left -= len(piece)
    return digest.hexdigest()


def _refuse_changed_bytes(dump: StoredDump, promise: Promise | None, found: str | None) -> None:
    if promise is None or promise.sha256 == found:
        return
    more = dump.file_bytes - promise.file_bytes
    if more > 0 and _digest(dump, promise.file_bytes) == promise.sha256:
        raise DumpRefused(
            f"{dump.path.name} has {more:,} bytes more than its record knows of, behind its end",
            rule="trailing-data",
            offset=promise.file_bytes,
            hint="something was appended to the file: take another copy of it",
        )
    if more < 0:
        raise DumpRefused(
            f"{dump.path.name} is {-more:,} bytes shorter than its record says",
            rule="changed-bytes",
            offset=dump.file_bytes,
            hint="the file is cut off: take another copy of it, or another backup",
        )
    raise DumpRefused(
        f"{dump.path.name} was changed since it was taken: its sha256 is not the record's",
        rule="changed-bytes",
        hint="take another copy of the file, or another backup",
    )


def _refuse_incomplete(dump: StoredDump, contents: DumpContents, reading: _Reading) -> None:
    if not contents.has_header:
        raise DumpRefused(
            f"{dump.path.name} does not begin like a dump of pg_dump",
            rule="no-header",
            hint="dbsnap restores plain-SQL dumps written by pg_dump",
        )
    if reading.after_trailer is not None:
        raise DumpRefused(
            f"line {reading.after_trailer.line:,}: {dump.path.name} goes on behind its trailer",
            rule="trailing-data",
            offset=reading.after_trailer.offset,
            line=reading.after_trailer.line,
            hint="something was appended to the dump: take another copy of it",
        )
    if not contents.complete:
        raise DumpRefused(
            f"{dump.path.name} does not end with pg_dump's trailer: the end is missing",
            rule="truncated",
            offset=reading.position,
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
            findings=findings,
            hint="the record and the dump do not belong together",
        )


def _refuse_breaches(dump: StoredDump, reading: BreachReader, allowed: Collection[str]) -> None:
    breaches = [breach for breach in reading.breaches if breach.rule not in allowed]
    if not breaches:
        return
    first = breaches[0]
    more = f" (and {len(breaches) - 1:,} more)" if len(breaches) > 1 else ""
    rules = sorted({breach.rule for breach in breaches})
    options = " ".join(f"--allow {rule}" for rule in rules)
    raise DumpRefused(
        f"{dump.path.name}, {first}{more}",
        rule=first.rule,
        offset=first.offset,
        line=first.line,
        findings=[_finding(breach) for breach in breaches],
        hint=f"if you know where this dump comes from and trust it: {options}",
    )


def _finding(breach: Breach) -> Finding:
    return Finding("harmful", f"line {breach.line}", str(breach))
