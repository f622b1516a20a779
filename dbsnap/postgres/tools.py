"""The only door to processes: start one of PostgreSQL's programs, wait for it, say why it failed.

``sh`` hands integer file descriptors straight to the child, so dumps never pass through its
callbacks (which would be line-buffered and mix text with bytes). ``str(sh.ErrorReturnCode)`` repeats
the command line and the output, so it is never shown: failures become ``ToolFailed`` with the last
lines of stderr, from which the password is removed.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache, partial
from typing import IO, TYPE_CHECKING, Any

import sh

from dbsnap.errors import ToolFailed, ToolUnavailable
from dbsnap.scheduling import give_way

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

STDERR_LINES = 12
"""How many of a failed program's last stderr lines an error carries."""

STOP_SECONDS = 5.0
"""How long a program may take to end after SIGTERM before it is killed."""

PIPE_BYTES = 1 << 20
"""The size of one read from, or write to, a program, and of the socket's buffer."""

INHERITED = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")


INTERRUPTIONS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})

_SYSTEM = ctypes.CDLL(None)
SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux's prctl


class Process:
    """A program that is running. Leave it by ``wait`` or ``stop``; both may be called again."""

    def __init__(self, name: str, command: Any, stderr: Any, secrets: Sequence[str]) -> None:
        self.name = name
        self._command = command
        self._stderr = stderr
        self._secrets = secrets
        self._written = b""

    @property
    def pid(self) -> int:
        """Return the process id."""
        return int(self._command.pid)

    @property
    def running(self) -> bool:
        """Return whether the program has not ended yet."""
        try:
            return bool(self._command.process.is_alive()[0])
        except ChildProcessError:  # an interrupted wait had already taken note of its end
            return False

    def wait(self) -> None:
        """Wait for the end; raise ToolFailed if it ended with anything but exit status 0."""
        try:
            self._command.wait()
        except sh.SignalException as error:
            raise self._failure(f"{self.name} was ended by signal {-error.exit_code}") from None
        except sh.ErrorReturnCode as error:
            raise self._failure(f"{self.name} failed with exit status {error.exit_code}") from None
        except ChildProcessError:
            raise self._failure(f"{self.name} has ended, but nobody saw how") from None
        finally:
            self._close()

    def stop(self) -> None:
        """End the program: SIGTERM, after five seconds SIGKILL. Silent if it has already ended."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not self.running:
                break
            try:
                self._command.signal(number)
            except ProcessLookupError:
                break
            deadline = time.monotonic() + STOP_SECONDS
            while self.running and time.monotonic() < deadline:
                time.sleep(0.01)
        with suppress(sh.ErrorReturnCode, ChildProcessError):
            self._command.wait()
        self._close()

    def stderr_lines(self) -> list[str]:
        """Return the last lines the program wrote to stderr so far, without secrets."""
        if not self._stderr.closed:
            self._stderr.seek(0)
            self._written = self._stderr.read()
        text = self._written.decode("utf-8", "replace")
        for secret in self._secrets:
            text = text.replace(secret, "********")
        return [line for line in text.splitlines() if line.strip()][-STDERR_LINES:]

    def _close(self) -> None:
        self.stderr_lines()  # what was written stays known
        self._stderr.close()

    def _failure(self, message: str) -> ToolFailed:
        lines = self.stderr_lines()
        summary = next((line for line in lines if "rror:" in line), lines[0] if lines else "")
        return ToolFailed(f"{message}: {summary}" if summary else message, detail="\n".join(lines))


def start(
    program: Path,
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    stdin: int | None = None,
    stdout: int | None = None,
    as_user: str | None = None,
    own_session: bool = False,
    bulk: bool = False,
) -> Process:
    """Start ``program``; ``stdin`` and ``stdout`` are file descriptors, None means empty/discarded.

    With ``bulk`` it is one that writes much: it gives way to others, and writes a megabyte at a time
    where coreutils' ``stdbuf`` can make it, instead of the few kilobytes that the C library buffers.

    The child sees ``environment`` and the few variables of ``INHERITED``, nothing else. Values of
    PGPASSWORD are kept out of every message. In a session of its own a program does not hear the
    terminal's Ctrl-C. Raises ToolUnavailable if it cannot be executed.
    """
    try:
        stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the Process
    except OSError as error:
        raise ToolUnavailable(
            f"{program.name} cannot be run: no temporary file: {error.strerror}",
            hint="make room in the directory for temporary files (TMPDIR)",
        ) from None
    null = os.open(os.devnull, os.O_RDWR)
    options: dict[str, Any] = {
        "_bg": True,
        "_bg_exc": False,
        "_in": null if stdin is None else stdin,
        "_out": null if stdout is None else stdout,
        "_err": stderr.fileno(),
        "_tty_out": False,
        "_env": child_environment(environment),
        "_return_cmd": True,
        "_new_session": own_session,
    }
    if as_user is not None:
        options["_uid"] = pwd.getpwnam(as_user).pw_uid
        options["_cwd"] = "/"
    secrets = [value for name, value in environment.items() if name == "PGPASSWORD" and value]
    process = None
    try:
        with _interruptions_held() as mask:
            options["_preexec_fn"] = partial(
                _prepare_child, mask, with_parent=as_user is None, gives_way=bulk
            )
            words = [*(_large_pieces() if bulk else ()), str(program), *arguments]
            command = sh.Command(words[0])(*words[1:], **options)
            process = Process(program.name, command, stderr, secrets)
    except (sh.CommandNotFound, sh.ForkException, OSError) as error:
        raise ToolUnavailable(f"{program.name} cannot be run: {type(error).__name__}") from None
    except BaseException:
        if process is not None:
            process.stop()
        raise
    finally:
        os.close(null)
    return process


@lru_cache(maxsize=1)
def _large_pieces() -> tuple[str, ...]:
    stdbuf = shutil.which("stdbuf") if sys.platform == "linux" else None
    return (stdbuf, f"-o{PIPE_BYTES}") if stdbuf else ()


def run(
    program: Path,
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    as_user: str | None = None,
) -> str:
    """Run ``program`` to its end and return what it wrote to stdout, as text.

    For short answers only (versions, single values). Raises ToolFailed or ToolUnavailable.
    """
    with tempfile.TemporaryFile() as output:
        start(
            program,
            arguments,
            environment=environment,
            stdout=output.fileno(),
            as_user=as_user,
        ).wait()
        output.seek(0)
        return output.read().decode("utf-8", "replace")


def run_each(programs: Sequence[Path], arguments: Sequence[str]) -> list[str | None]:
    """Run programs at the same time, and return what each wrote to stdout; None for those that failed.

    As ``run``, for short answers only.
    """
    with ExitStack() as stack:
        started: list[tuple[Process, IO[bytes]] | None] = []
        for program in programs:
            output = stack.enter_context(tempfile.TemporaryFile())
            try:
                process = start(program, arguments, environment={}, stdout=output.fileno())
            except ToolUnavailable:
                started.append(None)
            else:
                stack.callback(process.stop)
                started.append((process, output))
        return [_answer(*each) if each else None for each in started]


def _answer(process: Process, output: IO[bytes]) -> str | None:
    try:
        process.wait()
    except ToolFailed:
        return None
    output.seek(0)
    return output.read().decode("utf-8", "replace")


@contextmanager
def _interruptions_held() -> Iterator[set[signal.Signals | int]]:
    """Keep interruptions waiting until the end of the block, which then raises what came meanwhile.

    Python drops an exception that a signal raises within ``os.fork`` (in its after-fork callbacks), so
    a Ctrl-C at that moment would go unheard. Gives the signal mask from before, for the child.
    """
    heard: list[int] = []
    handlers = {}
    if threading.current_thread() is threading.main_thread():
        # The mask is this thread's alone: another may take the signal, and the handler runs here.
        handlers = {n: h for n in INTERRUPTIONS if callable(h := signal.getsignal(n))}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTIONS)
    try:
        for number in handlers:
            signal.signal(number, lambda number, _frame: heard.append(number))
        yield mask
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if heard:
            signal.raise_signal(heard[0])


def _prepare_child(mask: set[signal.Signals | int], *, with_parent: bool, gives_way: bool) -> None:
    """In the new process: hear signals again, and let the kernel end it when dbsnap is killed.

    Else psql would finish the statement it is at, and hold its locks for as long; elsewhere than on
    Linux that is so. The kernel takes the end of the thread that started a program for the parent's:
    start programs in the main one.
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    if with_parent and sys.platform == "linux":
        _SYSTEM.prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
    if gives_way:
        give_way()


def channel() -> tuple[socket.socket, socket.socket]:
    """Return two connected sockets with large buffers: one end for a program, one for dbsnap.

    A socketpair takes far larger pieces than a pipe. If dbsnap dies, the program's reads end and its
    writes fail, so no program outlives its orchestrator for long.
    """
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PIPE_BYTES)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIPE_BYTES)
    return ours, theirs


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment a program gets: messages in English, no psql history, no pager."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    fixed = {"LC_MESSAGES": "C", "LANG": "C.UTF-8", "PSQLRC": os.devnull, "PSQL_PAGER": ""}
    return {**inherited, **fixed, **environment}
