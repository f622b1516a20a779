"""The pure comparison: every difference is named, equality is silent, and nothing unknown passes."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsnap.inventory import NAME_PART, Inventory, compare, object_name, short_name, split_name
from dbsnap.wording import same_privileges, same_wording

HEALTHY: dict[str, dict[str, dict[str, Any]]] = {
    "table": {
        "public.users": {"form": "table", "rows": 3, "content": "aa"},
        "public.messages": {"form": "table", "rows": 5, "content": "bb"},
    },
    "column": {
        "public.users.id": {"table": "public.users", "type": "integer", "nullable": False},
        "public.messages.body": {"table": "public.messages", "type": "text", "nullable": True},
    },
    "index": {
        "public.users_email_key": {
            "table": "public.users",
            "valid": True,
            "definition": "CREATE UNIQUE INDEX users_email_key ON public.users USING btree (email)",
        }
    },
    "constraint": {
        'public.lists."lists_parentId_fkey"': {
            "table": "public.lists",
            "type": "foreign key",
            "validated": True,
            "definition": 'FOREIGN KEY ("parentId") REFERENCES public.lists(id)',
        }
    },
    "sequence": {"public.users_id_seq": {"last_value": 3, "is_called": True}},
    "large objects": {"all": {"count": 0}},
}


def inventory(objects: dict[str, Any] | None = None, **options: Any) -> Inventory:
    return Inventory(180006, copy.deepcopy(HEALTHY if objects is None else objects), **options)


def messages(expected: Inventory, actual: Inventory, **options: Any) -> list[str]:
    return [finding.message for finding in compare(expected, actual, **options)]


def test_equal_inventories_have_no_differences() -> None:
    assert not compare(inventory(), inventory(), require=[("table", "rows"), ("table", "content")])


@pytest.mark.parametrize(
    ("kind", "name", "fact", "value", "message"),
    [
        ("table", "public.messages", "rows", 4, "messages: 1 row missing (4 instead of 5)"),
        ("table", "public.users", "rows", 5, "users: 2 rows more than in the backup"),
        ("table", "public.users", "content", "cc", "users: the content differs"),
        ("index", "public.users_email_key", "valid", False, "index users_email_key is not valid"),
        (
            "constraint",
            'public.lists."lists_parentId_fkey"',
            "validated",
            False,
            "foreign key lists_parentId_fkey is not validated",
        ),
        (
            "column",
            "public.users.id",
            "type",
            "bigint",
            "column users.id: type is bigint, was integer",
        ),
        ("sequence", "public.users_id_seq", "last_value", 2, "last value is 2, was 3"),
        ("sequence", "public.users_id_seq", "is_called", None, "is called is nothing, was yes"),
    ],
)
def test_a_changed_fact_is_named(kind: str, name: str, fact: str, value: Any, message: str) -> None:
    changed = inventory()
    changed.objects[kind][name][fact] = value
    assert any(message in found for found in messages(inventory(), changed))


def test_what_is_gone_and_what_is_new_are_named_once() -> None:
    less = inventory()
    del less.objects["table"]["public.users"]
    del less.objects["column"]["public.users.id"]
    del less.objects["index"]["public.users_email_key"]
    assert messages(inventory(), less) == ["table users is gone"]
    assert messages(less, inventory()) == ["table users is not in the backup"]


@given(st.data())
def test_every_single_change_is_found(data: st.DataObject) -> None:
    changed = inventory()
    kind = data.draw(st.sampled_from(sorted(HEALTHY)))
    name = data.draw(st.sampled_from(sorted(HEALTHY[kind])))
    if data.draw(st.booleans()):
        del changed.objects[kind][name]
    else:
        facts = sorted(set(HEALTHY[kind][name]) - {"table"})
        fact = data.draw(st.sampled_from(facts))
        old = HEALTHY[kind][name][fact]
        different = st.integers() if fact == "rows" else st.integers() | st.text() | st.none()
        new = data.draw(different.filter(lambda value: (value or 0) != old and value != str(old)))
        changed.objects[kind][name][fact] = new
    assert compare(inventory(), changed)
    assert compare(changed, inventory())


def test_what_could_not_be_compared_is_no_pass() -> None:
    unread = inventory()
    del unread.objects["table"]["public.users"]["content"]
    partial = Inventory(180006, unread.objects, partial=True)
    assert not compare(inventory(), partial)
    findings = compare(inventory(), partial, require=[("table", "content")])
    assert [finding.kind for finding in findings] == ["not-compared"]


def test_kinds_that_one_side_did_not_read_are_not_compared() -> None:
    assert not compare(inventory(), inventory().without(["sequence", "index"]))
    none_there = inventory()
    none_there.objects["sequence"] = {}
    assert messages(inventory(), none_there) == ["sequence users_id_seq is gone"]


@given(
    st.lists(st.text(st.characters(exclude_characters="\0"), min_size=1), min_size=1, max_size=4)
)
def test_names_are_joined_and_split_without_loss(parts: list[str]) -> None:
    assert split_name(object_name(*parts)) == tuple(parts)


@given(st.text(st.sampled_from("ab.$(),[] é"), max_size=12))
def test_names_without_quotes_are_split_as_the_pattern_finds_them(name: str) -> None:
    assert split_name(name) == tuple(plain for _, plain in NAME_PART.findall(name))


def test_names_do_not_depend_on_keywords() -> None:
    assert object_name("public", "user") == "public.user"
    assert object_name("public", "User") == 'public."User"'
    assert short_name("public.users") == "users"
    assert short_name("audit.users") == "audit.users"
    assert short_name('public."parentId"') == "parentId"
    assert short_name('public."a b"') == '"a b"'
    assert short_name("public.area(a public.shape)") == "area(a public.shape)"
    assert short_name("table public.users") == "table public.users"


SAME = [
    ("SELECT  id\n FROM t", "SELECT id FROM t"),
    ("((x > 1))", "(x > 1)"),
    (
        "((x)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))",
        "((x)::text = ANY (ARRAY[('a'::character varying)::text, ('b'::character varying)::text]))",
    ),
    ("(((a >= 1) AND (a <= 2)) AND (b > 1))", "((a >= 1) AND (a <= 2) AND (b > 1))"),
]
OTHER = [
    ("x > 1", "x > 2"),
    ("x > 1", "x >= 1"),
    ("(a + b) * c", "a + (b * c)"),
    ("a AND (b OR c)", "(a AND b) OR c"),
    ("'it  is'", "'it is'"),
    ("lower(a)", "upper(a)"),
    ('"A"', "a"),
    ("a::integer", "a::bigint"),
    ("$x$ a $x$", "$x$ b $x$"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_in_other_words(one: str, other: str) -> None:
    assert same_wording(one, other, same_major=True)
    assert same_wording(one, other, same_major=False)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_other_definitions_are_never_the_same(one: str, other: str) -> None:
    assert not same_wording(one, other, same_major=True)


@pytest.mark.parametrize(("one", "other"), OTHER[:-2])
def test_nor_are_they_between_majors(one: str, other: str) -> None:
    assert not same_wording(one, other, same_major=False)


def test_qualified_names_differ_between_majors_only() -> None:
    assert same_wording("SELECT users.id", "SELECT id", same_major=False)
    assert not same_wording("SELECT users.id", "SELECT id", same_major=True)


@given(st.text(max_size=60))
def test_any_text_is_worded_as_itself(definition: str) -> None:
    assert same_wording(definition, definition, same_major=True)
    assert same_wording(definition, definition, same_major=False)


def test_maintain_is_no_difference_between_majors_only() -> None:
    old, new = ["app=arwdDxt/app"], ["app=arwdDxtm/app"]
    assert same_privileges(old, new, same_major=False)
    assert not same_privileges(old, new, same_major=True)
    assert not same_privileges(["app=r/app"], ["app=rw/app"], same_major=False)
