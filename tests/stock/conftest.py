"""The fixtures that jupyter-scheduler's own tests ask for: ArgoScheduler, on the local Argo, beside a watcher.

The originals are not installed: they make a Scheduler on an empty database.
"""

import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from jupyter_scheduler.orm import create_tables
from sqlalchemy import NullPool, create_engine
from sqlalchemy.orm import Session
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.httputil import url_concat
from traitlets.config import Config

from nbargo_submitter.environments import ArgoEnvironmentManager
from nbargo_submitter.scheduler import ArgoScheduler
from support import stock
from support.in_process import LabInProcess, LoopThread
from support.stack import TOKEN, Access, Stack
from support.stock_scheduler import StockScheduler

_MOCKS = "jupyter_scheduler.tests.mocks"
_NUMBERS = count(1)


@pytest.fixture(scope="session")
def loop_thread() -> Iterator[LoopThread]:
    with closing(LoopThread()) as loop:
        yield loop


@pytest.fixture(scope="session")
def access(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Access]:
    """The local Argo, for all tests."""
    with closing(Stack(tmp_path_factory.mktemp("argo"))) as argo:
        argo.start_argo()
        yield argo.access


@pytest.fixture
def user_stack(access: Access, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """A user whom no other test has, whose environment this process has too."""
    number = next(_NUMBERS)
    own = replace(access, namespace=f"stock-{number}")  # their definitions have the same ids in every test
    with closing(Stack(tmp_path, access=own, user=f"user-{number}")) as stack:
        for name, value in {**stack.environment, "NBARGO_KUBECONFIG": str(access.lab)}.items():
            monkeypatch.setenv(name, value)
        yield stack


@pytest.fixture
def static_test_files_dir() -> Path:
    return Path(str(stock.load("mocks").__file__)).parent / "static"


@pytest.fixture
def jp_scheduler_root_dir(user_stack: Stack, static_test_files_dir: Path) -> Path:
    """The lab's folder. It has the notebook that the tests of a Scheduler pretend to be there."""
    root = user_stack.place.notebooks
    shutil.copy(static_test_files_dir / "helloworld.ipynb", root)
    return root


@pytest.fixture
def jp_scheduler_db_url(user_stack: Stack) -> str:
    return f"sqlite:///{user_stack.place.database}"


@pytest.fixture
def jp_scheduler(
    user_stack: Stack, jp_scheduler_root_dir: Path, jp_scheduler_db_url: str, loop_thread: LoopThread
) -> Iterator[StockScheduler]:
    """An ArgoScheduler whose methods block, beside a watcher."""
    create_tables(jp_scheduler_db_url)
    environments = [{"name": "default"}, {"name": "environment-a"}]
    scheduler = ArgoScheduler(
        root_dir=str(jp_scheduler_root_dir),
        environments_manager=ArgoEnvironmentManager(),
        db_url=jp_scheduler_db_url,
        config=Config({"ArgoScheduler": {"watcher": "sidecar", "environments": environments}}),
    )
    user_stack.start_watcher()
    yield StockScheduler(scheduler, loop_thread)
    loop_thread.run(scheduler.close())


@pytest.fixture
def jp_scheduler_db(jp_scheduler: StockScheduler) -> Iterator[Session]:
    """The database beside the scheduler."""
    engine = create_engine(jp_scheduler.db_url, poolclass=NullPool)
    with Session(engine) as session:
        yield session


@pytest.fixture(scope="session")
def lab_in_process(
    access: Access, tmp_path_factory: pytest.TempPathFactory, loop_thread: LoopThread
) -> Iterator[LabInProcess]:
    """A server with what is installed, and jupyter-scheduler's environments for tests."""
    stack = Stack(tmp_path_factory.mktemp("lab"), access=access)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**stack.environment, "NBARGO_KUBECONFIG": str(access.lab)}.items():
            patch.setenv(name, value)
        options = (
            f"--ServerApp.root_dir={stack.place.notebooks}",
            f"--SchedulerApp.environment_manager_class={_MOCKS}.MockEnvironmentManager",
            "--ArgoScheduler.watcher=sidecar",
        )
        with closing(LabInProcess(loop_thread, token=TOKEN, options=options)) as lab:
            yield lab


@pytest.fixture
def jp_fetch(lab_in_process: LabInProcess, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Awaitable[HTTPResponse]]:
    """Sends a request to the server, in which a mock takes the place of a method of ArgoScheduler."""
    monkeypatch.setattr(stock.load("test_handlers"), "patch", stock.patch)
    headers = {"Authorization": f"token {TOKEN}"}

    async def fetch(*path: str, params: dict[str, str] | None = None, **options: Any) -> HTTPResponse:
        client = AsyncHTTPClient(force_instance=True)
        try:
            url = url_concat(lab_in_process.address + "/".join(path), params)
            return await client.fetch(url, headers=headers, **options)
        finally:
            client.close()

    return fetch
