"""Debian's Chromium for the tests and the screenshots: found, or installed where that is ours to do.

Run as a program it makes sure that Chromium is there: `python tests/support/chromium.py`.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]
_MISSING = "Chromium is missing: install Debian's package chromium, or name another one with CHROMIUM"


def find() -> str | None:
    """Return Chromium's path: what CHROMIUM names, else the one on the PATH."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium")


def install() -> None:
    """Install Debian's package, where this is Debian and we are root."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        sys.exit(_MISSING)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        subprocess.run([apt, "--quiet=2", *arguments], check=True, env=environment, stdout=subprocess.DEVNULL)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Run a headless Chromium.

    Raises:
        SystemExit: There is none.
    """
    program = find() or sys.exit(_MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_OPTIONS)
        try:
            yield browser
        finally:
            browser.close()


if __name__ == "__main__" and find() is None:
    install()
