"""A job that has ended, and servers that may be told of it."""

import logging
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nbargo_submitter.runner import notify as messages
from nbargo_submitter.runner.report import Report
from support.background import Background

MakeReport = Callable[..., Report]
Tell = Callable[..., list[str]]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def background() -> Iterator[Background]:
    with Background() as background:
        yield background


@pytest.fixture
def make_report(tmp_path: Path) -> MakeReport:
    def make(**changes: Any) -> Report:
        (tmp_path / "sales-1.ipynb").write_bytes(b'{"cells": []}')
        (tmp_path / "sales-1.html").write_bytes(b"<p>caf\xc3\xa9</p>\n.\n")
        facts: dict[str, Any] = {
            "job_id": "0b8ff6a5-9f7c-4f1c-9a0e-3a8e6d1f2c77",
            "name": "Sales",
            "notebook": "sales.ipynb",
            "state": "completed",
            "error": None,
            "started_at": 1_700_000_000_000,
            "ended_at": 1_700_000_185_500,
            "directory": tmp_path,
            "outputs": {"ipynb": "sales-1.ipynb", "html": "sales-1.html"},
        }
        return Report(**{**facts, **changes})

    return make


@pytest.fixture
def tell(make_report: MakeReport, caplog: pytest.LogCaptureFixture) -> Tell:
    """Tell one target of a report, and return the lines of the log."""

    def tell(
        target: dict[str, Any],
        secrets: dict[str, str] | None = None,
        *,
        report: Report | None = None,
        on: str = "both",
    ) -> list[str]:
        caplog.clear()
        with caplog.at_level(logging.INFO, "nbargo"):
            problems = messages.notify({"on": on, **target}, report or make_report(), secrets or {})
        lines = [record.getMessage() for record in caplog.records if record.name == "nbargo"]
        assert [line for line in lines if not line.startswith("Notified") or ", but " in line] == problems
        return lines

    return tell


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A certificate that this machine would not trust, and a server's context with it."""
    folder = tmp_path_factory.mktemp("tls")
    files = ["-keyout", str(folder / "key"), "-out", str(folder / "certificate")]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *name, *files]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate", folder / "key")
    return folder / "certificate", context
