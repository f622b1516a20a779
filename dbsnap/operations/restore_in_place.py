"""restore --in-place: empty, load, compare and commit in one transaction of the live database.

For roles that may not create databases. Nobody sees anything of it before the commit, and a failure or
a death at any moment rolls all of it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsnap.dumpfile.lexer import CopyEnd, Statement, lex
from dbsnap.dumpfile.omit import blanked, unknown_settings
from dbsnap.dumpfile.tokens import tokenize
from dbsnap.errors import CannotRun, OperationFailed, VerificationFailed
from dbsnap.operations import proof
from dbsnap.operations.reading import (
    comparable,
    expected_content,
    measure_content,
    readable_tables,
    settle_order,
)
from dbsnap.operations.restore_plan import refuse_in_place_without_rights
from dbsnap.postgres.catalog import read_inventory
from dbsnap.postgres.connection import connect, fetch, server_version
from dbsnap.postgres.content import blocks_script
from dbsnap.postgres.verified_commit import uncommitted_session
from dbsnap.report import Finding, errors_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbsnap.dumpfile.lexer import Event
    from dbsnap.inventory import Inventory
    from dbsnap.operations.opened import OpenedBackup
    from dbsnap.operations.restore_plan import RestoreOptions, RestorePlan
    from dbsnap.postgres.content import TableContent
    from dbsnap.postgres.verified_commit import UncommittedSession
    from dbsnap.progress import Progress

TRANSACTION_WORDS = frozenset(
    {"begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release", "prepare"}
)

EMPTYING_QUERY = """
SELECT format('DROP EVENT TRIGGER IF EXISTS %I', evtname)  -- first: they would hinder what follows
FROM pg_catalog.pg_event_trigger
UNION ALL
SELECT format('DROP SCHEMA IF EXISTS %I CASCADE', nspname)
FROM pg_catalog.pg_namespace AS schema
WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend
                    WHERE classid = 'pg_catalog.pg_namespace'::regclass
                        AND objid = schema.oid AND deptype = 'e')
UNION ALL
SELECT format('DROP EXTENSION IF EXISTS %I CASCADE', extname)
FROM pg_catalog.pg_extension WHERE extname <> 'plpgsql'
UNION ALL
SELECT format('DROP %s IF EXISTS %s CASCADE',
              CASE identified.type WHEN 'composite type' THEN 'type' ELSE identified.type END,
              identified.identity)
FROM (
    SELECT 'pg_catalog.pg_class'::regclass, oid, relnamespace FROM pg_catalog.pg_class
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')
    UNION ALL SELECT 'pg_catalog.pg_proc'::regclass, oid, pronamespace FROM pg_catalog.pg_proc
    UNION ALL SELECT 'pg_catalog.pg_type'::regclass, oid, typnamespace FROM pg_catalog.pg_type
        WHERE typtype IN ('e', 'd', 'r')
    UNION ALL SELECT 'pg_catalog.pg_operator'::regclass, oid, oprnamespace
        FROM pg_catalog.pg_operator
    UNION ALL SELECT 'pg_catalog.pg_opfamily'::regclass, oid, opfnamespace
        FROM pg_catalog.pg_opfamily
    UNION ALL SELECT 'pg_catalog.pg_collation'::regclass, oid, collnamespace
        FROM pg_catalog.pg_collation
    UNION ALL SELECT 'pg_catalog.pg_conversion'::regclass, oid, connamespace
        FROM pg_catalog.pg_conversion
    UNION ALL SELECT 'pg_catalog.pg_ts_config'::regclass, oid, cfgnamespace
        FROM pg_catalog.pg_ts_config
    UNION ALL SELECT 'pg_catalog.pg_ts_dict'::regclass, oid, dictnamespace
        FROM pg_catalog.pg_ts_dict
    UNION ALL SELECT 'pg_catalog.pg_publication'::regclass, oid, 'public'::regnamespace
        FROM pg_catalog.pg_publication
) AS object(classid, objid, schema)
CROSS JOIN LATERAL pg_catalog.pg_identify_object(classid, objid, 0) AS identified
WHERE schema = to_regnamespace('public')
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS dependency
                    WHERE dependency.classid = object.classid
                        AND dependency.objid = object.objid AND deptype IN ('e', 'i'))
"""
"""Statements that leave nothing of a database but its schema public, to be run in their order."""


def restore_in_place(
    opened: OpenedBackup, plan: RestorePlan, options: RestoreOptions, *, progress: Progress
) -> tuple[Inventory, list[Finding]]:
    """Replace what the live database holds, and commit only what was found to be the backup's.

    Owners and grants stay those of the restoring role. Raises VerificationFailed, ToolFailed or
    CannotRun; the database is then as it was.
    """
    refuse_transaction_commands(opened)
    refuse_in_place_without_rights(plan.database)
    with connect(plan.database) as connection:
        version = server_version(connection)
        known = {row[0] for row in fetch(connection, "SELECT name FROM pg_catalog.pg_settings")}
        emptying = [row[0] for row in fetch(connection, EMPTYING_QUERY)]
    omitted = [span for span, _ in unknown_settings(opened.dump.raw(), known)]
    with uncommitted_session(plan.psql, plan.database) as session:
        progress.phase(f"loading into {plan.database.name}", total_bytes=opened.raw_bytes)
        session.run("SET client_min_messages TO warning;")
        session.run("".join(f"{statement};\n" for statement in emptying))
        read, digest = opened.dump.hashing_reader()
        session.load(blanked(read, omitted), progress.advance)
        if digest() != opened.sha256:
            raise OperationFailed(f"{opened.dump.path.name} was changed while it was loaded")
        actual = _read_uncommitted(session, opened, version, progress)
        findings = _compare(opened, plan, actual)
        session.run("ANALYZE;")
        session.commit()  # the commit point: nothing of the above was visible before
    if options.privileges != "none" and opened.record is not None:
        findings.append(
            Finding(
                "advice", "privileges", "owners and privileges are not restored in place", "note"
            )
        )
    return actual, findings


def refuse_transaction_commands(opened: OpenedBackup) -> None:
    """Refuse dumps that would end our transaction: pg_dump writes large objects in BEGIN … COMMIT."""
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


def _read_uncommitted(
    session: UncommittedSession, opened: OpenedBackup, version: int, progress: Progress
) -> Inventory:
    progress.phase("reading back what was loaded", total_bytes=opened.copy_bytes)
    session.settle()
    inventory = comparable(read_inventory(session.ask, version), opened)

    def blocks_of(tables: Sequence[TableContent]) -> Iterator[Event]:
        if not tables:
            return
        with session.stream(blocks_script(tables, encoding=opened.encoding)) as read:
            ended = 0
            for event in lex(read):
                yield event
                ended += isinstance(event, CopyEnd)
                if ended == len(tables):
                    return

    tables = readable_tables(opened.table_contents(), inventory)
    content = measure_content(tables, blocks_of, progress)
    inventory = proof.with_content(inventory, content)
    return settle_order(inventory, tables, blocks_of, opened)


def _compare(opened: OpenedBackup, plan: RestorePlan, actual: Inventory) -> list[Finding]:
    expected = proof.with_content(opened.expected, expected_content(opened))
    findings = proof.restore_differences(expected, actual, privileges=False)
    if errors_in(findings):
        raise VerificationFailed(
            f"what was loaded is not what the backup holds: {proof.messages(errors_in(findings))}",
            findings,
            hint=f"everything was rolled back: {plan.database.name} is as it was",
        )
    return findings
