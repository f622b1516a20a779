"""Files that are no whole dump, or none at all: what was done to a healthy one, and the rule for it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hostile.catalogue import END, HEADING, SETTINGS, TABLE, VERSIONS, framed

from dbsnap.dumpfile.compression import compress

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = b"""\
/* the first table */
CREATE FUNCTION public.f() RETURNS text
    LANGUAGE sql
    AS $$ SELECT 'x'; $$;

COMMENT ON COLUMN public."t"."a" IS 'it''s';

COPY public.t (a, b) FROM stdin;
first\tA
second\t\\N
third\tC
\\.

CREATE INDEX t_a ON public.t USING btree (a);
"""
OLD = framed(ROWS, "old")
NEW = framed(ROWS)
TRAILER = b"--\n-- PostgreSQL database dump complete\n--\n"
JUNK = b"more\n"


@dataclass(frozen=True)
class Damaged:
    """What became of a healthy file, and the rule that must refuse it."""

    name: str
    rule: str
    content: bytes
    healthy: bytes = NEW


def damaged_files() -> list[Damaged]:
    """Return all of them."""
    return [*_cut(), *_compressed(), *_appended(), *_rows(), *_converted(), *_foreign()]


def _cut_in(name: str, before: bytes, healthy: bytes = NEW, rule: str = "truncated") -> Damaged:
    """Cut a dump off in the middle of some words of it."""
    assert healthy.count(before) == 1, before
    end = healthy.index(before) + len(before) // 2
    return Damaged(f"cut in {name}", rule, healthy[:end], healthy)


def _cut_behind(name: str, words: bytes, healthy: bytes = NEW) -> Damaged:
    end = healthy.index(words) + len(words)
    return Damaged(f"cut behind {name}", "truncated", healthy[:end], healthy)


def _cut() -> Iterator[Damaged]:
    yield Damaged("empty", "empty", b"")
    yield Damaged("only white space", "no-header", b"\n \n")
    yield Damaged("only the header", "truncated", HEADING + VERSIONS, HEADING + VERSIONS + END)
    yield Damaged("no header", "no-header", SETTINGS + TABLE + END, OLD)
    yield Damaged("a header that comes late", "no-header", SETTINGS + HEADING + TABLE + END, OLD)
    yield _cut_in("the header", b"-- PostgreSQL database dump\n", rule="no-header")
    yield _cut_in("a setting", b"SET client_encoding")
    yield _cut_in("a block comment", b"/* the first table */")
    yield _cut_in("a table", b"CREATE TABLE public.t (\n    a text")
    yield _cut_in("a function body", b"$$ SELECT 'x'; $$")
    yield _cut_in("a string", b"'it''s'")
    yield _cut_in("a quoted name", b'"t"')
    yield _cut_in("a COPY statement", b"COPY public.t (a, b) FROM stdin;")
    yield _cut_in("a row", b"second\t")
    yield _cut_in("the end of the rows", b"\\.\n\nCREATE INDEX")
    yield _cut_in("the trailer", b"database dump complete")
    yield _cut_in("the end of the pair", b"\\unrestrict Key1", rule="psql-command")
    yield _cut_behind("a statement", b"SET check_function_bodies = false;\n")
    yield _cut_behind("a COPY statement", b"FROM stdin;\n")
    yield _cut_behind("a row", b"second\t\\N\n")
    yield _cut_behind("the rows", b"\\.\n")
    yield _cut_behind("the last statement", b"btree (a);\n", OLD)
    yield _cut_behind("the trailer, before its end", b"dump complete\n", OLD)
    yield _cut_behind("the trailer, before the end of the pair", TRAILER)
    hole = NEW.index(b"second")
    yield Damaged("a hole of zeros", "nul-byte", NEW[:hole] + bytes(9) + NEW[hole + 9 :])
    yield Damaged("zeros at the end", "nul-byte", NEW[:-40] + bytes(40))
    yield Damaged("nothing but zeros", "not-a-dump", bytes(4096))


def _compressed() -> Iterator[Damaged]:
    for form in ("gzip", "zstd"):
        whole = compress(NEW, form)
        for name, content in (
            ("cut in its first bytes", whole[:5]),
            ("cut in the middle", whole[: len(whole) // 2]),
            ("without its last byte", whole[:-1]),
            ("with a changed byte", _changed(whole, len(whole) // 2)),
            ("with a changed checksum", _changed(whole, len(whole) - 2)),
            ("with zeros behind it", whole + bytes(512)),
            ("with text behind it", whole + b"-- the end\n"),
            ("with half a member behind it", whole + compress(JUNK, form)[:-3]),
        ):
            yield Damaged(f"{form} {name}", "damaged-compression", content, whole)
        more = compress(b"DROP TABLE public.t;\n", form)
        yield Damaged(f"{form} with a second member", "after-unrestrict", whole + more, whole)
        whole = compress(OLD, form)
        yield Damaged(f"{form} with an old dump's", "trailing-data", whole + more, whole)
        missing = compress(NEW[: len(NEW) // 2], form)
        rest = compress(NEW[len(NEW) // 2 :], form)
        yield Damaged(f"{form} without its second member", "truncated", missing, missing + rest)
    for inner, outer in (("gzip", "gzip"), ("zstd", "gzip"), ("gzip", "zstd")):
        within = compress(NEW, inner)
        yield Damaged(f"{inner} in {outer}", "not-a-dump", compress(within, outer), within)
    yield Damaged("nothing, compressed", "no-header", compress(b"", "zstd"), compress(NEW, "zstd"))


def _changed(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :]


def _appended() -> Iterator[Damaged]:
    for name, more in (
        ("a statement", b"DROP TABLE public.t;\n"),
        ("rows", b"COPY public.t (a, b) FROM stdin;\nfourth\tD\n\\.\n"),
        ("a comment", b"-- one more thing\n"),
        ("a block comment", b"/* one more thing */\n"),
        ("another dump", OLD),
    ):
        yield Damaged(f"{name} behind the trailer", "trailing-data", OLD + more, OLD)
    yield Damaged("words behind the trailer", "truncated", OLD + b"one more thing\n", OLD)
    yield Damaged("another dump behind the pair", "psql-command", NEW + NEW)
    yield Damaged("a statement behind the pair", "after-unrestrict", NEW + b"DROP TABLE t;\n")


def _rows() -> Iterator[Damaged]:
    for name, row, instead in (
        ("a column less", b"first\tA\n", b"first\n"),
        ("a column more", b"third\tC\n", b"third\tC\tD\n"),
        ("nothing in it", b"second\t\\N\n", b"\n"),
        ("a line end in it", b"second\t\\N\n", b"sec\nond\t\\N\n"),
        ("no line end", b"first\tA\n", b"first\tA"),
        ("spaces for a tab", b"first\tA\n", b"first   A\n"),
        ("an escaped tab", b"first\tA\n", b"first\\tA\n"),
    ):
        assert row in NEW
        yield Damaged(f"a row with {name}", "column-count", NEW.replace(row, instead))
    yield Damaged(
        "fewer columns than rows have", "column-count", NEW.replace(b"(a, b) FROM", b"(a) FROM")
    )
    unlisted = OLD.replace(b" (a, b) FROM", b" FROM")
    yield Damaged(
        "rows of several widths without a list",
        "column-count",
        unlisted.replace(b"third\tC\n", b"third\n"),
        unlisted,
    )


def _converted() -> Iterator[Damaged]:
    lines = NEW.replace(b"\n", b"\r\n")
    yield Damaged("CR LF line ends", "line-ends", lines)
    yield Damaged("CR LF line ends, compressed", "line-ends", compress(lines, "zstd"))
    yield Damaged("CR line ends", "line-ends", NEW.replace(b"\n", b"\r"))
    yield Damaged("a byte-order mark", "not-a-dump", b"\xef\xbb\xbf" + NEW)
    yield Damaged(
        "a byte-order mark, compressed", "not-a-dump", gzip.compress(b"\xef\xbb\xbf" + NEW)
    )
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        rule = "nul-byte" if encoding == "utf-16-le" else "not-a-dump"
        yield Damaged(encoding, rule, NEW.decode().encode(encoding))


def _foreign() -> Iterator[Damaged]:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("dump.sql", NEW)
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as packed_tar:
        packed_tar.addfile(tarfile.TarInfo("dump.sql"))
    for name, content in (
        ("ZIP", archive.getvalue()),
        ("tar", tar.getvalue()),
        ("tar, compressed", gzip.compress(tar.getvalue())),
        ("xz", lzma.compress(NEW)),
        ("bzip2", bz2.compress(NEW)),
        ("lz4", b"\x04\x22\x4d\x18\x64\x40\xa7"),
        ("OpenPGP", b"-----BEGIN PGP MESSAGE-----\n\n"),
        ("Git LFS", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
        ("web page", b"\n<!DOCTYPE html>\n<html><body>404</body></html>\n"),
        ("mysqldump", b"-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n--\n"),
        ("mysqldump, compressed", gzip.compress(b"-- MySQL dump 10.13\n--\n")),
        ("mariadb-dump", b"/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19\n"),
        ("mysqldump --skip-comments", b"\n/*!40101 SET NAMES utf8 */;\n"),
        ("phpMyAdmin", b"-- phpMyAdmin SQL Dump\n-- version 5.2.1\n"),
        ("SQLite database", b"SQLite format 3\x00\x10\x00\x01\x01"),
        ("sqlite3 .dump", b"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t(a);\n"),
    ):
        yield Damaged(name, "not-a-dump", content)
    yield Damaged("SQL by hand", "no-header", b"CREATE TABLE t (a integer);\n")
