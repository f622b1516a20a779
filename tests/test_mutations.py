"""Changes to a live database: each is caught and named, none is found where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from conftest import DEFAULT_MAJOR, MAJORS, query, run_sql
from mutations import (
    CHANGES,
    COMMON,
    EXTENSION,
    HARMLESS,
    SINCE_18,
    changes_sql,
    database_sql,
    messages_by_change,
    unlike,
)

from dbsnap.operations.backup import backup
from dbsnap.operations.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbsnap.postgres.url import Database


def test_there_are_enough_kinds_of_change() -> None:
    assert len(CHANGES) >= 40


@pytest.mark.parametrize(
    "major",
    [pytest.param(m, marks=[] if m == DEFAULT_MAJOR else pytest.mark.matrix) for m in MAJORS],
)
def test_every_change_is_caught_and_named(
    major: int, new_database: Callable[..., Database], tmp_path: Path
) -> None:
    database = new_database(major=major)
    names = dict(CHANGES)
    common = COMMON
    if query(database, "SELECT FROM pg_available_extensions WHERE name = 'hstore'"):
        common += EXTENSION
    else:
        assert major == 16, "only the wheel of 16 comes without contrib"
        del names["extension_version"]
    run_sql(database, database_sql([*names, *HARMLESS], common))
    taken = backup(database, target="test", directory=tmp_path)
    untouched = verify(taken.dump, database)
    assert not untouched.findings
    assert untouched.verdict == "ok"
    run_sql(database, changes_sql(HARMLESS.items()))
    assert not verify(taken.dump, database).findings
    run_sql(database, changes_sql((name, change.sql) for name, change in names.items()))
    expected = {
        name: tuple(
            m for m in change.messages if major >= 18 or not any(map(m.startswith, SINCE_18))
        )
        for name, change in names.items()
    }
    assert not unlike(expected, messages_by_change(verify(taken.dump, database).findings))
