"""``dbsnap.toml`` < ``.env`` files < environment < flags, frozen into ``Settings``.

What stands further right wins. For the backups directory and compression, for jobs and the greatest
rate: the key of ``dbsnap.toml``, then ``DBSNAP_DIR``, ``DBSNAP_COMPRESS`` … in ``.env``, in
``.env.local``, in the environment, then the flag. For the database: the targets of the project
(``local`` from ``.env.local``, ``production`` from ``.env``, each replaced by an address that
``dbsnap.toml`` gives that name), then the address in the environment, then ``--target``, then
``--url``.

In each source ``DIRECT_URL`` and ``DIRECT_DATABASE_URL`` go before ``DATABASE_URL``; sources are
never mixed. An address that cannot be read troubles only a command that is to use it.
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

from dbsnap.archive.retention import Policy
from dbsnap.config_sources import (
    ENV_FILES,
    ENVIRONMENT_TARGET,
    FILE_NAME,
    PLAIN_NAME,
    URL_TARGET,
    given_sources,
    project_sources,
    read_env_file,
    read_toml,
    setting,
)
from dbsnap.errors import UsageError
from dbsnap.operations.drilling.expectation import (
    NO_ROWS,
    TIMEOUT_SECONDS,
    UserCheck,
    expectation,
)
from dbsnap.postgres.url import Database, parse_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dbsnap.config_sources import Source, Variables

COMPRESSIONS = ("none", "gzip", "zstd")

_COUNT = re.compile(r"[1-9][0-9]{0,3}")
_RATE = re.compile(r"([1-9][0-9]{0,14})([kKmMgG]?)")
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}


@dataclass(frozen=True, slots=True)
class Flags:
    """What the command line says; None where it says nothing."""

    url: str | None = field(default=None, repr=False)
    directory: Path | None = None
    compress: str | None = None
    jobs: int | None = None
    max_rate: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A database with the name it goes by; ``origin`` says where its address was given.

    A restore into a ``protected`` one wants the database's name as a confirmation.
    """

    name: str
    database: Database
    origin: str
    protected: bool


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that is configured. ``unreadable`` targets carry the error to raise on use.

    ``jobs`` is how many processes may work for one dump or restore side by side, ``max_rate`` how many
    bytes a second a backup may read, None for as many as it can.
    """

    project_root: Path
    directory: Path
    compress: str
    jobs: int
    max_rate: int | None
    pg_bin: tuple[Path, ...]
    targets: Mapping[str, Target]
    unreadable: Mapping[str, UsageError]
    retention: Policy
    prisma_migrations: str | None = None
    excluded_columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    checks: tuple[UserCheck, ...] = ()
    without_extensions: tuple[str, ...] = ()

    @property
    def configured(self) -> list[str]:
        """The names of the project's own targets, readable or not."""
        names = {**self.targets, **self.unreadable}
        order = [*ENV_FILES, *names]
        return sorted(names.keys() - {URL_TARGET, ENVIRONMENT_TARGET}, key=order.index)


def load_settings(*, directory: Path, environment: Mapping[str, str], flags: Flags) -> Settings:
    """Read the configuration of the project in ``directory``, the working directory.

    Nothing but ``environment`` is taken for the environment. Raises UsageError where
    ``dbsnap.toml`` is not valid or a setting has no such value; unreadable addresses wait.
    """
    root = directory.absolute()
    toml = read_toml(root / FILE_NAME)
    files = {name: read_env_file(root / file, environment) for name, file in ENV_FILES.items()}
    sources = [
        *given_sources(environment, flags.url),
        *project_sources(toml, files, root, environment),
    ]
    targets, unreadable = _targets(sources)

    layers = [environment, files["local"], files["production"]]
    compress, origin = flags.compress, "--compress"
    if compress is None:
        compress, origin = setting(layers, "DBSNAP_COMPRESS"), "DBSNAP_COMPRESS"
    compress = compress or toml.get("compress", "none")
    if compress not in COMPRESSIONS:
        raise UsageError(f"{origin} must be one of {', '.join(COMPRESSIONS)}")
    home = Path(environment.get("HOME") or root)
    backups = setting(layers, "DBSNAP_DIR") or toml.get("dir", "backups")
    if backups.startswith("~/"):
        backups = str(home / backups.removeprefix("~/"))
    # Not from .env files: whoever hands over a project must not choose what is executed.
    search_path = environment.get("DBSNAP_PG_BIN", "")
    return Settings(
        project_root=root,
        directory=root / (flags.directory or backups),
        compress=compress,
        jobs=_jobs(flags, layers, toml),
        max_rate=_max_rate(flags, layers, toml),
        pg_bin=tuple(root / path for path in search_path.split(os.pathsep) if path),
        targets=MappingProxyType(targets),
        unreadable=MappingProxyType(unreadable),
        retention=Policy(**toml.get("retention", {})),
        prisma_migrations=toml.get("prisma", {}).get("migrations"),
        excluded_columns={
            name: tuple(rules["exclude_columns"])
            for name, rules in toml.get("tables", {}).items()
            if rules.get("exclude_columns")
        },
        checks=user_checks(toml, root),
        without_extensions=tuple(toml.get("drill", {}).get("without_extensions", ())),
    )


def _jobs(flags: Flags, layers: Iterable[Variables], toml: Mapping[str, Any]) -> int:
    """Return how many jobs were asked for, else as many as there are processors for this process."""
    if flags.jobs is not None:
        return flags.jobs
    said = setting(layers, "DBSNAP_JOBS")
    if said is None:
        return int(toml.get("jobs", 0)) or available_processors()
    if not _COUNT.fullmatch(said):
        raise UsageError("DBSNAP_JOBS must be a whole number, at least 1")
    return int(said)


def _max_rate(flags: Flags, layers: Iterable[Variables], toml: Mapping[str, Any]) -> int | None:
    """Return bytes a second; None where nothing limits them."""
    said, origin = flags.max_rate, "--max-rate"
    if said is None:
        said, origin = setting(layers, "DBSNAP_MAX_RATE"), "DBSNAP_MAX_RATE"
    if said is None:
        said, origin = toml.get("max_rate"), f"max_rate of {FILE_NAME}"
    if said is None:
        return None
    rate = _RATE.fullmatch(said)
    if rate is None:
        raise UsageError(
            f"{origin} must be bytes a second, as a number that may end in k, M or G",
            hint="for 20 MB/s: --max-rate 20M",
        )
    return int(rate[1]) * _UNITS[rate[2].upper()]


def available_processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def user_checks(toml: Mapping[str, Any], root: Path) -> tuple[UserCheck, ...]:
    """Return the checks of ``dbsnap.toml``; raise UsageError where one of them cannot be meant."""
    default = toml.get("drill", {}).get("timeout_seconds", TIMEOUT_SECONDS)
    checks: dict[str, UserCheck] = {}
    for number, table in enumerate(toml.get("checks", ()), start=1):
        name = table["name"]
        where = f"{FILE_NAME}: check {number}, {name!r}"
        if ("sql" in table) == ("file" in table):
            raise UsageError(f"{where}, needs exactly one of sql and file")
        if name in checks:
            raise UsageError(f"{where}: another check has the same name")
        checks[name] = UserCheck(
            name,
            expectation(table.get("expect", NO_ROWS), where=where),
            sql=table.get("sql", ""),
            file=root / table["file"] if "file" in table else None,
            timeout_seconds=table.get("timeout_seconds", default),
        )
    return tuple(checks.values())


def targets_for_backup(settings: Settings, target: str | None) -> list[Target]:
    """Return what a backup is taken of: the one asked for, else every configured target."""
    chosen = _asked_for(settings, target)
    names = settings.configured if chosen is None else [chosen]
    return [_named(settings, name) for name in names] or _nothing_configured()


def target_for_restore(settings: Settings, target: str | None) -> Target:
    """Return where a restore goes: the one asked for, else ``local`` and no other."""
    chosen = _asked_for(settings, target)
    if chosen is not None or "local" in settings.configured:
        return _named(settings, "local" if chosen is None else chosen)
    if not settings.configured:
        _nothing_configured()
    raise UsageError(
        "A restore goes to the target local unless told otherwise, and there is no such target",
        hint="Set DATABASE_URL in .env.local, or name another target: "
        + " or ".join(f"--target {name}" for name in settings.configured),
    )


def target_for_reading(settings: Settings, target: str | None) -> Target:
    """Return what to look at: the one asked for, else ``local``, else the only one."""
    chosen = _asked_for(settings, target)
    configured = settings.configured
    names = [n for n in configured if n == "local"] or configured if chosen is None else [chosen]
    if len(names) > 1:
        raise UsageError(
            f"Several targets are configured: {', '.join(names)}", hint="Name one with --target"
        )
    return _named(settings, names[0]) if names else _nothing_configured()


def _asked_for(settings: Settings, target: str | None) -> str | None:
    """Return the target that a flag or the environment names, or None if neither does."""
    known = settings.targets.keys() | settings.unreadable.keys()
    if URL_TARGET in known:
        return URL_TARGET
    if target is None and ENVIRONMENT_TARGET in known:
        return ENVIRONMENT_TARGET
    return target


def _named(settings: Settings, name: str) -> Target:
    if name in settings.unreadable:
        raise settings.unreadable[name]
    if name in settings.targets:
        return settings.targets[name]
    if not PLAIN_NAME.fullmatch(name):  # perhaps an address, so it is not repeated
        raise UsageError("--target takes a target's name", hint="Give an address with --url")
    known = [*settings.configured, *settings.targets.keys() & {ENVIRONMENT_TARGET}]
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    guess = f"Did you mean {' or '.join(near)}? " if near else ""
    if name in ENV_FILES:
        guess += f"It would come from DATABASE_URL in {ENV_FILES[name]}. "
    raise UsageError(
        f"There is no target {name}",
        hint=f"{guess}Configured: {', '.join(known) or 'none'}",
    )


def _nothing_configured() -> NoReturn:
    raise UsageError(
        "No database is configured: set DATABASE_URL, here or in .env.local (target local) or .env"
        " (target production), or give --url",
        hint="To see the whole tour without a database of your own: make demo",
    )


def _targets(sources: Iterable[Source]) -> tuple[dict[str, Target], dict[str, UsageError]]:
    """Parse every source's addresses and find out which targets are protected.

    Where nothing was said, a target is protected if any address of its source may be the database
    of any address of a protected one: a pooler's and the direct address are one database.
    """
    parsed = {s: [_parse(url, origin) for origin, url in s.addresses] for s in sources}
    guarded = [d for s in parsed if s.protected for d in parsed[s] if isinstance(d, Database)]
    unknown = [
        s.addresses[0][0] for s in parsed if s.protected and isinstance(parsed[s][0], UsageError)
    ]
    targets: dict[str, Target] = {}
    unreadable: dict[str, UsageError] = {}
    for source, databases in parsed.items():
        first = databases[0]
        if isinstance(first, UsageError):
            unreadable[source.name] = first
            continue
        protected = source.protected
        if protected is None:
            mine = [d for d in databases if isinstance(d, Database)]
            protected = any(one.same_as(other) for one in mine for other in guarded)
        if source.protected is None and not protected and unknown:
            warning = f"{unknown[0]} cannot be read: this may be that protected database"
            first = replace(first, warnings=(*first.warnings, warning))
        targets[source.name] = Target(source.name, first, source.addresses[0][0], protected)
    return targets, unreadable


def _parse(url: str | UsageError, origin: str) -> Database | UsageError:
    if isinstance(url, UsageError):
        return url
    try:
        return parse_url(url, origin=origin)
    except UsageError as error:
        return error
