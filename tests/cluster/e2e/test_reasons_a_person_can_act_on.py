"""What the user reads, through JupyterLab's REST API, of jobs that cannot start and of jobs that the cluster ends.

The pods are played: podtrouble.py says which image stands for what. Argo's controller and all of nbargo are real.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cluster.access import unique
from cluster.podtrouble import GO_ON, REGISTRY
from nbargo_shared.labels import object_name
from support import notebooks as make
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cluster.access import Workflows
    from cluster.labs import Labs
    from support.rest import Rest
    from support.stack import Stack

    Submit = Callable[..., str]

WAITING = {
    "no-memory": (
        "No node of the cluster has enough memory free for the job: wait, or choose a smaller size [Unschedulable: "
        "0/3 nodes are available: 3 Insufficient memory. preemption: 0/3 nodes are available: 3 Preemption is not "
        "helpful for scheduling.]"
    ),
    "no-claim": (
        "The job's volume home-ada is missing: ask your administrator [Unschedulable: 0/3 nodes are available: "
        'persistentvolumeclaim "home-ada" not found. preemption: 0/3 nodes are available: 3 Preemption is not helpful '
        "for scheduling.]"
    ),
    "no-image": (
        "The job's image cannot be pulled: check the name of the environment's image, and that the cluster may pull it "
        '[ImagePullBackOff: Back-off pulling image "trouble.example/no-image:1": ErrImagePull: rpc error: code = '
        'NotFound desc = failed to pull and unpack image "trouble.example/no-image:1": not found]'
    ),
    "no-secret": (
        "The job needs the secret mail, which is missing: ask your administrator "
        '[CreateContainerConfigError: secret "mail" not found]'
    ),
}
ENDED = {
    "out-of-memory": (
        "The job used more memory than its limit of 64Mi: choose a larger size, or use less at a time "
        "[main: OOMKilled (exit code 137), limits.memory=64Mi]"
    ),
    "evicted": (
        "The job was ended because its node ran out of memory: run it again, or choose a larger size [The node was "
        "low on resource: memory. Threshold quantity: 100Mi, available: 52Mi. Container main was using 3Gi, request is "
        "1Gi, has larger consumption of memory.]"
    ),
    "drained": (
        "The job's pod was told to end while the job ran, as when a node is taken away: run it again "
        "[main: Error (exit code 143)]"
    ),
}
TROUBLES = [*WAITING, *ENDED, "being-made"]
ONE = "Waiting for a free place: 1 of your runs may run at a time"
TOLD_SECONDS = 60.0


@pytest.fixture(scope="module")
def troubled(labs: Labs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A lab whose environments are images that stand for what goes wrong, and whose jobs run one after the other."""
    environments = [{"name": name, "image": f"{REGISTRY}{name}:1"} for name in TROUBLES]
    stack = labs.stack(tmp_path_factory.mktemp("troubled"), user=unique("alice"))
    try:
        stack.start_watcher()
        offered = [f"--ArgoScheduler.environments={environment}" for environment in environments]
        stack.start_lab("--ArgoScheduler.one_at_a_time=True", *offered)
        yield stack
    finally:
        stack.close()


@pytest.fixture
def submit(troubled: Stack) -> Iterator[Submit]:
    """Submits jobs to an environment by its name; they go with the test, lest those of the next one wait for them."""
    made: list[str] = []

    def submit(trouble: str, cell: str = "print(6 * 7)") -> str:
        make.write(troubled.place.notebooks / f"{trouble}.ipynb", cell)
        job_id = troubled.rest.create(
            f"{trouble}.ipynb",
            runtime_environment_name=trouble,
            runtime_environment_parameters={"memory": "64Mi"},
            output_formats=["ipynb"],
        )
        made.append(job_id)
        return job_id

    yield submit
    for job_id in made:
        troubled.rest.delete(job_id)


def go_on(workflows: Workflows, job_id: str) -> None:
    """Tell the pod to go on."""
    (pod,) = workflows.pods(object_name(job_id))
    path = f"{workflows.cluster.collection('pods')}/{pod['metadata']['name']}"
    workflows.cluster.api.merge(path, {"metadata": {"annotations": {GO_ON: "true"}}})


def wait_for_message(rest: Rest, job_id: str, message: str | None) -> dict[str, Any]:
    last: dict[str, Any] = {}

    def look() -> bool:
        last.update(rest.job(job_id))
        return bool(last["status_message"] == message)

    try:
        eventually(look, what="the message is told", seconds=TOLD_SECONDS, every=0.1)
    except AssertionError:
        assert last["status_message"] == message
    return last


@pytest.mark.parametrize("trouble", WAITING)
def test_what_keeps_a_job_from_starting_is_told_before_it_fails_and_gone_when_it_runs(
    troubled: Stack, submit: Submit, workflows: Workflows, trouble: str
) -> None:
    rest = troubled.rest
    job_id = submit(trouble)
    job = wait_for_message(rest, job_id, WAITING[trouble])
    assert job["status"] == "IN_PROGRESS"  # where the lab shows Stop
    go_on(workflows, job_id)
    job = rest.wait_for(job_id, "COMPLETED")
    assert job["status_message"] is None


def test_a_job_that_cannot_start_can_be_stopped(troubled: Stack, submit: Submit) -> None:
    rest = troubled.rest
    job_id = submit("no-memory")
    wait_for_message(rest, job_id, WAITING["no-memory"])
    rest.stop(job_id)
    job = rest.wait_for(job_id, "STOPPED")
    assert job["status_message"] is None


def test_a_job_that_waits_for_a_place_tells_how_many_are_before_it(
    troubled: Stack, submit: Submit, workflows: Workflows
) -> None:
    rest = troubled.rest
    first = submit("no-memory")
    wait_for_message(rest, first, WAITING["no-memory"])
    second = submit("no-claim")
    third = submit("no-secret")
    job = wait_for_message(rest, third, f"{ONE} (1 job is before this one)")
    assert job["status"] == "QUEUED"
    told = {job["job_id"]: job.get("status_message") for job in rest.jobs()["jobs"]}
    assert told[second] == f"{ONE} (this job is next)"
    assert told[third] == f"{ONE} (1 job is before this one)"
    go_on(workflows, first)
    rest.wait_for(first, "COMPLETED")
    wait_for_message(rest, second, WAITING["no-claim"])
    wait_for_message(rest, third, f"{ONE} (this job is next)")
    rest.stop(second)
    rest.wait_for(second, "STOPPED")
    wait_for_message(rest, third, WAITING["no-secret"])
    rest.stop(third)
    rest.wait_for(third, "STOPPED")


def test_a_pod_that_is_being_made_is_not_told(troubled: Stack, submit: Submit, workflows: Workflows) -> None:
    job_id = submit("being-made")
    name = object_name(job_id)

    def said() -> bool:
        nodes = workflows.get(name).get("status", {}).get("nodes", {}).values()
        return "ContainerCreating" in [node.get("message") for node in nodes]

    eventually(said, what="Argo says that the container is being made")
    job = troubled.rest.wait_for(job_id, "IN_PROGRESS")
    assert job["status_message"] is None
    go_on(workflows, job_id)
    assert troubled.rest.wait_for(job_id, "COMPLETED")["status_message"] is None


@pytest.mark.parametrize("trouble", ENDED)
def test_what_the_cluster_ended_a_job_for_is_told(
    troubled: Stack, submit: Submit, workflows: Workflows, trouble: str
) -> None:
    job_id = submit(trouble, make.PID_AND_WAIT)
    file = troubled.staged(job_id) / "pid"
    eventually(file.exists, what="the notebook runs", seconds=60)
    go_on(workflows, job_id)
    job = troubled.rest.wait_for(job_id, "FAILED")
    assert job["status_message"] == ENDED[trouble]
    assert job["start_time"] < job["end_time"]
