"""``dbsnap doctor``: what this machine and this database would need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsnap import config
from dbsnap.cli.command import command
from dbsnap.cli.documents import Document, document
from dbsnap.cli.invocation import NOT_RUN
from dbsnap.cli.terminal_text import plain
from dbsnap.operations.doctor import diagnose
from dbsnap.report import Finding

if TYPE_CHECKING:
    from dbsnap.cli.invocation import Invocation
    from dbsnap.cli.screen import Screen
    from dbsnap.operations.doctor import Diagnosis

VERDICT_STYLE = {"ok": "green", "warning": "yellow", "problem": "red"}


@command(reaches_database=True)
def doctor(invocation: Invocation, target: str | None) -> int:
    """Say what this machine and this database would need.

    Every pg_dump and psql found is listed, which one was chosen, and why.

    Example: dbsnap doctor --target production
    """
    settings = invocation.settings
    configured = settings.targets or settings.unreadable or target
    database = (
        invocation.use(config.target_for_reading(settings, target)).database if configured else None
    )
    diagnosis = diagnose(database, settings.directory, pg_bin=settings.pg_bin)
    invocation.show(_document(diagnosis), lambda: _print(invocation.screen, diagnosis))
    return 0 if diagnosis.healthy else NOT_RUN


def _document(diagnosis: Diagnosis) -> Document:
    findings = [
        Finding(
            "advice",
            check.subject,
            f"{check.message}. {check.advice}".rstrip(". "),
            "error" if check.verdict == "problem" else "warning",
        )
        for check in diagnosis.checks
        if check.verdict != "ok"
    ]
    return document(
        "doctor",
        "ok" if diagnosis.healthy else "not-run",
        findings,
        checks=[
            {"subject": check.subject, "verdict": check.verdict, "message": check.message}
            for check in diagnosis.checks
        ],
        candidates={
            name: [
                {
                    "path": str(choice.program.path),
                    "version": choice.program.version_text,
                    "origin": choice.program.origin,
                    "tls": choice.program.tls,
                    "usable": choice.usable,
                    "reason": choice.reason,
                }
                for choice in choices
            ]
            for name, choices in diagnosis.candidates
        },
    )


def _print(screen: Screen, diagnosis: Diagnosis) -> None:
    """Print checks, then every program found."""
    for check in diagnosis.checks:
        verdict = f"[{VERDICT_STYLE[check.verdict]}]{check.verdict:8}[/]"
        screen.say(f"{verdict} {check.subject}: {plain(check.message)}", indent=9)
        if check.advice:
            screen.say(f"         [cyan]{plain(check.advice)}[/]", indent=9)
    for name, choices in diagnosis.candidates:
        screen.say("")
        screen.say(f"[bold]{name}[/] found on this machine, the best first:")
        for number, choice in enumerate(choices):
            mark = "✗" if not choice.usable else " " if number else "→"
            program = choice.program
            screen.say(
                f" {mark} {program.version_text:6} {choice.reason} ({program.origin}): "
                f"{plain(str(program.path))}",
                indent=10,
            )
