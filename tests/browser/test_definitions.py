"""Job definitions in JupyterLab's own pages: made with a schedule, edited, paused, resumed, run, deleted."""

import pytest

from support import notebooks as make
from support.scheduler_page import SchedulerPage
from support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def test_a_definition_is_made_paused_resumed_edited_and_run(lab: SchedulerPage, stack: Stack) -> None:
    make.write(stack.place.notebooks / "daily.ipynb", "print(n)", parameters="n = 1")
    lab.open_form("daily.ipynb")
    lab.fill(name="Daily", parameters={"n": "5"})
    lab.panel.get_by_label("Run on a schedule").check()
    lab.choose_time_zone("Europe/Berlin")
    lab.press("Create")
    lab.row("Daily").wait_for()
    lab.open_detail("Daily")
    lab.wait_for_field("Schedule", "0 0 * * 1-5")
    assert (lab.field("Status"), lab.field("Time zone")) == ("Active", "Europe/Berlin")

    lab.press("Pause")
    lab.wait_for_field("Status", "Paused")
    lab.press("Resume")
    lab.wait_for_field("Status", "Active")

    lab.press("Edit Job Definition")
    lab.panel.locator("input[name=schedule]").fill("30 6 * * *")
    lab.page.keyboard.press("Tab")
    lab.press("Save Changes")
    lab.wait_for_field("Schedule", "30 6 * * *")
    assert (lab.field("Status"), lab.field("Time zone")) == ("Active", "Europe/Berlin")

    lab.press("Run Job")
    lab.panel.locator("input[name=parameter-0-value]").fill("6")
    lab.page.keyboard.press("Tab")
    lab.press("Create")
    lab.row("Daily").wait_for()
    lab.wait_for("Daily", "Completed")
    lab.open_detail("Daily")
    lab.wait_for_field("Parameter value", "6")


def test_a_definition_is_deleted(lab: SchedulerPage, stack: Stack) -> None:
    make.write(stack.place.notebooks / "hourly.ipynb", "pass")
    lab.open_form("hourly.ipynb")
    lab.fill(name="Hourly")
    lab.panel.get_by_label("Run on a schedule").check()
    lab.press("Create")
    lab.row("Hourly").wait_for()
    lab.open_detail("Hourly")
    lab.press("Delete Job Definition")
    lab.page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    lab.panel.get_by_role("tab", name="Job Definitions").wait_for()
    lab.row("Hourly").wait_for(state="detached")
    assert "Hourly" not in {job["name"] for job in stack.rest.ok("GET", "job_definitions")["job_definitions"]}


def test_a_schedule_that_argo_would_read_otherwise_is_refused_in_the_form(lab: SchedulerPage, stack: Stack) -> None:
    make.write(stack.place.notebooks / "odd.ipynb", "pass")
    lab.open_form("odd.ipynb")
    lab.fill(name="Odd")
    lab.panel.get_by_label("Run on a schedule").check()
    lab.choose_interval("Custom schedule")
    lab.panel.locator("input[name=schedule]").fill("0 0 L * *")
    lab.page.keyboard.press("Tab")
    lab.press("Create")
    alert = lab.panel.get_by_role("alert")
    alert.wait_for()
    assert alert.inner_text() == (
        "The schedule '0 0 L * *' cannot be used: 'L' is not a day of the month. It has to be between 1 and 31"
    )
