"""The checks of one drill, answered one after the other."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dbsnap.errors import DbsnapError, DumpRefused, UsageError
from dbsnap.operations.drilling.comparison import QUESTIONS
from dbsnap.operations.drilling.user_checks import check_name
from dbsnap.report import Finding
from dbsnap.reports.outcome import GUARD, Check

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dbsnap.operations.drilling.options import DrillOptions
    from dbsnap.reports.outcome import Outcome

SERVER, EXTENSIONS, LOAD = "server", "extensions", "load"
"""The checks that come between the guard and the comparison."""


class Stopped(Exception):
    """A check without which the others make no sense did not pass; it is answered already."""


class Course:
    """Which checks there are, in their order, and what is known of them so far.

    None is forgotten: what was not answered is ``NOT RUN`` at the end, and says because of what.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = list(names)
        self._answers: dict[str, Check] = {}
        self._stopped_by = ""

    def expect(self, names: Iterable[str]) -> None:
        """Add checks that have to be answered too, at the end."""
        self._names += [name for name in names if name not in self._names]

    def omit(self, name: str) -> None:
        """Take a check away that this backup gives no reason for."""
        self._names.remove(name)

    def omit_unanswered(self, names: Iterable[str]) -> None:
        """Take away those of these checks that nothing was said of."""
        gone = set(names) - self._answers.keys()
        self._names = [name for name in self._names if name not in gone]

    def answer(self, check: Check) -> None:
        """Answer a check."""
        self.expect([check.name])
        self._answers[check.name] = check

    def stop(
        self, name: str, outcome: Outcome, error: DbsnapError, findings: Iterable[Finding] = ()
    ) -> Stopped:
        """Answer a check with an error, and return what ends the drill when it is raised."""
        self.deny(name, outcome, error, findings)
        self._stopped_by = name
        return Stopped()

    def deny(
        self, name: str, outcome: Outcome, error: DbsnapError, findings: Iterable[Finding] = ()
    ) -> None:
        """Answer a check with an error; the drill goes on."""
        message = f"{error} ({error.hint})" if error.hint else str(error)
        listed = tuple(findings) or (
            Finding(
                "not-compared" if outcome == "NOT RUN" else "damaged",
                f"check {name}",
                message,
            ),
        )
        self.answer(Check(name, outcome, message, listed))

    @contextmanager
    def cannot_run(self, name: str, *, but: tuple[type[DbsnapError], ...] = ()) -> Iterator[None]:
        """Answer ``name`` with NOT RUN, and end the drill, if dbsnap fails inside the block.

        What the command line or the configuration asks for stays an error of the user's, and a refusal
        of the guard one; those that are named in ``but`` are for the caller.
        """
        others: tuple[type[DbsnapError], ...] = (UsageError, DumpRefused, *but)
        try:
            yield
        except DbsnapError as error:
            if isinstance(error, others):
                raise
            raise self.stop(name, "NOT RUN", error) from None

    def checks(self) -> tuple[Check, ...]:
        """Return all checks in their order."""
        because = f"not reached: {self._stopped_by} did not pass"
        return tuple(
            self._answers.get(name, Check(name, "NOT RUN", because, reached=False))
            for name in self._names
        )


def course_of(options: DrillOptions) -> Course:
    """Return the checks of a drill, none of them answered."""
    checks = [check_name(check) for check in options.checks]
    return Course([GUARD, SERVER, EXTENSIONS, LOAD, *QUESTIONS, *checks])


class Stopwatch:
    """Seconds since it was made or last read."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def read(self) -> float:
        """Return the seconds, and begin anew."""
        now = time.monotonic()
        seconds, self._since = now - self._since, now
        return seconds
