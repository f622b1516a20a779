"""Patterns that save reading a statement's tokens: they say what the tokens say, or nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsnap.dumpfile import contents, privileges
from dbsnap.dumpfile.contents import ContentsReader
from dbsnap.dumpfile.guarding import statement_rules
from dbsnap.dumpfile.guarding.statement_rules import broken_rule
from dbsnap.dumpfile.lexer import lex
from dbsnap.dumpfile.privileges import privilege_statements
from dbsnap.errors import DumpRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

NEVER = re.compile(rb"(?!)")
NAMES = st.sampled_from(
    [
        *(
            "users",
            '"We ird"',
            '"A,b"',
            '"a""b"',
            "pg_catalog",
            '"pg_catalog"',
            "information_schema",
        ),
        *(
            "dblink",
            '"dblink"',
            "pg_read_file",
            "only",
            "public",
            '"public"',
            "crosstab",
            '"("',
            "x1",
        ),
        *('U&"d!0061ta" UESCAPE', "Users", "constraint", "current_user", '"current_user"', "é"),
    ]
)
FULL = st.builds("{}.{}".format, NAMES, NAMES) | NAMES
LISTS = st.lists(NAMES, min_size=1, max_size=3).map(", ".join).map("({})".format)
ACTIONS = st.sampled_from(
    ["", " ON DELETE CASCADE", " ON UPDATE SET NULL ON DELETE RESTRICT", " x"]
)


def built(form: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(form.format, *parts)


ALTERATIONS = st.one_of(
    built("ALTER TABLE ONLY {}\n    ADD CONSTRAINT {} PRIMARY KEY {};", FULL, NAMES, LISTS),
    built("ALTER TABLE {}\n    ADD CONSTRAINT {} UNIQUE {}, OWNER TO x;", FULL, NAMES, LISTS),
    built(
        "ALTER TABLE ONLY {}\n    ADD CONSTRAINT {} FOREIGN KEY {} REFERENCES {}{}{};",
        *(FULL, NAMES, LISTS, FULL, LISTS, ACTIONS),
    ),
    built(
        "ALTER TABLE ONLY {} ALTER COLUMN {} SET DEFAULT nextval('{}'::regclass);",
        *(FULL, NAMES, FULL),
    ),
    built("ALTER TABLE ONLY {} ALTER COLUMN {} SET DEFAULT {}('x');", FULL, NAMES, FULL),
    built("ALTER SEQUENCE {} OWNED BY {}.{};", FULL, FULL, NAMES),
)
OWNERS = st.one_of(
    built("ALTER {} {} OWNER TO {};", st.sampled_from(["TABLE", "MATERIALIZED VIEW"]), FULL, NAMES),
    built("ALTER TABLE {} ADD {} int, OWNER TO {};", FULL, NAMES, NAMES),
    built("ALTER FUNCTION {}({} integer) OWNER TO {};", FULL, NAMES, NAMES),
)
COPIES = built("COPY {} {} FROM stdin;", FULL, LISTS)


@pytest.fixture(scope="module", autouse=True)
def taken() -> Iterator[set[str]]:
    """Gather which short cuts were ever taken: all must be, or nothing is compared here."""
    found: set[str] = set()
    yield found
    assert found == {"alteration", "owner", "copy"}


def without(module: object, name: str, read: object) -> object:
    """Return what ``read`` gives when one pattern of a module matches nothing."""
    assert callable(read)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, name, NEVER)
        return read()


@given(ALTERATIONS)
def test_alterations(taken: set[str], statement: str) -> None:
    text = statement.encode()
    by_tokens = without(statement_rules, "_PLAIN_ALTERATION", lambda: broken_rule(text))
    assert broken_rule(text) == by_tokens
    if statement_rules._PLAIN_ALTERATION.fullmatch(text):
        taken.add("alteration")


@given(OWNERS)
def test_owners(taken: set[str], statement: str) -> None:
    def read() -> object:
        pieces = iter([statement.encode() + b"\n", b""])
        return privilege_statements(lambda _: next(pieces))

    assert read() == without(privileges, "_PLAIN_OWNER", read)
    if privileges._PLAIN_OWNER.fullmatch(statement.encode()):
        taken.add("owner")


@given(COPIES)
def test_copies(taken: set[str], statement: str) -> None:
    def read() -> object:
        pieces = iter([statement.encode() + b"\n1\n\\.\n", b""])
        reader = ContentsReader()
        try:
            for event in lex(lambda _: next(pieces)):
                reader.feed(event)
        except DumpRefused as refused:
            return refused.rule
        return reader.contents()

    assert read() == without(contents, "_USUAL_COPY", read)
    if contents._USUAL_COPY.fullmatch(statement.encode()):
        taken.add("copy")
