unpack() { # call it in the background: it becomes the program
    exec @UNPACK@
}

say() {
    printf '%s\n' "$@"
}

fail() { # STATUS LINE...; never in a subshell
    verdict=$1
    shift
    printf '%s\n' "$@" >&2
    exit "$verdict"
}

shown() {
    printf '%s' "$1" | tr '[:cntrl:]' '?'
}

run() { # COMMAND...; a shell heeds a signal during wait, but not while a program is in the foreground
    "$@" &
    worker=$!
    result=0
    wait "$worker" || result=$?
    worker=''
    return "$result"
}

psql_in() { # DATABASE ARGUMENT...; call it in a subshell: it becomes psql
    # As an argument a name with = or :// would be a connection string.
    PGDATABASE=$1
    export PGDATABASE
    shift
    exec psql -X -q -w -A -t -v ON_ERROR_STOP=1 "$@"
}

digest_dump() {
    if command -v sha256sum >/dev/null 2>&1; then
        exec sha256sum <"$dump"
    fi
    exec shasum -a 256 <"$dump"
}

check_programs() {
    set -- psql @PROGRAMS@
    for program in "$@"; do
        command -v "$program" >/dev/null 2>&1 || fail 5 "error: there is no program $program" \
            'hint: install it, or put its directory into PATH'
    done
    command -v sha256sum >/dev/null 2>&1 || command -v shasum >/dev/null 2>&1 ||
        fail 5 'error: there is neither sha256sum nor shasum, so the dump cannot be checked'
}

check_dump() {
    say "Checking $(shown "$dump")"
    [ -r "$dump" ] || fail 3 'error: the dump is not there, or not readable' \
        'hint: it must stand in the directory of this script'
    run digest_dump >"$work/digest" || fail 1 'error: the dump could not be read'
    digest=''
    read -r digest _ <"$work/digest" || :
    [ "$digest" = "$dump_sha256" ] || fail 3 \
        'error: the dump is damaged: it was changed, or cut off, since it was taken' \
        "its sha256 is $digest" "instead of   $dump_sha256" 'hint: take another copy of the file'
    mkfifo "$work/unpacked"
    unpack <"$dump" >"$work/unpacked" &
    feeder=$!
    run tail_of_dump >"$work/tail" || fail 1 'error: the end of the dump could not be read'
    wait_for_feeder || fail 1 'error: the dump could not be read or decompressed'
    grep -q '^-- PostgreSQL database dump complete$' "$work/tail" || fail 3 \
        "error: the dump is damaged: it has no pg_dump's trailer, so its end is missing" \
        'hint: take another copy of the file'
}

tail_of_dump() {
    exec tail -c 500 <"$work/unpacked"
}

wait_for_feeder() {
    result=0
    wait "$feeder" || result=$?
    feeder=''
    return "$result"
}
