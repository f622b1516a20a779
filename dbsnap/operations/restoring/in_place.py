"""restore --in-place: empty, load, compare and commit in one transaction of the live database.

For roles that may not create databases. Nobody sees anything of it before the commit, and a failure or
a death at any moment rolls all of it back.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from dbsnap.dumpfile.lexer import Statement, lex
from dbsnap.dumpfile.lexing.tokens import tokenize
from dbsnap.errors import (
    CannotRun,
    OperationFailed,
    RightMissing,
    ToolFailed,
    VerificationFailed,
)
from dbsnap.inventory import Inventory, compare
from dbsnap.operations.comparing import proof
from dbsnap.operations.comparing.measuring import measure_content
from dbsnap.operations.comparing.reading import (
    comparable,
    expected_content,
    readable_tables,
    settle_order,
)
from dbsnap.operations.migrations import restored_migrations
from dbsnap.operations.restoring.privileges import apply_uncommitted, privileges_left_out
from dbsnap.postgres.asking import ask_connection
from dbsnap.postgres.catalog import read_inventory
from dbsnap.postgres.connection import connect, fetch, server_version
from dbsnap.postgres.content import blocks_script
from dbsnap.postgres.emptying import emptying_statements
from dbsnap.postgres.snapshot import LOCK_WAIT_SECONDS
from dbsnap.postgres.verified_commit import uncommitted_session
from dbsnap.report import Finding, errors_in, softened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbsnap.dumpfile.lexer import Event
    from dbsnap.operations.opened import OpenedBackup
    from dbsnap.operations.restoring.plan import RestoreOptions, RestorePlan
    from dbsnap.postgres.content import TableContent
    from dbsnap.postgres.url import Database
    from dbsnap.postgres.verified_commit import UncommittedSession
    from dbsnap.progress import Progress

TRANSACTION_WORDS = frozenset(
    {"begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release", "prepare"}
)

CREATE_RIGHTS = """
SELECT coalesce(pg_catalog.has_schema_privilege(to_regnamespace('public'), 'CREATE'), database),
    database
FROM pg_catalog.has_database_privilege(current_database(), 'CREATE') AS database
"""
"""A schema public that is not there can be created by whoever may create schemas."""

NAMED_OBJECTS = 3

ADVICE = {
    "max_locks_per_transaction": "so many tables in one transaction need a server with a larger "
    "max_locks_per_transaction; restore without --in-place, or raise it",
    "due to lock timeout": "another session holds a table: end it, and try again",
}
"""What to do, by words in psql's messages."""

ANALYZE = """\
SELECT 'ANALYZE ' || string_agg(pg_catalog.format('%I.%I', nspname, relname), ', ')
FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace AS schema ON schema.oid = relnamespace
WHERE relkind IN ('r', 'm') AND nspname !~ '^pg_' AND nspname <> 'information_schema'
\\gexec"""
"""Statistics of every table but foreign ones, which may be out of reach."""


def restore_in_place(
    opened: OpenedBackup, plan: RestorePlan, options: RestoreOptions, *, progress: Progress
) -> tuple[Inventory, list[Finding]]:
    """Replace what the live database holds, and commit only what was found to be the backup's.

    Raises VerificationFailed, ToolFailed or CannotRun; the database is then as it was, and nobody has
    seen anything else.
    """
    with connect(plan.database) as connection:
        version = server_version(connection)
        known = {row[0] for row in fetch(connection, "SELECT name FROM pg_catalog.pg_settings")}
        left_out, findings_of_roles = privileges_left_out(opened, connection, options)
    unknown, names = opened.not_understood(known)
    read, digest = opened.to_load([*left_out, *unknown])
    for setting in names:
        progress.note(f"left out SET {setting}, which this server does not know")
    with _advice(), uncommitted_session(plan.psql, plan.database) as session:
        progress.phase(f"loading into {plan.database.name}", total_bytes=opened.raw_bytes)
        _empty(session)
        session.load(read, progress.advance)
        if digest() != opened.sha256:
            raise OperationFailed(f"{opened.dump.path.name} was changed while it was loaded")
        if opened.record is not None and "public" not in opened.expected.of("schema"):
            session.run("DROP SCHEMA public RESTRICT;")
        refusals = apply_uncommitted(opened, session, options.privileges)
        actual = _read_uncommitted(session, opened, version, progress)
        findings = [*findings_of_roles, *_compare(opened, plan, options, actual)]
        if options.privileges == "auto":
            findings += _privilege_warnings(opened, actual, refusals)
        # What must be in order, and is not, does not go live.
        restored_migrations(opened, actual, plan.database.schema, options.migrations)
        if reason := session.attempt(ANALYZE):
            findings.append(_no_statistics(reason))
        session.commit()  # the commit point: nothing of the above was visible before
    return actual, findings


@contextmanager
def _advice() -> Iterator[None]:
    """Say what can be done about the failures that only a restore in place meets."""
    try:
        yield
    except ToolFailed as error:
        hint = next((hint for words, hint in ADVICE.items() if words in error.detail), error.hint)
        raise ToolFailed(str(error), detail=error.detail, hint=hint) from None


def _empty(session: UncommittedSession) -> None:
    # Whoever waits for a table behind this transaction waits no longer than this one for its locks.
    session.run(f"SET client_min_messages TO warning;\nSET lock_timeout TO '{LOCK_WAIT_SECONDS}s';")
    statements = emptying_statements(session.ask)
    session.run("".join(f"{statement.sql};\n" for statement in statements))


def refuse_in_place(opened: OpenedBackup, database: Database) -> None:
    """Raise CannotRun for a dump that cannot be restored in place, RightMissing for a role that may not.

    Nothing is changed.
    """
    if lacking := missing_rights(opened, database):
        raise RightMissing(
            f"the role may not restore {database.label} in place: it lacks {', '.join(lacking)}",
            hint="connect as the owner of all of it, or as a role with CREATEDB without --in-place",
        )
    for event in lex(opened.dump.raw()):
        if not isinstance(event, Statement):
            continue
        first = tokenize(event.text[:64])[:1]
        if first and first[0].kind == "word" and first[0].value in TRANSACTION_WORDS:
            raise CannotRun(
                f"the dump has a transaction of its own (line {event.line}: "
                f"{first[0].value.upper()}), as pg_dump writes large objects: "
                "it cannot be restored in place",
                hint="restore it without --in-place, as a role with CREATEDB",
            )


def missing_rights(opened: OpenedBackup, database: Database) -> list[str]:
    """Return the rights that the role lacks for restoring in place; empty when it has all of them."""
    needed = ["CREATE on the schema public"]
    if {*opened.expected.of("schema"), *opened.expected.of("extension")} - {"public", "plpgsql"}:
        needed.append("CREATE on the database")
    with connect(database) as connection:
        has = dict(zip(needed, fetch(connection, CREATE_RIGHTS)[0], strict=False))
        lacking = [right for right in needed if not has[right]]
        statements = emptying_statements(ask_connection(connection))
    foreign = [s for s in statements if not s.allowed]
    lacking += [f"ownership of {s.object} ({s.owner}'s)" for s in foreign[:NAMED_OBJECTS]]
    if len(foreign) > NAMED_OBJECTS:
        lacking.append(f"ownership of {len(foreign) - NAMED_OBJECTS:,} more objects")
    return lacking


def _read_uncommitted(
    session: UncommittedSession, opened: OpenedBackup, version: int, progress: Progress
) -> Inventory:
    progress.phase("reading back what was loaded", total_bytes=opened.copy_bytes)
    inventory = comparable(read_inventory(session.ask, version), opened)

    def blocks_of(tables: Sequence[TableContent]) -> Iterator[Event]:
        with session.stream(blocks_script(tables, encoding=opened.encoding)) as read:
            yield from lex(read)

    tables = readable_tables(opened.table_contents(), inventory)
    content = measure_content(tables, blocks_of(tables), progress)
    inventory = proof.with_content(inventory, content)
    return settle_order(inventory, tables, blocks_of, opened)


def _compare(
    opened: OpenedBackup, plan: RestorePlan, options: RestoreOptions, actual: Inventory
) -> list[Finding]:
    expected = proof.with_content(opened.expected, expected_content(opened))
    findings = proof.restore_differences(
        expected, actual, privileges=options.privileges == "require"
    )
    if errors_in(findings):
        raise VerificationFailed(
            f"what was loaded is not what the backup holds: {proof.messages(errors_in(findings))}",
            findings,
            hint=f"everything was rolled back: {plan.database.name} is as it was",
        )
    return findings


def _privilege_warnings(
    opened: OpenedBackup, actual: Inventory, refusals: list[Finding]
) -> list[Finding]:
    """Return why privileges are not the backup's; what was refused may have been so already."""
    recorded = {"privilege": opened.expected.of("privilege")}
    differences = compare(Inventory(opened.expected.server_version, recorded), actual)
    if opened.record is None or not differences:
        return []
    return refusals or softened(differences, "privilege")


def _no_statistics(reason: str) -> Finding:
    message = f"ANALYZE failed, so queries may be slow until it is run: {reason}"
    return Finding("advice", "statistics", message, "warning")
