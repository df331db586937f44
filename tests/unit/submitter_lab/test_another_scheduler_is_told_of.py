"""A line left in some configuration file can keep nbargo out of a lab without a word."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from jupyter_scheduler.scheduler import Scheduler

from nbargo_submitter.extension import NbargoApp


class TheirScheduler(Scheduler):  # type: ignore[misc]  # published without types
    def __init__(self) -> None:
        """Open no database."""


async def start(scheduler: object) -> None:
    web_app = SimpleNamespace(settings={"scheduler": scheduler} if scheduler else {})
    app: Any = NbargoApp
    await app._start_jupyter_server_extension(app(), SimpleNamespace(web_app=web_app, log=logging.getLogger("lab")))


async def test_the_lab_says_which_scheduler_it_uses_and_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    await start(TheirScheduler())
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert f"jupyter-scheduler uses {__name__}.TheirScheduler" in record.message
    assert "c.SchedulerApp.scheduler_class" in record.message


async def test_a_lab_without_any_scheduler_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    await start(None)
    assert caplog.records == []
