from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cluster.access import script, unique
from cluster.kube import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.access import Cluster, Workflows

SLEEP = "import time\ntime.sleep(60)"
STOPPED = "Stopped with strategy '{}'"


def write(path: Path, text: str) -> str:
    return (
        f"import pathlib\npath = pathlib.Path({str(path)!r})\n"
        f"path.parent.mkdir(parents=True, exist_ok=True)\npath.write_text({text!r})\n"
    )


def outcome(workflow: dict[str, Any]) -> str:
    parameters = workflow["status"]["outputs"]["parameters"]
    (value,) = (item["value"] for item in parameters if item["name"] == "outcome")
    assert isinstance(value, str)
    return value


def main_exit_code(pod: dict[str, Any]) -> int | None:
    for status in pod["status"]["containerStatuses"]:
        if status["name"] == "main" and "terminated" in status["state"]:
            code: int = status["state"]["terminated"]["exitCode"]
            return code
    return None


def test_a_script_succeeds_and_its_global_output_is_on_the_workflow(workflows: Workflows, tmp_path: Path) -> None:
    path = tmp_path / "outcome"
    name = workflows.create(script(write(path, '{"status": "done"}\n'), output=path))
    end = workflows.wait_end(name)
    assert end["status"]["phase"] == "Succeeded"
    assert outcome(end) == '{"status": "done"}'


def test_a_failed_script_fails_the_workflow_and_reports_its_output(workflows: Workflows, tmp_path: Path) -> None:
    path = tmp_path / "outcome"
    source = write(path, "the cell failed") + "raise SystemExit(3)"
    end = workflows.wait_end(workflows.create(script(source, output=path)))
    assert end["status"]["phase"] == "Failed"
    assert end["status"]["message"] == "main: Error (exit code 3)"
    assert outcome(end) == "the cell failed"


def test_a_missing_output_file_gives_the_default(workflows: Workflows, tmp_path: Path) -> None:
    name = workflows.create(script("raise SystemExit(1)", output=tmp_path / "never-written"))
    assert not outcome(workflows.wait_end(name))


def test_stop_ends_the_process_and_fails_the_workflow(workflows: Workflows) -> None:
    stop(workflows, "Stop")


def test_terminate_ends_the_process_and_fails_the_workflow(workflows: Workflows) -> None:
    stop(workflows, "Terminate")


def stop(workflows: Workflows, strategy: str) -> None:
    name = workflows.create(script(SLEEP))
    workflows.wait_running_node(name)
    workflows.shut_down(name, strategy)
    end = workflows.wait_end(name)
    assert end["status"]["phase"] == "Failed"
    assert end["status"]["message"] == STOPPED.format(strategy)
    code = wait_until("the process ended", lambda: main_exit_code(workflows.pods(name)[0]))
    assert code == 143


def test_a_deadline_ends_the_process_and_fails_the_workflow(workflows: Workflows) -> None:
    end = workflows.wait_end(workflows.create(script(SLEEP, activeDeadlineSeconds=2)))
    assert end["status"]["phase"] == "Failed"
    assert "deadline" in end["status"]["message"]


def test_deleting_a_running_workflow_deletes_its_pod(workflows: Workflows) -> None:
    name = workflows.create(script(SLEEP))
    workflows.wait_running_pod(name)
    workflows.cluster.api.delete(workflows.path(name))
    wait_until("the pod is gone", lambda: not workflows.pods(name))


def test_an_ended_workflow_is_deleted_after_its_ttl(workflows: Workflows) -> None:
    name = workflows.create(script("", ttlStrategy={"secondsAfterCompletion": 1}))
    wait_until("gone", lambda: workflows.cluster.api.find(workflows.path(name)) is None)


def test_a_cron_workflow_is_accepted_whatever_its_schedule(workflows: Workflows) -> None:
    # Argo 3.7 only logs that a schedule is malformed: nothing of it reaches the object.
    for schedule in ("0 3 * * *", "never"):
        spec = {"schedules": [schedule], "suspend": True, "workflowSpec": script("")}
        name = workflows.create(spec, resource="cronworkflows")
        found = workflows.cluster.api.get(workflows.path(name, "cronworkflows"))
        assert found["spec"]["schedules"] == [schedule]


def test_a_variable_comes_from_a_secret(cluster: Cluster, workflows: Workflows, tmp_path: Path) -> None:
    name = unique("test")
    secret = {"metadata": {"name": name}, "stringData": {"key": "from the secret"}}
    cluster.api.create(cluster.collection("secrets"), secret)
    path = tmp_path / "outcome"
    source = f"import os\n{write(path, 'unset')}path.write_text(os.environ['VALUE'])"
    spec = script(source, output=path)
    reference = {"secretKeyRef": {"name": name, "key": "key"}}
    spec["templates"][0]["script"]["env"] = [{"name": "VALUE", "valueFrom": reference}]
    assert outcome(workflows.wait_end(workflows.create(spec))) == "from the secret"
    cluster.api.delete(f"{cluster.collection('secrets')}/{name}")


def test_a_step_gets_what_the_step_before_it_printed(workflows: Workflows, tmp_path: Path) -> None:
    path = tmp_path / "outcome"
    source = write(path, "") + "path.write_text('{{inputs.parameters.printed}}')"
    spec = script(source, output=path)
    (second,) = spec["templates"]
    first = script("print('seven')")["templates"][0] | {"name": "first"}
    second |= {"name": "second", "inputs": {"parameters": [{"name": "printed"}]}}
    printed = {"name": "printed", "value": "{{steps.first.outputs.result}}"}
    steps = [
        [{"name": "first", "template": "first"}],
        [{"name": "second", "template": "second", "arguments": {"parameters": [printed]}}],
    ]
    spec["templates"] = [{"name": "main", "steps": steps}, first, second]
    assert outcome(workflows.wait_end(workflows.create(spec))) == "seven"


def test_a_template_of_more_than_128_kib_is_an_error(workflows: Workflows) -> None:
    # Argo moves it to a ConfigMap, which the role of its own installation may not create.
    end = workflows.wait_end(workflows.create(script("#" * 131_072)))
    assert end["status"]["phase"] == "Error"
    assert "configmaps is forbidden" in end["status"]["message"]


def test_a_watch_sees_a_workflow_added_running_and_ended(cluster: Cluster, workflows: Workflows) -> None:
    label = unique("watched")
    collection = f"{cluster.collection('workflows')}?labelSelector=nbargo-test={label}"
    version = cluster.api.get(collection)["metadata"]["resourceVersion"]
    seen: list[tuple[str, str | None]] = []
    with cluster.api.watch(f"{collection}&resourceVersion={version}") as events:
        workflows.create(script(""), labels={"nbargo-test": label})
        for event in events:
            status = event["object"].get("status", {})
            now = event["type"], status.get("phase")
            # Argo may write a running workflow more than once.
            if now not in seen:
                seen.append(now)
            if status.get("finishedAt"):
                break
    assert seen == [("ADDED", None), ("MODIFIED", "Running"), ("MODIFIED", "Succeeded")]
