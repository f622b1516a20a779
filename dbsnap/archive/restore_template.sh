#!/bin/sh
#
# Restores @SHOWN_ID@ with psql alone, without dbsnap.
#
# @TAKEN@ from the database @SHOWN_DATABASE@ of PostgreSQL @SHOWN_VERSION@.
# Its dump is @SHOWN_FILE@, which must stand in the directory of this script.
#
#   sh @SHOWN_ID@_restore.sh              checks the dump and the server, changes nothing
#   sh @SHOWN_ID@_restore.sh --restore    restores into a new database, beside the live one
#   sh @SHOWN_ID@_restore.sh --help       says more
#
# It needs psql,@NEEDS@ and sha256sum or shasum, and holds no password.
set -eu
umask 077
LC_ALL=C
PGCLIENTENCODING=UTF8
PGCONNECT_TIMEOUT=${PGCONNECT_TIMEOUT:-15}
export LC_ALL PGCLIENTENCODING PGCONNECT_TIMEOUT

backup_id=@BACKUP_ID@
dump_file=@DUMP_FILE@
dump_sha256=@DUMP_SHA256@
dump_major=@DUMP_MAJOR@
source_database=@DATABASE@
source_encoding=@ENCODING@
source_collate=@COLLATE@
source_ctype=@CTYPE@
contents=@CONTENTS@

usage() {
    cat <<'END_OF_HELP'
usage: sh @SHOWN_ID@_restore.sh [--restore] [--to NAME]

Restores the dump @SHOWN_FILE@ into a new database.
Without --restore it only checks: that the dump is whole and unchanged, that the
server can be reached and is not older than the dump.

  --restore    create the new database, load the dump, compare the rows of every
               table and the value of every sequence with those recorded, and
               print the statements that put it in place of the live database
  --to NAME    the new database's name, for one that stays beside the live one;
               otherwise it is the live database's name with _restored_ and the time
  -h, --help   this text

It renames nothing by itself. A new database that is not as recorded is dropped again.

The server is named by PGHOST, PGPORT, PGUSER, PGPASSWORD (or a passfile) and the other
variables of psql. PGDATABASE is the live database; unless it is set that is: @SHOWN_DATABASE@

exit status: 0 done, 1 a program or the server failed, 2 wrong usage, 3 the dump is damaged,
4 the new database was not as recorded, 5 psql, a right or the server is missing, 130 interrupted
END_OF_HELP
}

verdict=1 # the exit status, unless something says otherwise
worker='' feeder='' work='' created='' interrupted=''

@COMMON@
finish() {
    trap '' INT TERM HUP
    set +e
    for process in $worker $feeder; do
        kill "$process"
        wait "$process"
    done 2>/dev/null
    [ -z "$created" ] || drop_new_database
    [ -z "$work" ] || rm -rf "$work"
    trap - EXIT
    exit "$verdict"
}

drop_new_database() {
    for _ in 1 2 3; do
        if (psql_in "$maintenance" -v new="$new" -f "$work/drop.sql") >/dev/null 2>"$work/trouble"; then
            say "The new database $quoted_new was dropped again." >&2
            return
        fi
    done
    cat "$work/trouble" >&2
    say "The new database could not be dropped. Do it yourself: DROP DATABASE $quoted_new;" >&2
}

write_sql() {
    cat >"$work/server.sql" <<'END_OF_SQL'
SELECT current_database() = :'here';
SHOW server_version_num;
SHOW server_version;
SELECT rolcreatedb OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user;
SELECT count(*) FROM pg_catalog.pg_database WHERE datname = :'live';
END_OF_SQL
    cat >"$work/stamped.sql" <<'END_OF_SQL'
SELECT pg_catalog.left(:'live', size) || :'suffix' FROM pg_catalog.generate_series(0, 63) AS size
WHERE pg_catalog.octet_length(pg_catalog.left(:'live', size) || :'suffix') <= 63
ORDER BY size DESC LIMIT 1;
END_OF_SQL
    cat >"$work/new.sql" <<'END_OF_SQL'
SELECT count(*) FROM pg_catalog.pg_database WHERE datname = :'new';
SELECT pg_catalog.octet_length(:'new') <= 63;
SELECT CASE WHEN name !~ '[[:cntrl:]]' THEN '"' || replace(name, '"', '""') || '"'
    ELSE 'U&"' || (SELECT string_agg(CASE
            WHEN letter ~ '[[:cntrl:]]' THEN chr(92) || lpad(to_hex(ascii(letter)), 4, '0')
            WHEN letter IN ('"', chr(92)) THEN letter || letter ELSE letter END, '' ORDER BY place)
        FROM generate_series(1, length(name)) AS place, substr(name, place, 1) AS letter) || '"'
    END
FROM (VALUES (1, :'live'), (2, :'new'), (3, :'kept')) AS names(place, name) ORDER BY names.place;
END_OF_SQL
    cat >"$work/create.sql" <<'END_OF_SQL'
CREATE DATABASE :"new" TEMPLATE template0 ENCODING :'encoding' LC_COLLATE :'collate' LC_CTYPE :'ctype';
END_OF_SQL
    cat >"$work/create_otherwise.sql" <<'END_OF_SQL'
CREATE DATABASE :"new" TEMPLATE template0 ENCODING :'encoding';
END_OF_SQL
    cat >"$work/drop.sql" <<'END_OF_SQL'
SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
WHERE datname = :'new' AND usename = current_user AND pid <> pg_catalog.pg_backend_pid();
DROP DATABASE IF EXISTS :"new";
END_OF_SQL
    cat >"$work/here.sql" <<'END_OF_SQL'
SELECT ('this is the database ' || current_database() || ' instead')::integer
WHERE current_database() <> :'new';
END_OF_SQL
    cat >"$work/analyze.sql" <<'END_OF_SQL'
SET client_min_messages = error;
SET statement_timeout = 0;
ANALYZE;
END_OF_SQL
    # Each line of what it prints is a difference.
    cat >"$work/check.sql" <<'END_OF_SQL'
SET search_path = '';
SET row_security = off;
SET statement_timeout = 0;
SET lock_timeout = 0;
WITH recorded(kind, schema_name, own_name, value, is_called) AS (VALUES
@EXPECTED@
), named AS (
    SELECT *, CASE kind WHEN 'r' THEN 'table ' ELSE 'sequence ' END || pg_catalog.regexp_replace(
            CASE schema_name WHEN 'public' THEN '' ELSE pg_catalog.quote_ident(schema_name) || '.' END
            || pg_catalog.quote_ident(own_name), '[[:cntrl:]]', '?', 'g') AS title,
        CASE is_called WHEN true THEN ' (called)' WHEN false THEN ' (not called)' ELSE ' rows' END AS words
    FROM recorded WHERE value IS NOT NULL
)
SELECT CASE WHEN relation.oid IS NULL THEN pg_catalog.format('SELECT %L', title || ' is gone')
    WHEN kind = 'r' THEN pg_catalog.format(
        'SELECT %L || n || %L FROM (SELECT count(*) AS n FROM ONLY %I.%I %s) AS counted WHERE n <> %s',
        title || ': ', ' instead of ' || value || words, schema_name, own_name, condition, value)
    ELSE pg_catalog.format(
        'SELECT %L || last_value || CASE WHEN is_called THEN %L ELSE %L END || %L FROM %I.%I '
        || 'WHERE last_value <> %s OR is_called <> %L',
        title || ': ', ' (called)', ' (not called)', ' instead of ' || value || words,
        schema_name, own_name, value, is_called)
    END
FROM named
LEFT JOIN (pg_catalog.pg_class AS relation
    JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = relation.relnamespace)
    ON nspname = schema_name AND relname = own_name AND relkind::text = kind
-- Of an extension's table, a dump holds only the rows that the extension calls the user's own.
LEFT JOIN (SELECT data.oid, data.condition FROM pg_catalog.pg_extension, LATERAL ROWS FROM (
        pg_catalog.unnest(extconfig), pg_catalog.unnest(extcondition)) AS data(oid, condition)
    ) AS extension_data ON extension_data.oid = relation.oid
ORDER BY kind COLLATE "C" DESC, schema_name, own_name
\gexec
END_OF_SQL
}

connect() { # to a database other than the live one, because none can be renamed from within
    trouble=''
    case $live in
    postgres) set -- template1 postgres ;;
    template1) set -- postgres template1 ;;
    *) set -- postgres template1 "$live" ;;
    esac
    for maintenance in "$@"; do
        if run psql_in "$maintenance" -v here="$maintenance" -v live="$live" -f "$work/server.sql" \
            >"$work/server" 2>"$work/trouble"; then
            return
        fi
        trouble=${trouble:-$(cat "$work/trouble")}
    done
    fail 5 "error: the server cannot be reached: $trouble" \
        'hint: set PGHOST, PGPORT, PGUSER, and PGPASSWORD or a passfile'
}

check_server() {
    connect
    {
        read -r right_place
        read -r version_number
        read -r version
        read -r may_create
        read -r live_exists
    } <"$work/server" || fail 1 'error: the server did not answer as expected'
    [ "$right_place" = t ] || fail 5 \
        "error: asked for the database $(shown "$maintenance"), psql came to another one" \
        'hint: set no PGSERVICE that names a database, and do not connect through a pooler'
    [ "$((version_number / 10000))" -ge "$dump_major" ] || fail 5 \
        "error: the server is PostgreSQL $version, older than the dump's $dump_major" \
        'hint: restore into a server that is at least as new'
    [ "$may_create" = t ] || fail 5 'error: this role may not create databases' \
        'hint: connect as one that may, or: ALTER ROLE ... CREATEDB'
}

stamped() { # SUFFIX FILE: writes the live database's name, cut so that the suffix fits
    run psql_in "$maintenance" -v live="$live" -v suffix="$1" -f "$work/stamped.sql" >"$2" ||
        fail 1 'error: the server failed'
}

name_databases() {
    stamp=$(date -u +%Y%m%d_%H%M%S)
    stamped "_restored_$stamp" "$work/new"
    stamped "_before_$stamp" "$work/kept"
    new=${to:-$(cat "$work/new")}
    kept=$(cat "$work/kept")
    run psql_in "$maintenance" -v live="$live" -v new="$new" -v kept="$kept" -f "$work/new.sql" \
        >"$work/names" || fail 1 'error: the server failed'
    {
        read -r new_exists
        read -r new_fits
        IFS= read -r quoted_live
        IFS= read -r quoted_new
        IFS= read -r quoted_kept
    } <"$work/names" || fail 1 'error: the server did not answer as expected'
    [ "$new_fits" = t ] || fail 2 "error: $quoted_new is longer than the 63 bytes of a name"
    [ "$new_exists" -eq 0 ] || fail 2 "error: there is a database $quoted_new already" \
        'hint: name another with --to NAME'
}

create_new_database() {
    # Whatever happens now, its outcome must be known: only what was created here may be dropped.
    trap 'interrupted=yes' INT TERM HUP
    say "Creating $quoted_new"
    if create_with create.sql; then
        created=yes
    elif [ -z "$interrupted" ] && grep -q ' 42809: ' "$work/trouble"; then
        sed 1q "$work/trouble" >&2
        say "warning: this server has no locale $(shown "$source_collate") / $(shown "$source_ctype")," \
            'so its own default is taken: text may sort in another order than before' >&2
        ! create_with create_otherwise.sql || created=yes
    fi
    trap 'fail 130 interrupted' INT TERM HUP
    [ -z "$interrupted" ] || fail 130 interrupted
    [ -n "$created" ] || fail 1 "error: $quoted_new could not be created:" "$(cat "$work/trouble")"
}

create_with() (
    trap '' INT TERM HUP
    psql_in "$maintenance" -v VERBOSITY=verbose -v new="$new" -v encoding="$source_encoding" \
        -v collate="$source_collate" -v ctype="$source_ctype" -f "$work/$1" 2>"$work/trouble"
)

load_dump() {
    say 'Loading the dump'
    mkfifo "$work/stream"
    unpack <"$dump" >"$work/stream" &
    feeder=$!
    run psql_from_stream >/dev/null || fail 1 'error: psql could not load the dump'
    # psql takes an early end of its input for the end of the dump.
    wait_for_feeder || fail 1 'error: the dump could not be read or decompressed to its end'
    run psql_in "$new" -f "$work/analyze.sql" || fail 1 'error: ANALYZE failed'
}

psql_from_stream() {
    psql_in "$new" -v new="$new" -f "$work/here.sql" -f - <"$work/stream"
}

check_new_database() {
    say 'Comparing rows and sequences with the record'
    run psql_in "$new" -f "$work/check.sql" >"$work/differences" ||
        fail 1 'error: the new database could not be compared with the record'
    [ ! -s "$work/differences" ] || fail 4 'error: the new database is not as recorded:' \
        "$(cat "$work/differences")"
}

print_renames() { # FIRST_OLD FIRST_NEW SECOND_OLD SECOND_NEW; the first pair is empty if there is none
    elsewhere=postgres
    [ "$live" != postgres ] || elsewhere=template1
    say '' "psql -X -v ON_ERROR_STOP=1 -d $elsewhere <<'END_OF_SQL'" "SET client_encoding TO 'UTF8';" 'BEGIN;'
    [ -z "$1" ] || say "ALTER DATABASE $1 RENAME TO $2;"
    [ -z "$3" ] || say "ALTER DATABASE $3 RENAME TO $4;"
    say 'COMMIT;' END_OF_SQL ''
}

print_next_steps() {
    say '' "$contents restored into $quoted_new: rows and sequences are as recorded."
    say "Owners and grants are in $(shown "$backup_id")_privileges.sql; psql applies them to $quoted_new."
    [ -z "$to" ] || return 0
    say '' "To put it in place of $quoted_live, end all sessions in both and run:"
    if [ "$live_exists" -eq 0 ]; then
        print_renames '' '' "$quoted_new" "$quoted_live"
        say 'To undo that:'
        print_renames '' '' "$quoted_live" "$quoted_new"
        return
    fi
    print_renames "$quoted_live" "$quoted_kept" "$quoted_new" "$quoted_live"
    say 'To undo that:'
    print_renames "$quoted_live" "$quoted_new" "$quoted_kept" "$quoted_live"
    say 'Settings, owner and rights of the database itself stay with the old one.'
}

restore='' to=''
while [ "$#" -gt 0 ]; do
    case $1 in
    --restore) restore=yes ;;
    --to)
        [ "$#" -ge 2 ] || { usage >&2; exit 2; }
        shift
        to=$1
        [ -n "$to" ] || { usage >&2; exit 2; }
        ;;
    --to=?*) to=${1#--to=} ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
    esac
    shift
done

case $0 in
*/*) dump=${0%/*}/$dump_file ;;
*) dump=./$dump_file ;;
esac
live=${PGDATABASE:-$source_database}

trap finish EXIT
trap 'fail 130 interrupted' INT TERM HUP
check_programs
directory=${TMPDIR:-/tmp}/dbsnap-restore.$$
mkdir "$directory"
work=$directory
write_sql
check_dump
check_server
name_databases
say "Backup     $(shown "$backup_id")" "Holds      $contents" \
    "Dump       whole, its sha256 is right" "Server     PostgreSQL $version" \
    "Live       $quoted_live$([ "$live_exists" -gt 0 ] || printf ' (not on this server)')" \
    "New        $quoted_new"
if [ -n "$restore" ]; then
    create_new_database
    load_dump
    check_new_database
    created=''
    print_next_steps
else
    say '' 'This was a dry run: nothing was changed. With --restore the new database is created and loaded.'
fi
verdict=0
