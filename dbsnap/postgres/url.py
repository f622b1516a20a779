"""Where a database is: a connection URL in (Prisma's too), libpq parameters out.

Pure: nothing is opened, looked up or read from the environment. libpq itself parses what is left
once Prisma's own parameters are out (PostgreSQL documentation, 32.1.1 "Connection Strings").

Nothing here ever shows a secret. libpq's messages quote the part of a URL they stumbled over, so
none of them is passed on, and a URL that can be read in two ways is refused: otherwise a piece of a
password with an unencoded ``/`` or ``@`` in it would turn into a host or database name.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo

from dbsnap.errors import UsageError
from dbsnap.postgres.prisma_url import split_query, translate_tls

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRETS = frozenset(
    {"password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"}
)
"""libpq keywords whose values are never shown."""

DEFAULT_PORT = "5432"
_DEFAULT_HOST = "local socket"

_TUNING_ONLY = re.compile(r"keepalives(_\w+)?|tcp_user_timeout|fallback_application_name")
"""Keywords without an environment variable that a child process does as well without."""

_FORM = "Write it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
_ENCODE = (
    "Percent-encode what is special in the password, user and database name: "
    "@ %40, / %2F, : %3A, # %23, ? %3F, % %25, & %26, space %20"
)
_OTHER_PRODUCTS = {
    "mysql": "MySQL",
    "mariadb": "MariaDB",
    "sqlite": "SQLite",
    "file": "SQLite",
    "mongodb": "MongoDB",
    "mongodb+srv": "MongoDB",
    "sqlserver": "SQL Server",
    "http": "web",
    "https": "web",
}
_NESTED_ADDRESS = re.compile(r"^postgres(ql)?://|(password|secret|_key)\s*=", re.IGNORECASE)
_NETWORK_HOST = re.compile(r"[^\s@/:?#=\\]*|(?=.*:.*:)[0-9A-Fa-f:.]+(%[\w.-]+)?")
_LOOPBACK = re.compile(r"|localhost\.?|127\.[\d.]+|::1|0\.0\.0\.0|::", re.IGNORECASE)


@dataclass(frozen=True, slots=True, repr=False)
class Database:
    """One database's address.

    ``parameters`` maps libpq keywords to what the URL said of them, and always names the database
    (``dbname``). ``schema`` is Prisma's ``?schema=``. Each of ``warnings`` is a sentence that names
    its remedy. Printing an address shows its label alone.
    """

    parameters: Mapping[str, str]
    schema: str | None = None
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Database {self.label}>"

    @property
    def name(self) -> str:
        """The database's name: by libpq's rule the user's where the address gives none."""
        return self.parameters.get("dbname") or self.parameters.get("user") or "postgres"

    @property
    def label(self) -> str:
        """``NAME on HOST:PORT`` for messages, unprintable characters escaped."""
        places = (f"[{h}]:{p}" if ":" in h else f"{h}:{p}" for h, p in self._hosts())
        return _printable(f"{self.name} on {', '.join(places)}")

    @property
    def needs_tls(self) -> bool:
        """Whether the address allows no connection without TLS."""
        return self.parameters.get("sslmode") in {"require", "verify-ca", "verify-full"}

    def environment(self) -> dict[str, str]:
        """Return the address as ``PG…`` variables for a child process, the password among them.

        Raises UsageError for a keyword that no variable carries but on which it depends where, or
        how safely, one connects. Keepalives and the like are left out.
        """
        variables = _environment_variables()
        result: dict[str, str] = {}
        for keyword, value in self.parameters.items():
            if keyword in variables:
                result[variables[keyword]] = value
            elif not _TUNING_ONLY.fullmatch(keyword):
                raise UsageError(
                    f"{keyword} in the address of {self.label} cannot be handed to pg_dump and psql"
                    " outside their command line",
                    hint=f"Connect without {keyword}"
                    + (": use a key file without a passphrase" * (keyword == "sslpassword")),
                )
        return result

    def with_name(self, dbname: str) -> Database:
        """Return the address of the database ``dbname`` on the same server."""
        return replace(self, parameters=MappingProxyType({**self.parameters, "dbname": dbname}))

    def with_role(self, role: str, password: str | None) -> Database:
        """Return the same address for another role; without a password libpq looks for one itself."""
        others = {k: v for k, v in self.parameters.items() if k not in ("user", "password")}
        own = {"user": role} if password is None else {"user": role, "password": password}
        return replace(self, parameters=MappingProxyType({**others, **own}))

    def same_as(self, other: Database) -> bool:
        """Return whether both may be one database, as far as the addresses tell.

        Errs towards yes: the loopback addresses and a socket directory of one port are one server,
        a pooler of Neon's is the server behind it, and one host in common is enough.
        """
        if self.name != other.name:
            return False
        return any(
            port == other_port
            and (host == other_host or (not (host and other_host) and _is_local(host + other_host)))
            for host, port in self._servers()
            for other_host, other_port in other._servers()
        )

    def _hosts(self) -> list[tuple[str, str]]:
        """Return every host with its port; one port counts for all hosts, as in libpq."""
        named = self.parameters.get("host") or self.parameters.get("hostaddr")
        hosts = (named or _DEFAULT_HOST).split(",")
        ports = (self.parameters.get("port") or DEFAULT_PORT).split(",")
        ports = ports * len(hosts) if len(ports) == 1 else ports
        return [(h, p or DEFAULT_PORT) for h, p in zip(hosts, ports, strict=False)]

    def _servers(self) -> set[tuple[str, str]]:
        """Return hosts and ports in one spelling; the machine itself is ``""``."""
        hosts = self._hosts()
        numeric = (self.parameters.get("hostaddr") or "").split(",")
        pairs = [*hosts, *((a, p) for a, (_, p) in zip(numeric, hosts, strict=False) if a)]
        return {(_canonical_host(host), str(int(port))) for host, port in pairs}


def parse_url(url: str, *, origin: str = "the address") -> Database:
    """Return the database that ``url`` names, Prisma's parameters translated or dropped.

    ``url`` is a ``postgresql://`` or ``postgres://`` URL or a libpq string (``host=… dbname=…``).
    ``origin`` says in messages where it was given: ``--url``, ``DATABASE_URL in .env``. Raises
    UsageError where it is no PostgreSQL address, is malformed, can be read in two ways, or holds a
    parameter neither libpq nor Prisma has. No message repeats any value from it.
    """
    text = url.strip()
    if not text:
        raise UsageError(f"{origin} is empty", hint=_FORM)
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text):
        raise UsageError(f"{origin} holds bytes that are not text", hint=_ENCODE)
    scheme, colon, _ = text.partition(":")
    if scheme.lower() in {"postgresql", "postgres"} and text.startswith("://", len(scheme)):
        return _from_url(text[len(scheme) + 3 :], origin)
    _refuse_other_products(scheme.lower() if colon else "", origin)
    if "=" not in text or "://" in text.partition("=")[0]:
        raise UsageError(f"{origin} is not a PostgreSQL address", hint=_FORM)
    parameters = _libpq_parameters(text, origin, names=re.findall(r"([^\s=]+)\s*=", text))
    return _database(parameters, {}, [], origin)


def _refuse_other_products(scheme: str, origin: str) -> None:
    if scheme in {"prisma", "prisma+postgres"}:
        raise UsageError(
            f"{origin} is an address of Prisma's own service ({scheme}://), not of PostgreSQL",
            hint="Set DIRECT_URL (or DIRECT_DATABASE_URL) beside it to the database's own "
            "postgresql:// address",
        )
    if scheme in _OTHER_PRODUCTS:
        raise UsageError(
            f"{origin} is a {_OTHER_PRODUCTS[scheme]} address; dbsnap backs up PostgreSQL",
            hint=_FORM,
        )


def _from_url(rest: str, origin: str) -> Database:
    """Read what follows ``postgresql://``."""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    # Left as they are, these would make libpq or Prisma take a part of the password for something
    # else. So whatever follows "@" is known not to come from a password.
    if rest.count("@") > 1 or "#" in rest or ("@" in rest and "@" not in authority):
        raise UsageError(f"{origin} can be read in more than one way", hint=_ENCODE)
    before_query, _, query = rest.partition("?")
    path = before_query[len(authority) :].rstrip("/")
    if path.count("/") > 1:
        raise UsageError(f"{origin} has more than a database name after the host", hint=_ENCODE)

    query, prisma, names = split_query(query)
    text = f"postgresql://{authority}{path}" + (f"?{query}" if query else "")
    parameters = _libpq_parameters(text, origin, names=names)
    if ":" in parameters.get("user", "") and "password" not in parameters:
        raise UsageError(f"{origin} has the colon before the password encoded", hint=_FORM)
    return _database(parameters, prisma, translate_tls(parameters, prisma, origin), origin)


def _libpq_parameters(text: str, origin: str, *, names: list[str]) -> dict[str, str]:
    """Let libpq parse ``text``; ``names`` are the keywords in it, in their order."""
    try:
        return {k: str(v) for k, v in conninfo_to_dict(text).items() if v is not None}
    except psycopg.Error as error:
        quoted = re.findall(r'"([A-Za-z_]{1,40})"', str(error))
    except UnicodeError:
        quoted = []
    # Raised out here, so that no exception with a piece of the password is attached. What follows
    # a secret and looks like a name may be the rest of an unencoded password.
    sure = itertools.takewhile(lambda name: name not in SECRETS, names)
    for unknown in set(quoted).difference(_keywords()).intersection(sure):
        raise UsageError(
            f"{origin} has the parameter {unknown}, which neither PostgreSQL nor Prisma knows",
            hint="Correct its name or leave it out",
        )
    raise UsageError(
        f"{origin} is malformed",
        hint=_ENCODE + "; in a string of the form password=… put it between single quotes",
    )


def _database(
    parameters: dict[str, str], prisma: Mapping[str, str], warnings: list[str], origin: str
) -> Database:
    _refuse_misread_parts(parameters, origin)
    warnings += _pooler_warnings(parameters, prisma, origin)
    # Said outright, so that PGDATABASE or the operating system's user cannot mean another one.
    parameters["dbname"] = Database(parameters).name
    return Database(MappingProxyType(parameters), prisma.get("schema") or None, tuple(warnings))


def _refuse_misread_parts(parameters: Mapping[str, str], origin: str) -> None:
    """Refuse hosts, ports and names that are none: a part of a password may have ended up there."""
    hosts = f"{parameters.get('host', '')},{parameters.get('hostaddr', '')}".split(",")
    for host in hosts:
        if not _is_local(host) and not _NETWORK_HOST.fullmatch(host):
            raise UsageError(f"{origin} has a host that is not a host name", hint=_ENCODE)
    for port in parameters.get("port", "").split(","):
        if port and not (re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) < 65536):
            raise UsageError(f"{origin} has a port that is not a port number", hint=_ENCODE)
    if _NESTED_ADDRESS.search(parameters.get("dbname", "")):
        raise UsageError(f"{origin} has an address in place of a database name", hint=_FORM)


def _pooler_warnings(
    parameters: Mapping[str, str], prisma: Mapping[str, str], origin: str
) -> list[str]:
    """Return a warning if the address is a connection pooler's, which breaks exported snapshots."""
    hosts = parameters.get("host", "").lower().split(",")
    ports = (parameters.get("port") or DEFAULT_PORT).split(",")
    remedy = "set DIRECT_URL to the server's own address"
    if any(host.split(".")[0].endswith("-pooler") for host in hosts):
        sign, remedy = "-pooler in the host name", "take -pooler out of the host name"
    elif any(host.endswith(".pooler.supabase.com") for host in hosts) and "6543" not in ports:
        sign = "Supabase's session pooler"
        remedy = "it works, but the direct address db.PROJECT.supabase.co is faster and safer"
    elif any(".supabase.co" in host for host in hosts) and "6543" in ports:
        sign = "Supabase's transaction pooler, port 6543"
        remedy += ", or use port 5432"
    elif "pooled.db.prisma.io" in hosts:
        sign, remedy = "pooled.db.prisma.io", "use the host db.prisma.io"
    elif "6432" in ports:
        sign = "PgBouncer's port 6432"
    elif parameters.get("dbname") == "pgbouncer":
        sign = "PgBouncer's own database"
    elif prisma.get("pgbouncer", "").lower() in {"true", "1"}:
        sign = "pgbouncer=true"
    else:
        return []
    return [f"{origin} leads through a connection pooler ({sign}): {remedy}"]


@cache
def _environment_variables() -> Mapping[str, str]:
    """Return libpq's keywords that have an environment variable, with its name."""
    options = Conninfo.get_defaults()
    return {o.keyword.decode(): o.envvar.decode() for o in options if o.envvar is not None}


@cache
def _keywords() -> frozenset[str]:
    return frozenset(option.keyword.decode() for option in Conninfo.get_defaults())


def _is_local(host: str) -> bool:
    return host.startswith(("/", "@"))  # a socket's directory or abstract name


def _canonical_host(host: str) -> str:
    if _is_local(host):
        return host.rstrip("/")
    if host == _DEFAULT_HOST or _LOOPBACK.fullmatch(host):
        return ""
    machine, dot, domain = host.lower().rstrip(".").partition(".")
    return machine.removesuffix("-pooler") + dot + domain


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
