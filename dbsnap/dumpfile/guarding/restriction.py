r"""The psql commands of a dump: pairs of ``\restrict``, the ``\connect`` of ``--create``, no other."""

from __future__ import annotations

import re

from dbsnap.dumpfile.lexer import CopyStart, Event, MetaCommand, Statement
from dbsnap.errors import DumpRefused

_COMMAND = re.compile(rb"\\(restrict|unrestrict) ([A-Za-z0-9]+)[ \t]*")
_CONNECT = re.compile(
    rb"""\\connect[ ](?:
        [A-Za-z0-9_.]+
        | "(?:[^"\\`=/]|"")+"
        | -reuse-previous=on[ ]"dbname='(?:[^'"\\`]|""|\\['\\])+'"
    )[ \t]*""",
    re.VERBOSE,
)
"""One database, and no server: ``appendPsqlMetaConnect`` in fe_utils/string_utils.c. Before 9.5.4 every
name stood in quotes alone, where psql takes one with ``=`` or ``://`` for a connection string."""

_CONNECT_BY_STRING = b"\\connect -reuse-previous=on "
_ENCODING_OF_NAME = b"\\encoding SQL_ASCII"
"""Before a ``\\connect`` whose name is not of plain letters and digits: psql sends it as it is."""

_SETS_QUOTING = re.compile(rb"(?is)(?:SET|SELECT|RESET)\b.*?standard_conforming_strings")
_USUAL_QUOTING = re.compile(rb"SET standard_conforming_strings = (?:on|off);")
_STANDARD_QUOTING = b"SET standard_conforming_strings = on;"
_SHOWN_BYTES = 60


class PsqlCommands:
    r"""Lets through what pg_dump writes for psql, in the order in which it does.

    Since August 2025 that is ``\restrict KEY`` before all statements and ``\unrestrict KEY`` behind
    them, in between which psql refuses every other command (CVE-2025-8714). With ``--create`` there is
    a ``\connect`` outside any such pair, and the same again behind the settings of the database; all
    that follows is in a pair again. ``connects`` are these commands, which must not be sent on: what
    the dump has set stays set behind them. Right before one there may be an ``\encoding``, and nowhere
    else. A key is of letters and digits: psql before August 2026 ran what else it was given between
    backquotes (CVE-2026-18408).
    """

    def __init__(self) -> None:
        self.connects: list[MetaCommand] = []
        self.commands: list[MetaCommand] = []
        """All of them: who loads the dump restricts psql with a key that the dump does not know."""
        self._key = b""
        self._closed = False
        self._statements = False
        self._last: MetaCommand | None = None
        self._quoting_set = self._quoting_unclear = False

    def feed(self, event: Event) -> None:
        """Take the next event; raise DumpRefused for a command or a statement that is out of place."""
        if isinstance(event, MetaCommand | Statement | CopyStart):
            self._refuse_encoding_alone(event)
        if isinstance(event, MetaCommand):
            self._last = event
            self._feed_command(event)
            self.commands.append(event)
        elif isinstance(event, Statement | CopyStart):
            if self._closed:
                raise _refusal(event, "after-unrestrict", "a statement follows the end of the dump")
            if self._last is not None and event.offset < self._last.end:
                raise _refusal(self._last, "psql-command", "a psql command stands in a statement")
            self._statements = True
            self._follow_quoting(event)

    def end(self) -> None:
        """Take the end of the dump; raise DumpRefused if a pair is open."""
        self._refuse_encoding_alone(None)
        if self._key:
            raise DumpRefused(
                "the dump's \\restrict has no matching \\unrestrict: its end is missing",
                rule="truncated",
                hint="the file is cut off: take another copy of it",
            )

    def _follow_quoting(self, event: Statement | CopyStart) -> None:
        """Refuse strings that the lexer reads as a new session would, where there is no new session."""
        if self._quoting_unclear and b"\\" in event.text:
            message = "it is not certain what backslashes mean here"
            raise _refusal(event, "unstable-quoting", message)
        if _SETS_QUOTING.match(event.text):
            self._quoting_set = event.text != _STANDARD_QUOTING
            self._quoting_unclear &= _USUAL_QUOTING.fullmatch(event.text) is None

    def _refuse_encoding_alone(self, following: MetaCommand | Statement | CopyStart | None) -> None:
        last = self._last
        if last is None or last.text != _ENCODING_OF_NAME:
            return
        if following is None or not following.text.startswith(_CONNECT_BY_STRING):
            raise _unknown(last)

    def _feed_command(self, event: MetaCommand) -> None:
        command = _COMMAND.fullmatch(event.text)
        if command and command[1] == b"restrict" and not self._key and not self._statements:
            self._key = command[2]
            self._closed = False
        elif command and command[1] == b"unrestrict" and command[2] == self._key:
            self._key = b""
            self._closed = True
        elif _CONNECT.fullmatch(event.text) and self._statements and not self._key:
            if self.connects and self.connects[0].text != event.text:
                raise _refusal(
                    event,
                    "several-databases",
                    "it changes databases again, as pg_dumpall's do",
                    hint="dump each database by itself",
                )
            self.connects.append(event)
            self._quoting_unclear = self._quoting_set
            self._closed = self._statements = False
        elif event.text != _ENCODING_OF_NAME or not self._statements or self._key:
            raise _unknown(event)


def _unknown(command: MetaCommand) -> DumpRefused:
    shown = command.text[:_SHOWN_BYTES].decode("utf-8", "backslashreplace")
    return _refusal(command, "psql-command", f"it holds the psql command {shown!r}")


def _refusal(
    event: Event,
    rule: str,
    message: str,
    *,
    hint: str = "pg_dump writes no such thing; do not load this file",
) -> DumpRefused:
    return DumpRefused(
        f"line {event.line:,}: {message}",
        rule=rule,
        offset=event.offset,
        line=event.line,
        hint=hint,
    )
