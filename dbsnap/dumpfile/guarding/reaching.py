"""Functions that reach beyond the database, and where the tokens of a statement call one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbsnap.dumpfile.lexing.tokens import Token

_FUNCTIONS = frozenset(
    {"set_config", "ts_stat", "ts_rewrite", "query_to_xml", "query_to_xmlschema", "table_to_xml"}
    | {"query_to_xml_and_xmlschema", "cursor_to_xml", "schema_to_xml", "database_to_xml"}
    | {"pg_stat_file", "pg_logdir_ls", "pg_current_logfile", "pg_reload_conf", "pg_promote"}
    | {"pg_rotate_logfile", "pg_terminate_backend", "pg_cancel_backend", "pg_switch_wal"}
    | {"pg_create_restore_point", "pg_logical_emit_message", "pg_start_backup", "pg_stop_backup"}
    | {"pg_backup_start", "pg_backup_stop", "pg_hba_file_rules", "pg_show_all_file_settings"}
    | {"pg_ident_file_mappings", "pg_import_system_collations", "postgres_fdw_get_connections"}
    | {"lo_import", "lo_export", "lo_from_bytea", "lo_put", "pg_drop_replication_slot"}
)
_FAMILIES = (
    *("binary_upgrade_", "connectby", "crosstab", "dblink", "pg_create_logical_replication"),
    *("pg_copy_logical_replication", "pg_copy_physical_replication", "pg_file_", "pg_ls_"),
    *("pg_create_physical_replication", "pg_logical_slot_", "pg_read_", "pg_replication_"),
)
"""What reaches files, processes, other servers, or runs a query given as text (PostgreSQL 18, "System
Administration Functions", "XML Functions", "Text Search Functions", dblink, tablefunc, adminpack);
families by what their names begin with."""

_ROLES = frozenset({"pg_read_all_data", "pg_read_all_settings", "pg_read_all_stats"})

_MARKS = (
    *(b"u&", b"pg_", b"lo_", b"ts_stat", b"ts_rewrite", b"set_config", b"_to_xml"),
    *(b"dblink", b"connectby", b"crosstab", b"binary_upgrade_", b"postgres_fdw_"),
)
"""One of these is in every name above: they are found faster."""
_HINT = re.compile(b"|".join([b"u&", *(n.encode() for n in sorted({*_FUNCTIONS, *_FAMILIES}))]))


def may_reach_out(text: bytes) -> bool:
    """Return whether a look at the tokens of a statement is needed at all."""
    lowered = text.lower()
    if not any(mark in lowered for mark in _MARKS):
        return False
    return _HINT.search(lowered) is not None


def is_reaching(name: str) -> bool:
    """Return whether a function of this name, without its schema, reaches beyond the database."""
    return name in _FUNCTIONS or (name.startswith(_FAMILIES) and name not in _ROLES)


def calls_reaching(tokens: Sequence[Token]) -> bool:
    """Return whether the tokens call such a function, as ``f(x)`` or as ``(x).f``."""
    for position in _named(tokens):
        before = _before(tokens, position)
        is_attribute = _value(tokens, position - 1) == "." and before in (")", "]")
        is_call = _value(tokens, position + 1) == "(" and before not in _RELATIONS
        if is_attribute or is_call:
            return True
    return False


def is_made_of_reaching(tokens: Sequence[Token]) -> bool:
    """Return whether a definition names such a function, as in ``SFUNC = f``, or calls one."""
    return calls_reaching(tokens) or any(
        _before(tokens, position) == "=" for position in _named(tokens)
    )


_RELATIONS = frozenset({"exists", "references", "table", "view"})
"""Words between which and a parenthesis stands the name of a relation."""


def _named(tokens: Sequence[Token]) -> Iterator[int]:
    for position, token in enumerate(tokens):
        if token.is_name and is_reaching(token.value):
            yield position


def _before(tokens: Sequence[Token], position: int) -> str:
    """Return what stands before a name and its schema."""
    while _value(tokens, position - 1) == ".":
        position -= 2
        if not tokens[position].is_name:
            return tokens[position].value
    return _value(tokens, position - 1)


def _value(tokens: Sequence[Token], position: int) -> str:
    return tokens[position].value if 0 <= position < len(tokens) else ""
