"""Take the screenshots of docs/: run the demo, open JupyterLab in a headless Chromium, and look at the jobs list.

Run: make screenshots.
"""

import re
import signal
import subprocess
import sys
from pathlib import Path

from support.chromium import open_browser

FOLDER = Path(__file__).parent


def wait_for_address(demo: "subprocess.Popen[str]") -> str:
    """Return JupyterLab's address when the example jobs have ended."""
    assert demo.stdout is not None
    for line in demo.stdout:
        sys.stdout.write(line)
        if found := re.search(r"look at the jobs at (\S+)", line):
            return found.group(1)
    sys.exit("the demo ended before its jobs did")


def photograph(address: str) -> None:
    """Open the jobs list, and the detail page of the failed job."""
    with open_browser() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 640})
        page.goto(address)
        page.locator(".jp-LauncherCard", has_text="Jobs").click(timeout=60_000)
        failed = page.locator("#jp-main-dock-panel").get_by_text("Fails in cell 3", exact=True)
        failed.wait_for()
        page.screenshot(path=FOLDER / "jobs-list.png")
        failed.click()
        page.get_by_text("division by zero").first.wait_for()
        page.screenshot(path=FOLDER / "job-failed.png")


def main() -> None:
    """Run the demo, take the pictures, stop the demo."""
    program = Path(sys.executable).with_name("nbargo-demo")
    demo = subprocess.Popen([program], stdout=subprocess.PIPE, text=True)
    try:
        photograph(wait_for_address(demo))
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(30)


if __name__ == "__main__":
    main()
