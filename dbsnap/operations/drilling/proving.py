"""One backup proved, step by step: guard, server, extensions, roles, load, comparison, checks."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from dbsnap.errors import (
    CannotRun,
    DumpRefused,
    OperationFailed,
    ServerFailed,
    ToolFailed,
    VerificationFailed,
)
from dbsnap.operations.drilling.comparison import (
    PRIVILEGES,
    QUESTIONS,
    ROWS,
    comparison_checks,
    migration_findings,
    with_migrations,
)
from dbsnap.operations.drilling.course import (
    EXTENSIONS,
    LOAD,
    SERVER,
    Stopped,
    Stopwatch,
    course_of,
)
from dbsnap.operations.drilling.database import drill_database, drill_name, plan_drill
from dbsnap.operations.drilling.extensions import missing_extensions, wanted_extensions
from dbsnap.operations.drilling.growth import as_it_says
from dbsnap.operations.drilling.left_out import LeftOut
from dbsnap.operations.drilling.load_failures import proves_nothing
from dbsnap.operations.drilling.roles import make_roles, missing_roles
from dbsnap.operations.drilling.user_checks import (
    check_name,
    database_search_path,
    run_user_checks,
)
from dbsnap.operations.drilling.without_extensions import declaring_less, without_extensions
from dbsnap.operations.opened import as_a_database, content_not_compared, opened_backup
from dbsnap.operations.restore import compare_side, fill
from dbsnap.operations.restoring.plan import RestoreOptions
from dbsnap.operations.restoring.role import code_warning
from dbsnap.postgres.maintenance import maintain
from dbsnap.report import Finding
from dbsnap.reports.outcome import GUARD, Check, Drill

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dbsnap.dumpfile.rows import UnorderedSum
    from dbsnap.operations.drilling.growth import History
    from dbsnap.operations.drilling.options import DrillOptions
    from dbsnap.operations.drilling.server import DrillServer, DrillServers
    from dbsnap.operations.opened import OpenedBackup
    from dbsnap.operations.restoring.plan import PrivilegesMode, RestorePlan
    from dbsnap.postgres.maintenance import Maintenance
    from dbsnap.postgres.url import Database
    from dbsnap.progress import Progress


class Proof:
    """One drill: each step answers a check, and the first that cannot be passed over ends it."""

    def __init__(
        self,
        dump: Path,
        servers: DrillServers,
        options: DrillOptions,
        history: History,
        progress: Progress,
        known: Drill,
    ) -> None:
        self._dump = dump
        self._servers = servers
        self._options = options
        self._history = history
        self._progress = progress
        self._course = course_of(options)
        self._watch = Stopwatch()
        self._restoring = 0.0
        self._result = known
        self._left_out = LeftOut()
        self._jobs = options.jobs
        self._shuffled: Mapping[str, UnorderedSum] = {}

    def drill(self) -> Drill:
        """Go through all steps, and return what came of them."""
        started = time.monotonic()
        try:
            self._prove()
        except DumpRefused as error:
            self._course.stop(GUARD, "FAIL", error, error.findings)
        except Stopped:
            pass
        self._progress.done()
        seconds = time.monotonic() - started
        return replace(self._result, checks=self._course.checks(), seconds=seconds)

    def _prove(self) -> None:
        options = self._options
        with (
            opened_backup(
                self._dump,
                progress=self._progress,
                allowed=options.allow,
                untrusted=options.untrusted,
                keep_outline=options.jobs > 1,
            ) as guarded,
            self._course.cannot_run(SERVER),
        ):
            opened = as_a_database(guarded)
            self._guarded(opened)
            server = self._servers.of(opened.source_version)
            name = drill_name(opened)
            with maintain(server.address.with_name(name)) as maintenance:
                self._has_server(server)
                missing = self._missing_extensions(opened, maintenance)
                mode = self._prepare_roles(opened, server, maintenance)
                opened = declaring_less(opened, missing)
                plan = plan_drill(opened, maintenance, server.address, options.pg_bin)
                if missing:
                    with drill_database(maintenance, plan, name) as (database, _):
                        opened = self._leave_out(opened, missing, database)
                with drill_database(maintenance, plan, name) as (database, locale):
                    mode = self._load(opened, plan, database, mode, locale)
                    self._compare(opened, plan, database, mode)
                    self._ask(opened, maintenance, database)

    def _guarded(self, opened: OpenedBackup) -> None:
        seconds = self._took()
        findings = []
        if opened.record is None:
            findings.append(
                _advice("dump", "it has no record: the file itself says what to expect")
            )
        if not opened.trusted and opened.code:
            findings.append(_advice("dump", code_warning(opened)))
        self._course.answer(Check(GUARD, "PASS", "whole and harmless", tuple(findings), seconds))
        self._result = as_it_says(self._result, opened, self._history)

    def _has_server(self, server: DrillServer) -> None:
        self._result = replace(self._result, server=server.title)
        self._course.answer(Check(SERVER, "PASS", server.title, (), self._watch.read()))

    def _missing_extensions(self, opened: OpenedBackup, maintenance: Maintenance) -> list[str]:
        """Return the extensions that the server lacks; end the drill unless all may be left out."""
        wanted = wanted_extensions(opened)
        if not wanted:
            self._course.omit(EXTENSIONS)
            return []
        with self._course.cannot_run(EXTENSIONS):
            missing = missing_extensions(
                wanted, maintenance.connection, self._options.without_extensions
            )
        if not missing:
            self._course.answer(Check(EXTENSIONS, "PASS", f"{', '.join(wanted)}: there"))
        return missing

    def _leave_out(
        self, opened: OpenedBackup, missing: list[str], database: Database
    ) -> OpenedBackup:
        """Return the backup without these extensions and what depends on them; say what that is."""
        self._progress.phase(f"finding out what depends on {', '.join(missing)}")
        opened, self._left_out = without_extensions(opened, missing, database)
        self._jobs = 1  # several sessions would read the dump as it is in the file
        said = tuple(self._left_out.said)
        self._result = replace(self._result, left_out=(*self._result.left_out, *said))
        findings = tuple(_advice("extension", f"left out: {what}") for what in said)
        message = f"left out by wish: {', '.join(missing)}, and {len(said) - len(missing):,} more"
        self._course.answer(Check(EXTENSIONS, "PASS", message, findings, self._watch.read()))
        return opened

    def _prepare_roles(
        self, opened: OpenedBackup, server: DrillServer, maintenance: Maintenance
    ) -> PrivilegesMode:
        """Make the roles that the backup names on a server of ours; say where others lack them."""
        wanted = self._options.privileges
        missing, superusers = missing_roles(opened, maintenance.connection, privileges=wanted)
        if server.own:
            make_roles(maintenance.connection, missing, superusers)
        if not wanted:
            self._course.omit(PRIVILEGES)
            self._result = replace(self._result, left_out=("owners and grants",))
            return "none"
        if missing and not server.own:
            self._course.deny(
                PRIVILEGES,
                "NOT RUN",
                CannotRun(
                    f"these roles do not exist on the server: {', '.join(missing)}",
                    hint="create them, or use --without-privileges",
                ),
            )
            return "none"
        return "auto"

    def _load(
        self,
        opened: OpenedBackup,
        plan: RestorePlan,
        database: Database,
        mode: PrivilegesMode,
        locale: str,
    ) -> PrivilegesMode:
        """Restore as ``restore`` does; return which privileges the comparison can be held to."""
        self._took()
        options = RestoreOptions(to=database.name, privileges=mode, jobs=self._jobs)
        try:
            with self._course.cannot_run(LOAD, but=(ToolFailed, ServerFailed)):
                findings, self._shuffled = fill(
                    opened, plan, database, options, progress=self._progress
                )
        except (ToolFailed, ServerFailed) as error:
            reason = f"{error} {error.detail}"
            nothing = proves_nothing(reason, less=bool(self._left_out.said))
            raise self._course.stop(LOAD, "NOT RUN" if nothing else "FAIL", error) from None
        seconds = self._took()
        refused = [finding for finding in findings if finding.object == "privileges"]
        others = [finding for finding in findings if finding not in refused]
        if locale:
            others.append(_another_locale(plan, locale))
        bytes_a_second = opened.raw_bytes / max(seconds, 0.001)
        message = f"{seconds:,.1f} s, {bytes_a_second / 1e6:,.1f} MB/s of SQL"
        self._course.answer(Check(LOAD, "PASS", message, tuple(others), seconds))
        if self._left_out.said:  # what is not there cannot be granted
            refused = []
        if refused and opened.record is not None:
            self._course.deny(PRIVILEGES, "NOT RUN", CannotRun(refused[0].message), refused)
        return "require" if mode == "auto" and not refused else "none"

    def _compare(
        self, opened: OpenedBackup, plan: RestorePlan, database: Database, mode: PrivilegesMode
    ) -> None:
        """Compare everything with the record, Prisma's migrations with the project's too."""
        inventory, found = opened.expected, list(content_not_compared(opened))
        options = RestoreOptions(to=database.name, privileges=mode, jobs=self._jobs)
        with self._course.cannot_run(ROWS):
            try:
                inventory, findings = compare_side(
                    opened, plan, database, options, self._shuffled, progress=self._progress
                )
            except VerificationFailed as error:
                findings = list(error.findings)
        findings = [finding for finding in findings if not self._left_out.covers(finding)]
        seconds = self._took()
        expected = opened.expected
        if mode != "require":
            expected = expected.without(["privilege"])
        answers = comparison_checks(expected, [*findings, *found], seconds=seconds)
        of_migrations = migration_findings(opened, inventory, self._options.migrations)
        for check in with_migrations(answers, of_migrations, expected):
            self._course.answer(check)
        self._course.omit_unanswered(QUESTIONS)
        self._result = replace(self._result, seconds_to_restore=self._restoring)

    def _ask(self, opened: OpenedBackup, maintenance: Maintenance, database: Database) -> None:
        """Run the user's own checks; where that cannot be done, each of them says so."""
        checks, record = self._options.checks, opened.record
        if not checks:
            return
        self._progress.phase("running your checks")
        try:
            answers = run_user_checks(
                maintenance,
                database,
                checks,
                known_as=drill_name(opened),
                search_path=database_search_path(record),
            )
        except (CannotRun, OperationFailed) as error:
            for check in checks:
                self._course.deny(check_name(check), "NOT RUN", error)
        else:
            for answer in answers:
                self._course.answer(answer)

    def _took(self) -> float:
        """Return the seconds since it was asked last, as part of the time to restore."""
        seconds = self._watch.read()
        self._restoring += seconds
        return seconds


def _another_locale(plan: RestorePlan, locale: str) -> Finding:
    own = plan.properties.locale or plan.properties.collate
    message = f"the server has no locale {own}: restored with {locale}, which sorts otherwise"
    return _advice("database", message)


def _advice(subject: str, message: str) -> Finding:
    return Finding("advice", subject, message, "warning")
