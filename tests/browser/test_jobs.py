"""Jobs in JupyterLab's own pages: made from a notebook's menu, listed, opened, stopped, deleted."""

import pytest

from support import notebooks as make
from support.lab_settings import LARGE
from support.scheduler_page import SchedulerPage
from support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def test_a_job_with_a_parameter_a_size_and_two_formats_is_made_listed_and_opened(
    lab: SchedulerPage, stack: Stack
) -> None:
    make.write(stack.place.notebooks / "twice.ipynb", "print(2 * n)", parameters="n = 1")
    lab.open_form("twice.ipynb")
    lab.fill(name="Twice", parameters={"n": "21"}, formats=("Notebook", "HTML"), size="Large")
    lab.press("Create")
    lab.row("Twice").wait_for()
    lab.load_again()
    lab.wait_for("Twice", "Completed")
    lab.row("Twice").get_by_role("button", name="download").click()
    lab.open_detail("Twice")
    lab.panel.get_by_title("Open output file").first.wait_for()
    assert (lab.field("Status"), lab.field("Parameter value")) == ("Completed", "21")
    lab.panel.get_by_role("link", name="Notebook", exact=True).click()
    assert lab.panel.locator(".jp-OutputArea-output", has_text="42").inner_text().strip() == "42"
    lab.open_tab("Jobs")
    lab.panel.get_by_role("link", name="HTML", exact=True).click()
    lab.panel.frame_locator("iframe").get_by_text("42", exact=True).wait_for()
    assert _limits(stack, "Twice") == LARGE


def _limits(stack: Stack, name: str) -> dict[str, str]:
    """What the container of a job's pod may use, as the cluster has it."""
    job_id = next(job["job_id"] for job in stack.rest.jobs()["jobs"] if job["name"] == name)
    limits: dict[str, str] = stack.workflows()[job_id]["spec"]["templates"][0]["script"]["resources"]["limits"]
    return limits


def test_a_failed_job_shows_its_reason(lab: SchedulerPage, stack: Stack) -> None:
    make.write(stack.place.notebooks / "fails.ipynb", "1 / 0")
    lab.open_form("fails.ipynb")
    lab.fill(name="Fails")
    lab.press("Create")
    lab.row("Fails").wait_for()
    lab.wait_for("Fails", "Failed")
    lab.open_detail("Fails")
    lab.panel.get_by_text("ZeroDivisionError: division by zero (cell 1)").first.wait_for()


def test_a_job_is_stopped_and_deleted(lab: SchedulerPage, stack: Stack) -> None:
    make.write(stack.place.notebooks / "long.ipynb", "import time; time.sleep(600)")
    lab.open_form("long.ipynb")
    lab.fill(name="Long")
    lab.press("Create")
    lab.row("Long").wait_for()
    lab.wait_for("Long", "In progress")
    lab.act("Long", "Stop")
    lab.wait_for("Long", "Stopped")
    lab.act("Long", "Delete")
    lab.row("Long").wait_for(state="detached")
    assert "Long" not in {job["name"] for job in stack.rest.jobs()["jobs"]}


def test_what_cannot_run_is_told_in_the_form(lab: SchedulerPage, stack: Stack) -> None:
    (stack.place.notebooks / "broken.ipynb").write_text("not a notebook")
    lab.open_form("broken.ipynb")
    lab.fill(name="Broken")
    lab.press("Create")
    alert = lab.panel.get_by_role("alert")
    alert.wait_for()
    assert alert.inner_text() == (
        "The file is not a notebook: it is not valid JSON. "
        "Open it in JupyterLab, select a kernel, save it, and submit it again"
    )
