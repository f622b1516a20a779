"""The ``--json`` documents: one per command, with ``command``, ``status`` and ``findings`` in each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dbsnap.errors import (
    CannotRun,
    DbsnapError,
    DumpRefused,
    ToolFailed,
    UsageError,
    VerificationFailed,
)
from dbsnap.report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dbsnap.archive.record import Record
    from dbsnap.inventory import Inventory
    from dbsnap.operations.backup import Backup
    from dbsnap.operations.catalogue import Listed
    from dbsnap.operations.doctor import Diagnosis
    from dbsnap.operations.restore import Restored
    from dbsnap.operations.restore_plan import RestorePlan
    from dbsnap.operations.rollback import RollbackPlan
    from dbsnap.operations.validate import Validated
    from dbsnap.operations.verify import Verification

Document = dict[str, Any]


def document(command: str, status: str, findings: Iterable[Finding] = (), **rest: Any) -> Document:
    """Return a document: what every command's has, and then its own."""
    listed = [finding.as_json() for finding in findings]
    return {"command": command, "status": status, "findings": listed, **rest}


def error_document(command: str, error: DbsnapError) -> Document:
    """Return the document of a command that did not succeed."""
    findings = (
        error.findings
        if isinstance(error, VerificationFailed)
        else [Finding(_error_kind(error), _error_object(error), str(error))]
    )
    place: Document = (
        {"rule": error.rule, "offset": error.offset, "line": error.line, "table": error.table}
        if isinstance(error, DumpRefused)
        else {}
    )
    if isinstance(error, ToolFailed) and error.detail:
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


def backups_document(
    taken: Sequence[Backup], failed: Sequence[tuple[str, DbsnapError]]
) -> Document:
    """Return the document of ``backup``: ``id`` and ``file`` of one, all of them under ``backups``."""
    findings = [finding for backup in taken for finding in backup.findings]
    findings += [Finding("damaged", f"target {name}", str(error)) for name, error in failed]
    status = error_status(failed[0][1]) if failed else "ok"
    backups = [{**record_summary(backup.record), "file": str(backup.dump)} for backup in taken]
    first = backups[0] if len(backups) == 1 else {}
    return document("backup", status, findings, **first, backups=backups)


def record_summary(record: Record) -> Document:
    """Return what is worth knowing of a backup without its whole inventory."""
    return {
        "id": record.id,
        "created_at": record.created_at,
        "target": record.source.target,
        "database": record.source.database,
        "server_version": record.source.server_version,
        "reason": record.reason,
        "tables": len(record.inventory.of("table")),
        "rows": record.inventory.total_rows(),
        "bytes": record.dump.bytes,
        "sha256": record.dump.sha256,
        "duration_seconds": record.duration_seconds,
        "file": record.dump.file,
        "restore_script": record.restore_script.file,
        "privileges": record.privileges.file,
    }


def plan_document(plan: RestorePlan) -> Document:
    """Return a restore's plan."""
    return {
        "way": plan.way,
        "backup": plan.backup,
        "source": plan.source,
        "database": plan.database.name,
        "server": plan.database.label,
        "filled": plan.filled,
        "kept": plan.kept,
        "tables": plan.tables,
        "rows": plan.rows,
        "sessions": plan.sessions,
        "steps": plan.steps(),
        "notes": list(plan.notes),
    }


def restored_document(restored: Restored) -> Document:
    """Return the document of a finished restore."""
    return document(
        "restore",
        "ok",
        restored.findings,
        plan=plan_document(restored.plan),
        duration_seconds=round(restored.duration_seconds, 3),
        **counts(restored.inventory),
    )


def rollback_document(plan: RollbackPlan, status: str) -> Document:
    """Return the document of ``rollback``."""
    return document(
        "rollback",
        status,
        database=plan.database.name,
        restored=plan.restored,
        kept=plan.kept,
    )


def verification_document(verification: Verification) -> Document:
    """Return the document of ``verify``."""
    return document(
        "verify",
        verification.verdict,
        verification.findings,
        backup=verification.backup,
        database=verification.database,
        **counts(verification.expected),
    )


def validated_document(validated: Validated) -> Document:
    """Return the document of ``validate``."""
    return document(
        "validate",
        "ok",
        backup=validated.backup,
        file=str(validated.dump),
        has_record=validated.record is not None,
        server_version=validated.server_version,
        pg_dump_version=validated.pg_dump_version,
        bytes=validated.file_bytes,
        raw_bytes=validated.raw_bytes,
        sha256=validated.sha256,
        **counts(validated.inventory),
    )


def list_document(listed: Sequence[Listed]) -> Document:
    """Return the document of ``list``."""
    lines = [
        {
            **(record_summary(line.record) if line.record else {"id": line.id}),
            "status": line.status,
        }
        for line in listed
    ]
    findings = [
        Finding("damaged", f"backup {line.id}", line.problem or f"{line.id} is {line.status}")
        for line in listed
        if line.status != "verified"
    ]
    return document("list", "ok", findings, backups=lines)


def diagnosis_document(diagnosis: Diagnosis) -> Document:
    """Return the document of ``doctor``."""
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
