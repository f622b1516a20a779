"""What belongs to a database itself and is in no dump: owner, locale, settings, privileges.

``pg_dump`` carries these only with ``--create`` (``dumpDatabase`` in pg_dump.c). A database that takes
another's place must have them all.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from dbsnap.errors import RightMissing
from dbsnap.postgres.connection import execute, fetch, server_errors
from dbsnap.postgres.quoting import quote_literal, quote_name

if TYPE_CHECKING:
    from collections.abc import Collection

    from dbsnap.postgres.connection import Connection

NAME_LIST = re.compile(r"""(?:(?:"(?:[^"]|"")*"|[^"',;()\\\s]+)(?:\s*,\s*(?!$)|$))*""")
"""Names, quoted or not, with commas between: what can stand in SET without quotes around it."""

LIST_SETTINGS = frozenset(
    {
        "local_preload_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    }
)
"""Settings whose stored value is already a quoted list (``variable_is_guc_list_quote``)."""

EMPTY_NAME = '""'

PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}

QUERY = """
SELECT jsonb_build_object(
    'row', to_jsonb(d) - 'datacl',
    'owner', pg_catalog.pg_get_userbyid(d.datdba),
    'encoding', pg_catalog.pg_encoding_to_char(d.encoding),
    'tablespace', (SELECT spcname FROM pg_catalog.pg_tablespace WHERE oid = d.dattablespace),
    'comment', pg_catalog.shobj_description(d.oid, 'pg_database'),
    'grants', CASE WHEN d.datacl IS NOT NULL THEN (
        SELECT jsonb_agg(jsonb_build_array(
            CASE WHEN grantee = 0 THEN NULL ELSE pg_catalog.pg_get_userbyid(grantee) END,
            privilege_type, is_grantable)
            ORDER BY pg_catalog.pg_get_userbyid(grantee), privilege_type)
        FROM aclexplode(d.datacl)) END,
    'settings', (
        SELECT jsonb_agg(jsonb_build_array(rolname, setting)
                         ORDER BY rolname NULLS FIRST, setting)
        FROM pg_catalog.pg_db_role_setting
        LEFT JOIN pg_catalog.pg_roles ON pg_roles.oid = setrole
        CROSS JOIN LATERAL unnest(setconfig) AS setting
        WHERE setdatabase = d.oid))
FROM pg_catalog.pg_database AS d
WHERE d.datname = %s
"""


@dataclass(frozen=True, slots=True)
class DatabaseProperties:
    """The properties of one database; None where the server's default is meant.

    ``grants`` are (role or None for PUBLIC, privilege, with grant option), None for the default
    privileges. ``settings`` are (role or None for all, ``name=value``).
    """

    encoding: str
    collate: str
    ctype: str
    provider: str = "libc"
    locale: str | None = None
    icu_rules: str | None = None
    owner: str | None = None
    tablespace: str | None = None
    comment: str | None = None
    connection_limit: int = -1
    is_template: bool = False
    grants: tuple[tuple[str | None, str, bool], ...] | None = None
    settings: tuple[tuple[str | None, str], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the properties as they stand in a record."""
        return {
            **asdict(self),
            "grants": None if self.grants is None else [list(grant) for grant in self.grants],
            "settings": [list(setting) for setting in self.settings],
        }

    def where_roles_exist(self, roles: Collection[str]) -> DatabaseProperties:
        """Return what of the properties can be had on a server that has only these roles."""
        grants = self.grants
        if grants is not None:
            grants = tuple(grant for grant in grants if grant[0] is None or grant[0] in roles)
        return replace(
            self,
            owner=self.owner if self.owner in roles else None,
            grants=grants,
            settings=tuple(s for s in self.settings if s[0] is None or s[0] in roles),
        )

    def create_statement(self, name: str) -> str:
        """Return the CREATE DATABASE for an empty database with this owner, encoding and locale."""
        parts = [
            f"CREATE DATABASE {quote_name(name)} TEMPLATE template0",
            f"ENCODING {quote_literal(self.encoding)}",
            f"LC_COLLATE {quote_literal(self.collate)}",
            f"LC_CTYPE {quote_literal(self.ctype)}",
        ]
        if self.provider != "libc":
            parts.append(f"LOCALE_PROVIDER {self.provider}")
            keyword = "ICU_LOCALE" if self.provider == "icu" else "BUILTIN_LOCALE"
            parts.append(f"{keyword} {quote_literal(self.locale or '')}")
        if self.icu_rules:
            parts.append(f"ICU_RULES {quote_literal(self.icu_rules)}")
        if self.owner:
            parts.append(f"OWNER {quote_name(self.owner)}")
        if self.tablespace and self.tablespace != "pg_default":
            parts.append(f"TABLESPACE {quote_name(self.tablespace)}")
        return " ".join(parts)

    def finish_statements(self, name: str) -> list[str]:
        """Return what gives a loaded database the rest: settings, privileges, comment, limits.

        They come after the load, because some (``default_transaction_read_only``) would forbid it.
        """
        database = quote_name(name)
        statements = []
        for role, setting in self.settings:
            subject = (
                f"ROLE {quote_name(role)} IN DATABASE {database}"
                if role
                else f"DATABASE {database}"
            )
            statements.append(f"ALTER {subject} SET {_assignment(setting)}")
        if self.comment is not None:
            statements.append(f"COMMENT ON DATABASE {database} IS {quote_literal(self.comment)}")
        if self.grants is not None:
            revoked_from = "PUBLIC" + (f", {quote_name(self.owner)}" if self.owner else "")
            statements.append(f"REVOKE ALL ON DATABASE {database} FROM {revoked_from}")
            statements += [_grant(database, *grant) for grant in self.grants]
        if self.connection_limit != -1:
            statements.append(f"ALTER DATABASE {database} CONNECTION LIMIT {self.connection_limit}")
        if self.is_template:
            statements.append(f"ALTER DATABASE {database} IS_TEMPLATE true")
        return statements

    def differences(self, other: DatabaseProperties) -> list[str]:
        """Return the names of the properties in which two databases differ."""
        return [
            f.name.replace("_", " ")
            for f in fields(self)
            if getattr(self, f.name) != getattr(other, f.name)
        ]


def properties_from_json(document: dict[str, Any]) -> DatabaseProperties:
    """Return the properties that ``as_json`` wrote, in this version or a newer one."""
    grants = document["grants"]
    known = {field.name for field in fields(DatabaseProperties)}
    return DatabaseProperties(
        **{
            **{name: value for name, value in document.items() if name in known},
            "grants": None if grants is None else tuple((g[0], g[1], g[2]) for g in grants),
            "settings": tuple((s[0], s[1]) for s in document["settings"]),
        }
    )


def read_properties(connection: Connection, name: str) -> DatabaseProperties | None:
    """Return the properties of a database, or None if there is none of that name."""
    rows = fetch(connection, QUERY, [name])
    return _from_row(rows[0][0]) if rows else None


def finish_properties(
    connection: Connection, name: str, properties: DatabaseProperties, *, required: bool
) -> list[str]:
    """Give a database its settings, privileges and comment.

    Raises RightMissing naming the statement's kind where the role may not do so; the database is then
    as it was but for what came before. Unless they are ``required``: then what was refused is returned.
    """
    refused = []
    for statement in properties.finish_statements(name):
        what = " ".join(statement.split()[:2])
        try:
            with server_errors(f"({what})"):
                execute(connection, statement)
        except RightMissing as error:
            if required:
                raise RightMissing(
                    f"the database's own properties cannot be kept: {error}",
                    hint="restore as a superuser, or as the role that set them",
                ) from None
            refused.append(str(error))
    return refused


def _from_row(found: dict[str, Any]) -> DatabaseProperties:
    row = found["row"]
    grants = found["grants"]
    return DatabaseProperties(
        encoding=found["encoding"],
        collate=row["datcollate"],
        ctype=row["datctype"],
        provider=PROVIDERS.get(row.get("datlocprovider") or "c", "libc"),
        locale=row.get("datlocale") or row.get("daticulocale"),  # renamed in PostgreSQL 17
        icu_rules=row.get("daticurules"),
        owner=found["owner"],
        tablespace=found["tablespace"],
        comment=found["comment"],
        connection_limit=row["datconnlimit"],
        is_template=row["datistemplate"],
        grants=None if grants is None else tuple((g[0], g[1], g[2]) for g in grants),
        settings=tuple((s[0], s[1]) for s in found["settings"] or []),
    )


def _assignment(setting: str) -> str:
    name, _, value = setting.partition("=")
    quoted_name = ".".join(quote_name(part) for part in name.split("."))
    if name in LIST_SETTINGS and NAME_LIST.fullmatch(value):
        # An empty list is stored as one empty name, which SET takes as '' only.
        return f"{quoted_name} TO {value if value not in ('', EMPTY_NAME) else quote_literal('')}"
    return f"{quoted_name} TO {quote_literal(value)}"


def _grant(database: str, role: str | None, privilege: str, with_option: bool) -> str:  # noqa: FBT001
    grantee = quote_name(role) if role else "PUBLIC"
    option = " WITH GRANT OPTION" if with_option else ""
    return f"GRANT {privilege} ON DATABASE {database} TO {grantee}{option}"
