"""What several sessions are given to do: all that a dump holds, once, and in an order that holds."""

from __future__ import annotations

import io
from itertools import combinations
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsnap.dumpfile.contents import ContentsReader
from dbsnap.dumpfile.guarding.code_at_load import LoadedCode
from dbsnap.dumpfile.lexer import CopyStart, Statement, lex
from dbsnap.dumpfile.loading.outline import OutlineReader
from dbsnap.dumpfile.loading.plan import in_batches
from dbsnap.dumpfile.loading.planning import Surroundings, plan_load
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

if TYPE_CHECKING:
    from dbsnap.dumpfile.loading.outline import Outline
    from dbsnap.dumpfile.loading.plan import LoadPlan

TABLES = ("public.a", 'public."B;b"', "public.c", "public.part")
RELATED = {"public.part": ("public.whole",)}

SETTINGS = [
    "SET default_tablespace = '';",
    "SET default_tablespace = fast;",
    "SELECT pg_catalog.set_config('search_path', '', false);",
]
BEFORE = ["CREATE SCHEMA s;", "CREATE FUNCTION s.f() RETURNS integer LANGUAGE sql AS 'SELECT 1;';"]
ASIDE = [
    "SELECT pg_catalog.setval('public.a_id_seq', 7, true);",
    "BEGIN;\n\nSELECT pg_catalog.lo_open('5', 131072);\n\nCOMMIT;",
]
BUILDS = [
    "CREATE INDEX a_x ON public.a USING btree (x);",
    "ALTER TABLE ONLY public.a\n    ADD CONSTRAINT a_pkey PRIMARY KEY (x);",
    'CREATE UNIQUE INDEX b_x ON public."B;b" USING btree (x);',
    "ALTER TABLE ONLY public.c ADD CONSTRAINT c_x_key UNIQUE (x);",
]
FINISHES = [
    "COMMENT ON INDEX public.a_x IS 'one';",
    "ALTER TABLE public.a CLUSTER ON a_x;",
    "ALTER INDEX public.whole_x ATTACH PARTITION public.part_x;",
    "ALTER TABLE ONLY public.part ADD CONSTRAINT part_pkey PRIMARY KEY (x);",
]
KEYS = [
    "ALTER TABLE ONLY public.a ADD CONSTRAINT a_fkey FOREIGN KEY (x) REFERENCES public.c(x);",
    "ALTER TABLE public.part ADD CONSTRAINT p_fkey FOREIGN KEY (x) REFERENCES public.c(x);",
]
OTHERS = [
    "CREATE TRIGGER t BEFORE INSERT ON public.a FOR EACH ROW EXECUTE FUNCTION s.f();",
    "REFRESH MATERIALIZED VIEW public.m;",
    "ALTER TABLE public.a ENABLE ROW LEVEL SECURITY;",
]


def block(table: str, rows: int) -> str:
    return f"COPY {table} (x, y) FROM stdin;\n" + "\\\\.\tor not\n" * rows + "\\.\n"


blocks = st.builds(block, st.sampled_from(TABLES), st.integers(0, 40))
dumps = st.builds(
    lambda *parts: "\n\n".join(piece for part in parts for piece in part),
    st.lists(st.sampled_from([*SETTINGS, *BEFORE]), max_size=6),
    st.lists(blocks, min_size=1, max_size=8),
    st.lists(st.sampled_from(ASIDE), max_size=3),
    st.lists(st.one_of(blocks, st.sampled_from([*ASIDE, *SETTINGS])), max_size=4),
    st.lists(st.sampled_from([*SETTINGS, *BUILDS, *FINISHES, *KEYS, *OTHERS, *ASIDE]), max_size=16),
)
codes = st.lists(
    st.builds(
        LoadedCode,
        st.sampled_from(["table a", "index a_x on a", "domain d", "trigger t on a", "table whole"]),
        st.just("f"),
    ),
    max_size=2,
)


def planned(
    text: str, code: list[LoadedCode] | None = None, sessions: int = 3
) -> tuple[Outline, LoadPlan | None]:
    outlining, reading = OutlineReader(), ContentsReader()
    for event in lex(io.BytesIO(text.encode()).read):
        outlining.feed(event)
        reading.feed(event)
    outline = outlining.outline()
    assert outline is not None
    surroundings = Surroundings({'public."B;b"', "public.a", "public.c"}, RELATED, code or [])
    blocks = reading.contents().copy_blocks
    return outline, plan_load(outline, blocks, surroundings, sessions=sessions)


def stages(plan: LoadPlan) -> dict[int, tuple[int, int]]:
    """Say of every statement behind the rows, by offset, in which step and which part of it it is."""
    found = {}
    for number, step in enumerate(plan.steps):
        parts = [
            step.settings,
            step.serial,
            [build.statement for build in step.builds],
            [key.statement for key in step.foreign_keys],
            step.finish,
        ]
        for stage, statements in enumerate(parts):
            found.update({statement.offset: (number, stage) for statement in statements})
    return found


@given(dumps, codes, st.integers(2, 4))
def test_a_plan_holds_everything_once_and_in_an_order_that_holds(
    text: str, code: list[LoadedCode], sessions: int
) -> None:
    outline, plan = planned(text, code, sessions)
    if plan is None:
        starts = [part.offset for part in outline.parts if isinstance(part, CopyStart)]
        middle = [p for p in outline.parts if starts[0] < p.offset < starts[-1]]
        assert any(isinstance(kind_of(p, ()), Setting) for p in middle if isinstance(p, Statement))
        return
    assert sorted(part.offset for part in plan.parts()) == [part.offset for part in outline.parts]
    loads = [*plan.shared, *(table for batch in plan.tables for table in batch), *plan.late_tables]
    assert len({table.table for table in loads}) == len(loads)
    for table in loads:
        offsets = [rows.block.offset for rows in table.rows]
        assert offsets == sorted(offsets)
        assert not (table.emptied and table.table == "public.part")
    for run in (plan.before, plan.aside, [table.rows[0].statement for table in plan.late_tables]):
        assert [part.offset for part in run] == sorted(part.offset for part in run)
    found = stages(plan)
    related = {*RELATED, "public.whole"}
    behind = {p.offset: kind_of(p, related) for p in outline.parts if p.offset in found}
    for first, second in combinations(sorted(behind), 2):
        waits = isinstance(behind[first], Finish) and isinstance(behind[second], Build | ForeignKey)
        in_order = found[first] <= found[second]
        assert in_order or (waits and found[first][0] == found[second][0])
        if isinstance(behind[first], Setting) or isinstance(behind[second], Setting):
            assert found[first][0] < found[second][0] or found[first] == found[second]


@given(dumps)
def test_every_session_has_the_settings_that_one_would_have(text: str) -> None:
    outline, plan = planned(text)
    if plan is None:
        return
    dropped = {statement.offset for statement in plan.repeated}
    values: dict[str, bytes] = {}
    for part in outline.parts:
        kind = kind_of(part, ()) if isinstance(part, Statement) else None
        if isinstance(kind, Setting):
            if part.offset in dropped:
                assert values.get(kind.name) == part.text
            values[kind.name] = part.text
    other: dict[str, bytes] = {}
    for part in [*plan.settings, *(each for step in plan.steps for each in step.settings)]:
        kind = kind_of(part, ())
        assert isinstance(kind, Setting)
        other[kind.name] = part.text
    assert other == values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SET client_encoding = 'UTF8';", Setting("client_encoding")),
        ("SET SESSION AUTHORIZATION someone;", ChangeOfRole()),
        ("RESET SESSION AUTHORIZATION;", ChangeOfRole()),
        ("SET ROLE someone;", ChangeOfRole()),
        ("SELECT pg_catalog.lowrite(0, '\\x00');", Aside()),
        ("SELECT public.setval_of_mine('a');", Other()),
        ("COMMENT ON LARGE OBJECT 5 IS 'x';", Aside()),
        ("COMMENT ON CONSTRAINT c ON public.a IS 'x';", Finish()),
        ("COMMENT ON TRIGGER c ON public.a IS 'x';", Other()),
        ("CREATE INDEX i ON public.a USING btree (x);", Build("public.a", exclusive=False)),
        ("CREATE INDEX i ON a USING btree (x);", Other()),
        ("CREATE INDEX i ON ONLY public.whole USING btree (x);", Finish()),
        (
            "ALTER TABLE ONLY public.a ADD CONSTRAINT p UNIQUE (x);",
            Build("public.a", exclusive=True),
        ),
        ("ALTER TABLE ONLY public.whole ADD CONSTRAINT p PRIMARY KEY (x);", Finish()),
        ("ALTER TABLE public.a ADD CONSTRAINT p CHECK ((x > 1)) NOT VALID;", Other()),
        ("ALTER TABLE ONLY public.a ADD CONSTRAINT p EXCLUDE USING gist (x WITH =);", Other()),
        ("ALTER TABLE ONLY public.a REPLICA IDENTITY USING INDEX i;", Finish()),
        ("ALTER TABLE ONLY public.a REPLICA IDENTITY FULL;", Other()),
        ("CREATE PUBLICATION p FOR ALL TABLES;", Other()),
    ],
)
def test_a_statement_is_known_for_what_it_is(text: str, expected: StatementKind) -> None:
    assert kind_of(Statement(0, len(text), 1, text.encode()), {"public.whole"}) == expected


@pytest.mark.parametrize(
    ("behind", "table", "deferred"),
    [
        ("REFERENCES public.b(x)", "public.a", True),
        (
            "REFERENCES public.b(x) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED",
            "public.a",
            True,
        ),
        ("REFERENCES public.b(x) NOT VALID", "public.a", False),
        ("REFERENCES public.b(x) NOT ENFORCED", "public.a", False),
        ("REFERENCES public.whole(x)", "public.a", False),
        ("REFERENCES public.b(x)", "public.whole", False),
    ],
)
def test_a_foreign_key_is_deferred_only_where_it_ends_the_same(
    behind: str, table: str, deferred: bool
) -> None:
    text = f'ALTER TABLE ONLY {table} ADD CONSTRAINT "F k" FOREIGN KEY (x) {behind};'
    kind = kind_of(Statement(0, len(text), 1, text.encode()), {"public.whole"})
    expected = ForeignKey(table)
    if deferred:
        validation = f'ALTER TABLE ONLY {table} VALIDATE CONSTRAINT "F k";'
        expected = ForeignKey(table, f"{text[:-1]} NOT VALID;".encode(), validation.encode())
    assert kind == expected


def test_a_table_is_shared_only_where_one_session_would_be_last() -> None:
    large = [block("public.a", 30)] * 2
    _, plan = planned("\n".join([*large, block("public.c", 30)]), sessions=2)
    assert plan is not None
    assert [table.table for table in plan.shared] == ["public.a"]
    for other in ([*large, block("public.c", 60)], [block("public.a", 60), block("public.c", 9)]):
        _, plan = planned("\n".join(other), sessions=2)
        assert plan is not None
        assert not plan.shared


def test_what_takes_longest_begins_first() -> None:
    long = f"COPY public.c (x, y) FROM stdin;\n{'x' * (3 << 19)}\n\\.\n"
    for rows, first in ((30_000, "public.c"), (40_000, "public.a")):
        text = "\n".join([long, block("public.a", rows), BUILDS[3], BUILDS[0]])
        _, plan = planned(text, sessions=1)
        assert plan is not None
        loaded = [table.table for tables in plan.tables for table in tables]
        built = [build.table for batch in in_batches(plan.steps[0].builds) for build in batch]
        assert loaded == sorted(["public.a", "public.c"], key=lambda name: name != first)
        assert built == ["public.a", "public.c"]


def test_tables_that_call_code_come_last_in_the_order_of_the_dump() -> None:
    text = "\n".join([block("public.a", 1), block("public.part", 9), block("public.c", 1)])
    _, plan = planned(text, [LoadedCode("table whole", "f"), LoadedCode("constraint of a", "f")])
    assert plan is not None
    assert [table.table for table in plan.late_tables] == ["public.a", "public.part"]
    assert not plan.overlap
    _, plan = planned(text, [LoadedCode("domain d", "f")])
    assert plan is not None
    assert not plan.tables


@pytest.mark.parametrize(
    "between", ["CREATE TABLE public.z (x integer);", "SET default_tablespace = other;"]
)
def test_what_stands_between_rows_and_is_not_known_leaves_it_to_one_psql(between: str) -> None:
    assert planned("\n".join([block("public.a", 1), between, block("public.c", 1)]))[1] is None
    assert planned("\n".join([block("public.a", 1), block("public.c", 1), between]))[1] is not None
    assert planned("SET ROLE x;\n" + block("public.a", 1))[1] is None


def test_a_dump_with_too_much_text_beside_its_rows_has_no_outline() -> None:
    outlining = OutlineReader(most_bytes=1000)
    for event in lex(io.BytesIO(b"SELECT 1;\n" * 4).read):
        outlining.feed(event)
    assert outlining.outline() is not None
    for event in lex(io.BytesIO(b"SELECT 1;\n" * 4).read):
        outlining.feed(event)
    assert outlining.outline() is None
