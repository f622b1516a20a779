"""Files and directories that nobody else can have written, and how such files are made.

A record is believed: with it a dump passes checks that it would not pass alone. So whatever is read
out of a backups directory must be ours, or root's, and must not be a link that somebody laid there;
and whatever is written into it is never written through such a link.
"""

from __future__ import annotations

import errno
import os
import pwd
import stat
from typing import TYPE_CHECKING

from dbsnap.errors import DumpRefused, StorageFailed

if TYPE_CHECKING:
    from pathlib import Path

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
PRIVATE_MODE = 0o600
ANOTHER_DIRECTORY = "name a directory of your own with --dir or DBSNAP_DIR"


def require_private_directory(directory: Path) -> None:
    """Raise StorageFailed if others can write into a backups directory; silent where there is none.

    Its owner must be ourselves or root. One of our own that its group can write to, as a umask of 002
    makes it, is let through: what others put into it is told by ``require_private_file``. A directory
    that the user reaches through a link of his own is judged by what the link leads to.
    """
    try:
        status = directory.stat()
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
            return
        raise storage_failed(f"cannot look into {directory}", error) from None
    ours = status.st_uid in _ourselves()
    if not ours and status.st_uid != 0:
        raise StorageFailed(
            f"{directory} belongs to {_user(status.st_uid)}, who could replace any backup in it",
            hint=ANOTHER_DIRECTORY,
        )
    if status.st_mode & stat.S_IWOTH or (status.st_mode & stat.S_IWGRP and not ours):
        mine = ours and not status.st_mode & stat.S_ISVTX  # /tmp is for everybody
        raise StorageFailed(
            f"{directory} can be written by others, who could have replaced any backup in it",
            hint=f"look at what is in it, then: chmod 700 {directory}"
            if mine
            else ANOTHER_DIRECTORY,
        )


def require_private_file(path: Path, status: os.stat_result | None = None) -> None:
    """Raise DumpRefused unless this is a regular file, no link, that only we or root can have written.

    ``status`` is what ``lstat`` or ``fstat`` gave where the caller has it. Raises OSError.
    """
    status = status or path.lstat()
    if stat.S_ISLNK(status.st_mode):
        raise DumpRefused(
            f"{path.name} is a symbolic link; links in a backups directory are not followed",
            rule="link",
            hint="name the file that it leads to, or remove the link",
        )
    if not stat.S_ISREG(status.st_mode):
        raise DumpRefused(f"{path.name} is not a regular file", rule="not-a-dump")
    if status.st_uid not in {0, *_ourselves()}:
        raise DumpRefused(
            f"{path.name} belongs to {_user(status.st_uid)}",
            rule="foreign-file",
            hint="if you know where it comes from, make it yours (chown), or use a copy of it",
        )
    if status.st_mode & stat.S_IWOTH:
        raise DumpRefused(
            f"{path.name} can be written by everybody",
            rule="foreign-file",
            hint=f"if you know that nobody changed it: chmod 600 {path}",
        )


def read_private(path: Path) -> bytes:
    """Return the content of a file that fits ``require_private_file``, which raises else, or OSError.

    Checked and read through one descriptor, so that nothing can be put in between.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        if path.is_symlink():
            require_private_file(path)
        raise
    with os.fdopen(descriptor, "rb") as opened:
        require_private_file(path, os.fstat(descriptor))
        return opened.read()


def create_private(path: Path, *, mode: int = PRIVATE_MODE) -> int:
    """Create a file, open for writing, with exactly this mode under any umask; return its descriptor.

    Raises FileExistsError where there is anything of that name already, be it a link to nowhere.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, mode)
    os.fchmod(descriptor, mode)
    return descriptor


def replace_private(path: Path, content: bytes) -> None:
    """Put a file in place of what has its name, as a whole; a link is replaced, not followed.

    The caller keeps others from doing the same at once. Raises OSError; the old file then stays.
    """
    staged = path.with_name(f".{path.name.removeprefix('.')}.partial")
    staged.unlink(missing_ok=True)
    try:
        with os.fdopen(create_private(staged), "wb") as output:
            output.write(content)
            output.flush()
            os.fsync(output.fileno())
        staged.rename(path)
    finally:
        staged.unlink(missing_ok=True)


def storage_failed(what: str, error: OSError) -> StorageFailed:
    """Return what to raise when the file system would not do ``what``, with advice that fits."""
    if error.errno in FULL:
        hint = "make room, or name another directory with --dir or DBSNAP_DIR"
    elif error.errno == errno.EFBIG:
        hint = (
            "raise the limit on file sizes (ulimit -f), or name a directory on another file system"
        )
    elif error.errno in FORBIDDEN:
        hint = "name a directory that you may write with --dir or DBSNAP_DIR"
    else:
        hint = "name another directory with --dir or DBSNAP_DIR"
    return StorageFailed(f"{what}: {error.strerror or error}", hint=hint)


def _ourselves() -> set[int]:
    """Return our user ids: under sudo also that of the user who called it."""
    mine = os.geteuid()
    caller = os.environ.get("SUDO_UID", "") if mine == 0 else ""
    return {mine, *([int(caller)] if caller.isdecimal() else [])}


def _user(uid: int) -> str:
    try:
        return f"another user ({pwd.getpwuid(uid).pw_name})"
    except KeyError:
        return f"another user ({uid})"
