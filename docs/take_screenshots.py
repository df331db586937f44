"""Take the screenshots of docs/users.md: a lab in a headless Chromium, used as the page tells.

Run: make screenshots. It takes two minutes. Look at the pictures before you commit them.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from playwright.sync_api import Locator

from support.chromium import open_browser
from support.scheduler_page import SchedulerPage
from support.stack import TOKEN, Stack

FOLDER = Path(__file__).parent
EXAMPLES = FOLDER.parent / "examples"
WIDTH = 1180
SETTLED = 1000.0  # milliseconds after which buttons and layout have come to rest
SETTINGS = {
    "ArgoScheduler": {
        "environments": [
            {"name": "Data science 2026.11", "description": "pandas, scikit-learn"},
            {"name": "Data science 2026.05", "description": "The one before"},
        ],
        "compute_types": {
            "Small (1 CPU, 2 GB)": {"cpu": "1", "memory": "2Gi"},
            "Large (8 CPU, 32 GB)": {"cpu": "8", "memory": "32Gi"},
        },
        "one_at_a_time": True,
    }
}
REPORT, FAILS, LONG = "Monthly report", "Fails in cell 3", "Long count"


class Camera:
    """Takes pictures of a lab.

    Args:
        lab: The lab.
    """

    def __init__(self, lab: SchedulerPage) -> None:
        self.lab = lab

    def take(self, name: str, *, height: int, seen: Locator) -> None:
        """Write a picture of the whole window.

        Args:
            name: The file's name, without its end.
            height: The window's height in pixels.
            seen: What must be in the picture.
        """
        page = self.lab.page
        page.set_viewport_size({"width": WIDTH, "height": height})
        page.wait_for_timeout(SETTLED)
        box = seen.bounding_box()
        assert box is not None, f"{name} does not show what it is to show"
        assert box["y"] + box["height"] <= height, f"{name} is cut off"
        page.screenshot(path=FOLDER / f"{name}.png")


@contextmanager
def running() -> Iterator[Stack]:
    """Run a lab with the example notebooks, the local Argo and a watcher."""
    with tempfile.TemporaryDirectory(prefix="ada-") as folder, closing(Stack(Path(folder), user="ada")) as stack:
        (stack.place.root / "config/jupyter_server_config.json").write_text(json.dumps(SETTINGS), encoding="utf-8")
        shutil.copytree(EXAMPLES, stack.place.notebooks, dirs_exist_ok=True, ignore=shutil.ignore_patterns("kind"))
        stack.start_argo()
        stack.start_watcher()
        stack.start_lab()
        yield stack


def create(camera: Camera) -> None:
    """The way from a notebook to a job in the list."""
    lab = camera.lab
    item = lab.open_menu(f"{REPORT}.ipynb")
    item.hover()
    camera.take("create-menu", height=560, seen=item)
    item.click()
    lab.page.mouse.move(0, 0)
    lab.wait_for_form()
    lab.fill(
        name=REPORT,
        parameters={"month": "2026-10", "factor": "1.5", "regions": '["north", "east"]'},
        formats=("Notebook", "HTML", "Log"),
        environment="Data science 2026.11",
        size="Large (8 CPU, 32 GB)",
    )
    lab.add_tags("timeout=2h")
    camera.take("create-job", height=1360, seen=lab.button("Create"))
    lab.press("Create")
    lab.wait_for(REPORT, "Completed")
    lab.row(REPORT).get_by_role("button", name="download").click()
    lab.row(REPORT).get_by_role("link", name="Notebook").wait_for()


def results(camera: Camera) -> None:
    """What is shown of a job that has completed, and of one that has failed."""
    lab = camera.lab
    lab.open_detail(REPORT)
    camera.take("job-detail", height=900, seen=lab.panel.get_by_role("link", name="HTML", exact=True))
    lab.panel.get_by_role("link", name="Notebook", exact=True).click()
    output = lab.panel.get_by_text("2026-10: 247.5 in 2 regions")
    output.wait_for()
    camera.take("job-output", height=820, seen=output)
    lab.open_tab("Jobs")
    lab.open_form(f"{FAILS}.ipynb")
    lab.fill(name=FAILS, formats=("Notebook", "Log"))
    lab.press("Create")
    lab.wait_for(FAILS, "Failed")
    lab.open_detail(FAILS)
    reason = lab.panel.get_by_text("ZeroDivisionError: division by zero (cell 3)").first
    reason.wait_for()
    camera.take("job-failed", height=640, seen=reason)
    lab.press("Download Job Files")
    lab.panel.get_by_role("link", name="Log", exact=True).click()
    log = lab.panel.get_by_text("ZeroDivisionError: division by zero (cell 3)").first
    log.wait_for()
    camera.take("job-log", height=680, seen=log)
    lab.open_tab("Jobs")


def wait_and_stop(camera: Camera) -> None:
    """A job that runs, one that waits for it, and how the first one is stopped."""
    lab = camera.lab
    lab.open_form(f"{LONG}.ipynb")
    lab.fill(name=LONG, parameters={"seconds": "600"})
    lab.press("Create")
    lab.wait_for(LONG, "In progress")
    lab.open_form(f"{REPORT}.ipynb")
    lab.fill(name="Report of November", parameters={"month": "2026-11"})
    lab.press("Create")
    lab.wait_for("Report of November", "Queued")
    lab.dismiss()
    camera.take("jobs-list", height=500, seen=lab.row(REPORT))
    lab.open_detail("Report of November")
    reason = lab.panel.get_by_text("Waiting for a free place").first
    reason.wait_for()
    camera.take("job-waiting", height=640, seen=reason)
    lab.back_to_list()
    lab.dismiss()
    stop = lab.ask(LONG, "Stop")
    camera.take("job-stop", height=500, seen=stop)
    stop.click()
    lab.wait_for(LONG, "Stopped")
    lab.wait_for("Report of November", "Completed")


def schedule(camera: Camera) -> None:
    """A job definition: made, listed, looked at, edited."""
    lab = camera.lab
    lab.open_form(f"{REPORT}.ipynb")
    lab.fill(name="Every working day", parameters={"month": "2026-11"}, formats=("Notebook", "HTML"))
    lab.panel.get_by_label("Run on a schedule").check()
    lab.choose_interval("Weekday")
    lab.choose_time_zone("Europe/Berlin")
    camera.take("create-definition", height=1240, seen=lab.button("Create"))
    lab.press("Create")
    lab.row("Every working day").wait_for()
    lab.dismiss()
    camera.take("definitions-list", height=480, seen=lab.row("Every working day"))
    lab.open_detail("Every working day")
    lab.press("Run Job")
    lab.press("Create")
    lab.wait_for("Every working day", "Completed")
    lab.open_definitions()
    lab.open_detail("Every working day")
    run = lab.row("Every working day")
    run.wait_for()
    camera.take("definition-detail", height=800, seen=run)
    lab.press("Edit Job Definition")
    camera.take("edit-definition", height=640, seen=lab.button("Save Changes"))


def main() -> None:
    """Use the lab, and take the pictures on the way."""
    with running() as stack, open_browser() as browser:
        page = browser.new_page(viewport={"width": WIDTH, "height": 900})
        camera = Camera(SchedulerPage(page, address=stack.rest.address, token=TOKEN, workspace="docs"))
        for part in (create, results, wait_and_stop, schedule):
            part(camera)
        shown = sorted(FOLDER.glob("*.png"))
        print("\n".join(f"{path.name}: {path.stat().st_size // 1024} KB" for path in shown))  # noqa: T201 - a program


if __name__ == "__main__":
    main()
