"""The error tree. Low floors raise these; only ``cli`` prints one and chooses an exit code.

::

    DbsnapError                 a sentence saying what is wrong and where; ``hint`` says what to do
    ├── UsageError              exit 2  the command line or configuration is wrong
    │   └── ConfirmationNeeded  exit 2  nothing was changed because nobody said yes
    ├── DumpRefused             exit 3  the guard does not let this dump file near a server
    ├── VerificationFailed      exit 4  two inventories differ; carries the findings
    ├── CannotRun               exit 5  no connection, no suitable tool, or a right is missing
    │   ├── ConnectionFailed
    │   ├── ToolUnavailable
    │   └── RightMissing
    └── OperationFailed         exit 1  a tool, the server or the disk failed on the way
        ├── ToolFailed
        ├── ServerFailed
        └── StorageFailed
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbsnap.report import Finding


class DbsnapError(Exception):
    """Anything dbsnap reports to a person: ``str(error)`` is one clear sentence without secrets."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(DbsnapError):
    """The command line, the configuration or the environment asks for something impossible."""


class ConfirmationNeeded(UsageError):
    """A change needs a yes that was not given. Nothing was changed."""


class DumpRefused(DbsnapError):
    """A dump file is damaged, incomplete or harmful; no server has seen any of it.

    ``offset`` counts bytes of the uncompressed dump from 0, ``line`` counts from 1; both are None
    where the refusal concerns the file as a whole. ``rule`` names the check that refused, and
    ``findings`` all that was found where there is more than one thing.
    """

    def __init__(
        self,
        message: str,
        *,
        rule: str,
        offset: int | None = None,
        line: int | None = None,
        table: str | None = None,
        findings: Sequence[Finding] = (),
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.findings = tuple(findings)
        self.rule = rule
        self.offset = offset
        self.line = line
        self.table = table


class VerificationFailed(DbsnapError):
    """What is there differs from what the record promises; ``findings`` names every difference."""

    def __init__(self, message: str, findings: Sequence[Finding], *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.findings = tuple(findings)


class CannotRun(DbsnapError):
    """The work could not be started, so nothing is known and nothing was changed."""


class ConnectionFailed(CannotRun):
    """No connection to the server or database that was named."""


class ToolUnavailable(CannotRun):
    """No pg_dump, psql or server binary that fits."""


class RightMissing(CannotRun):
    """The role lacks a right; the message says which."""


class OperationFailed(DbsnapError):
    """Something failed on the way. The message says what, if anything, was changed.

    ``detail`` holds the last lines that the program or the server itself said, where there are more.
    """

    def __init__(self, message: str, *, detail: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.detail = detail


class ToolFailed(OperationFailed):
    """A child process failed; ``detail`` is of what it wrote to stderr."""


class ServerFailed(OperationFailed):
    """The server refused or lost a statement."""


class StorageFailed(OperationFailed):
    """The backups directory could not be read or written (full, missing, not ours)."""
