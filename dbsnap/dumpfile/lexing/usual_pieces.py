"""The comments and statements that nearly all of a dump consists of, each read by one match.

What these patterns do not match is read by ``statements.StatementScan``, with the same result: they
only save time. Statements are told apart by what they do to the reading of the rest: an *inert* one
changes nothing about it, and no data follow it.
"""

from __future__ import annotations

import re
from functools import cache

from dbsnap.dumpfile.lexing.runs import (
    ESCAPED_STRING,
    IN_WORD,
    PARTS,
    PLAIN_STRING,
    SINGLE,
    run,
)
from dbsnap.dumpfile.patterns import compiled

_NAME = rb"""(?:[A-Za-z_\x80-\xff][%s]*+|"[^"]*+(?:""[^"]*+)*+")""" % IN_WORD
_QUALIFIED = rb"%s(?:\.%s)?+" % (_NAME, _NAME)

_PLAIN_HEAD = rb"""(?i: (?!create)[a-z]{2,}+[ \n]
    | create[ \n]++(?!or[ \n]|function|procedure)[a-z]{2,}+[ \n])"""
PLAIN_HEAD = compiled(_PLAIN_HEAD, re.VERBOSE)
"""How a statement begins in which words do not matter to psql, whatever follows."""

# Not here: CREATE TABLE and INSERT, which may run a query; CREATE FUNCTION, which may have a body;
# ALTER ROLE and its like, which change what the next session begins with.
_INERT_HEAD = rb"""
    CREATE\ (?!OR\ |FUNCTION\ |PROCEDURE\ |TABLE\ |UNLOGGED\ |TEMP|LOCAL\ |GLOBAL\ )[A-Z]{2,}+[ ]
  | CREATE\ OR\ REPLACE\ (?!FUNCTION\ |PROCEDURE\ |TEMP)[A-Z]{2,}+[ ]
  | ALTER\ (?!DATABASE\ |ROLE\ |USER\ |SYSTEM\ )[A-Z]{2,}+[ ]
  | (?:COMMENT|DROP|GRANT|REVOKE)\ [A-Z]{2,}+[ ,]
"""


def _rows(*, standard_strings: bool) -> bytes:
    """Return the pattern of an INSERT of constants, as ``pg_dump --inserts`` writes it."""
    string = PLAIN_STRING if standard_strings else rb"E?%s%s" % (ESCAPED_STRING, SINGLE)
    value = rb"""
        [ \t\n,]++ | %s | -(?!-) | B(?=') | (?:NULL|DEFAULT|true|false)(?![%s])
      | [0-9]++(?:\.[0-9]*+)?+(?:[eE][+-]?+[0-9]++)?+(?![%s])
    """ % (string, IN_WORD, IN_WORD)
    return rb"""
        INSERT\ INTO\ %s\ (?:\((?:%s(?:,\ )?+)*+\)\ )?+(?:OVERRIDING\ (?:SYSTEM|USER)\ VALUE\ )?+
        (?:DEFAULT\ VALUES|VALUES(?:[ \t\n,]++|\((?:%s)*+\))*+)(?:ON\ CONFLICT\ DO\ NOTHING)?+
    """ % (_QUALIFIED, _NAME, value)


def _table(*, standard_strings: bool) -> bytes:
    """Return the pattern of a CREATE TABLE that is no CREATE TABLE … AS."""
    elements = rb"\((?:%s|;)*+\)" % PARTS[standard_strings, "plain"]
    return rb"""
        CREATE\ (?:UNLOGGED\ )?+TABLE\ %s\ %s
        (?:\n(?:PARTITION\ BY\ [A-Z]++|INHERITS|WITH)\ %s)*+
    """ % (_QUALIFIED, elements, elements)


def _routine(*, standard_strings: bool) -> bytes:
    """Return the pattern of a CREATE FUNCTION or PROCEDURE, its body quoted or parsed SQL."""
    parts = PARTS[standard_strings, "routine"]
    case = rb"CASE(?![%s])(?:%s)*+END(?![%s])" % (IN_WORD, parts, IN_WORD)
    return rb"""
        CREATE\ (?:OR\ REPLACE\ )?+(?:FUNCTION|PROCEDURE)\ (?:%s)*+
        (?: (?<=\ )(?P<quote>\$(?:[A-Za-z_][A-Za-z0-9_]*+)?+\$)(?:[^$]++|(?!(?P=quote))\$)*+(?P=quote)
          | BEGIN\ ATOMIC(?=[ \n])(?:%s|;|%s)*+END
        )?
    """ % (parts, parts, case)


_HEADING = rb"--\n--\ (?:Data\ for\ )?+Name:\ [^\n\r]*+\n--(?=[\n\r])"
WHOLE_HEADING = compiled(_HEADING, re.VERBOSE)
"""The three line comments of a ``Heading``, which are never taken one by one."""

HEADING, COMMENT, STATEMENT = 1, 2, 3
"""The groups of what ``inert`` matches."""


@cache
def inert(*, standard_strings: bool) -> re.Pattern[bytes]:
    """Return the pattern of white space and what follows it, which changes nothing for the rest.

    That is a heading, a line comment, or an inert statement. The pattern matches nothing, in no
    group, where something else is, or what may be a heading when more has been read.
    """
    kinds = (_rows, _table, _routine)
    others = rb"|".join(kind(standard_strings=standard_strings) for kind in kinds)
    plain = run(standard_strings=standard_strings, form="plain")
    return compiled(
        rb"""
        [ \t\n\r\f\v]*+
        (?: (%s)
          | (--(?: [^\n\r]++(?=[\n\r]) | (?=\n[^-]) ))
          | ((?: (?=%s)%s | %s );)
        ) |
        """
        % (_HEADING, _INERT_HEAD, plain, others),
        re.VERBOSE,
    )


@cache
def plain(*, standard_strings: bool) -> re.Pattern[bytes]:
    """Return the pattern of white space and a statement in which words do not matter (group 1)."""
    statement = rb"(?=%s)%s;" % (_PLAIN_HEAD, run(standard_strings=standard_strings, form="plain"))
    return compiled(rb"[ \t\n\r\f\v]*+ (%s)" % statement, re.VERBOSE)


def compile_patterns(*, standard_strings: bool) -> None:
    """Compile what ``inert`` and ``plain`` return, which takes longer than reading a small dump."""
    inert(standard_strings=standard_strings)
    plain(standard_strings=standard_strings)
