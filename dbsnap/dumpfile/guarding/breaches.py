"""Which rules the statements of a dump break, and which of its parts are not sent to a server."""

from __future__ import annotations

import re

from dbsnap.dumpfile.guarding.command_checks import LARGE_OBJECT_FUNCTIONS
from dbsnap.dumpfile.guarding.rewriting import Rewriting
from dbsnap.dumpfile.guarding.rules import Breach
from dbsnap.dumpfile.guarding.search_path import SearchPath
from dbsnap.dumpfile.guarding.statement_rules import broken_rule
from dbsnap.dumpfile.lexer import CopyStart, Event, Statement

Span = tuple[int, int]

MOST_BREACHES = 1000
"""So many are kept; a dump that breaks rules more often is known well enough."""

_SHOWN_BYTES = 70
_SENT = (Statement, CopyStart)
_LARGE_OBJECT_CALL = re.compile(
    rb"SELECT pg_catalog\.(?:%s)\(" % b"|".join(sorted(f.encode() for f in LARGE_OBJECT_FUNCTIONS))
)
_DROP = re.compile(
    rb"(?i)(?:DROP|ALTER\s+(?:TABLE|DOMAIN)[^;']*?\sDROP)\s+(?!IF\s)(?!SCHEMA\s+public;)"
    rb"|SELECT\ pg_catalog\.lo_unlink\('[0-9]+'\);"
)
_VIEW = re.compile(rb"(?i)CREATE\s+(?:OR\s+REPLACE\s+)?VIEW\b")
_READING_VIEWS = re.compile(rb"(?s)create\b.*?\b(?:materialized|policy|rule)\b")


class BreachReader:
    """Gathers from the events of a dump, in order, which rules it breaks."""

    def __init__(self) -> None:
        self.breaches: list[Breach] = []
        self.rules: set[str] = set()
        """The names of all rules broken, however often."""
        self.about_databases: list[Breach] = []
        """Statements about a whole database, of which ``pg_dump --create`` writes some."""
        self.database_spans: list[Span] = []
        self.superfluous_drops: list[Span] = []
        """What ``pg_dump --clean`` drops, without IF EXISTS, before it makes anything."""
        self._search_path = SearchPath()
        self._rewriting = Rewriting()
        self._reaching_views: list[Breach] = []
        self._reads_views = False
        self._begin: Statement | None = None
        self._made_something = False

    def feed(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, _SENT):
            rule = self._rule(event)
            if self._begin is not None or rule == "transaction":
                rule = self._rule_around_large_objects(event, rule)
            if rule:
                self._add(rule, event)
            self._reads_views = self._reads_views or _may_read_views(event.text)
            self._look_for_drops(event)

    def end(self, *, creates_database: bool) -> None:
        """Take the end of the dump.

        ``creates_database`` says that it is one of ``pg_dump --create``: its statements about the
        database are no breach then, and must not be sent on.
        """
        if self._begin is not None:
            self._add("transaction", self._begin)
        late = [
            *([] if creates_database else self.about_databases),
            *(self._reaching_views if self._reads_views else []),
        ]
        self.rules.update(breach.rule for breach in late)
        self.breaches += late
        self.breaches.sort(key=lambda breach: breach.offset)

    def _rule(self, event: Statement | CopyStart) -> str:
        rule = broken_rule(event.text, standard_strings=event.standard_strings)
        if self._search_path.leads_astray(event):
            rule = rule or "system-catalog"
        if self._rewriting.rewrites(event):
            rule = rule or "query"
        return rule

    def _rule_around_large_objects(self, event: Statement | CopyStart, rule: str) -> str:
        """Let BEGIN and COMMIT through where pg_dump writes them: around a large object's bytes."""
        if isinstance(event, Statement):
            if self._begin is None and event.text == b"BEGIN;":
                self._begin = event
                return ""
            if self._begin is not None:
                if event.text == b"COMMIT;":
                    self._begin = None
                    return ""
                if not rule and _LARGE_OBJECT_CALL.match(event.text):
                    return ""
        self._begin = None
        return rule or "transaction"

    def _look_for_drops(self, event: Statement | CopyStart) -> None:
        """Note what cannot be dropped because the dump goes into a new database."""
        if not self._made_something:
            self._made_something = event.text[:7].upper() == b"CREATE "
            if _DROP.match(event.text):
                self.superfluous_drops.append((event.offset, event.end))

    def _add(self, rule: str, event: Statement | CopyStart) -> None:
        shown = " ".join(event.text[:_SHOWN_BYTES].decode("utf-8", "backslashreplace").split())
        breach = Breach(rule, event.offset, event.line, shown)
        if rule == "database":
            self.about_databases.append(breach)
            self.database_spans.append((event.offset, event.end))
            return
        if rule == "server-access" and _VIEW.match(event.text):
            # What a view calls is called by what reads it, which need not happen while loading.
            self._reaching_views.append(breach)
            return
        self.rules.add(rule)
        if len(self.breaches) < MOST_BREACHES:
            self.breaches.append(breach)


def _may_read_views(text: bytes) -> bool:
    lowered = text.lower()
    if b"materialized" in lowered or b"policy" in lowered or b"rule" in lowered:
        return _READING_VIEWS.match(lowered) is not None
    return False
