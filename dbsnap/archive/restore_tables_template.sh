#!/bin/sh
#
# Puts the rows of @SHOWN_ID@ back with psql alone, without dbsnap.
#
# @TAKEN@ from the database @SHOWN_DATABASE@ of PostgreSQL @SHOWN_VERSION@.
# Its dump is @SHOWN_FILE@, which must stand in the directory of this script.
# It holds @CONTENTS_SHOWN@
#
#   sh @SHOWN_ID@_restore.sh              checks the dump, counts, changes nothing
#   sh @SHOWN_ID@_restore.sh --restore    puts the rows back, in one transaction
#   sh @SHOWN_ID@_restore.sh --help       says more
#
# It needs psql,@NEEDS@ and sha256sum or shasum, and holds no password.
set -eu
umask 077
LC_ALL=C
PGCLIENTENCODING=@ENCODING@
PGCONNECT_TIMEOUT=${PGCONNECT_TIMEOUT:-15}
export LC_ALL PGCLIENTENCODING PGCONNECT_TIMEOUT

backup_id=@BACKUP_ID@
dump_file=@DUMP_FILE@
dump_sha256=@DUMP_SHA256@
source_database=@DATABASE@
contents=@CONTENTS@

usage() {
    cat <<'END_OF_HELP'
usage: sh @SHOWN_ID@_restore.sh [--restore]

Puts the rows of the dump @SHOWN_FILE@ back into their tables:
those that are gone are inserted, those that were changed become as they were, and
those that were added since stay. Without --restore it only counts them.

  --restore    do it in one transaction, compare the rows with those of the dump,
               and commit only if they are the same
  -h, --help   this text

Rows are told apart by the primary key. Triggers and rules of the tables do not fire,
and sequences are moved on, never back. The tables must be there: to create them as
well, load the whole dump into an empty database, with: psql -1 -v ON_ERROR_STOP=1 -f

The server is named by PGHOST, PGPORT, PGUSER, PGPASSWORD (or a passfile) and the other
variables of psql. PGDATABASE is the database; unless it is set that is: @SHOWN_DATABASE@

exit status: 0 done, 1 a program or the server failed, 2 wrong usage, 3 the dump is damaged,
4 the rows were not as in the dump, 5 something is missing: psql, a table, a key or the server,
130 interrupted
END_OF_HELP
}

verdict=1 # the exit status, unless something says otherwise
worker='' feeder='' work=''

@COMMON@
finish() {
    trap '' INT TERM HUP
    set +e
    for process in $worker $feeder; do
        kill "$process"
        wait "$process"
    done 2>/dev/null
    [ -z "$work" ] || rm -rf "$work"
    trap - EXIT
    exit "$verdict"
}

rows() { # OFFSET LENGTH: writes bytes of the uncompressed dump, the first one is 1
    unpack <"$dump" 2>/dev/null | tail -c "+$1" | head -c "$2"
}

statements() { # writes all that psql is to do
    cat "$work/begin.sql"
@ROWS@
    cat "$work/end.sql"
}

write_sql() {
    # Each line of what it prints is something that is not there.
    cat >"$work/missing.sql" <<'END_OF_SQL'
SET search_path = '';
WITH needed(table_name, schema_name, own_name, column_name) AS (VALUES
@NEEDED@
)
SELECT CASE WHEN count(relation.oid) = 0 THEN 'table ' || table_name
    ELSE 'column ' || string_agg(pg_catalog.regexp_replace(
            pg_catalog.quote_ident(column_name), '[[:cntrl:]]', '?', 'g'), ', ') || ' of ' || table_name END
FROM needed
LEFT JOIN (pg_catalog.pg_class AS relation
    JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = relation.relnamespace)
    ON nspname = schema_name AND relname = own_name AND relkind IN ('r', 'p')
LEFT JOIN pg_catalog.pg_attribute ON attrelid = relation.oid AND attname = column_name
    AND attnum > 0 AND NOT attisdropped
WHERE attname IS NULL
GROUP BY table_name
ORDER BY table_name;
END_OF_SQL
    cat >"$work/begin.sql" <<'END_OF_SQL'
SET standard_conforming_strings = on;
SET search_path = '';
SET row_security = off;
SET statement_timeout = 0;
SET lock_timeout = '10s';
SET client_min_messages = warning;
SET DateStyle = 'ISO, MDY';
SET IntervalStyle = postgres;
SET TimeZone = 'UTC';
SET extra_float_digits = 3;
SET bytea_output = hex;
SET array_nulls = on;
BEGIN;
\if :apply
@LOCK@
\endif
@STAGE@
END_OF_SQL
    cat >"$work/end.sql" <<'END_OF_SQL'
@COUNT@
\if :apply
-- What would fire is switched off here and on again below, each as it was.
CREATE TEMPORARY TABLE dbsnap_switches ON COMMIT DROP AS
WITH touched(oid) AS (
    SELECT relid FROM (VALUES
@TABLES@
    ) AS given(oid) CROSS JOIN LATERAL pg_catalog.pg_partition_tree(given.oid)
    UNION SELECT given.oid FROM (VALUES
@TABLES@
    ) AS given(oid)
)
SELECT 'ALTER TABLE ONLY ' || touched.oid::pg_catalog.regclass AS on_table,
    ' TRIGGER ' || pg_catalog.quote_ident(tgname) AS switch, tgenabled AS state
FROM touched JOIN pg_catalog.pg_trigger ON tgrelid = touched.oid
WHERE NOT tgisinternal AND tgenabled <> 'D'
UNION ALL
SELECT 'ALTER TABLE ' || touched.oid::pg_catalog.regclass,
    ' RULE ' || pg_catalog.quote_ident(rulename), ev_enabled
FROM touched JOIN pg_catalog.pg_rewrite ON ev_class = touched.oid
WHERE rulename <> '_RETURN' AND ev_enabled <> 'D';
SELECT on_table || ' DISABLE' || switch FROM pg_temp.dbsnap_switches \gexec
SET CONSTRAINTS ALL DEFERRED;
@APPLY@
SET CONSTRAINTS ALL IMMEDIATE;
SELECT on_table || CASE state WHEN 'R' THEN ' ENABLE REPLICA' WHEN 'A' THEN ' ENABLE ALWAYS'
    ELSE ' ENABLE' END || switch
FROM pg_temp.dbsnap_switches \gexec
@VERIFY@
\if :different
ROLLBACK;
\qecho different
\else
@SEQUENCES@
COMMIT;
\qecho committed
\endif
\else
ROLLBACK;
\qecho counted
\endif
END_OF_SQL
}

psql_on_statements() { # APPLY
    psql_in "$database" -v apply="$1" -f - <"$work/statements"
}

work_on_tables() { # APPLY: true or false
    mkfifo "$work/statements"
    statements >"$work/statements" &
    feeder=$!
    outcome=0
    run psql_on_statements "$1" >"$work/report" || outcome=$?
    wait_for_feeder || :
    [ "$outcome" -eq 0 ] || fail 1 'error: psql failed, so nothing was changed'
    sed '$d' "$work/report"
    case $(sed -n '$p' "$work/report") in
    counted | committed) ;;
    incomplete) fail 1 'error: not all rows of the dump arrived, so nothing was changed' ;;
    different) fail 4 'error: the rows were not as in the dump afterwards, so nothing was changed' ;;
    *) fail 1 'error: psql did not come to the end, so nothing was changed' ;;
    esac
}

check_tables() {
    run psql_in "$database" -f "$work/missing.sql" >"$work/missing" 2>"$work/trouble" ||
        fail 5 "error: the database cannot be reached: $(cat "$work/trouble")" \
            'hint: set PGHOST, PGPORT, PGUSER, and PGPASSWORD or a passfile'
    [ ! -s "$work/missing" ] || fail 5 'error: this database does not have:' "$(cat "$work/missing")" \
        'hint: dbsnap restores into changed tables; a missing one is created by loading the whole dump'
}

restore=''
while [ "$#" -gt 0 ]; do
    case $1 in
    --restore) restore=yes ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
    esac
    shift
done

case $0 in
*/*) dump=${0%/*}/$dump_file ;;
*) dump=./$dump_file ;;
esac
database=${PGDATABASE:-$source_database}

trap finish EXIT
trap 'fail 130 interrupted' INT TERM HUP
check_programs
directory=${TMPDIR:-/tmp}/dbsnap-restore.$$
mkdir "$directory"
work=$directory
write_sql
check_dump
say "Backup     $(shown "$backup_id")" "Holds      $contents" \
    "Dump       whole, its sha256 is right" "Database   $(shown "$database")"
@REFUSAL@
check_tables
if [ -n "$restore" ]; then
    work_on_tables true
    say '' 'Done: the rows are as in the dump, and everything is committed.'
else
    work_on_tables false
    say '' 'This was a dry run: nothing was changed. With --restore the rows are put back.'
fi
verdict=0
