from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from dbsnap import config, config_sources
from dbsnap.config import Flags, Settings, load_settings
from dbsnap.errors import UsageError

PRODUCTION = "postgresql://app:S3CR@db.example.org/shop"
LOCAL = "postgresql://app:S3CR@localhost:5433/shop_dev"
OTHER = "postgresql://app:S3CR@staging.example.org/shop"


class Project:
    """A directory with configuration files, and what surrounds it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, *lines: str) -> Project:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return self

    def settings(
        self,
        environment: dict[str, str] | None = None,
        *,
        url: str | None = None,
        directory: Path | None = None,
        compress: str | None = None,
        jobs: int | None = None,
        max_rate: str | None = None,
    ) -> Settings:
        return load_settings(
            directory=self.root,
            environment=environment or {},
            flags=Flags(
                url=url, directory=directory, compress=compress, jobs=jobs, max_rate=max_rate
            ),
        )


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    # Neither the process's environment nor its working directory may leak into the answers.
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("DATABASE_URL", "postgresql://process@wrong/wrong")
    monkeypatch.setenv("DBSNAP_DIR", "/wrong")
    monkeypatch.setenv("DBSNAP_COMPRESS", "gzip")
    root = tmp_path / "project"
    root.mkdir()
    return Project(root)


@pytest.fixture
def prisma(project: Project) -> Project:
    project.write(".env", f'DATABASE_URL="{PRODUCTION}?schema=public"')
    return project.write(".env.local", f"DATABASE_URL={LOCAL}")


def backed_up(settings: Settings, target: str | None = None) -> list[str]:
    return [target.name for target in config.targets_for_backup(settings, target)]


def restored(settings: Settings, target: str | None = None) -> str:
    return config.target_for_restore(settings, target).name


def read(settings: Settings, target: str | None = None) -> str:
    return config.target_for_reading(settings, target).name


def refusal(settings: Settings, target: str | None = None) -> str:
    """Assert that every command is refused in the same words and return them."""
    messages = set()
    for choose in (
        config.targets_for_backup,
        config.target_for_restore,
        config.target_for_reading,
    ):
        with pytest.raises(UsageError) as caught:
            choose(settings, target)
        messages.add(f"{caught.value}\n{caught.value.hint}")
    (message,) = messages
    assert "S3CR" not in message
    return message


# Which target


def test_targets_need_no_configuration(prisma: Project) -> None:
    settings = prisma.settings()
    local, production = config.targets_for_backup(settings, None)
    assert (local.name, local.origin) == ("local", "DATABASE_URL in .env.local")
    assert (production.name, production.origin) == ("production", "DATABASE_URL in .env")
    assert (local.database.name, production.database.name) == ("shop_dev", "shop")
    assert production.database.schema == "public"
    assert (local.protected, production.protected) == (False, True)
    assert restored(settings) == read(settings) == "local"
    assert restored(settings, "production") == read(settings, "production") == "production"
    assert backed_up(settings, "production") == ["production"]


def test_the_environment_goes_before_the_files(prisma: Project) -> None:
    settings = prisma.settings({"DATABASE_URL": OTHER})
    assert backed_up(settings) == [restored(settings)] == [read(settings)] == ["environment"]
    target = config.target_for_reading(settings, None)
    assert target.origin == "DATABASE_URL in the environment"
    assert target.database.parameters["host"] == "staging.example.org"


def test_a_named_target_goes_before_the_environment(prisma: Project) -> None:
    settings = prisma.settings({"DATABASE_URL": OTHER})
    assert backed_up(settings, "local") == [restored(settings, "local")] == ["local"]
    assert read(settings, "environment") == "environment"


def test_the_url_goes_before_everything(prisma: Project) -> None:
    settings = prisma.settings({"DATABASE_URL": LOCAL}, url=OTHER)
    for target in (None, "local", "environment"):
        assert backed_up(settings, target) == [restored(settings, target)] == ["url"]
        assert read(settings, target) == "url"
    assert config.target_for_reading(settings, None).origin == "--url"


def test_an_empty_url_is_no_leave_to_take_another_database(prisma: Project) -> None:
    assert "--url is empty" in refusal(prisma.settings(url=""))
    assert "--target takes" in refusal(prisma.settings(), "")


def test_an_empty_variable_is_not_set(prisma: Project) -> None:
    assert restored(prisma.settings({"DATABASE_URL": "", "DIRECT_URL": ""})) == "local"
    prisma.write(".env.local", "DATABASE_URL=", "DIRECT_URL")
    assert backed_up(prisma.settings()) == ["production"]


@pytest.mark.parametrize(
    ("lines", "variable"),
    [
        (["DATABASE_URL", "DIRECT_DATABASE_URL", "DIRECT_URL"], "DIRECT_URL"),
        (["DATABASE_URL", "DIRECT_DATABASE_URL"], "DIRECT_DATABASE_URL"),
        (["DIRECT_URL"], "DIRECT_URL"),
    ],
)
def test_the_direct_address_of_a_source_is_preferred(
    project: Project, lines: list[str], variable: str
) -> None:
    values = {name: f"postgresql://{name.lower()}/d" for name in lines}
    project.write(".env", *(f"{name}={value}" for name, value in values.items()))
    for settings, place in (
        (project.settings(), ".env"),
        (project.settings(values), "the environment"),
    ):
        target = config.target_for_reading(settings, None)
        assert target.origin == f"{variable} in {place}"
        assert target.database.parameters["host"] == variable.lower()


def test_sources_are_never_mixed(project: Project) -> None:
    project.write(".env", f"DIRECT_URL={PRODUCTION}").write(".env.local", f"DATABASE_URL={LOCAL}")
    settings = project.settings({"DATABASE_URL": OTHER})
    assert config.target_for_restore(settings, None).origin == "DATABASE_URL in the environment"
    assert config.target_for_restore(settings, "local").origin == "DATABASE_URL in .env.local"


def test_a_pooler_beside_a_direct_address_is_no_concern(project: Project) -> None:
    project.write(".env", f"DATABASE_URL={OTHER}?pgbouncer=true", f"DIRECT_URL={OTHER}")
    assert config.target_for_reading(project.settings(), None).database.warnings == ()
    project.write(".env", f"DATABASE_URL={OTHER}?pgbouncer=true")
    (warning,) = config.target_for_reading(project.settings(), None).database.warnings
    assert "DATABASE_URL in .env" in warning


def test_restore_never_takes_another_target_than_local_by_itself(project: Project) -> None:
    project.write(".env", f"DATABASE_URL={PRODUCTION}")
    settings = project.settings()
    with pytest.raises(UsageError, match="local") as caught:
        config.target_for_restore(settings, None)
    assert "--target production" in caught.value.hint
    assert ".env.local" in caught.value.hint
    assert read(settings) == "production"
    assert backed_up(settings) == ["production"]


def test_reading_wants_a_name_where_several_would_do(project: Project) -> None:
    project.write(".env", f"DATABASE_URL={PRODUCTION}")
    project.write("dbsnap.toml", "[targets.staging]", f'url = "{OTHER}"')
    settings = project.settings()
    with pytest.raises(UsageError, match="production, staging") as caught:
        config.target_for_reading(settings, None)
    assert "--target" in caught.value.hint
    assert read(settings, "staging") == "staging"
    assert backed_up(settings) == ["production", "staging"]


@pytest.mark.parametrize("file", [None, ".env", "dbsnap.toml"])
def test_nothing_configured_says_what_to_set_in_two_lines(
    project: Project, file: str | None
) -> None:
    if file:
        project.write(file, "")
    message, hint = refusal(project.settings()).split("\n")
    assert "DATABASE_URL" in message
    assert "--url" in message
    assert ".env" in message
    assert "make demo" in hint


def test_an_unknown_target_gets_the_nearest_names(prisma: Project) -> None:
    message = refusal(prisma.settings(), "prodcution")
    assert "prodcution" in message
    assert "Did you mean production?" in message
    assert "Configured: local, production" in message


def test_a_missing_target_says_where_it_would_come_from(project: Project) -> None:
    assert "DATABASE_URL in .env.local" in refusal(project.settings(), "local")


def test_an_address_given_as_a_target_is_not_repeated(prisma: Project) -> None:
    assert "--url" in refusal(prisma.settings(), OTHER)


# dbsnap.toml


def test_targets_of_the_file(project: Project) -> None:
    project.write(
        "dbsnap.toml",
        "[targets.one]",
        f'url = "{OTHER}"',
        "protected = true",
        "[targets.two]",
        'url_env = "TWO_URL"',
        "[targets.three]",
        'env_file = "configuration/three.env"',
        "[targets.local]",
        'env_file = ".env"',
    )
    project.write("configuration/three.env", "DIRECT_URL=postgresql://three/d", "DATABASE_URL=x")
    project.write(".env.local", f"DATABASE_URL={OTHER}").write(".env", f"DATABASE_URL={LOCAL}")
    settings = project.settings({"TWO_URL": "postgresql://two/d", "DATABASE_URL": ""})
    origins = {target.name: target.origin for target in config.targets_for_backup(settings, None)}
    assert list(origins) == ["local", "production", "one", "two", "three"]
    assert origins["one"] == "url in targets.one of dbsnap.toml"
    assert origins["two"] == "TWO_URL in the environment"
    assert origins["three"] == "DIRECT_URL in configuration/three.env"
    assert origins["local"] == "DATABASE_URL in .env"
    assert settings.targets["one"].protected
    assert not settings.targets["two"].protected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (['url_env = "NOT_SET"'], "NOT_SET"),
        (['env_file = "absent.env"'], "absent.env"),
        (['env_file = "empty.env"'], "empty.env"),
        (['url = "mysql://u:S3CR@h/d"'], "MySQL"),
        (['url = "postgresql://u:S3CR@S3CR@h/d"'], "url in targets.bad of dbsnap.toml"),
    ],
)
def test_a_target_that_cannot_be_read_troubles_no_other(
    prisma: Project, lines: list[str], expected: str
) -> None:
    prisma.write("empty.env", "A=1").write("dbsnap.toml", "[targets.bad]", *lines)
    settings = prisma.settings()
    assert expected in refusal(settings, "bad")
    assert restored(settings) == read(settings) == "local"
    assert backed_up(settings, "production") == ["production"]
    # A backup of everything must not leave one out.
    with pytest.raises(UsageError, match=expected):
        config.targets_for_backup(settings, None)


def test_unreadable_given_addresses_trouble_no_named_target(prisma: Project) -> None:
    settings = prisma.settings({"DATABASE_URL": "prisma://S3CR"})
    assert "DIRECT_URL" in refusal(settings)
    assert restored(settings, "local") == "local"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            ["[targets.local]", 'ulr = "S3CR"'],
            "targets.local.ulr is not a known key; did you mean url?",
        ),
        (["[targets.x]", 'ulr = "S3CR"'], "targets.x.ulr is not a known key; did you mean url?"),
        (["compres = 'gzip'"], "compres is not a known key; did you mean compress?"),
        (["zzz = 1"], "zzz is not a known key; known are dir, compress, "),
        (["'postgresql://u:S3CR@h' = 1"], "the file has a key that is not known"),
        (["compress = 'S3CR'"], "compress must be one of none, gzip, zstd"),
        (["dir = 1"], "dir must be a string"),
        (["dir = ''"], "dir is empty"),
        (["targets = 'S3CR'"], "targets must be a table"),
        (["targets.x = 'S3CR'"], "targets.x must be a table"),
        (
            ["[targets.x]", "url = 'S3CR'", "protected = 'S3CR'"],
            "targets.x.protected must be true or false",
        ),
        (
            ["[targets.x]", "protected = true"],
            "targets.x needs exactly one of url, url_env and env_file",
        ),
        (["[targets.x]"], "targets.x needs exactly one of"),
        (["[targets.x]", "url = 'S3CR'", "url_env = 'A'"], "targets.x needs exactly one of"),
        (
            ["[targets.local]", "url = 'S3CR'", "env_file = 'A'"],
            "targets.local needs exactly one of",
        ),
        (["[targets.environment]", "url = 'S3CR'"], "neither url nor environment"),
        (["[targets.'a b']", "url = 'S3CR'"], "a target's name is letters"),
        (["", "dir = "], "(at line 2, column 7)"),
        (['dir = "S3CR'], "(at line 1, column 12)"),
        (["dir = 'S3CR"], "(at end of document)"),
    ],
)
def test_a_wrong_file_is_explained(project: Project, lines: list[str], expected: str) -> None:
    project.write("dbsnap.toml", *lines)
    with pytest.raises(UsageError) as caught:
        project.settings()
    message = str(caught.value)
    assert message.startswith("dbsnap.toml")
    assert expected in message
    assert "S3CR" not in message + caught.value.hint
    assert str(project.root / "dbsnap.toml") in caught.value.hint


def test_a_file_that_is_no_text_is_explained(project: Project) -> None:
    (project.root / "dbsnap.toml").write_bytes(b"dir = '\xff'")
    with pytest.raises(UsageError, match=r"dbsnap\.toml cannot be read as UTF-8"):
        project.settings()


@given(
    st.recursive(
        st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.dictionaries(
            st.sampled_from(["dir", "compress", "targets", "local", "url", "protected", "x y"]),
            inner,
        ),
    )
)
def test_whatever_does_not_fit_the_schema_has_an_explanation(content: object) -> None:
    for error in Draft202012Validator(schema()).iter_errors(content):
        if isinstance(content, dict):
            assert config_sources.schema_problem(error)


def schema() -> dict[str, object]:
    loaded: dict[str, object] = json.loads(
        resources.files("dbsnap").joinpath("config.schema.json").read_bytes()
    )
    return loaded


def test_the_schema_is_one_and_agrees_with_the_code() -> None:
    Draft202012Validator.check_schema(schema())
    assert schema()["properties"]["compress"]["enum"] == list(config.COMPRESSIONS)  # type: ignore[index]


# Protection


@pytest.mark.parametrize("lines", [[], ["url_env = 'PROD'"]])
def test_production_is_protected_unless_the_file_says_otherwise(
    prisma: Project, lines: list[str]
) -> None:
    prisma.write("dbsnap.toml", "[targets.production]", *lines)
    assert prisma.settings({"PROD": OTHER}).targets["production"].protected
    prisma.write("dbsnap.toml", "[targets.production]", "protected = false", *lines)
    assert not prisma.settings({"PROD": OTHER}).targets["production"].protected


def test_protection_alone_makes_no_target(project: Project) -> None:
    project.write("dbsnap.toml", "[targets.production]", "protected = false")
    assert "make demo" in refusal(project.settings())


@pytest.mark.parametrize(
    ("url", "protected"),
    [
        ("postgresql://somebody:else@DB.example.org:5432/shop?schema=x", True),
        ("host=db.example.org dbname=shop", True),
        ("postgresql://app@db.example.org/shop_before", False),
        ("postgresql://app@db.example.org:5433/shop", False),
        (LOCAL, False),
    ],
)
def test_the_address_of_a_protected_target_is_protected_however_given(
    prisma: Project, url: str, *, protected: bool
) -> None:
    assert prisma.settings(url=url).targets["url"].protected is protected
    assert prisma.settings({"DIRECT_URL": url}).targets["environment"].protected is protected
    prisma.write(".env.local", f"DATABASE_URL={url}")
    assert prisma.settings().targets["local"].protected is protected


def test_the_pooler_of_a_protected_database_is_protected(project: Project) -> None:
    pooler = "postgresql://u@aws-0-eu.pooler.supabase.com:6543/postgres"
    direct = "postgresql://u@db.abc.supabase.co/postgres"
    project.write(".env", f"DATABASE_URL={pooler}", f"DIRECT_URL={direct}")
    assert project.settings(url=pooler).targets["url"].protected
    assert project.settings(url=direct).targets["url"].protected


def test_what_the_file_says_of_a_target_stands(prisma: Project) -> None:
    prisma.write(
        "dbsnap.toml",
        "[targets.copy]",
        f"url = '{PRODUCTION}'",
        "protected = false",
        "[targets.staging]",
        f"url = '{OTHER}'",
        "protected = true",
    )
    settings = prisma.settings(url=OTHER)
    assert not settings.targets["copy"].protected
    assert settings.targets["url"].protected


def test_an_unreadable_protected_address_is_warned_of(prisma: Project) -> None:
    prisma.write(".env", "DATABASE_URL=postgresql://u:S3CR@S3CR@h/d")
    (warning,) = prisma.settings(url=OTHER).targets["url"].database.warnings
    assert "DATABASE_URL in .env" in warning
    assert "protected" in warning


# .env files


def test_references_are_replaced_from_the_file_and_the_given_environment(project: Project) -> None:
    project.write(
        ".env",
        "\ufeffHOST=file-host",
        "# a comment",
        'export DATABASE_URL="postgresql://${PGUSER}:${WORD:-none}@${HOST}/d${EMPTY:-}?schema=x" # y',
    )
    settings = project.settings({"PGUSER": "u", "HOST": "wrong"})
    parameters = config.target_for_reading(settings, None).database.parameters
    assert dict(parameters) == {"user": "u", "password": "none", "host": "file-host", "dbname": "d"}


def test_a_reference_to_nothing_is_refused_not_left_out(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST", "process-host")
    project.write(".env.local", "ADDRESS=${HOST}:5432", "DATABASE_URL=postgresql://u@${ADDRESS}/d")
    message = refusal(project.settings())
    assert "DATABASE_URL in .env.local refers to a variable that is not set" in message
    project.write(".env", f"DATABASE_URL={PRODUCTION}")
    assert project.settings().configured == ["local", "production"]


def test_an_env_file_that_is_no_text_troubles_its_own_target_alone(prisma: Project) -> None:
    (prisma.root / ".env").write_bytes(b"DATABASE_URL=postgresql://\xff@h/d")
    settings = prisma.settings()
    assert ".env cannot be read as UTF-8" in refusal(settings, "production")
    assert restored(settings) == "local"


# Directory, compression, tools


def test_the_directory_by_precedence(project: Project) -> None:
    root = project.root
    assert project.settings().directory == root / "backups"
    assert project.settings().project_root == root
    project.write("dbsnap.toml", 'dir = "from_toml"')
    assert project.settings().directory == root / "from_toml"
    project.write(".env", "DBSNAP_DIR=from_env")
    assert project.settings().directory == root / "from_env"
    project.write(".env.local", "DBSNAP_DIR=from_env_local")
    assert project.settings().directory == root / "from_env_local"
    environment = {"DBSNAP_DIR": "/from/environment"}
    assert project.settings(environment).directory == Path("/from/environment")
    flagged = project.settings(environment, directory=Path("from_flag"))
    assert flagged.directory == root / "from_flag"
    home = project.settings({"DBSNAP_DIR": "~/snaps", "HOME": "/home/me"})
    assert home.directory == Path("/home/me/snaps")


def test_jobs_by_precedence(project: Project) -> None:
    assert project.settings().jobs == config.available_processors() >= 1
    project.write("dbsnap.toml", "jobs = 3")
    assert project.settings().jobs == 3
    assert project.settings({"DBSNAP_JOBS": "5"}).jobs == 5
    assert project.settings({"DBSNAP_JOBS": "5"}, jobs=7).jobs == 7
    for wrong in ("0", "-1", "two", "1.5", "٣"):
        with pytest.raises(UsageError, match="DBSNAP_JOBS must be a whole number"):
            project.settings({"DBSNAP_JOBS": wrong})
    project.write("dbsnap.toml", "jobs = 0")
    with pytest.raises(UsageError, match="jobs must be at least 1"):
        project.settings()


def test_the_greatest_rate_by_precedence(project: Project) -> None:
    assert project.settings().max_rate is None
    project.write("dbsnap.toml", 'max_rate = "512k"')
    assert project.settings().max_rate == 512_000
    assert project.settings({"DBSNAP_MAX_RATE": "2G"}).max_rate == 2_000_000_000
    assert project.settings({"DBSNAP_MAX_RATE": "2G"}, max_rate="20M").max_rate == 20_000_000
    assert project.settings(max_rate="999").max_rate == 999
    for wrong in ("0", "fast", "20 MB", "20MB/s", "-5"):
        with pytest.raises(UsageError, match="--max-rate must be bytes a second"):
            project.settings(max_rate=wrong)


def test_compression_by_precedence(project: Project) -> None:
    assert project.settings().compress == "none"
    project.write("dbsnap.toml", 'compress = "gzip"')
    assert project.settings().compress == "gzip"
    assert project.settings({"DBSNAP_COMPRESS": "zstd"}).compress == "zstd"
    assert project.settings({"DBSNAP_COMPRESS": "zstd"}, compress="none").compress == "none"
    with pytest.raises(UsageError, match="DBSNAP_COMPRESS must be one of none, gzip, zstd"):
        project.settings({"DBSNAP_COMPRESS": "lzma"})
    with pytest.raises(UsageError, match="--compress must be"):
        project.settings(compress="lzma")


def test_tools_come_from_the_environment_alone(project: Project) -> None:
    project.write(".env", "DBSNAP_PG_BIN=/hostile/bin")
    assert project.settings().pg_bin == ()
    given_paths = project.settings({"DBSNAP_PG_BIN": "/a/bin::b"}).pg_bin
    assert given_paths == (Path("/a/bin"), project.root / "b")


def test_settings_show_no_secret(prisma: Project) -> None:
    settings = prisma.settings({"DATABASE_URL": PRODUCTION}, url=OTHER)
    assert "shop_dev on localhost:5433" in repr(settings)
    assert "S3CR" not in repr(settings) + repr(Flags(url=OTHER))
