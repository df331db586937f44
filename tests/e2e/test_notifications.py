"""Jobs tell Slack, mail and a webhook of their end, through the handlers of a real server and the local Argo.

The local Argo has no Secrets: the token is in a variable that the pod has anyway, as where an agent puts it there.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import notebooks as make
from support.background import Background
from support.slack import TOKEN, Hook, SlackServer, answering
from support.smtp import MailServer
from support.stack import Stack

pytestmark = pytest.mark.e2e

CHANNEL, JANE = "#reports", "jane@example.com"


class Listeners:
    """Who is told, and the lab whose jobs tell them."""

    def __init__(self, background: Background, folder: Path) -> None:
        self.slack, self.mail, self.hook = SlackServer(), MailServer(), Hook()
        self.url = background.serve(self.hook.app())
        token = {"variable": "TEAM_TOKEN"}
        settings = {
            "slack": {"token": token, "url": background.serve(self.slack.app()) + "/api"},
            "email": {
                "host": "127.0.0.1",
                "port": background.listen(self.mail),
                "security": "none",
                "from": "jobs@example.com",
                "allowed_domains": ["example.com"],
            },
            "webhook": {"allowed": [f"{self.url}/in"], "secret": token},
        }
        self.stack = Stack(folder)
        self.stack.start_argo()
        self.stack.start_watcher()
        self.stack.start_lab(
            f"--ArgoScheduler.notifications={settings!r}", f"--ArgoScheduler.env={ {'TEAM_TOKEN': TOKEN}!r}"
        )

    def run(
        self, status: str, source: str, wishes: dict[str, str], *, tags: tuple[str, ...] = ()
    ) -> tuple[dict[str, Any], str]:
        """Run a notebook to its end; return the job and its log."""
        name = f"{status.lower()}.ipynb"
        make.write(self.stack.place.notebooks / name, source)
        settings = {"output_formats": ["ipynb", "log"], "runtime_environment_parameters": wishes, "tags": tags}
        job_id = self.stack.rest.create(name, **settings)
        job = self.stack.rest.wait_for(job_id, status)
        files = self.stack.rest.download(job_id)
        return job, (self.stack.place.notebooks / files["log"]).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def listeners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listeners]:
    with Background() as background:
        made = Listeners(background, tmp_path_factory.mktemp("stack"))
        yield made
        made.stack.close()


def test_a_job_that_succeeds_tells_everybody(listeners: Listeners) -> None:
    url = f"{listeners.url}/in/1"
    wishes = {"notify_slack": CHANNEL, "notify_email": JANE, "notify_webhook": url}
    job, log = listeners.run("COMPLETED", "print(6 * 7)", wishes)
    assert job["status_message"] is None
    for line in (f"Notified Slack {CHANNEL}", f"Notified {JANE} by e-mail", "Notified the webhook"):
        assert f"{line}\n" in log
    message = listeners.slack.messages[-1]["text"]
    assert message.startswith(":white_check_mark: *completed* completed in ")
    shared = listeners.slack.shared()
    (notebook,) = (content for name, content in shared.items() if name.endswith(".ipynb"))
    assert b"42" in (notebook or b"")
    (_, mail) = listeners.mail.mails[-1]
    assert str(mail["Subject"]).startswith("completed completed in ")
    sent = json.loads(listeners.hook.bodies[-1])
    assert (sent["job_id"], sent["status"], sent["error"]) == (job["job_id"], "COMPLETED", None)


def test_a_job_that_fails_tells_why(listeners: Listeners) -> None:
    job, _ = listeners.run("FAILED", "1 / 0", {}, tags=(f"notify_slack={CHANNEL}", "notify_on=failure"))
    assert job["status_message"] == "ZeroDivisionError: division by zero (cell 1)"
    message = listeners.slack.messages[-1]["text"]
    assert message.startswith(":x: *failed* failed after ")
    assert ">ZeroDivisionError: division by zero (cell 1)\n" in message


def test_a_job_tells_of_the_chosen_ends_alone(listeners: Listeners) -> None:
    before = len(listeners.slack.messages)
    listeners.run("COMPLETED", "1", {"notify_slack": CHANNEL, "notify_on": "failure"})
    listeners.run("FAILED", "1 / 0", {"notify_slack": CHANNEL, "notify_on": "success"})
    assert len(listeners.slack.messages) == before


def test_a_message_that_fails_leaves_the_job_completed_and_a_line_in_its_log(listeners: Listeners) -> None:
    listeners.hook.faults["2"] = [answering(500, Retry_After="0")] * 2
    wishes = {"notify_slack": "#nowhere", "notify_webhook": f"{listeners.url}/in/2"}
    job, log = listeners.run("COMPLETED", "1", wishes)
    assert job["status_message"] is None
    assert (
        "Could not notify Slack #nowhere: channel_not_found (is it spelled so, and has the app been invited to it?)\n"
    ) in log
    assert "Could not notify the webhook: the server answered 500 Internal Server Error\n" in log


def test_stopping_ones_own_job_tells_nobody(listeners: Listeners) -> None:
    before = len(listeners.slack.messages)
    rest, place = listeners.stack.rest, listeners.stack.place
    make.write(place.notebooks / "endless.ipynb", make.PID_AND_WAIT)
    job_id = rest.create("endless.ipynb", runtime_environment_parameters={"notify_slack": CHANNEL})
    rest.wait_for(job_id, "IN_PROGRESS")
    rest.stop(job_id)
    rest.wait_for(job_id, "STOPPED")
    assert len(listeners.slack.messages) == before


@pytest.mark.parametrize(
    ("wishes", "says"),
    [
        (
            {"notify_slack": "Reports please"},
            (
                "notify_slack is 'Reports please', which is not a Slack channel. "
                "Write its name in small letters, such as #reports, or its id, such as C024BE91L"
            ),
        ),
        (
            {"notify_email": "jane@elsewhere.example"},
            (
                "notify_email names 'jane@elsewhere.example', to which no messages may go. "
                "Mails may go to addresses of: example.com"
            ),
        ),
        (
            {"notify_webhook": "http://169.254.169.254/latest/meta-data"},
            (
                "notify_webhook names http://169.254.169.254, to which no messages may go. "
                "Ask the administrator to allow it"
            ),
        ),
        (
            {"notify_on": "success"},
            "notify_on is given, but nobody to tell. Add notify_slack, notify_email or notify_webhook",
        ),
    ],
)
def test_what_cannot_be_sent_is_refused_with_its_reason(
    listeners: Listeners, wishes: dict[str, str], says: str
) -> None:
    rest = listeners.stack.rest
    make.write(listeners.stack.place.notebooks / "refused.ipynb", "1")
    before = rest.listed()
    answer = rest.send("POST", "jobs", json=rest.body("refused.ipynb", runtime_environment_parameters=wishes))
    assert not answer.is_success
    assert says in answer.json()["message"]
    assert rest.listed() == before
