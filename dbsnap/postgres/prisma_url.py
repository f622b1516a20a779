"""The parameters of a connection URL that are Prisma's and not libpq's: taken out, and translated.

Source: Prisma's documentation of its PostgreSQL connector, "Connection details".
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from dbsnap.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

_PRISMA_ONLY = frozenset(
    {
        "connection_limit",
        "max_connection_lifetime",
        "max_idle_connection_lifetime",
        "pgbouncer",
        "pool_timeout",
        "schema",
        "single_use_connections",
        "socket_timeout",
        "sslaccept",
        "sslidentity",
        "statement_cache_size",
        "uselibpqcompat",  # node-postgres, which Prisma's driver adapters pass URLs to
    }
)
"""What Prisma's PostgreSQL connector reads from a URL and libpq refuses."""


def split_query(query: str) -> tuple[str, dict[str, str], list[str]]:
    """Return of a URL's query what libpq can parse, Prisma's parameters, and every name in it.

    Prisma's parameters are decoded, and so are the names, which stand in their order.
    """
    pairs = [part.partition("=") for part in query.split("&") if part]
    names = [unquote(name) for name, _, _ in pairs]
    prisma = {n: unquote(v) for n, (_, _, v) in zip(names, pairs, strict=True) if n in _PRISMA_ONLY}
    # libpq wants a "=" inside a value encoded; Prisma does not.
    kept = [name + sign + value.replace("=", "%3D") for name, sign, value in pairs]
    rest = "&".join(k for n, k in zip(names, kept, strict=True) if n not in _PRISMA_ONLY)
    return rest, prisma, names


def translate_tls(parameters: dict[str, str], prisma: Mapping[str, str], origin: str) -> list[str]:
    """Turn Prisma's TLS parameters into libpq's, in place; return warnings.

    Prisma's ``sslcert`` is the certificate authority that signed the server's certificate, libpq's
    is the client's own and comes with ``sslkey``.
    """
    warnings: list[str] = []
    accept = prisma.get("sslaccept")
    if accept not in {None, "strict", "accept_invalid_certs"}:
        raise UsageError(
            f"sslaccept in {origin} is neither strict nor accept_invalid_certs", hint="Correct it"
        )
    if "sslidentity" in prisma:
        parameters.pop("sslpassword", None)  # it opens the PKCS#12 file that is left out
        warnings.append(
            f"sslidentity in {origin} is a PKCS#12 file, which PostgreSQL's tools cannot read: "
            "convert it with 'openssl pkcs12' and give sslcert=client.pem&sslkey=client.key"
        )
    if parameters.get("sslmode") == "no-verify":  # node-postgres
        parameters["sslmode"] = "require"
    if accept == "strict" and parameters.get("sslmode") != "disable":
        parameters["sslmode"] = "verify-full"
    elif accept == "accept_invalid_certs":
        parameters.setdefault("sslmode", "require")

    if "sslcert" in parameters and not parameters.keys() & {"sslkey", "sslrootcert"}:
        authority = parameters.pop("sslcert")
        if accept != "accept_invalid_certs":
            parameters["sslrootcert"] = authority
            if not authority.startswith("/"):
                warnings.append(
                    f"sslcert in {origin} is a relative path, which Prisma resolves from its "
                    "schema's directory and dbsnap from the working directory: make it absolute"
                )
    if accept == "strict":
        parameters.setdefault("sslrootcert", "system")
    return warnings
