"""The rules that a statement of a dump may break, by name.

A legitimate dump rarely breaks one; a hostile one has to. Each can be let through by its name
(``--allow RULE``), and the record of a backup lists those that its source really needs.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Breach:
    """A statement that breaks a rule: where it begins (bytes from 0, lines from 1), and what it is.

    ``shown`` is the beginning of the statement, on one line.
    """

    rule: str
    offset: int
    line: int
    shown: str

    def __str__(self) -> str:
        """Return the sentence for people."""
        return f"line {self.line:,}: it {RULES[self.rule]} ({self.rule}): {self.shown}"


RULES = {
    "alter-system": "changes the server's configuration",
    "base-type": "makes a base type, whose functions work on raw memory",
    "binary-cast": "makes a cast without function, which reads one type's memory as another's",
    "database": "changes a whole database",
    "do-block": "runs a block of code at once",
    "event-trigger": "makes a trigger that fires for everybody's commands",
    "extension": "installs an extension that is not trusted, or that reaches files or other servers",
    "foreign-server": "connects to other servers or to files",
    "foreign-statement": "holds a statement that pg_dump does not write",
    "language": "makes a procedural language",
    "load-library": "loads a library into the server",
    "native-function": "makes a function of machine code",
    "query": "runs a query, which can call anything",
    "replication-role": "switches triggers and foreign keys off",
    "role": "makes, changes or drops roles",
    "role-grant": "grants membership in a role, or rights on the server's configuration",
    "security-label": "sets a security label",
    "server-access": "calls a function that reaches files, processes or other servers",
    "server-file": "reads or writes a file on the server",
    "server-program": "runs a program on the server",
    "set-role": "changes the role that it runs as",
    "setting": "changes a setting that pg_dump leaves alone",
    "subscription": "subscribes to another server",
    "system-catalog": "writes into the system catalogs",
    "tablespace": "changes a tablespace",
    "transaction": "begins or ends a transaction of its own",
    "untrusted-language": "makes a function in a language that is not trusted",
}
"""What a statement does that breaks the rule of this name."""

TRUSTED_LANGUAGES = frozenset({"sql", "plpgsql", "plperl", "pltcl", "plv8", "plcoffee", "plls"})
"""Languages without access to files and processes (``pg_language.lanpltrusted``)."""

NATIVE_LANGUAGES = frozenset({"c", "internal"})

TRUSTED_EXTENSIONS = frozenset(
    {"btree_gin", "btree_gist", "citext", "cube", "dict_int", "earthdistance", "fuzzystrmatch"}
    | {"hstore", "intarray", "isn", "lo", "ltree", "pgcrypto", "pg_trgm", "plpgsql", "seg"}
    | {"tablefunc", "tcn", "tsm_system_rows", "tsm_system_time", "unaccent", "uuid-ossp", "vector"}
    | {"bool_plperl", "hstore_plperl", "jsonb_plperl", "plperl", "pltcl"}
)
"""Extensions marked ``trusted`` in their control files (PostgreSQL 13 to 18, "Additional Supplied
Modules"; pgvector), and earthdistance, which is pure SQL over cube."""
