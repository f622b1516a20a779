"""Which rule a statement of a dump breaks, if any: whatever pg_dump does not write breaks one.

The forms let through are those that pg_dump 9.6 to 18 write (``src/bin/pg_dump/pg_dump.c``,
``pg_backup_archiver.c``, ``dumputils.c``), each looked at as far as it could do harm.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from dbsnap.dumpfile.guarding import command_checks as commands
from dbsnap.dumpfile.guarding import statement_checks as checks
from dbsnap.dumpfile.guarding.alterations import ACTIONS
from dbsnap.dumpfile.guarding.statement_checks import StatementReading
from dbsnap.dumpfile.guarding.system_names import SYSTEM_SCHEMAS
from dbsnap.dumpfile.lexing.tokens import decode
from dbsnap.dumpfile.patterns import compiled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbsnap.dumpfile.lexing.tokens import Token

    Check = Callable[[StatementReading], str]

_MADE = """
    access method, collation, conversion, default conversion, operator family, publication, sequence,
    text search configuration, text search dictionary, text search parser, text search template,
    transform, unlogged sequence
"""
_MADE_OF_FUNCTIONS = "aggregate, operator, operator class"
_COMPUTED = "domain, materialized view, or replace view, view"
_COMPUTED_FOR_TABLES = "constraint trigger, index, policy, statistics, trigger, unique index"
_DROPPED = """
    access method, cast, constraint, event trigger, extension, foreign data wrapper, policy, rule,
    server, text search parser, text search template, transform, user mapping
"""
_BREACHES = {
    "alter-system": "alter system",
    "database": "alter database, comment on database, create database, drop database",
    "do-block": "do",
    "event-trigger": "alter event trigger, create event trigger",
    "foreign-server": """
        alter foreign data wrapper, alter server, alter user mapping, create foreign data wrapper,
        create foreign table, create server, create user mapping, import foreign schema
    """,
    "language": """
        create language, create procedural language, create trusted language,
        create trusted procedural language, create or replace language,
        create or replace procedural, create or replace trusted
    """,
    "load-library": "load",
    "query": "call, create temp table, create temporary table, execute, explain, with",
    "role": """
        alter group, comment on role, create group, create role, create user, drop group, drop owned,
        drop role, drop user, reassign owned
    """,
    "security-label": "security label",
    "subscription": "alter subscription, create subscription, drop subscription",
    "tablespace": "alter tablespace, comment on tablespace, create tablespace, drop tablespace",
    "transaction": """
        abort, begin, commit, discard, end, prepare transaction, release, rollback, savepoint,
        set constraints, set local, set session characteristics, set transaction, start transaction
    """,
}
"""The forms that break a rule whatever else they hold."""


def _forms() -> Iterator[tuple[str, Check]]:
    """Yield the first words of every form that is known, and what to look at in it."""
    for rule, forms in _BREACHES.items():
        yield from ((form, _breaks(rule)) for form in _listed(forms))
    yield from ((f"create {kind}", checks.names_system_object) for kind in _listed(_MADE))
    yield from ((f"create {kind}", checks.computes) for kind in _listed(_COMPUTED))
    yield from ((f"create {kind}", checks.reaches_out) for kind in _listed(_COMPUTED_FOR_TABLES))
    yield from (
        (f"create {kind}", checks.made_of_functions) for kind in _listed(_MADE_OF_FUNCTIONS)
    )
    yield from ((f"alter {kind}", checks.alter(kind)) for kind in ACTIONS)
    for kind in (*ACTIONS, *_listed(_DROPPED)):
        yield f"drop {kind}", checks.harmless
    for kind in ("function", "procedure", "or replace function", "or replace procedure"):
        yield f"create {kind}", checks.create_function
    yield from _forms_of_their_own()


def _forms_of_their_own() -> Iterator[tuple[str, Check]]:
    yield "alter role", commands.alter_role
    yield "alter user", commands.alter_role
    yield "comment on", checks.harmless
    yield "copy", commands.copy
    yield "create cast", checks.create_cast
    yield "create extension", checks.create_extension
    yield "alter default privileges", checks.harmless
    yield "create rule", checks.create_rule
    yield "create schema", checks.create_schema
    yield "create table", checks.create_table
    yield "create type", checks.create_type
    yield "create unlogged table", checks.create_table
    yield "grant", commands.grant
    yield "insert into", commands.insert
    yield "refresh materialized view", checks.harmless
    yield "reset", commands.reset
    yield "revoke", commands.grant
    yield "select", commands.select
    yield "set", commands.set_


def _listed(text: str) -> list[str]:
    return [" ".join(form.split()) for form in text.split(",")]


def _breaks(rule: str) -> Check:
    return lambda _: rule


_FORMS: dict[str, Check] = dict(_forms())
_LONGEST = max(form.count(" ") for form in _FORMS) + 1

_UNICODE = compiled(rb"""[uU]&['"]""")
_HEAD = compiled(rb"[A-Za-z]+(?:[ \n]+[A-Za-z]+){0,%d}(?![A-Za-z0-9_$\x80-\xff])" % (_LONGEST - 1))
_VALUE = rb"(?:'[^'\\]*+(?:''[^'\\]*+)*+'|-?[0-9.]++(?:[eE][+-]?[0-9]++)?|NULL|DEFAULT|true|false)"
_ROW = rb"\(%s(?:,\s*%s)*+\)" % (_VALUE, _VALUE)
_NAME = rb'(?:"[^"]*+"|[a-z_0-9]++)'
_COLUMNS = rb"(?:\(%s(?:,\ %s)*+\)\ )?" % (_NAME, _NAME)
_PLAIN_ROWS = compiled(
    rb"""
    (?: INSERT\ INTO\ (?P<schema>%(name)s)\.%(name)s\ %(columns)s
        (?:OVERRIDING\ SYSTEM\ VALUE\ )?VALUES\s+%(row)s(?:,\s*%(row)s)*+
        (?:\ ON\ CONFLICT\ DO\ NOTHING)?
      | COPY\ (?P<copied>%(name)s)\.%(name)s\ \ ?%(columns)sFROM\ stdin
    );"""
    % {b"name": _NAME, b"row": _ROW, b"columns": _COLUMNS},
    re.VERBOSE,
)
"""Rows in the forms that nearly all of a dump with INSERTs consists of."""

_OWN_NAME = rb'(?!"?(?:pg_|information_schema)|only\.)%s\.%s' % (_NAME, _NAME)
_NAMES = rb"\(%s(?:,\ %s)*+\)" % (_NAME, _NAME)
_PLAIN_ALTERATION = compiled(
    rb"""
    (?: ALTER\ TABLE\ (?:ONLY\ )?+%(own)s\n[ ]{4}ADD\ CONSTRAINT\ %(name)s
        \ (?: (?:PRIMARY\ KEY|UNIQUE)\ %(names)s
          | FOREIGN\ KEY\ %(names)s\ REFERENCES\ %(own)s%(names)s
            (?:\ ON\ (?:UPDATE|DELETE)\ (?:CASCADE|RESTRICT|SET\ NULL|SET\ DEFAULT))*+ )
      | ALTER\ TABLE\ ONLY\ %(own)s\ ALTER\ COLUMN\ %(name)s
        \ SET\ DEFAULT\ nextval\('[a-z0-9_".]++'::regclass\)
      | ALTER\ SEQUENCE\ %(own)s\ OWNED\ BY\ %(own)s\.%(name)s
      | SELECT\ pg_catalog\.setval\('[a-z0-9_".]++',\ -?[0-9]++,\ (?:true|false)\)
    );"""
    % {b"name": _NAME, b"own": _OWN_NAME, b"names": _NAMES},
    re.VERBOSE,
)
"""The alterations that a dump has for every table, with names alone in them; they only save time."""


def broken_rule(text: bytes, *, standard_strings: bool = True) -> str:
    """Return the rule that a statement breaks, or "" if pg_dump could have written it.

    ``standard_strings`` False reads plain strings as ``standard_conforming_strings = off`` does.
    """
    has_rows = standard_strings and text.startswith((b"INSERT ", b"COPY "))
    rows = _PLAIN_ROWS.fullmatch(text) if has_rows else None
    if rows and decode(rows["schema"] or rows["copied"]).strip('"') not in SYSTEM_SCHEMAS:
        return ""
    if text.startswith((b"ALTER ", b"SELECT ")) and _PLAIN_ALTERATION.fullmatch(text):
        return ""
    reading = StatementReading(text, standard_strings=standard_strings)
    head = _HEAD.match(text)
    words = head.group().lower().decode().split() if head else ()
    check, reading.words = _form(*words)
    if check is None:
        check, reading.words = _form(*_leading_words(reading.tokens))
    rule = check(reading) if check else "foreign-statement"
    return rule or ("foreign-statement" if _has_unicode_escapes(reading) else "")


def _has_unicode_escapes(reading: StatementReading) -> bool:
    """Return whether something is written as U&, which UESCAPE can make to mean anything."""
    text = reading.text
    if b"&" not in text or not _UNICODE.search(text):
        return False
    return any(_UNICODE.match(text, token.start) for token in reading.tokens)


@lru_cache(maxsize=1 << 10)
def _form(*words: str) -> tuple[Check | None, int]:
    """Return what to look at in a statement that begins with these words, and how many say so.

    None if it is unknown.
    """
    for length in range(min(len(words), _LONGEST), 0, -1):
        if check := _FORMS.get(" ".join(words[:length])):
            return check, length
    return None, 0


def _leading_words(tokens: list[Token]) -> list[str]:
    words: list[str] = []
    for token in tokens[:_LONGEST]:
        if token.kind != "word":
            break
        words.append(token.value)
    return words
