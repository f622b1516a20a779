"""What is configured, as ``dbsnap.toml``, ``.env`` files, the environment and a flag say it.

Nothing is parsed or chosen here: an address is still text, with the place it was found in.
"""

from __future__ import annotations

import difflib
import io
import json
import re
import tomllib
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import dotenv

from dbsnap.errors import UsageError
from dbsnap.json_schema import schema_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from jsonschema import ValidationError

    Variables = Mapping[str, str | UsageError]
    """Names with their values, or why one cannot be had."""
    Addresses = tuple[tuple[str, str | UsageError], ...]
    """(origin, URL) of each address, the preferred one first."""

FILE_NAME = "dbsnap.toml"
ADDRESS_VARIABLES = ("DIRECT_URL", "DIRECT_DATABASE_URL", "DATABASE_URL")
ENV_FILES = MappingProxyType({"local": ".env.local", "production": ".env"})

URL_TARGET = "url"
ENVIRONMENT_TARGET = "environment"
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")

_REFERENCE = re.compile(r"\$\{([^}:]*)(?::-([^}]*))?\}")
_TYPE_NAMES = {
    "object": "a table",
    "string": "a string",
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
}


@dataclass(frozen=True, slots=True, repr=False)
class Source:
    """Where a target's addresses are, the one to use first; ``protected`` is None if unsaid."""

    name: str
    addresses: Addresses
    protected: bool | None = None


def given_sources(environment: Mapping[str, str], url: str | None) -> Iterable[Source]:
    """Give what is there without a project: ``url``, which is ``--url``, and the environment's."""
    if url is not None:  # an empty one is an error, not a reason to take another database
        yield Source(URL_TARGET, (("--url", url),))
    addresses = _addresses(environment, "the environment")
    if addresses:
        yield Source(ENVIRONMENT_TARGET, addresses)


def project_sources(
    toml: Mapping[str, Any],
    files: Mapping[str, Variables],
    root: Path,
    environment: Mapping[str, str],
) -> Iterable[Source]:
    """Give the targets of the project in ``root``: those of ``files``, where ``toml`` names no other.

    ``toml`` is the content of ``dbsnap.toml``; ``files`` are the ``ENV_FILES`` as they were read.
    """
    tables: Mapping[str, Mapping[str, Any]] = toml.get("targets", {})
    for name in {**ENV_FILES, **tables}:
        table = tables.get(name, {})
        place = f"targets.{name} of {FILE_NAME}"
        addresses: Addresses
        if "url" in table:
            addresses = ((f"url in {place}", table["url"]),)
        elif variable := table.get("url_env"):
            missing = UsageError(f"{place} takes its address from {variable}, which is not set")
            addresses = ((f"{variable} in the environment", environment.get(variable) or missing),)
        elif file := table.get("env_file"):
            names = ", ".join(ADDRESS_VARIABLES)
            missing = UsageError(
                f"{place} takes its address from {file}, which sets none of {names}"
            )
            addresses = _addresses(read_env_file(root / file, environment), file)
            addresses = addresses or ((file, missing),)
        else:
            addresses = _addresses(files[name], ENV_FILES[name])
        if addresses:
            yield Source(name, addresses, table.get("protected", name == "production" or None))


def _addresses(variables: Variables, place: str) -> Addresses:
    """Return the addresses that ``variables`` hold with their origins, the preferred one first."""
    found = ((name, variables.get(name)) for name in ADDRESS_VARIABLES)
    return tuple((f"{name} in {place}", value) for name, value in found if value)


def setting(layers: Iterable[Variables], name: str) -> str | None:
    """Return the first value of ``name`` that is not empty."""
    for value in (layer.get(name) for layer in layers):
        if isinstance(value, UsageError):
            raise value
        if value:
            return value
    return None


def read_env_file(path: Path, environment: Mapping[str, str]) -> dict[str, str | UsageError]:
    """Return what an .env file sets, ``${NAME}`` replaced; nothing if there is no such file.

    A value that cannot be had is the error to raise when it is asked for.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeError):
        problem = UsageError(f"{path.name} cannot be read as UTF-8 text")
        return dict.fromkeys(ADDRESS_VARIABLES, problem)
    values: dict[str, str | UsageError] = {}
    # dotenv would replace from the process's own environment, and a name that is not set by
    # nothing at all: an address without its host leads to another server.
    for name, raw in dotenv.dotenv_values(stream=io.StringIO(text), interpolate=False).items():
        pieces = _REFERENCE.split(raw or "")
        known = {**environment, **values}
        found = [known.get(n, d) for n, d in zip(pieces[1::3], pieces[2::3], strict=True)]
        if all(isinstance(value, str) for value in found):
            literals = pieces[0::3]
            values[name] = literals[0] + "".join(
                f"{value}{literal}" for value, literal in zip(found, literals[1:], strict=True)
            )
        else:
            values[name] = UsageError(f"{name} in {path.name} refers to a variable that is not set")
    return values


def read_toml(path: Path) -> dict[str, Any]:
    """Return the valid content of ``dbsnap.toml``, empty if there is none."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:  # it gives line and column
        problem = f"{FILE_NAME} is not valid TOML: {error}"
    except (OSError, UnicodeError):
        problem = f"{FILE_NAME} cannot be read as UTF-8 text"
    else:
        schema = json.loads(resources.files("dbsnap").joinpath("config.schema.json").read_bytes())
        errors = sorted(
            schema_errors(content, schema),
            key=lambda error: (error.validator != "additionalProperties", error.json_path),
        )
        if not errors:
            return content
        problem = f"{FILE_NAME}: {schema_problem(errors[0])}"
    raise UsageError(problem, hint=f"Correct {path}")


def schema_problem(error: ValidationError) -> str:
    """Say what is wrong without repeating a value, which may hold a password."""
    where = ".".join(str(part) for part in error.absolute_path)
    expected: Any = error.validator_value
    schema: Any = error.schema
    instance: Any = error.instance
    if error.validator == "additionalProperties":
        known = [*schema["properties"]]
        key = next(k for k in instance if k not in known)
        if not PLAIN_NAME.fullmatch(key):
            return f"{where or 'the file'} has a key that is not known"
        near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
        guess = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
        return f"{f'{where}.{key}'.lstrip('.')} is not a known key; {guess}"
    if error.validator == "type":
        names = [expected] if isinstance(expected, str) else expected
        return f"{where} must be {' or '.join(_TYPE_NAMES[name] for name in names)}"
    if error.validator == "required":
        return f"{where} needs {next(key for key in expected if key not in instance)}"
    if error.validator == "enum":
        return f"{where} must be one of {', '.join(expected)}"
    if error.validator == "minimum":
        return f"{where} must be at least {expected}"
    if error.validator == "exclusiveMinimum":
        return f"{where} must be more than {expected}"
    if error.validator == "minLength":
        return f"{where} is empty"
    if isinstance(instance, str):
        reserved = f"{URL_TARGET} nor {ENVIRONMENT_TARGET}"
        return f"a target's name is letters, digits, - and _, and neither {reserved}"
    return f"{where} needs exactly one of url, url_env and env_file"
