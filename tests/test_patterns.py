"""Possessive groups in words that every Python 3.11 reads rightly: the same matches."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsnap.dumpfile.lexing.runs import PARTS, parentheses
from dbsnap.dumpfile.patterns import READS_POSSESSIVE_GROUPS, atomic, compiled


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"(?:ab?c)?+", r"(?>(?:ab?c)?)"),
        (r"a*+[)*+]\)*+(?:b)*", r"a*+[)*+]\)*+(?:b)*"),
        (r"(?:(?:a|b)++c)*+d", r"(?>(?:(?>(?:a|b)+)c)*)d"),
        (r"[]()]*+(?P<x>[^]]+)++", r"[]()]*+(?>(?P<x>[^]]+)+)"),
    ],
)
def test_only_possessive_groups_are_written_anew(pattern: str, expected: str) -> None:
    assert atomic(pattern) == expected


def test_what_python_gets_wrong_is_read_rightly() -> None:
    # "(?:ab?c)?+" matched "a" of "aca" before 3.11.5.
    match = compiled(rb"(?:ab?c)?+").match(b"aca")
    assert match is not None
    assert match.group() == b"ac"


@pytest.mark.skipif(not READS_POSSESSIVE_GROUPS, reason="the original is what this Python misreads")
@pytest.mark.parametrize("key", list(PARTS))
@given(text=st.text(alphabet="a'\"()\\;$e -/*\n1.", max_size=40))
def test_both_match_the_same(key: tuple[bool, str], text: str) -> None:
    pattern = rb"(?:%s)*+" % PARTS[key]  # type: ignore[index]
    for each in (pattern, parentheses(PARTS[key])):  # type: ignore[index]
        original = re.compile(each, re.VERBOSE).match(text.encode())
        rewritten = re.compile(atomic(each.decode("latin-1")).encode("latin-1"), re.VERBOSE)
        again = rewritten.match(text.encode())
        assert (original and original.span()) == (again and again.span())
