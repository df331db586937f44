"""Options, variables, defaults and exit statuses."""

import json
import sqlite3
import time
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

import pytest

from nbargo_shared.errors import ConfigError
from nbargo_shared.slugs import slug
from nbargo_shared.tables import HEARTBEAT_TABLE
from nbargo_watcher import cli
from nbargo_watcher.settings import Settings, resolve

HOME = {"HOME": "/home/alice", "JUPYTERHUB_USER": "alice"}


def read(*argv: str, **environ: str) -> Settings:
    environment = {**HOME, **environ}
    return resolve(cli.parse(list(argv), environment), environment)


def test_a_pod_needs_no_option() -> None:
    settings = read()
    assert settings.user == "alice"
    assert settings.database == Path("/home/alice/.local/share/jupyter/scheduler.sqlite")
    assert settings.staging == Path("/home/alice/.local/share/jupyter/scheduler_staging_area")
    assert (settings.namespaces, settings.once, settings.output, settings.log_level) == ((), False, "text", "info")


def test_the_data_directory_is_jupyters_own() -> None:
    assert read(JUPYTER_DATA_DIR="/data").database == Path("/data/scheduler.sqlite")
    assert read(XDG_DATA_HOME="/xdg").staging == Path("/xdg/jupyter/scheduler_staging_area")


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user id without an entry in /etc/passwd, as in a small image."""

    def missing(_uid: int) -> NoReturn:
        raise KeyError

    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", missing)


@pytest.mark.usefixtures("nobody")
def test_without_a_home_it_is_said_what_to_set() -> None:
    for named in ({}, {"NBARGO_DB": "/a/b.sqlite"}):
        with pytest.raises(ConfigError, match="both NBARGO_DB and NBARGO_STAGING"):
            resolve(cli.parse([], named), named)
    both = {"NBARGO_DB": "/a/b.sqlite", "NBARGO_STAGING": "/a/staging"}
    assert resolve(cli.parse([], both), both).staging == Path("/a/staging")


def test_the_version_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    assert capsys.readouterr() == (f"watcher {version('nbargo-watcher')}\n", "")


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/a/b.sqlite", "/a/b.sqlite"),
        ("sqlite:////a/b.sqlite", "/a/b.sqlite"),
        ("sqlite:///b.sqlite", "b.sqlite"),
        ("sqlite+pysqlite:////a/b.sqlite?timeout=3", "/a/b.sqlite"),
    ],
)
def test_a_database_is_a_path_or_an_sqlite_url(url: str, path: str) -> None:
    assert read("--db", url).database == Path(path)


@pytest.mark.parametrize("url", ["postgresql://x/y", "sqlite://", "sqlite:///:memory:"])
def test_no_other_database_will_do(url: str) -> None:
    with pytest.raises(ConfigError, match="sqlite:///PATH"):
        read("--db", url)


def test_namespaces_may_be_repeated_or_listed() -> None:
    assert read("--namespace", "a", "--namespace", "b", "--namespace", "a").namespaces == ("a", "b")
    assert read(NBARGO_NAMESPACE="a, b,").namespaces == ("a", "b")
    assert read("--namespace", "c", NBARGO_NAMESPACE="a,b").namespaces == ("c",)


def test_a_user_is_made_a_label_and_a_label_stays_one() -> None:
    assert read("--user", "alice").user == "alice"
    assert read("--user", "Alice@Example.org").user == slug("Alice@Example.org")
    assert read("--user", slug("Alice@Example.org")).user == slug("Alice@Example.org")
    assert read(NBARGO_USER="bob").user == "bob"


VARIABLES = {
    "NBARGO_ONCE": "1",
    "NBARGO_DRY_RUN": "true",
    "NBARGO_REBUILD": "yes",
    "NBARGO_USER": "bob",
    "NBARGO_DB": "/db",
    "NBARGO_STAGING": "/st",
    "NBARGO_KUBECONFIG": "/kc",
    "NBARGO_CONTEXT": "ctx",
    "NBARGO_START_JITTER": "1.5",
    "NBARGO_ARCHIVE": "https://argo.example:2746/argo/",
    "NBARGO_ARCHIVE_TOKEN_FILE": "/token",
    "NBARGO_ARCHIVE_CA_FILE": "/ca.crt",
    "NBARGO_OUTPUT": "json",
    "NBARGO_LOG_FORMAT": "console",
    "NBARGO_LOG_LEVEL": "error",
    "NBARGO_HEALTH_PORT": "8080",
    "NBARGO_NAMESPACE": "ns",
}


def test_every_option_is_a_variable() -> None:
    assert read(**VARIABLES) == Settings(
        namespaces=("ns",),
        user="bob",
        database=Path("/db"),
        staging=Path("/st"),
        kubeconfig="/kc",
        context="ctx",
        start_jitter=1.5,
        archive="https://argo.example:2746/argo",
        archive_token_file="/token",
        archive_ca_file="/ca.crt",
        once=True,
        dry_run=True,
        rebuild=True,
        output="json",
        log_format="console",
        log_level="error",
        health_port=8080,
    )
    assert read(NBARGO_UNTIL_EOF="1").until_eof
    assert cli.parse([], {"NBARGO_CHECK": "1"}).check
    parsed = {action.dest.upper() for action in cli.make_parser()._actions}
    named = {name.removeprefix("NBARGO_") for name in VARIABLES} | {"UNTIL_EOF", "CHECK"}
    assert parsed - named == {"HELP", "VERSION", "PRINT_COMPLETION"}


IN_POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}


@pytest.mark.parametrize(
    ("argv", "environ", "jitter"),
    [
        ([], IN_POD, 2.0),
        (["--start-jitter", "0"], IN_POD, 0.0),
        ([], {**IN_POD, "NBARGO_START_JITTER": "9"}, 9.0),
        (["--once"], IN_POD, 0.0),
        (["--until-eof"], IN_POD, 0.0),
        (["--kubeconfig", "/kc"], IN_POD, 0.0),
        ([], {}, 0.0),
    ],
)
def test_only_sidecars_start_by_chance(argv: list[str], environ: dict[str, str], jitter: float) -> None:
    assert read(*argv, **environ).start_jitter == jitter


@pytest.mark.parametrize(
    ("argv", "environ", "guessed"),
    [
        ([], {**IN_POD, "JUPYTERHUB_USER": ""}, True),
        (["--user", "alice"], IN_POD, False),
        ([], {**IN_POD, "NBARGO_USER": "alice"}, False),
        ([], {**IN_POD, "JUPYTERHUB_USER": "alice"}, False),
        ([], {}, False),
    ],
)
def test_a_sidecar_knows_when_only_a_login_name_says_whose_jobs_it_follows(
    argv: list[str], environ: dict[str, str], *, guessed: bool
) -> None:
    assert read(*argv, **environ).user_guessed is guessed


@pytest.mark.parametrize(
    "environ",
    [
        {"NBARGO_OUTPUT": "xml"},
        {"NBARGO_HEALTH_PORT": "http"},
        {"NBARGO_HEALTH_PORT": "70000"},
        {"NBARGO_START_JITTER": "-1"},
        {"NBARGO_START_JITTER": "nan"},
        {"NBARGO_ONCE": "perhaps"},
        {"NBARGO_ONCE": "1", "NBARGO_UNTIL_EOF": "1"},
        {"NBARGO_REBUILD": "1"},
        {"NBARGO_DB": "mysql://x"},
        {"NBARGO_ARCHIVE": "argo-server:2746"},
        {"NBARGO_ARCHIVE": "https://name:secret@argo-server"},
    ],
)
def test_a_variable_that_makes_no_sense_is_a_usage_error(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([], {**HOME, **environ}) == 2
    assert capsys.readouterr().err.startswith("watcher: ")


def test_an_unknown_option_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["--namespaces", "x"], HOME)
    assert caught.value.code == 2
    assert "--namespaces" in capsys.readouterr().err


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["--help"], HOME)
    assert caught.value.code == 0
    text = capsys.readouterr().out
    for part in ("watcher --once", "exit status:", "NBARGO_LOG_LEVEL", "partly done"):
        assert part in text


def test_there_is_a_completion_for_bash(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--print-completion", "bash"], HOME) == 0
    assert "--dry-run" in capsys.readouterr().out
    assert cli.main(["--print-completion", "fish-and-chips"], HOME) == 2


def test_no_cluster_is_a_configuration_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--once"], {"HOME": str(tmp_path), "JUPYTERHUB_USER": "alice"}) == 2
    assert "--kubeconfig" in capsys.readouterr().err


@pytest.mark.parametrize(("age", "status"), [(5, 0), (300, 1), (None, 1)])
def test_a_heartbeat_tells_whether_a_watcher_runs(
    tmp_path: Path, age: int | None, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "scheduler.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE {HEARTBEAT_TABLE} (watcher TEXT PRIMARY KEY, beat_at INTEGER NOT NULL)")
        if age is not None:
            beat = int((time.time() - age) * 1000)
            connection.execute(f"INSERT INTO {HEARTBEAT_TABLE} VALUES ('x', ?)", (beat,))  # noqa: S608 - a constant
    assert cli.main(["--check", "--db", str(path)], HOME) == status
    assert str(path) in capsys.readouterr().out


def test_nobody_at_the_health_port_is_not_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--check", "--health-port", "1"], HOME) == 1
    assert "port 1" in capsys.readouterr().out


def test_the_summary_is_json() -> None:
    from nbargo_watcher.once import Summary  # noqa: PLC0415 - the rest of this file is the standard library's

    summary = Summary(dry_run=False, listed=3, added=1, changed=1, unchanged=1, quarantined=1)
    assert json.loads(summary.to_json())["status"] == "partly"
    assert "set aside" in summary.to_text()
