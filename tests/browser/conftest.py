import re
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from support import chromium, lab_settings
from support.scheduler_page import SchedulerPage
from support.stack import TOKEN, Stack


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium.open_browser() as found:
        yield found


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("lab"))
    try:
        lab_settings.write(stack.place)
        stack.start_argo()
        stack.start_watcher()
        stack.start_lab()
        yield stack
    finally:
        stack.close()


@pytest.fixture
def lab(browser: Browser, stack: Stack, request: pytest.FixtureRequest) -> Iterator[SchedulerPage]:
    context = browser.new_context(viewport={"width": 1280, "height": 960})
    workspace = re.sub(r"\W+", "-", request.node.name)
    page = context.new_page()
    yield SchedulerPage(page, address=stack.rest.address, token=TOKEN, workspace=workspace)
    # What pytest shows of a test that failed.
    sys.stdout.write(page.locator("#jp-main-dock-panel").inner_text())
    for name in ("lab", "watcher"):
        sys.stdout.write(f"\n{name}: {stack.program(name).output[-4000:]}")
    context.close()
