"""Patterns that save reading a statement's tokens: they say what the tokens say, or nothing."""

from __future__ import annotations

import re
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbsnap.dumpfile import contents, privileges
from dbsnap.dumpfile.contents import ContentsReader
from dbsnap.dumpfile.guarding import statement_rules
from dbsnap.dumpfile.guarding.statement_rules import broken_rule
from dbsnap.dumpfile.lexer import lex
from dbsnap.dumpfile.privileges import privilege_statements
from dbsnap.errors import DumpRefused

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

SETTERS = st.sampled_from(["setval", "setval", "nextval", "pg_read_file"])
NUMBERS = st.sampled_from(["1", "-5", "users", "1.5", "'x'"])


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
    built("SELECT pg_catalog.{}('{}', {}, true);", SETTERS, FULL, NUMBERS),
)
OWNERS = st.one_of(
    built("ALTER {} {} OWNER TO {};", st.sampled_from(["TABLE", "MATERIALIZED VIEW"]), FULL, NAMES),
    built("ALTER TABLE {} ADD {} int, OWNER TO {};", FULL, NAMES, NAMES),
    built("ALTER FUNCTION {}({} integer) OWNER TO {};", FULL, NAMES, NAMES),
)
COPIES = built("COPY {} {} FROM stdin;", FULL, LISTS)


def without(module: object, name: str, read: object) -> object:
    """Return what ``read`` gives when one pattern of a module matches nothing."""
    assert callable(read)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, name, NEVER)
        return read()


def agree(statements: st.SearchStrategy[str], module: object, name: str, read: object) -> None:
    """Compare what ``read`` gives with a pattern and without it; the pattern must match now and then."""
    assert callable(read)
    matches = 0

    @given(statements)
    @settings(deadline=None, max_examples=200)
    def compare(statement: str) -> None:
        nonlocal matches
        text = statement.encode()
        assert read(text) == without(module, name, partial(read, text))
        matches += bool(getattr(module, name).fullmatch(text))

    compare()
    assert matches


def test_alterations() -> None:
    agree(ALTERATIONS, statement_rules, "_PLAIN_ALTERATION", broken_rule)


def test_owners() -> None:
    def read(text: bytes) -> object:
        pieces = iter([text + b"\n", b""])
        return privilege_statements(lambda _: next(pieces))

    agree(OWNERS, privileges, "_PLAIN_OWNER", read)


def test_copies() -> None:
    def read(text: bytes) -> object:
        pieces = iter([text + b"\n1\n\\.\n", b""])
        reader = ContentsReader()
        try:
            for event in lex(lambda _: next(pieces)):
                reader.feed(event)
        except DumpRefused as refused:
            return refused.rule
        return reader.contents()

    agree(COPIES, contents, "_USUAL_COPY", read)
