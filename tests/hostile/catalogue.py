"""The pairs of fragments in the text files beside this one, each put into a whole dump."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HEADING = b"--\n-- PostgreSQL database dump\n--\n\n"
VERSIONS = b"-- Dumped from database version 18.6\n-- Dumped by pg_dump version 18.6\n\n"
SETTINGS = b"""\
SET statement_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;

"""
TABLE = b"CREATE TABLE public.t (\n    a text,\n    b text\n);\n\n"
END = b"\n--\n-- PostgreSQL database dump complete\n--\n\n"
RESTRICT = b"\\restrict Key1\n\n"
UNRESTRICT = b"\\unrestrict Key1\n\n"
DATABASE = b"""\
CREATE DATABASE app WITH TEMPLATE = template0 ENCODING = 'UTF8';

ALTER DATABASE app OWNER TO postgres;

\\unrestrict Key1
\\connect app
\\restrict Key1

"""
FRAMES = {
    "": (HEADING + RESTRICT + VERSIONS + SETTINGS + TABLE, END + UNRESTRICT),
    "old": (HEADING + VERSIONS + SETTINGS + TABLE, END),
    "create": (
        HEADING + RESTRICT + VERSIONS + SETTINGS + DATABASE + SETTINGS + TABLE,
        END + UNRESTRICT,
    ),
    "raw": (HEADING + VERSIONS, END),
    "behind": (HEADING + RESTRICT + VERSIONS + SETTINGS + TABLE + END + UNRESTRICT, b""),
}
BYTES = {b"<TAB>": b"\t", b"<CR>": b"\r", b"<NUL>": b"\0", b"<E9>": b"\xe9"}
FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Pair:
    """A hostile dump, the rule that must refuse it, and its nearest healthy neighbour."""

    name: str
    rule: str
    hostile: bytes
    healthy: bytes


def framed(fragment: bytes, frame: str = "") -> bytes:
    """Return a whole dump with a fragment in it."""
    before, behind = FRAMES[frame]
    return before + fragment + behind


def pairs(canary: str) -> list[Pair]:
    """Return all pairs, with the path of the canary in them."""
    return [pair for path in sorted(FOLDER.glob("*.txt")) for pair in _read(path, canary)]


def _read(path: Path, canary: str) -> list[Pair]:
    found = []
    for block in path.read_bytes().removeprefix(b"=== ").split(b"\n=== ")[::1]:
        heading, _, fragment = block.partition(b"\n")
        for written, byte in {**BYTES, b"{canary}": canary.encode()}.items():
            fragment = fragment.replace(written, byte)
        if heading == b"healthy":
            name, rule, frame, hostile = found.pop()
            found.append(Pair(name, rule, framed(hostile, frame), framed(fragment + b"\n", frame)))
        else:
            name, rule, *frame = heading.decode().split(" | ")
            found.append((f"{path.stem}: {name}", rule, "".join(frame), fragment + b"\n"))
    return found
