"""What a restore of tables promises, in plain Python: small tables, their rows, what becomes of them.

No SQL is in the rules here. Rows are dicts; every value is None, an int or a str.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

Row = dict[str, object]
Rows = dict[str, list[Row]]
Test = Callable[[Row], bool]


@dataclass(frozen=True)
class Key:
    """A foreign key of one column; actions are ``no action``, ``cascade``, ``set null``."""

    column: str
    table: str
    referenced: str
    on_delete: str
    on_update: str


@dataclass(frozen=True)
class Table:
    """``key`` tells rows apart (empty: nothing does), ``unique`` columns hold a value once.

    ``added`` are columns that only the live table has, with their defaults.
    """

    name: str
    columns: Mapping[str, str]
    key: tuple[str, ...]
    unique: tuple[str, ...]
    foreign: tuple[Key, ...]
    added: Mapping[str, object]
    primary: bool = True


class Refused(Exception):
    """This cannot be restored; nothing may be changed."""


@dataclass
class Outcome:
    """What must be found afterwards, and the numbers that the plan must name."""

    rows: Rows
    counts: dict[str, dict[str, int]]
    effects: dict[str, Counter[str]]


@dataclass
class _Change:
    staged: list[Row]
    inserted: list[Row] = field(default_factory=list)
    updated: list[tuple[Row, Row]] = field(default_factory=list)
    deleted: list[Row] = field(default_factory=list)
    kept: int = 0
    untouched: list[Row] = field(default_factory=list)

    @property
    def written(self) -> list[Row]:
        return self.inserted + [new for _, new in self.updated]


def restored(
    tables: Sequence[Table],
    backup: Rows,
    live: Rows,
    *,
    mode: str,
    chosen: Sequence[str],
    tests: Mapping[str, Test],
) -> Outcome:
    """Return what a restore of the chosen tables makes of the live rows; raise Refused."""
    changes = {
        table.name: _change(table, backup[table.name], live[table.name], mode, tests)
        if table.name in chosen
        else _Change([], untouched=list(live[table.name]))
        for table in tables
    }
    for table in tables:
        _refuse_conflicts(table, changes[table.name])
    counts = {name: _counts(changes[name]) for name in chosen}
    effects = _follow(tables, changes)
    final = {
        table.name: changes[table.name].untouched + changes[table.name].written for table in tables
    }
    for table in tables:
        for key in table.foreign:
            there = {row[key.referenced] for row in final[key.table]}
            if any(
                row[key.column] is not None and row[key.column] not in there
                for row in final[table.name]
            ):
                raise Refused(f"{table.name}.{key.column} leads nowhere")
    for table in tables:
        if table.name in chosen:
            _refuse_broken_promise(table, changes[table.name], final[table.name], mode, tests)
    return Outcome(final, counts, effects)


def content(table: Table, row: Row) -> tuple[object, ...]:
    """Return what a backup holds of a row."""
    return tuple(row[column] for column in table.columns)


def _change(
    table: Table, backup: list[Row], live: list[Row], mode: str, tests: Mapping[str, Test]
) -> _Change:
    test = tests.get(table.name, lambda _row: True)
    if not table.key:
        return _change_by_count(table, [row for row in backup if test(row)], live, mode, test)

    def name(row: Row) -> tuple[object, ...]:
        return tuple(row[column] for column in table.key)

    there = {name(row): row for row in live}
    staged = [
        row
        for row in backup
        if test(row) or (mode == "replace" and name(row) in there and test(there[name(row)]))
    ]
    change = _Change(staged)
    for row in staged:
        old = there.get(name(row))
        if old is None:
            change.inserted.append({**table.added, **row})
        elif content(table, old) == content(table, row):
            continue
        elif mode == "insert":
            change.kept += 1
        else:
            change.updated.append((old, {**old, **row}))
    wanted = {name(row) for row in staged}
    if mode == "replace":
        change.deleted = [row for row in live if test(row) and name(row) not in wanted]
    taken = {id(row) for row in change.deleted} | {id(old) for old, _ in change.updated}
    change.untouched = [row for row in live if id(row) not in taken]
    return change


def _change_by_count(
    table: Table, staged: list[Row], live: list[Row], mode: str, test: Test
) -> _Change:
    change = _Change(staged)
    there = Counter(content(table, row) for row in live)
    for row in staged:
        if there[content(table, row)]:
            there[content(table, row)] -= 1
        else:
            change.inserted.append({**table.added, **row})
    wanted = Counter(content(table, row) for row in staged)
    for row in live:
        if wanted[content(table, row)]:
            wanted[content(table, row)] -= 1
            change.untouched.append(row)
        elif mode == "replace" and test(row):
            change.deleted.append(row)
        else:
            change.untouched.append(row)
    return change


def _counts(change: _Change) -> dict[str, int]:
    return {
        "staged": len(change.staged),
        "inserted": len(change.inserted),
        "updated": len(change.updated),
        "deleted": len(change.deleted),
        "kept": change.kept,
    }


def _refuse_conflicts(table: Table, change: _Change) -> None:
    for column in table.unique:
        held = {row[column] for row in change.untouched} - {None}
        if any(row[column] in held for row in change.written):
            raise Refused(f"{table.name}.{column} is held by a row that stays")


def _follow(  # noqa: C901 - one rule of foreign keys after the other
    tables: Sequence[Table], changes: dict[str, _Change]
) -> dict[str, Counter[str]]:
    """Let foreign keys act on the untouched rows; return how many rows of each table they change."""
    effects: dict[str, Counter[str]] = {table.name: Counter() for table in tables}
    gone = [
        (table.name, "delete", row, None) for table in tables for row in changes[table.name].deleted
    ] + [
        (table.name, "update", old, new)
        for table in tables
        for old, new in changes[table.name].updated
    ]
    altered: dict[int, Row] = {}
    followed: dict[Key, list[bool]] = defaultdict(list)
    retaken: dict[Key, bool] = defaultdict(bool)
    while gone:
        name, cause, old, new = gone.pop()
        for table in tables:
            for key in table.foreign:
                lost = old[key.referenced] if key.table == name else None
                if lost is None or (new is not None and new[key.referenced] == lost):
                    continue
                action = key.on_delete if cause == "delete" else key.on_update
                if action == "no action":
                    continue
                change = changes[table.name]
                hit = [row for row in change.untouched if row[key.column] == lost]
                if any(row[key.column] == lost for row in change.written):
                    raise Refused(
                        f"{table.name}.{key.column} would follow a row that is not its own"
                    )
                if cause == "update" and action == "cascade":
                    followed[key].append(bool(hit))
                    retaken[key] |= any(
                        row[key.referenced] == lost for row in changes[name].written
                    )
                for row in hit:
                    if cause == "delete" and action == "cascade":
                        change.untouched = [other for other in change.untouched if other is not row]
                        gone.append((table.name, "delete", row, None))
                        effects[table.name]["deleted"] += 1
                    else:
                        value = new[key.referenced] if action == "cascade" and new else None
                        altered.setdefault(id(row), dict(row))[key.column] = value
    if any(taken and any(followed[key]) for key, taken in retaken.items()):
        raise Refused("what is followed would be followed again")
    for table in tables:
        change = changes[table.name]
        effects[table.name]["changed"] = sum(id(row) in altered for row in change.untouched)
        change.untouched = [altered.get(id(row), row) for row in change.untouched]
    return effects


def _refuse_broken_promise(
    table: Table, change: _Change, final: list[Row], mode: str, tests: Mapping[str, Test]
) -> None:
    """Raise Refused where what foreign keys did leaves the table other than was promised."""
    test = tests.get(table.name, lambda _row: True)
    there = Counter(content(table, row) for row in final)
    staged = Counter(content(table, row) for row in change.staged)
    if mode != "insert" and staged - there:
        raise Refused(f"{table.name} would not hold the backup's rows")
    if mode == "replace":
        selected = Counter(content(table, row) for row in final if test(row))
        if selected - staged:
            raise Refused(f"{table.name} would hold more rows than the backup's")
