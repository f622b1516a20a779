"""A backup, opened and guarded: the first step of everything that uses one."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dbsnap.archive.record import refuse_silent
from dbsnap.archive.storage import backup_id, find_record
from dbsnap.dumpfile.guard import Promise, guard
from dbsnap.dumpfile.guarding.rules import RULES
from dbsnap.dumpfile.omit import blanked, unknown_settings
from dbsnap.dumpfile.stored import open_dump
from dbsnap.postgres.content import TableContent
from dbsnap.postgres.dump import dump_encoding
from dbsnap.report import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from dbsnap.archive.record import Record
    from dbsnap.dumpfile.contents import DumpContents
    from dbsnap.dumpfile.guarding.code_at_load import LoadedCode
    from dbsnap.dumpfile.loading.outline import Outline
    from dbsnap.dumpfile.omit import Span
    from dbsnap.dumpfile.stored import StoredDump
    from dbsnap.inventory import Inventory
    from dbsnap.progress import Progress


@dataclass(frozen=True, slots=True)
class OpenedBackup:
    """A dump that passed the guard, with its record where there is one.

    ``expected`` is what must be found after a restore: the record's inventory, or what the dump itself
    states. Everything that is read later comes from the descriptor that was guarded. ``trusted``: there
    is a record, and the dump may break the ``rules`` that it lists. ``code`` is what the dump will run
    of its own while it is loaded, ``outline`` all of it but its rows, where that was asked for.
    """

    dump: StoredDump
    record: Record | None
    contents: DumpContents
    expected: Inventory
    raw_bytes: int
    sha256: str
    trusted: bool
    rules: tuple[str, ...]
    code: tuple[LoadedCode, ...]
    not_sent: tuple[Span, ...]
    outline: Outline | None = None

    @property
    def copy_bytes(self) -> int:
        """Return the size of all rows in the dump, in bytes."""
        return sum(block.end - block.offset for block in self.contents.copy_blocks)

    @property
    def id(self) -> str:
        """Return the backup's id, or the dump's file name without suffix."""
        return self.record.id if self.record else backup_id(self.dump.path)

    @property
    def encoding(self) -> str:
        """Return the encoding of the dump's text."""
        if self.record is not None:
            return dump_encoding(self.record.source.encoding)
        return self.contents.encoding or "UTF8"

    @property
    def source_version(self) -> int:
        """Return ``server_version_num`` of the server the dump was taken from, 0 if unknown."""
        return self.expected.server_version

    def to_load(
        self, left_out: Collection[Span]
    ) -> tuple[Callable[[int], bytes], Callable[[], str]]:
        """Return what a server gets of the dump but for what is ``left_out``, as a function.

        Also a function that gives the sha256 of the file as far as it was read.
        """
        read, digest = self.dump.hashing_reader()
        return blanked(read, [*self.not_sent, *left_out]), digest

    def not_understood(self, known_settings: Collection[str]) -> tuple[list[Span], list[str]]:
        """Return which settings of the dump are none of the ``known_settings``: where, and which."""
        # The settings of --create end before any rows; what ends the dump is not sent either.
        rows = min((block.offset for block in self.contents.copy_blocks), default=self.raw_bytes)
        until = max((end for _, end in self.not_sent if end <= rows), default=0)
        unknown = unknown_settings(self.dump.raw(), known_settings, until=until)
        return [span for span, _ in unknown], sorted({name for _, name in unknown})

    def table_sizes(self) -> dict[str, int]:
        """Return the size of each table's rows in the dump, in bytes."""
        sizes: Counter[str] = Counter()
        for block in self.contents.copy_blocks:
            sizes[block.table] += block.end - block.offset
        return dict(sizes)

    def table_contents(self) -> list[TableContent]:
        """Return which rows the dump has: of which tables, and which of their columns."""
        tables: dict[str, TableContent] = {}
        for block in self.contents.copy_blocks:
            tables.setdefault(block.table, TableContent(block.table, block.columns))
        return list(tables.values())


ANY_RULE = frozenset(RULES)
"""For what reads a dump without running it."""


def as_a_database(opened: OpenedBackup) -> OpenedBackup:
    """Return a backup; one of tables with the schema ``public``, which every new database has."""
    if opened.record is None or not opened.record.selection:
        return opened
    return replace(opened, expected=opened.expected.with_facts("schema", "public"))


@contextmanager
def opened_backup(
    path: Path,
    *,
    progress: Progress,
    allowed: Collection[str] = (),
    untrusted: bool = False,
    keep_outline: bool = False,
) -> Iterator[OpenedBackup]:
    """Open a dump file, and let it through the guard against its record.

    It may break the rules that are ``allowed`` and those its record lists; ``untrusted`` holds it to the
    rules whatever the record says. Raises DumpRefused when dump or record is damaged or not whole,
    they do not belong together, or the dump breaks another rule.
    """
    record = find_record(path)
    if record is not None:
        refuse_silent(record)
    with open_dump(path) as opened:
        dump = opened.with_members(record.dump.members if record else ())
        progress.phase(
            f"checking {path.name}",
            total_bytes=record.dump.raw_bytes if record else dump.file_bytes,
        )
        guarded = guard(
            dump,
            promise=_promise(record, untrusted=untrusted) if record else None,
            allowed=allowed,
            keep_outline=keep_outline,
            on_progress=progress.advance,
        )
        yield OpenedBackup(
            dump=dump,
            record=record,
            contents=guarded.contents,
            expected=record.inventory if record else guarded.contents.inventory,
            raw_bytes=guarded.raw_bytes,
            sha256=guarded.sha256,
            trusted=record is not None and not untrusted,
            rules=guarded.rules,
            code=guarded.code,
            not_sent=guarded.not_sent,
            outline=guarded.outline,
        )


def _promise(record: Record, *, untrusted: bool) -> Promise:
    return Promise(
        inventory=record.inventory,
        sha256=record.dump.sha256,
        file_bytes=record.dump.bytes,
        rules=() if untrusted else record.dump.rules,
    )


def content_not_compared(opened: OpenedBackup) -> list[Finding]:
    """Say where content cannot be compared because the dump does not hold it as COPY blocks."""
    blocks = {block.table for block in opened.contents.copy_blocks}
    bare = [
        name
        for name, facts in opened.expected.of("table").items()
        if facts.get("rows") and name not in blocks
    ]
    if not bare:
        return []
    message = (
        f"rows dumped as INSERT statements ({len(bare):,} of the tables) are counted, "
        "but their content is not compared"
    )
    return [Finding("not-compared", "content", message, severity="warning")]
