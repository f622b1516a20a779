from __future__ import annotations

import json
import os
import subprocess
import sys
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from dbsnap.errors import DbsnapError, UsageError
from dbsnap.postgres.url import SECRETS, Database, parse_url

ORIGIN = "DATABASE_URL in .env"


def parse(url: str) -> Database:
    return parse_url(url, origin=ORIGIN)


def refusal(url: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        parse(url)
    assert ORIGIN in str(caught.value)
    assert caught.value.hint
    return caught.value


def shown(error: DbsnapError) -> str:
    """Everything a person, a log or a traceback could get to see of an error."""
    assert error.__cause__ is None
    assert error.__context__ is None
    return f"{error}\n{error!r}\n{error.hint}"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://u:p%40w@h:5433/d%20b?sslmode=require",
            {"user": "u", "password": "p@w", "host": "h", "port": "5433", "dbname": "d b"}
            | {"sslmode": "require"},
        ),
        ("postgres://u@h/d", {"user": "u", "host": "h", "dbname": "d"}),
        ("POSTGRES://u@h/d", {"user": "u", "host": "h", "dbname": "d"}),
        ("  postgres://u@h/d\n", {"user": "u", "host": "h", "dbname": "d"}),
        ("postgresql://u:@h/d/", {"user": "u", "host": "h", "dbname": "d"}),
        ("postgresql://u@/d?host=/run/pg", {"user": "u", "host": "/run/pg", "dbname": "d"}),
        ("postgresql://u:p@localhost/d?host=/run/pg", {"host": "/run/pg", "dbname": "d"}),
        ("postgresql://%2Frun%2Fpg/d", {"host": "/run/pg", "dbname": "d"}),
        ("postgresql://u@[::1]:5433/d", {"host": "::1", "port": "5433"}),
        ("postgresql://u@[fe80::1%25eth0]/d", {"host": "fe80::1%eth0"}),
        ("postgresql://u@h1:1,h2:2/d", {"host": "h1,h2", "port": "1,2"}),
        ("postgresql://h/d?options=-c%20x=y&", {"options": "-c x=y"}),
        ("postgresql://h/d?application_name=a+b", {"application_name": "a+b"}),
        ("postgresql://h/d?ssl=true", {"sslmode": "require"}),
        ("postgresql://h/d%2Fe%40f%23", {"dbname": "d/e@f#"}),
        ("postgresql://h/a%3Db", {"dbname": "a=b"}),
        ("host=h dbname='a b' password='p w' port=1", {"dbname": "a b", "password": "p w"}),
        ("user=u service=production", {"service": "production", "dbname": "u"}),
        ("postgresql://u@h", {"dbname": "u"}),
        ("postgresql://", {"dbname": "postgres"}),
    ],
)
def test_addresses_are_read_as_libpq_reads_them(url: str, expected: dict[str, str]) -> None:
    parameters = parse(url).parameters
    assert {keyword: parameters.get(keyword) for keyword in expected} == expected
    assert parse(url).warnings == ()


def test_an_empty_password_is_no_password() -> None:
    assert "password" not in parse("postgresql://u:@h/d").parameters


def test_prisma_parameters_are_dropped_and_the_schema_kept() -> None:
    database = parse(
        "postgresql://u:p@h/d?schema=shop%20a&connection_limit=5&pool_timeout=2&socket_timeout=3"
        "&statement_cache_size=0&single_use_connections=true&max_connection_lifetime=1"
        "&max_idle_connection_lifetime=1&pgbouncer=false&connect_timeout=7&channel_binding=require"
        "&application_name=web&uselibpqcompat=true"
    )
    assert database.schema == "shop a"
    assert database.warnings == ()
    assert dict(database.parameters) == {
        "user": "u",
        "password": "p",
        "host": "h",
        "dbname": "d",
        "connect_timeout": "7",
        "channel_binding": "require",
        "application_name": "web",
    }
    assert parse("postgresql://h/d?schema=").schema is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sslaccept=accept_invalid_certs", {"sslmode": "require"}),
        ("sslaccept=accept_invalid_certs&sslmode=prefer", {"sslmode": "prefer"}),
        ("sslaccept=accept_invalid_certs&sslcert=/ca.pem", {"sslmode": "require"}),
        ("sslaccept=strict", {"sslmode": "verify-full", "sslrootcert": "system"}),
        (
            "sslaccept=strict&sslmode=require&sslcert=/ca.pem",
            {"sslmode": "verify-full", "sslrootcert": "/ca.pem"},
        ),
        (
            "sslaccept=strict&sslrootcert=/ca.pem",
            {"sslmode": "verify-full", "sslrootcert": "/ca.pem"},
        ),
        ("sslmode=require&sslcert=/ca.pem", {"sslmode": "require", "sslrootcert": "/ca.pem"}),
        ("sslcert=/me.pem&sslkey=/me.key", {"sslcert": "/me.pem", "sslkey": "/me.key"}),
        ("sslmode=no-verify", {"sslmode": "require"}),
        ("sslmode=verify-ca", {"sslmode": "verify-ca"}),
    ],
)
def test_tls_parameters_mean_what_prisma_means(query: str, expected: dict[str, str]) -> None:
    database = parse(f"postgresql://h/d?{query}")
    tls = {k: v for k, v in database.parameters.items() if k.startswith("ssl")}
    assert tls == expected
    assert database.warnings == ()


def test_tls_files_that_cannot_be_used_are_named_with_the_remedy() -> None:
    identity = parse("postgresql://h/d?sslidentity=/id.p12&sslpassword=pw")
    assert "openssl pkcs12" in identity.warnings[0]
    assert "sslpassword" not in identity.parameters
    assert "absolute" in parse("postgresql://h/d?sslcert=ca.pem").warnings[0]
    assert "sslaccept" in str(refusal("postgresql://h/d?sslaccept=maybe"))


@pytest.mark.parametrize(
    ("url", "sign"),
    [
        ("postgresql://u@h/d?pgbouncer=true", "pgbouncer=true"),
        ("postgresql://u@ep-x-1-pooler.eu.aws.neon.tech/d", "-pooler"),
        ("postgresql://u@aws-0-eu.pooler.supabase.com:6543/postgres", "transaction pooler"),
        ("postgresql://u@db.abc.supabase.co:6543/postgres", "transaction pooler"),
        ("postgresql://u@aws-0-eu.pooler.supabase.com:5432/postgres", "session pooler"),
        ("postgresql://u@aws-0-eu.pooler.supabase.com/postgres", "session pooler"),
        ("postgresql://u@pooled.db.prisma.io/postgres", "pooled.db.prisma.io"),
        ("postgresql://u@h:6432/d", "6432"),
        ("postgresql://u@h/pgbouncer", "PgBouncer"),
        ("host=h port=6432 dbname=d", "6432"),
    ],
)
def test_a_pooler_address_gets_one_warning_with_the_remedy(url: str, sign: str) -> None:
    (warning,) = parse(url).warnings
    assert ORIGIN in warning
    assert sign in warning
    assert "address" in warning or "host" in warning


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u@db.abc.supabase.co:5432/postgres",
        "postgresql://u@ep-x-1.eu.aws.neon.tech/d",
        "postgresql://u@my-pooler-app.example.org/d",
        "postgresql://u@db.prisma.io/postgres",
        "postgresql://u@h/pgbouncer_metrics",
    ],
)
def test_a_direct_address_gets_none(url: str) -> None:
    assert parse(url).warnings == ()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("prisma://accelerate.prisma-data.net/?api_key=S3CR", "DIRECT_URL"),
        ("prisma+postgres://localhost:51213/?api_key=S3CR", "DIRECT_DATABASE_URL"),
        ("mysql://u:S3CR@h/d", "MySQL"),
        ("mariadb://u:S3CR@h/d", "MariaDB"),
        ("file:./dev.db", "SQLite"),
        ("sqlite:dev.db", "SQLite"),
        ("mongodb+srv://u:S3CR@h/d", "MongoDB"),
        ("sqlserver://h;password=S3CR", "SQL Server"),
        ("https://example.org/?key=S3CR", "web"),
        ("jdbc:postgresql://h/d?password=S3CR", "not a PostgreSQL address"),
        ("postgresql+asyncpg://u:S3CR@h/d", "not a PostgreSQL address"),
        ("S3CR", "not a PostgreSQL address"),
        ('"postgresql://u:S3CR@h/d"', "not a PostgreSQL address"),
        ("", "empty"),
        ("  ", "empty"),
    ],
)
def test_what_is_no_postgresql_address_is_refused(url: str, expected: str) -> None:
    message = shown(refusal(url))
    assert expected in message
    assert "S3CR" not in message


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:S3@CR@h/d",
        "postgresql://u:S3/CR@h/d",
        "postgresql://u:a@b/S3CR@h",
        "postgresql://u:123/CR@h/d",
        "postgresql://u:S3#CR@h/d",
        "postgresql://u:S3?CR@h/d",
        "postgresql://u:123?CR=x@h/d",
        "postgresql://u:S3%CR@h/d",
        "postgresql://u:S3%00CR@h/d",
        "postgresql://u:S3%ffCR@h/d",
        "postgresql://u:S3 CR@h/d",
        "postgresql://u:p@S3@CR/d?x",
        "postgresql://u:S3CR",
        "postgresql://u%3AS3CR%40h/d",
        "postgresql://u%3AS3CR@h",
        "postgresql://u:p@h:S3CR/d",
        "postgresql://u:p@h:99999/d",
        "postgresql://u:p@h/d/S3CR",
        "postgresql://u:p@h/d#S3CR",
        "postgresql://u:p@h/d?sslmode",
        "postgresql://h/d?password=a&cret=S3CR",
        "postgresql://h/postgresql%3A%2F%2Fu%3AS3CR%40h",
        "postgresql://h/host%3Dh%20password%3DS3CR",
        "host=h password=a S3CR",
        "host=h password=a cret=S3CR",
        "host=u:S3CR@h dbname=d",
        "dbname=postgresql://u:S3CR@h/d",
        "host=h password='S3CR",
        "u:S3CR@h/d?schema=x",
        "postgresql://u:S3CR\udcff@h/d",
        "postgresql://u:S3CR\0@h/d",
    ],
)
def test_what_is_malformed_is_refused_without_repeating_it(url: str) -> None:
    message = shown(refusal(url))
    for piece in ("S3", "CR", "cret"):
        assert piece not in message


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://u:S3CR@h/d?sslmod=require", "sslmod"),
        ("postgresql://u:S3CR@h/d?schema=x&nope=S3CR", "nope"),
        ("postgresql://u:S3CR@h/d?ssl=false", "ssl"),
        ("host=h nope=S3CR password=S3CR", "nope"),
        ("host=h schema=S3CR", "schema"),
    ],
)
def test_an_unknown_parameter_is_named(url: str, name: str) -> None:
    message = shown(refusal(url))
    assert f"parameter {name}," in message
    assert "S3CR" not in message


# Words that occur in no message, broken up by everything that means something in a URL.
WORDS = ["zqj", "qzj", "jqz7", "7zqq"]
PIECE = st.sampled_from([*WORDS, *"@/:?#%&=+ []'\"\\,;", "%40", "%zz", "%00", "%ff", "é", "\n"])
PASSWORD = st.lists(PIECE, min_size=1, max_size=8).map("".join)
SHAPES = [
    "postgresql://u:{}@h:5433/d?schema=s",
    "postgres://u:{}@h",
    "postgresql://u:{}@/d?host=/run",
    "postgresql://u@h/d?password={}",
    "postgresql://u@h/d?sslpassword={}&schema=s",
    "host=h user=u password={} dbname=d",
    "host=h password='{}' dbname=d",
    "postgresqll://u:{}@h/d",
    "prisma://h/?api_key={}",
    "mysql://u:{}@h/d",
]


@given(shape=st.sampled_from(SHAPES), password=PASSWORD)
@example(shape=SHAPES[0], password="zqj@qzj")
@example(shape=SHAPES[0], password="7/zqj")
@example(shape=SHAPES[3], password="zqj&zqj=")
@example(shape=SHAPES[5], password="zqj qzj=zqj")
def test_no_password_is_ever_shown(shape: str, password: str) -> None:
    assume(any(word in password for word in WORDS))
    # These replace a part of the address themselves: that is no piece of the password then.
    assume("host=" not in password)
    try:
        database = parse(shape.format(password))
        seen = f"{database!r} {database!s} {database.label} {database.warnings}"
    except UsageError as error:
        seen = shown(error)
    for word in WORDS:
        assert word not in seen


@given(password=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_an_encoded_password_arrives_as_it_is(password: str) -> None:
    database = parse(f"postgresql://u:{quote(password, safe='')}@h/d?schema=x")
    assert database.parameters.get("password", "") == password
    assert database.label == "d on h:5432"


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        answer = parse(text).label
    except UsageError as error:
        answer = error.hint
    assert answer


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30))
def test_any_rest_of_a_url_is_read_or_refused(text: str) -> None:
    try:
        answer = parse("postgresql://" + text).label
    except UsageError as error:
        answer = error.hint
    assert answer


def test_representations_hold_no_secret() -> None:
    secrets = "&".join(f"{keyword}=S3CR" for keyword in sorted(SECRETS - {"password"}))
    database = parse(f"postgresql://u:S3CR@h/d?{secrets}&passfile=/p")
    assert repr(database) == str(database) == f"{database}" == "<Database d on h:5432>"
    assert "S3CR" not in repr((database, {"database": database}))


@pytest.mark.parametrize(
    ("url", "label"),
    [
        ("postgresql://u:p@h/d", "d on h:5432"),
        ("postgresql://u:p@[::1]:1/d", "d on [::1]:1"),
        ("postgresql://u:p@a:1,b:2/d", "d on a:1, b:2"),
        ("postgresql://u:p@a,b:2/d", "d on a:5432, b:2"),
        ("host=a,b port=7 dbname=d", "d on a:7, b:7"),
        ("postgresql:///d", "d on local socket:5432"),
        ("postgresql:///d?host=/run", "d on /run:5432"),
        ("hostaddr=10.0.0.1 dbname=d", "d on 10.0.0.1:5432"),
        ("postgresql://h/a%1b%5B31m", "a\\x1b[31m on h:5432"),
    ],
)
def test_labels(url: str, label: str) -> None:
    assert parse(url).label == label


LIBPQ_DEFAULTS = """
import json
from psycopg.pq import Conninfo
options = {o.keyword.decode(): o.val for o in Conninfo.get_defaults()}
print(json.dumps({k: v.decode() for k, v in options.items() if v is not None}))
"""


def test_a_child_process_sees_the_address_in_its_environment() -> None:
    database = parse(
        "postgresql://u:p%40%20w@h:5433/a%3Db?sslmode=verify-ca&sslrootcert=/ca&options=-c%20x=y"
        "&connect_timeout=3&passfile=/p&require_auth=scram-sha-256&target_session_attrs=any"
        "&keepalives_idle=5&keepalives=1&tcp_user_timeout=1&fallback_application_name=f"
        "&channel_binding=require&gssencmode=disable&application_name=web&sslnegotiation=postgres"
    )
    environment = database.environment()
    assert environment["PGPASSWORD"] == "p@ w"
    assert "p@ w" not in {v for k, v in environment.items() if k != "PGPASSWORD"}
    bare = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    output = subprocess.check_output(
        [sys.executable, "-c", LIBPQ_DEFAULTS], env=bare | environment, text=True
    )
    seen = json.loads(output)
    left_out = {"keepalives_idle", "keepalives", "tcp_user_timeout", "fallback_application_name"}
    expected = {k: v for k, v in database.parameters.items() if k not in left_out}
    assert {keyword: seen.get(keyword) for keyword in expected} == expected


@pytest.mark.parametrize(
    "keyword", ["sslpassword", "oauth_client_secret", "scram_client_key", "sslkeylogfile"]
)
def test_a_keyword_that_no_variable_carries_is_refused_not_dropped(keyword: str) -> None:
    with pytest.raises(UsageError, match=keyword) as caught:
        parse(f"postgresql://h/d?{keyword}=S3CR").environment()
    assert "S3CR" not in shown(caught.value)


def test_with_name_changes_nothing_but_the_name() -> None:
    database = parse("postgresql://u:p@h/d?schema=s&pgbouncer=true")
    side = database.with_name("side = db://x")
    assert side.name == side.environment()["PGDATABASE"] == "side = db://x"
    assert side.with_name("d") == database
    assert database.name == "d"


SAME = [
    ("postgresql://a:1@h/d", "postgres://b@H:5432/d?schema=x"),
    ("postgresql://localhost/d", "postgresql://127.0.0.1/d"),
    ("postgresql://localhost/d", "postgresql://[::1]:5432/d"),
    ("postgresql://localhost/d", "postgresql:///d"),
    ("postgresql://localhost/d", "postgresql:///d?host=/run/pg"),
    ("postgresql:///d", "postgresql:///d?host=/run/pg"),
    ("postgresql:///d?host=/run/pg", "host=/run/pg/ dbname=d port=05432"),
    ("postgresql://h1,h2/d", "postgresql://h2/d"),
    ("postgresql://h1:1,h2:2/d", "postgresql://h2:2/d"),
    ("postgresql://h/d?hostaddr=10.0.0.1", "postgresql://10.0.0.1/d"),
    ("postgresql://d@h", "postgresql://h/d"),
    ("postgresql://ep-x-pooler.eu.neon.tech/d", "postgresql://ep-x.eu.neon.tech/d"),
    ("postgresql://h./d", "postgresql://h/d"),
]
DIFFERENT = [
    ("postgresql://h/d", "postgresql://h/e"),
    ("postgresql://h/d", "postgresql://h/D"),
    ("postgresql://h/d", "postgresql://h:5433/d"),
    ("postgresql://h/d", "postgresql://i/d"),
    ("postgresql://localhost/d", "postgresql://h/d"),
    ("postgresql://localhost:1/d", "postgresql:///d?host=/run/pg&port=2"),
    ("postgresql:///d?host=/run/pg", "postgresql:///d?host=/run/pg2"),
    ("postgresql:///d?host=/run/pg", "postgresql://h/d"),
    ("postgresql://h1:1,h2:2/d", "postgresql://h2:1/d"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_same_database(one: str, other: str) -> None:
    assert parse(one).same_as(parse(other))
    assert parse(other).same_as(parse(one))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_databases(one: str, other: str) -> None:
    assert not parse(one).same_as(parse(other))
    assert not parse(other).same_as(parse(one))
