"""JupyterLab's scheduler in a browser, by what a user sees and clicks.

The lists do not refresh by themselves, so waiting for a status means pressing Reload.
"""

import time
from collections.abc import Mapping, Sequence

from playwright.sync_api import Locator, Page, expect

_SECONDS = 40.0
_RELOAD_MILLISECONDS = 500.0
FORMATS = ("Notebook", "HTML", "Markdown", "Python script", "Log")


class SchedulerPage:
    """One page with a lab of its own workspace in it.

    Args:
        page: The browser's page.
        address: The lab's address, with a slash at its end.
        token: The lab's token.
        workspace: Name of a workspace that nobody else uses.
    """

    def __init__(self, page: Page, *, address: str, token: str, workspace: str) -> None:
        self.page = page
        page.set_default_timeout(_SECONDS * 1000)
        page.goto(f"{address}lab/workspaces/{workspace}?reset&token={token}")

    @property
    def panel(self) -> Locator:
        """The tab that is in front."""
        return self.page.locator("#jp-main-dock-panel .jp-MainAreaWidget:not(.lm-mod-hidden)")

    @property
    def _card(self) -> Locator:
        return self.page.locator(".jp-LauncherCard", has_text="Jobs")

    def open_tab(self, name: str) -> None:
        """Bring a tab to the front."""
        self.page.locator("#jp-main-dock-panel .lm-TabBar-tabLabel").get_by_text(name, exact=True).first.click()

    def button(self, name: str) -> Locator:
        return self.panel.get_by_role("button", name=name, exact=True)

    def press(self, name: str) -> None:
        self.button(name).click()

    # Forms

    def open_form(self, notebook: str) -> None:
        """Choose Create Job in the menu of a notebook in the file browser.

        Args:
            notebook: Its file name.
        """
        self.open_menu(notebook).click()
        self.wait_for_form()

    def open_menu(self, notebook: str) -> Locator:
        """Open the menu of a notebook in the file browser, and return its entry for a job."""
        self.page.locator(".jp-DirListing-item", has_text=notebook).click(button="right")
        return self.page.locator(".lm-Menu-itemLabel", has_text="Create Job")

    def wait_for_form(self) -> None:
        """Wait for the environments: when they arrive, the form forgets what was typed until then."""
        expect(self.panel.get_by_label(FORMATS[0], exact=True)).to_be_checked(timeout=_SECONDS * 1000)

    def fill(
        self,
        *,
        name: str,
        parameters: Mapping[str, str] | None = None,
        formats: Sequence[str] = ("Notebook",),
        environment: str | None = None,
        size: str | None = None,
    ) -> None:
        self.panel.get_by_label("Job name").fill(name)
        if environment is not None:
            self._choose("Environment", environment)
        if size is not None:
            self._choose("Compute type", size)
        for label in FORMATS:
            self.panel.get_by_label(label, exact=True).set_checked(label in formats)
        for number, (parameter, value) in enumerate((parameters or {}).items()):
            self.panel.get_by_title("Add new parameter").click()
            self.panel.locator(f"input[name=parameter-{number}-name]").fill(parameter)
            self.panel.locator(f"input[name=parameter-{number}-value]").fill(value)
            self.page.keyboard.press("Tab")

    def add_tags(self, *tags: str) -> None:
        self.panel.get_by_text("Additional options").click()
        for number, tag in enumerate(tags):
            self.panel.get_by_title("Add new tag").click()
            self.panel.locator(f"input[name=tag-{number}]").fill(tag)
            self.page.keyboard.press("Tab")

    def choose_interval(self, interval: str) -> None:
        self._choose("Interval", interval)

    def _choose(self, label: str, option: str) -> None:
        self.panel.get_by_label(label).click()
        self.page.get_by_role("option", name=option, exact=True).click()

    def choose_time_zone(self, zone: str) -> None:
        self.panel.locator("input[name=timezone]").fill(zone)
        self.page.get_by_role("option", name=zone).first.click()

    # Lists

    def load_again(self) -> None:
        """Load the whole page again, as after a night, with the list of jobs in it."""
        self.page.reload()
        restored = self.panel.get_by_role("button", name="Reload", exact=True)
        restored.or_(self._card).first.wait_for()
        if not restored.is_visible():
            self.open_list()

    def open_list(self) -> None:
        self._card.click()
        self.panel.get_by_role("button", name="Reload", exact=True).wait_for()

    def open_definitions(self) -> None:
        """Turn from the list of jobs to the list of job definitions."""
        self.panel.get_by_role("tab", name="Job Definitions").click()

    def row(self, name: str) -> Locator:
        return self.panel.locator("tr", has=self.page.get_by_text(name, exact=True))

    def wait_for(self, name: str, text: str) -> None:
        """Press Reload until the row shows this text."""
        deadline = time.monotonic() + _SECONDS
        while not self.row(name).get_by_text(text, exact=True).count():
            assert time.monotonic() < deadline, f"{name} is not {text}: {self.panel.inner_text()}"
            self.press("Reload")
            self.page.wait_for_timeout(_RELOAD_MILLISECONDS)

    def act(self, name: str, action: str) -> None:
        """Press the button of a row and then the one that it turns into, which asks whether that was meant."""
        self.ask(name, action).click()

    def ask(self, name: str, action: str) -> Locator:
        """Press the button of a row, and return the one that it turns into."""
        button = self.row(name).get_by_title(f'{action} "{name}"')
        button.click()
        asking = button.and_(self.panel.get_by_text(action, exact=True))
        asking.wait_for()
        return asking

    def dismiss(self) -> None:
        """Close the message above a list, which says that something was made."""
        self.panel.get_by_role("alert").get_by_role("button", name="Close").click()

    def back_to_list(self) -> None:
        """Return from a detail page to the list of jobs."""
        self.panel.get_by_label("breadcrumb").get_by_text("Jobs", exact=True).click()
        self.button("Reload").wait_for()

    def open_detail(self, name: str) -> None:
        self.row(name).get_by_title(f'Open detail view for "{name}"').click()

    def field(self, label: str) -> str:
        """Return what a field of a detail page says, below its label."""
        lines = self.panel.inner_text().splitlines()
        return lines[lines.index(label) + 1]

    def wait_for_field(self, label: str, text: str) -> None:
        """Wait until a field of a detail page says this."""
        self.panel.get_by_text(label, exact=True).locator("xpath=..").get_by_text(text, exact=True).wait_for()
