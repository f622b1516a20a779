"""Random small schemas, random edits, every mode: dbsnap against the model in plain Python."""

from __future__ import annotations

from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from conftest import DEFAULT_MAJOR, query
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from table_model import Key, Outcome, Refused, Row, Rows, Table, restored

from dbsnap.dumpfile.conversion.copy_text import encode_field
from dbsnap.errors import OperationFailed, VerificationFailed
from dbsnap.operations.restore_tables import restore_tables
from dbsnap.operations.table_restore.plan import TableRestoreOptions
from dbsnap.postgres.connection import connect, execute
from dbsnap.postgres.quoting import quote_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dbsnap.operations.table_restore.plan import TablesPlan
    from dbsnap.postgres.url import Database

NAMES = ("t", 'Sel"ect', "odd name")
TEXTS = (None, "", "a", "b\tc\\d")
JSONS = (None, '{"a":1}', '{"a" :1}')
ACTIONS = ("no action", "cascade", "set null")
FILTERS: tuple[tuple[str, Callable[[Row], bool]], ...] = (
    ("\"v\" = 'a'", lambda row: row["v"] == "a"),
    ("n > 1 -- and more", lambda row: row["n"] is not None and row["n"] > 1),  # type: ignore[operator]
)
TRIGGER = """
CREATE FUNCTION s.meddle() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN NEW.v := 'meddled'; RETURN NEW; END$$;
"""


@st.composite
def tables(draw: st.DrawFn) -> list[Table]:
    names = NAMES[: draw(st.integers(1, 3))]
    forms = {name: draw(st.sampled_from(["one", "one", "two", "unique", "none"])) for name in names}
    found = []
    for name in names:
        columns = {"id": "integer", "n": "integer", "v": "text", "j": "json", "r": "integer"}
        key = {"two": ("id", "v"), "none": ()}.get(forms[name], ("id",))
        unique = ("n",) if draw(st.integers(0, 2)) else ()
        foreign = []
        targets = [(other, "id") for other in names if forms[other] in {"one", "unique"}]
        targets += [(other.name, "n") for other in found if other.unique]
        if targets and draw(st.integers(0, 4)):
            table, column = draw(st.sampled_from(targets))
            actions = draw(st.sampled_from(ACTIONS)), draw(st.sampled_from(ACTIONS))
            foreign.append(Key("r", table, column, *actions))
        added = {"x": 7} if draw(st.booleans()) else {}
        found.append(
            Table(name, columns, key, unique, tuple(foreign), added, forms[name] != "unique")
        )
    return found


@st.composite
def rows_of(draw: st.DrawFn, schema: list[Table], *, live: bool) -> Rows:
    found: Rows = {}
    for table in schema:
        rows: list[Row] = []
        for _ in range(draw(st.integers(0, 5))):
            row: Row = {
                "id": draw(st.integers(1, 4 if table.key else 2)),
                "n": draw(st.sampled_from([None, 1, 2, 3] if table.key else [None])),
                "v": draw(st.sampled_from(TEXTS if table.key else TEXTS[1:3])),
                "j": draw(st.sampled_from(JSONS if table.key else JSONS[:1])),
                "r": None,
            }
            if live:
                row |= {column: draw(st.integers(7, 8)) for column in table.added}
            if "v" in table.key and row["v"] is None:
                row["v"] = ""
            names = [tuple(other[column] for column in table.key) for other in rows]
            repeated = table.key and tuple(row[column] for column in table.key) in names
            if row["n"] in [other["n"] for other in rows] and table.unique:
                row["n"] = None
            if not repeated:
                rows.append(row)
        found[table.name] = rows
    for table in schema:
        for key in table.foreign:
            there = [row[key.referenced] for row in found[key.table]]
            for row in found[table.name]:
                row[key.column] = draw(st.sampled_from([None, *there]))
    return found


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    schema = draw(tables())
    names = [table.name for table in schema]
    chosen = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    keyless = any(not table.key for table in schema if table.name in chosen)
    modes = ["replace", "insert"] if keyless else ["upsert", "replace", "replace", "insert"]
    filtered = draw(st.lists(st.sampled_from(chosen), max_size=1))
    return {
        "schema": schema,
        "backup": draw(rows_of(schema, live=False)),
        "live": draw(rows_of(schema, live=True)),
        "mode": draw(st.sampled_from(modes)),
        "chosen": chosen,
        "filters": {name: draw(st.sampled_from(FILTERS)) for name in filtered},
    }


@pytest.fixture(scope="module")
def database(servers: Any) -> Database:
    with connect(servers.of(DEFAULT_MAJOR).database()) as connection:
        execute(connection, "DROP DATABASE IF EXISTS table_model")
        execute(connection, "CREATE DATABASE table_model")
    return servers.of(DEFAULT_MAJOR).database("table_model")


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases())
def test_every_mode_keeps_its_promise(
    case: dict[str, Any], database: Database, tmp_path_factory: pytest.TempPathFactory
) -> None:
    schema, live = case["schema"], case["live"]
    dump = tmp_path_factory.getbasetemp() / "model.sql"
    dump.write_text(dump_text(schema, case["backup"]))
    with connect(database) as connection:
        connection.execute(database_sql(schema, live).encode())
    plans: list[TablesPlan] = []
    options = TableRestoreOptions(
        mode=case["mode"],
        only=tuple(f"s.{quote_name(name)}" for name in case["chosen"]),
        where=tuple(f"s.{quote_name(name)}={sql}" for name, (sql, _) in case["filters"].items()),
    )
    expected: Outcome | None
    try:
        expected = restored(
            schema,
            case["backup"],
            live,
            mode=case["mode"],
            chosen=case["chosen"],
            tests={name: test for name, (_, test) in case["filters"].items()},
        )
    except Refused:
        expected = None
    error = None
    event(f"{case['mode']}: {'refused' if expected is None else 'restored'}")
    try:
        restore_tables(
            dump,
            database,
            show=plans.append,
            confirm=lambda _plan: None,
            save=None,
            options=options,
        )
    except (OperationFailed, VerificationFailed) as refusal:
        error = refusal
    if expected is not None:
        assert error is None, str(error)
    else:
        # Found before anything was done; only of rows without a key afterwards.
        keyless = any(not table.key for table in schema if table.name in case["chosen"])
        assert plans[0].problems or (keyless and isinstance(error, VerificationFailed))
        assert error is not None
    final = expected.rows if expected is not None else live
    for table in schema:
        assert content_of(database, table) == multiset(table, final[table.name])
    if expected is not None:
        compare_numbers(plans[0], schema, expected, case["chosen"])


def compare_numbers(
    plan: TablesPlan, schema: Sequence[Table], expected: Outcome, chosen: Sequence[str]
) -> None:
    titles = {table.name: f"s.{shown(table.name)}" for table in schema}
    planned = {table.table: table for table in plan.tables}
    assert set(planned) == {titles[name] for name in chosen}
    for name, counts in expected.counts.items():
        table = planned[titles[name]]
        found = {
            "staged": table.staged,
            "inserted": table.inserted.count,
            "updated": table.updated.count,
            "deleted": table.deleted.count,
            "kept": table.kept.count,
        }
        assert found == counts
    for table in schema:
        effects = [effect for effect in plan.effects if effect.table == titles[table.name]]
        for deleted, what in ((True, "deleted"), (False, "changed")):
            rows = sum(effect.rows.count for effect in effects if effect.deleted == deleted)
            assert rows == expected.effects[table.name][what]


def shown(name: str) -> str:
    return name if name.isidentifier() else quote_name(name)


def multiset(table: Table, rows: Sequence[Row]) -> Counter[tuple[object, ...]]:
    columns = [*table.columns, *table.added]
    return Counter(tuple(row[column] for column in columns) for row in rows)


def content_of(database: Database, table: Table) -> Counter[tuple[object, ...]]:
    columns = ", ".join("j::text" if c == "j" else c for c in [*table.columns, *table.added])
    return Counter(query(database, f"SELECT {columns} FROM s.{quote_name(table.name)}"))


def database_sql(schema: Sequence[Table], rows: Rows) -> str:
    parts = ["DROP SCHEMA IF EXISTS s CASCADE; CREATE SCHEMA s;", TRIGGER]
    for table in schema:
        parts.append(create_sql(table, added=table.added) + keys_sql(table))
        for row in rows[table.name]:
            values = ", ".join(literal(value) for value in row.values())
            parts.append(
                f"INSERT INTO s.{quote_name(table.name)} ({', '.join(row)}) VALUES ({values});"
            )
    for table in schema:
        name = f"s.{quote_name(table.name)}"
        parts += [
            f"ALTER TABLE {name} ADD FOREIGN KEY ({key.column}) "
            f"REFERENCES s.{quote_name(key.table)} ({key.referenced}) "
            f"ON DELETE {key.on_delete} ON UPDATE {key.on_update};"
            for key in table.foreign
        ]
        parts.append(
            f"CREATE TRIGGER meddle BEFORE INSERT OR UPDATE ON {name} "
            "FOR EACH ROW EXECUTE FUNCTION s.meddle();"
        )
    return "\n".join(parts)


def create_sql(table: Table, added: Mapping[str, object] = MappingProxyType({})) -> str:
    columns = [f"    {column} {form}" for column, form in table.columns.items()]
    columns += [f"    {column} integer DEFAULT {value}" for column, value in added.items()]
    return f"CREATE TABLE s.{quote_name(table.name)} (\n" + ",\n".join(columns) + "\n);\n"


def keys_sql(table: Table) -> str:
    alter = f"ALTER TABLE s.{quote_name(table.name)}"
    columns = ", ".join(table.key)
    sql = "".join(f"{alter} ADD UNIQUE ({column});\n" for column in table.unique)
    if not table.key:
        return sql
    if not table.primary:
        return sql + f"{alter} ALTER {columns} SET NOT NULL, ADD UNIQUE ({columns});\n"
    return sql + f"{alter} ADD PRIMARY KEY ({columns});\n"


def literal(value: object) -> str:
    if value is None or isinstance(value, int):
        return "NULL" if value is None else str(value)
    return "'" + str(value).replace("'", "''") + "'"


def dump_text(schema: Sequence[Table], rows: Rows) -> str:
    parts = [
        "--\n-- PostgreSQL database dump\n--\n",
        "SET client_encoding = 'UTF8';\n",
        "CREATE SCHEMA s;\n",
    ]
    parts += [create_sql(table) for table in schema]
    for table in schema:
        parts.append(f"COPY s.{quote_name(table.name)} ({', '.join(table.columns)}) FROM stdin;\n")
        for row in rows[table.name]:
            values = [row[column] for column in table.columns]
            fields = [encode_field(None if value is None else str(value)) for value in values]
            parts.append("\t".join(fields) + "\n")
        parts.append("\\.\n\n")
    return "".join(parts) + "--\n-- PostgreSQL database dump complete\n--\n"
