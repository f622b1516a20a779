"""The ``--json`` documents: ``command``, ``status`` and ``findings`` in each.

Here is what several verbs have in common; a verb's own document is in its module.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from dbsnap.archive.summaries import summary_of
from dbsnap.errors import (
    CannotRun,
    DbsnapError,
    DumpRefused,
    OperationFailed,
    UsageError,
    VerificationFailed,
)
from dbsnap.report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dbsnap.archive.record import Record
    from dbsnap.archive.summaries import Summary
    from dbsnap.inventory import Inventory

Document = dict[str, Any]


def document(command: str, status: str, findings: Iterable[Finding] = (), **rest: Any) -> Document:
    """Return a document: what every command's has, and then its own."""
    listed = [finding.as_json() for finding in findings]
    return {"command": command, "status": status, "findings": listed, **rest}


def error_document(command: str, error: DbsnapError) -> Document:
    """Return the document of a command that did not succeed."""
    findings = (
        error.findings
        if isinstance(error, VerificationFailed | DumpRefused) and error.findings
        else [Finding(_error_kind(error), _error_object(error), str(error))]
    )
    place: Document = (
        {"rule": error.rule, "offset": error.offset, "line": error.line, "table": error.table}
        if isinstance(error, DumpRefused)
        else {}
    )
    if isinstance(error, OperationFailed) and error.detail:
        place = {"detail": error.detail}
    return document(
        command, error_status(error), findings, message=str(error), hint=error.hint, **place
    )


def error_status(error: DbsnapError) -> str:
    """Return the status that goes with an error's exit code."""
    if isinstance(error, DumpRefused):
        return "refused"
    if isinstance(error, VerificationFailed):
        return "different"
    return "not-run" if isinstance(error, CannotRun | UsageError) else "failed"


def record_summary(record: Record) -> Document:
    """Return what is worth knowing of a backup without its whole inventory."""
    return summary_document(summary_of(record))


def summary_document(summary: Summary) -> Document:
    """Return the same of a record that was not read as a whole, and which part of which table it has."""
    return {
        "id": summary.id,
        "created_at": summary.created_at,
        "target": summary.target,
        "database": summary.database,
        "server_version": summary.server_version,
        "reason": summary.reason,
        "tables": summary.tables,
        "rows": summary.rows,
        "bytes": summary.bytes,
        "sha256": summary.sha256,
        "duration_seconds": summary.duration_seconds,
        "file": summary.file,
        "restore_script": summary.restore_script,
        "privileges": summary.privileges,
        "parts": [asdict(part) for part in summary.parts],
        "undoes": summary.undoes,
    }


def counts(inventory: Inventory) -> Document:
    """Return how many objects of each kind there are, and how many rows."""
    return {
        "rows": inventory.total_rows(),
        "objects": {kind: len(names) for kind, names in inventory.objects.items() if names},
    }


def _error_kind(error: DbsnapError) -> Any:
    return "damaged" if isinstance(error, DumpRefused) else "not-compared"


def _error_object(error: DbsnapError) -> str:
    if isinstance(error, DumpRefused):
        return f"table {error.table}" if error.table else "dump"
    return type(error).__name__
