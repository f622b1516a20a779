"""How the work is divided. Pure: an outline in, a plan out.

The dump's own order is kept wherever it could matter: everything before the rows, then the rows, each
table's in their order, then everything behind them. Only what is known to need nothing of each other
changes places or runs side by side.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dbsnap.dumpfile.lexing.events import CopyStart, Statement
from dbsnap.dumpfile.loading.plan import (
    ROW_BYTES,
    SMALL_BYTES,
    BuildStep,
    ForeignKeyStep,
    LoadPlan,
    Rows,
    Step,
    TableRows,
)
from dbsnap.dumpfile.loading.statement_kinds import (
    Aside,
    Build,
    ChangeOfRole,
    Finish,
    ForeignKey,
    Other,
    Setting,
    StatementKind,
    kind_of,
)
from dbsnap.dumpfile.patterns import compiled
from dbsnap.inventory import short_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from dbsnap.dumpfile.copy_blocks import CopyBlock
    from dbsnap.dumpfile.guarding.code_at_load import LoadedCode
    from dbsnap.dumpfile.loading.outline import Outline, Part

_NAME = rb'(?:[a-z_][a-z0-9_]*+|"[^"]*+(?:""[^"]*+)*+")'
_USUAL_COPY = compiled(
    rb"COPY (%s\.%s) (?:\(%s(?:, %s)*+\)|) FROM stdin;" % (_NAME, _NAME, _NAME, _NAME)
)
_QUIET_PLACES = frozenset({"materialized", "policy", "rule", "trigger", "view"})
"""First words of places whose code does not run while rows are loaded or indexes built."""
_TABLE_PLACES = ("table ", "constraint of ")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a plan depends on beside the dump's text.

    ``created`` are the plain tables that the dump makes, ``parents`` those that a table is a partition
    or child of, ``code`` what of the dump's own runs while it is loaded.
    """

    created: Collection[str] = ()
    parents: Mapping[str, Collection[str]] = field(default_factory=dict)
    code: Collection[LoadedCode] = ()

    def related(self) -> set[str]:
        """Return the tables with partitions, parents or children."""
        return {*self.parents, *itertools.chain(*self.parents.values())}

    def ancestors(self, table: str) -> Iterator[str]:
        """Yield what a table is a partition or child of, directly or not."""
        for parent in self.parents.get(table, ()):
            yield parent
            yield from self.ancestors(parent)


def plan_load(
    outline: Outline, blocks: Sequence[CopyBlock], surroundings: Surroundings, *, sessions: int
) -> LoadPlan | None:
    """Return how ``sessions`` load a dump; None if it is not known to be work for more than one.

    ``blocks`` are the COPY blocks that the outline's CopyStarts stand for, in their order.
    """
    starts = [part for part in outline.parts if isinstance(part, CopyStart)]
    if not starts or len(starts) != len(blocks):
        return None
    related = surroundings.related()
    before, behind = _around(outline.parts, starts[0].offset, related)
    if any(isinstance(kind, ChangeOfRole) for _, kind in (*before, *behind)):
        return None
    effects = _Settings()
    settings = [each for each, kind in before if effects.changed_by(each, kind)]
    repeated = [
        each
        for each, kind in behind
        if isinstance(kind, Setting) and not effects.changed_by(each, kind)
    ]
    unneeded = set(map(id, repeated))
    left = [(each, kind) for each, kind in behind if id(each) not in unneeded]
    aside = [each for each, _ in itertools.takewhile(lambda one: isinstance(one[1], Aside), left)]
    left = left[len(aside) :]
    if any(each.offset < starts[-1].offset for each, _ in left):
        return None
    tables = _tables(starts, blocks, surroundings.created)
    late = _late(tables, surroundings)
    early = [each for each in tables if each.table not in late]
    share = sum(each.size for each in tables) / sessions
    shared = [each for each in early if _is_shared(each, share)]
    unshared = [each for each in early if not _is_shared(each, share)]
    return LoadPlan(
        before=tuple(each for each, _ in before),
        settings=tuple(settings),
        shared=tuple(shared),
        tables=tuple(_batches(unshared)),
        aside=tuple(aside),
        late_tables=tuple(each for each in tables if each.table in late),
        steps=tuple(_steps(left, {each.table: each.keys_size for each in tables})),
        overlap=not late and all(_is_quiet(code) for code in surroundings.code),
        repeated=tuple(repeated),
    )


Kinds = list[tuple[Statement, StatementKind]]


def _around(parts: Iterable[Part], offset: int, related: Collection[str]) -> tuple[Kinds, Kinds]:
    """Return the statements before an offset and those behind it, with their kinds."""
    before: Kinds = []
    behind: Kinds = []
    for part in parts:
        if isinstance(part, Statement):
            (before if part.offset < offset else behind).append((part, kind_of(part, related)))
    return before, behind


class _Settings:
    """What is set at each place of a dump."""

    def __init__(self) -> None:
        self._texts: dict[str, bytes] = {}

    def changed_by(self, statement: Statement, kind: StatementKind) -> bool:
        """Take the next statement; return whether it sets something to another value."""
        if not isinstance(kind, Setting) or self._texts.get(kind.name) == statement.text:
            return False
        self._texts[kind.name] = statement.text
        return True


def _tables(
    starts: Sequence[CopyStart], blocks: Sequence[CopyBlock], created: Collection[str]
) -> list[TableRows]:
    """Return the rows by table, tables in the order of their first rows."""
    by_table: dict[str, list[Rows]] = {}
    for start, block in zip(starts, blocks, strict=True):
        by_table.setdefault(block.table, []).append(Rows(start, block))
    tables = []
    for table, rows in by_table.items():
        usual = [_USUAL_COPY.fullmatch(each.statement.text) for each in rows]
        names = {match[1] if match else b"" for match in usual}
        emptied = names.pop() if len(names) == 1 and table in created else b""
        own = sum(each.block.end - each.block.offset for each in rows)
        counted = sum(each.block.rows for each in rows) * ROW_BYTES
        tables.append(TableRows(table, tuple(rows), own + counted, counted, emptied))
    return tables


def _late(tables: Sequence[TableRows], surroundings: Surroundings) -> set[str]:
    """Return the tables whose rows call code of the dump's own, which may read other tables."""
    places: set[str] = set()
    for code in surroundings.code:
        prefix = next((each for each in _TABLE_PLACES if code.place.startswith(each)), "")
        if prefix:
            places.add(code.place.removeprefix(prefix))
        elif not (_is_quiet(code) or code.place.startswith(("index ", "statistics"))):
            return {each.table for each in tables}  # of a domain or type, which any table may have
    return {
        each.table
        for each in tables
        if any(
            short_name(name) in places for name in (each.table, *surroundings.ancestors(each.table))
        )
    }


def _is_shared(table: TableRows, share: float) -> bool:
    """Whether one session would still load this table when all others have nothing left to do."""
    return bool(table.emptied) and len(table.rows) > 1 and table.size > share


def _is_quiet(code: LoadedCode) -> bool:
    return code.place.partition(" ")[0] in _QUIET_PLACES


def _batches(tables: list[TableRows]) -> list[tuple[TableRows, ...]]:
    """Return the tables, largest first, small ones several at a time in the dump's order."""
    batches: list[tuple[TableRows, ...]] = []
    small: list[TableRows] = []
    gathered = 0
    for table in sorted(tables, key=lambda each: each.rows[0].block.offset):
        if table.size >= SMALL_BYTES:
            batches.append((table,))
            continue
        small.append(table)
        gathered += table.size
        if gathered >= SMALL_BYTES:
            batches.append(tuple(small))
            small, gathered = [], 0
    if small:
        batches.append(tuple(small))
    return sorted(batches, key=lambda batch: -sum(table.size for table in batch))


def _steps(left: Kinds, sizes: Mapping[str, int]) -> Iterator[Step]:
    """Yield the steps behind the rows: each takes what may share one with what it has so far."""
    gathered = _Gathered()
    for statement, kind in left:
        if not gathered.takes(kind):
            yield gathered.step()
            gathered = _Gathered()
        gathered.add(statement, kind, sizes)
    yield gathered.step()


class _Gathered:
    """One step in the making: a run of settings, of serial statements, of builds or of foreign keys."""

    def __init__(self) -> None:
        self._of: type[StatementKind] | None = None
        self._statements: list[Statement] = []
        self._builds: list[BuildStep] = []
        self._foreign_keys: list[ForeignKeyStep] = []
        self._finish: list[Statement] = []

    def takes(self, kind: StatementKind) -> bool:
        """Return whether a statement of this kind may be part of the step."""
        if isinstance(kind, Finish) and self._of in (Build, ForeignKey):
            return True
        return self._of in (None, _run_of(kind))

    def add(self, statement: Statement, kind: StatementKind, sizes: Mapping[str, int]) -> None:
        """Add a statement that the step takes."""
        self._of = self._of or _run_of(kind)
        if isinstance(kind, Build):
            size = sizes.get(kind.table, 0)
            self._builds.append(BuildStep(statement, kind.table, kind.exclusive, size))
        elif isinstance(kind, ForeignKey):
            size = sizes.get(kind.table, 0)
            self._foreign_keys.append(ForeignKeyStep(statement, kind.table, kind, size))
        elif self._of in (Build, ForeignKey):
            self._finish.append(statement)
        else:
            self._statements.append(statement)

    def step(self) -> Step:
        """Return the step."""
        statements = tuple(self._statements)
        return Step(
            settings=statements if self._of is Setting else (),
            serial=() if self._of is Setting else statements,
            builds=tuple(self._builds),
            foreign_keys=tuple(self._foreign_keys),
            finish=tuple(self._finish),
        )


def _run_of(kind: StatementKind) -> type[StatementKind]:
    """Return the kind of run that a statement belongs to by itself."""
    return type(kind) if isinstance(kind, Setting | Build | ForeignKey) else Other
