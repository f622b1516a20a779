"""The objects that a dump's statements define, as an inventory would name them.

Names are taken from parsed statements, never from pg_dump's comments, which are cut and escaped
(``sanitize_line`` in ``src/fe_utils/string_utils.c``).
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from dbsnap.dumpfile.tokens import Cursor, Token, decode, encode, tokenize
from dbsnap.inventory import (
    ALL_LARGE_OBJECTS,
    KINDS_IN_DUMPS,
    PLAIN_NAME,
    Facts,
    Inventory,
    Objects,
    object_name,
    split_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

CONSTRAINT_TYPES = {
    "primary": "primary key",
    "unique": "unique constraint",
    "foreign": "foreign key",
    "check": "check constraint",
    "exclude": "exclusion constraint",
    "not": "not-null constraint",
}
INDEX_CONSTRAINTS = frozenset({"primary key", "unique constraint", "exclusion constraint"})
_MODIFIERS = (
    "unique",
    "unlogged",
    "temporary",
    "temp",
    "foreign",
    "constraint",
    "recursive",
)
_TABLE_CONSTRAINTS = frozenset(
    {"constraint", "primary", "unique", "check", "foreign", "like", "not"}
)


class Definitions:
    """The objects that the statements so far define, by kind and name."""

    def __init__(self) -> None:
        self.objects: Objects = {kind: {} for kind in KINDS_IN_DUMPS}
        self.languages: set[str] = set()
        self.any = False
        self.schema = "public"
        """Where names without a schema belong, as in dumps by pg_dump 10.2 and older."""
        self.sequence_values: dict[str, Facts] = {}
        """What ``setval`` said, of sequences that are defined or not."""
        self.parents: dict[str, str] = {}
        """The partitioned table of each partition."""
        self._columns: dict[str, list[str]] = {}
        self._others = {
            "extension": self._create_extension,
            "type": self._create_type,
            "domain": self._create_type,
            "index": self._create_index,
        }

    def take(self, cursor: Cursor, text: bytes) -> None:
        """Learn from a statement; what is none of an inventory's business changes nothing."""
        match cursor.next().value:
            case "create":
                self.any = True
                self._create(cursor, text)
            case "alter" if cursor.accept("event", "trigger"):
                name = object_name(*cursor.name())
                self._switch("event trigger", name, _state(cursor))
            case "alter":
                cursor.accept("foreign")
                if cursor.accept("table"):
                    self._alter_table(cursor)
            case "select":
                self._select(cursor)
            case "set" if cursor.accept("search_path"):
                cursor.accept_any("to", "=")
                self.schema = cursor.next().value or "public"

    def qualified(self, name: tuple[str, ...], *own: str) -> str:
        """Return an object's full name; ``own`` are further parts (a column, a constraint)."""
        return object_name(*(name if len(name) > 1 else (self.schema, *name)), *own)

    def _add(self, kind: str, name: str, **facts: object) -> None:
        """Add an object once; a second statement for it (a dummy view) adds facts."""
        self.objects[kind].setdefault(name, {}).update(facts)

    def _create(self, cursor: Cursor, text: bytes) -> None:
        cursor.accept("or", "replace")
        modifiers = []
        while modifier := cursor.accept_any(*_MODIFIERS):
            modifiers.append(modifier)
        kind = cursor.next().value
        if kind in ("materialized", "event"):
            kind += " " + cursor.next().value
        cursor.accept("if", "not", "exists")
        match kind:
            case "schema" if not cursor.sees("public"):
                self._add("schema", object_name(*cursor.name()))
            case "event trigger":
                self._add(kind, object_name(*cursor.name()), enabled="yes")
            case "sequence" | "view" | "materialized view":
                self._add(kind, self.qualified(cursor.name()))
            case "table":
                self._create_table(cursor, modifiers)
            case "function" | "procedure" | "aggregate":
                self._create_function(cursor, kind, text)
            case "trigger" | "policy" | "rule":
                self._create_on_table(cursor, kind)
            case _ if create := self._others.get(kind):
                create(cursor)

    def _create_extension(self, cursor: Cursor) -> None:
        name = cursor.name()
        if name == ("plpgsql",):  # in every database; pg_dump mentioned it up to 10
            return
        cursor.accept("with")
        schema = cursor.name() if cursor.accept("schema") else ()
        self._add("extension", object_name(*name), **({"schema": schema[0]} if schema else {}))

    def _create_type(self, cursor: Cursor) -> None:
        name = self.qualified(cursor.name())
        if cursor.at_end():  # a shell, the name of a base type that is defined further on
            return
        self._add("type", name)
        if cursor.accept("as", "("):
            self._columns[name] = [element[0].value for element in _elements(cursor) if element]

    def _create_table(self, cursor: Cursor, modifiers: list[str]) -> None:
        parts = cursor.name()
        table = self.qualified(parts)
        columns: list[str] = []
        is_partition = cursor.accept("partition", "of")
        if is_partition or cursor.accept("of"):
            model = self.qualified(cursor.name())
            columns += self._columns.get(model, [])
            if is_partition:
                self.parents[table] = model
        if cursor.accept("("):
            for element in _elements(cursor):
                own = self._table_element(table, parts[-1], Cursor(element))
                columns += [own] if own and own not in columns else []
        form = "foreign table" if "foreign" in modifiers else "table"
        while not cursor.at_end():
            if cursor.accept("inherits", "("):
                inherited = [self._columns.get(parent, []) for parent in self._names(cursor)]
                columns = list(dict.fromkeys(itertools.chain(*inherited, columns)))
            elif cursor.accept("partition", "by"):
                form = "partitioned table"
            elif not cursor.skip_parentheses():
                cursor.next()
        persistence = "unlogged" if "unlogged" in modifiers else "permanent"
        self._add("table", table, form=form, persistence=persistence)
        self._columns[table] = columns
        for column in columns:
            self._add("column", self.qualified(parts, column), table=table)

    def _table_element(self, table: str, own_name: str, cursor: Cursor) -> str:
        """Learn the constraints in an element of CREATE TABLE; return the column's name, if one."""
        column = ""
        if not (cursor.peek().kind == "word" and cursor.peek().value in _TABLE_CONSTRAINTS):
            column = cursor.next().value
        while not cursor.at_end():
            if cursor.accept("constraint"):
                self._add_constraint(table, cursor.next().value, cursor)
            elif cursor.accept("not", "null"):
                of_column = column or cursor.peek().value
                name = f"{own_name}_{of_column}_not_null"  # otherwise pg_dump states it
                self._add("not-null constraint", f"{table}.{object_name(name)}", table=table)
            elif not cursor.skip_parentheses():
                cursor.next()
        return column

    def _add_constraint(self, table: str, own_name: str, cursor: Cursor) -> None:
        name = f"{table}.{object_name(own_name)}"
        kind = CONSTRAINT_TYPES.get(cursor.next().value, "")
        values = [token.value for token in cursor.rest()]
        pairs = set(itertools.pairwise(values))
        validated = not pairs & {("not", "valid"), ("not", "enforced")}
        if kind == "not-null constraint":
            self._add(kind, name, table=table, validated=validated)
            cursor.next()
        elif kind:
            self._add("constraint", name, table=table, type=kind, validated=validated)

    def _names(self, cursor: Cursor) -> Iterator[str]:
        """Read the names up to the closing parenthesis."""
        while not cursor.at_end() and not cursor.accept(")"):
            yield self.qualified(cursor.name() or (cursor.next().value,))
            cursor.accept(",")

    def _create_index(self, cursor: Cursor) -> None:
        cursor.accept("concurrently")
        cursor.accept("if", "not", "exists")
        name = cursor.name()
        if cursor.accept("on"):
            cursor.accept("only")
            table = cursor.name()
            schema = table[:-1] or (self.schema,)
            self._add("index", object_name(*schema, *name), table=self.qualified(table))

    def _create_function(self, cursor: Cursor, kind: str, text: bytes) -> None:
        name = self.qualified(cursor.name())
        arguments = _identity_arguments(cursor, text)
        language = "aggregate" if kind == "aggregate" else ""
        while not language and not cursor.at_end():
            if cursor.accept("language"):
                language = cursor.next().value
                self.languages.add(language)
            elif not cursor.skip_parentheses():
                cursor.next()
        self._add(
            "function", f"{name}({arguments})", **({"language": language} if language else {})
        )

    def _create_on_table(self, cursor: Cursor, kind: str) -> None:
        own_name = cursor.next().value
        before_table = "to" if kind == "rule" else "on"
        while not cursor.at_end() and not cursor.accept(before_table):
            cursor.next()
        parts = cursor.name()
        table = self.qualified(parts)
        if kind == "rule" and own_name == "_RETURN":
            self._turn_into_view(table)
            return
        enabled = {} if kind == "policy" else {"enabled": "yes"}
        self._add(kind, self.qualified(parts, own_name), table=table, **enabled)

    def _turn_into_view(self, table: str) -> None:
        """Take back a table that pg_dump 9.6 wrote for a view that others depend on in a circle."""
        for kind in ("column", "not-null constraint"):
            of_kind = self.objects[kind]
            self.objects[kind] = {
                name: facts for name, facts in of_kind.items() if facts["table"] != table
            }
        self.objects["table"].pop(table, None)
        self._add("view", table)

    def _alter_table(self, cursor: Cursor) -> None:
        cursor.accept("if", "exists")
        cursor.accept("only")
        parts = cursor.name()
        table = self.qualified(parts)
        if cursor.accept("add", "constraint"):
            self._add_constraint(table, cursor.next().value, cursor)
        elif cursor.accept("alter"):
            while not cursor.at_end() and not cursor.accept("sequence", "name"):
                cursor.next()
            if sequence := cursor.name():
                self._add("sequence", self.qualified(sequence))
        elif cursor.accept("attach", "partition"):
            self.parents[self.qualified(cursor.name())] = table
        elif cursor.sees("enable") or cursor.sees("disable"):
            state = _state(cursor)
            kind = cursor.accept_any("trigger", "rule")
            if kind and cursor.peek().value not in ("all", "user"):
                self._switch(kind, self.qualified(parts, cursor.next().value), state)

    def _switch(self, kind: str, name: str, state: str) -> None:
        """Say whether a trigger or rule is enabled, if the dump defines it."""
        if name in self.objects[kind]:
            self._add(kind, name, enabled=state)

    def _select(self, cursor: Cursor) -> None:
        cursor.accept("pg_catalog", ".")
        if cursor.accept("lo_create"):
            count = self.objects["large objects"].get(ALL_LARGE_OBJECTS, {}).get("count", 0)
            self._add("large objects", ALL_LARGE_OBJECTS, count=count + 1)
        elif cursor.accept("set_config", "("):
            if cursor.next().value == "search_path" and cursor.accept(","):
                self.schema = cursor.next().value.partition(",")[0] or "public"
        elif cursor.accept("setval", "("):
            name = Cursor(tokenize(encode(cursor.next().value))).name()
            cursor.accept(",")
            sign = -1 if cursor.accept("-") else 1
            value = cursor.next().value
            called = not (cursor.accept(",") and cursor.sees("false"))
            if name and value.isdigit():
                facts = {"last_value": sign * int(value), "is_called": called}
                self.sequence_values[self.qualified(name)] = facts


def stated_in_dump(inventory: Inventory) -> Inventory:
    """Return what pg_dump states as statements of its own of what a live database holds.

    An inventory read out of a dump file can be compared with this one. Left out are the kinds that
    no file reader fills, the schema ``public``, which every database has, large objects that are
    none, and what comes with something else: indexes of constraints, and constraints and triggers
    that a partition or child inherits. The keys and not-null constraints of a partition are stated
    although inherited, indexes that are not valid are not (``dumpConstraint``, ``dumpTableSchema``
    and ``getIndexes`` in ``src/bin/pg_dump/pg_dump.c``).
    """
    own_indexes = {
        object_name(*split_name(facts["table"])[:-1], split_name(name)[-1])
        for name, facts in inventory.of("constraint").items()
        if facts.get("type") in INDEX_CONSTRAINTS
    }

    def is_stated(kind: str, name: str, facts: Facts) -> bool:
        match kind:
            case "schema":
                return name != "public"
            case "large objects":
                return bool(facts.get("count"))
            case "index":
                valid = facts.get("valid", True) or facts.get("partitioned", False)
                return name not in own_indexes and valid
            case "constraint":
                return facts.get("type") in INDEX_CONSTRAINTS or not facts.get("inherited")
            case "not-null constraint":
                table = inventory.of("table").get(facts["table"], {})
                return not facts.get("inherited") or "partition_bound" in table
        return not facts.get("inherited")

    objects = {
        kind: {name: facts for name, facts in names.items() if is_stated(kind, name, facts)}
        for kind, names in inventory.objects.items()
        if kind in KINDS_IN_DUMPS
    }
    return replace(inventory, objects=objects)


def _elements(cursor: Cursor) -> Iterator[list[Token]]:
    """Read the elements between commas up to the closing parenthesis, each as its tokens."""
    element: list[Token] = []
    brackets = 0
    while not cursor.at_end() and not cursor.sees(")"):
        start = cursor.position
        brackets += cursor.sees("[") - cursor.sees("]")
        if not brackets and cursor.accept(","):
            yield element
            element = []
        else:
            if not cursor.skip_parentheses():
                cursor.next()
            element += cursor.tokens[start : cursor.position]
    cursor.accept(")")
    yield element


def _identity_arguments(cursor: Cursor, text: bytes) -> str:
    """Read a list of arguments; return it as ``pg_get_function_identity_arguments`` words it."""
    if cursor.accept("(", "*", ")") or not cursor.accept("("):
        return ""
    return ", ".join(_without_default(element, text) for element in _elements(cursor) if element)


def _without_default(argument: list[Token], text: bytes) -> str:
    """Return an argument as written, without default and needless quotes, white space unified."""
    written = ""
    end = argument[0].start
    for token in argument:
        if token.kind in ("word", "operator") and token.value in ("default", "="):
            break
        plain = token.kind == "quoted" and PLAIN_NAME.match(token.value)
        written += " " if token.start > end and written else ""
        written += token.value if plain else decode(text[token.start : token.end])
        end = token.end
    return written


def _state(cursor: Cursor) -> str:
    """Read ENABLE or DISABLE; return the state as an inventory words it."""
    if cursor.accept("disable"):
        return "no"
    cursor.accept("enable")
    return cursor.accept_any("always", "replica") or "yes"
