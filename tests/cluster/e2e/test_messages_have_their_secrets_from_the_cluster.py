"""The token of a message is in a Secret: the pod gets it from there, and it is written nowhere else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from nbargo_shared.labels import object_name
from support import notebooks as make
from support.background import Background
from support.slack import TOKEN, SlackServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluster.access import Cluster, Workflows
    from support.stack import MakeStack, Stack

SECRET = "notebook-messages"  # the one that values.yaml allows
WISH = {"notify_slack": "#reports"}


@pytest.fixture
def background() -> Iterator[Background]:
    with Background() as background:
        yield background


@pytest.fixture
def secret(cluster: Cluster) -> Iterator[None]:
    # Made from a file, as many are: with the end of a line.
    cluster.api.create(
        cluster.collection("secrets"), {"metadata": {"name": SECRET}, "stringData": {"token": f"{TOKEN}\n"}}
    )
    yield
    cluster.api.delete(f"{cluster.collection('secrets')}/{SECRET}")


def start(make_stack: MakeStack, slack: SlackServer, background: Background) -> Stack:
    settings = {
        "slack": {"token": {"secret": SECRET, "key": "token"}, "url": background.serve(slack.app()) + "/api"},
    }
    return make_stack(f"--ArgoScheduler.notifications={settings!r}")


def reference_in(pod: dict[str, Any]) -> dict[str, Any]:
    (main,) = (container for container in pod["spec"]["containers"] if container["name"] == "main")
    (variable,) = (variable for variable in main["env"] if variable["name"] == "NBARGO_SLACK_TOKEN")
    assert variable.keys() == {"name", "valueFrom"}
    found: dict[str, Any] = variable["valueFrom"]["secretKeyRef"]
    return found


@pytest.mark.usefixtures("secret")
def test_the_pod_refers_to_the_secret_and_no_object_has_its_text(
    make_stack: MakeStack, background: Background, workflows: Workflows
) -> None:
    slack = SlackServer()
    stack = start(make_stack, slack, background)
    make.write(
        stack.place.notebooks / "told.ipynb", "import os\nprint([v for v in os.environ.values() if 'xoxb' in v])"
    )
    job_id = stack.rest.create("told.ipynb", output_formats=["ipynb"], runtime_environment_parameters=WISH)
    stack.rest.wait_for(job_id, "COMPLETED")
    assert [message["text"].split(" completed")[0] for message in slack.messages] == [":white_check_mark: *told*"]
    assert len(slack.shared()) >= 1
    files = stack.rest.download(job_id)
    assert make.outputs_of(stack.place.notebooks / files["ipynb"]) == "[]\n"
    (pod,) = workflows.pods(object_name(job_id))
    assert reference_in(pod) == {"name": SECRET, "key": "token", "optional": True}
    for seen in (pod, workflows.get(object_name(job_id)), stack.rows()[job_id]):
        assert TOKEN not in json.dumps(seen)
    for path in stack.staged(job_id).rglob("*"):
        assert TOKEN.encode() not in path.read_bytes()


@pytest.mark.usefixtures("secret")
def test_a_schedule_refers_to_the_secret_too(make_stack: MakeStack, background: Background) -> None:
    stack = start(make_stack, SlackServer(), background)
    make.write(stack.place.notebooks / "told.ipynb", "1")
    definition_id = stack.rest.define("told.ipynb", runtime_environment_parameters=WISH)
    text = json.dumps(stack.cron_workflows()[definition_id])
    assert TOKEN not in text
    assert json.dumps({"key": "token", "name": SECRET, "optional": True}) in text
    stack.rest.undefine(definition_id)


def test_a_job_runs_without_its_secret_and_its_log_says_what_is_missing(
    make_stack: MakeStack, background: Background
) -> None:
    slack = SlackServer()
    stack = start(make_stack, slack, background)
    make.write(stack.place.notebooks / "told.ipynb", "1")
    job_id = stack.rest.create("told.ipynb", output_formats=["log"], runtime_environment_parameters=WISH)
    assert stack.rest.wait_for(job_id, "COMPLETED")["status_message"] is None
    (log,) = stack.staged(job_id).glob("*.log")
    line = "Could not notify Slack #reports: the administrator's token is not there: its Secret is missing\n"
    assert log.read_text(encoding="utf-8").endswith(line)
    assert slack.calls == []
