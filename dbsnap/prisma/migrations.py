"""The migrations in a Prisma project's directory, and the checksums their scripts may have.

A migration is a directory with a file ``migration.sql``. Whatever else lies beside it, first of all
``migration_lock.toml``, is none. Prisma applies migrations in the order of their names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT_NAME = "migration.sql"
CHECKSUM_LENGTH = 64

_CREATES_TABLE = re.compile(rb"^\s*CREATE\s+TABLE\b", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class LocalMigration:
    """One migration as it is here; ``checksums`` are those that Prisma accepts for its script."""

    name: str
    checksums: frozenset[str]
    creates_tables: bool = False

    def matches(self, checksum: str) -> bool:
        """Return whether a checksum of the history is this script's, whatever its line endings were.

        Old versions of Prisma left out the zero at the front of a byte (schema-engine, ``checksum.rs``).
        """
        if len(checksum) == CHECKSUM_LENGTH:
            return checksum in self.checksums
        return checksum in {without_leading_zeros(each) for each in self.checksums}


@dataclass(frozen=True, slots=True)
class LocalMigrations:
    """What a directory of migrations holds.

    ``directory`` is its name for messages. ``without_script`` are directories without a
    ``migration.sql``, which Prisma refuses (P3015); ``unreadable`` those whose script could not be read.
    """

    directory: str
    migrations: tuple[LocalMigration, ...]
    without_script: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """The names of all directories, whole or not."""
        whole = (migration.name for migration in self.migrations)
        return frozenset({*whole, *self.without_script, *self.unreadable})


def checksums_of(script: bytes) -> frozenset[str]:
    """Return the checksums of a script as it is, with LF and with CRLF at the ends of its lines.

    The checksum is the lowercase hexadecimal sha256 of the file (schema-engine, ``checksum.rs``).
    """
    lines = script.replace(b"\r\n", b"\n")
    forms = (script, lines, lines.replace(b"\n", b"\r\n"))
    return frozenset(sha256(form).hexdigest() for form in forms)


def without_leading_zeros(checksum: str) -> str:
    """Return a checksum as old versions of Prisma wrote it: no byte with a zero at its front."""
    pairs = (checksum[at : at + 2] for at in range(0, len(checksum), 2))
    return "".join(f"{int(pair, 16):x}" for pair in pairs)


def read_migrations(directory: Path, title: str) -> LocalMigrations:
    """Read a directory of migrations; ``title`` is what messages call it.

    Raises OSError when the directory itself cannot be read.
    """
    migrations, without_script, unreadable = [], [], []
    for path in sorted(directory.iterdir(), key=lambda path: path.name):
        if path.is_symlink() or not path.is_dir():  # Prisma follows no link either
            continue
        script = path / SCRIPT_NAME
        try:
            if not script.is_file():
                without_script.append(path.name)
                continue
            text = script.read_bytes()
        except OSError:
            unreadable.append(path.name)
            continue
        creates = _CREATES_TABLE.search(text) is not None
        migrations.append(LocalMigration(path.name, checksums_of(text), creates))
    return LocalMigrations(title, tuple(migrations), tuple(without_script), tuple(unreadable))
