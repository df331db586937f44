"""What a lab and its watcher send, with the manifests and the patches of the submitter, in every mode."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, Any

import pytest

from chart import lab
from cluster.chart.attempts import END, Change
from cluster.chart.installed import ALICE, KINDS, OTHER, PER_USER, SHARED_HOMES
from nbargo_submitter.cronmanifest import Change as Edit
from nbargo_submitter.cronmanifest import CronPolicy, build_patch
from nbargo_submitter.manifest import MAX_TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cluster.chart.installed import Installed

Json = dict[str, Any]

MODES = {
    f"{isolation}-{homes}": (isolation, example)
    for homes, examples in (("own homes", PER_USER), ("shared homes", SHARED_HOMES))
    for isolation, example in examples.items()
}
NOW = 1_763_900_000_000
# What Argo writes while a job runs; the last two are in the spec after the first reconciliation.
ARGOS_WORKFLOW = {
    "metadata": {"labels": {"workflows.argoproj.io/phase": "Running"}},
    "status": {"phase": "Running", "nodes": {"a": {"phase": "Running"}}},
    "spec": {"arguments": {}, "parallelism": 5},
}
ARGOS_SCHEDULE = {
    "metadata": {"labels": {"workflows.argoproj.io/phase": "Active"}},
    "status": {"active": [{"name": "nb-1"}], "lastScheduledTime": "2026-11-23T09:00:00Z", "phase": "Active"},
}


@pytest.fixture(scope="module", params=MODES)
def any_release(request: pytest.FixtureRequest, installed: Callable[[str, str], Installed]) -> Installed:
    return installed(*MODES[request.param])


@pytest.fixture(params=[ALICE, OTHER])
def user(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_a_job_is_submitted_stopped_renamed_and_deleted(any_release: Installed, user: str) -> None:
    kube = any_release.lab(user)
    path = any_release.path_of(made := any_release.create("workflows", user=user))
    any_release.api.merge(path, ARGOS_WORKFLOW)
    kube.merge(path, {"metadata": {"annotations": {"nbargo/stop-requested": "1"}}, "spec": {"shutdown": "Stop"}})
    kube.merge(path, {"spec": {"shutdown": "Terminate"}})
    version = kube.get(path)["metadata"]["resourceVersion"]
    renamed = {"metadata": {"resourceVersion": version, "annotations": {"nbargo/job": "{}"}}}
    assert kube.merge(path, renamed)["metadata"]["annotations"]["nbargo/job"] == "{}"
    kube.delete(path)
    assert kube.find(path) is None
    assert made["metadata"]["labels"]["nbargo/user"] == user


def test_a_job_that_is_not_yet_seen_by_argo_is_deleted(any_release: Installed, user: str) -> None:
    kube = any_release.lab(user)
    path = any_release.path_of(any_release.create("workflows", user=user))
    kube.delete(path)
    assert kube.find(path) is None


def test_a_scheduled_run_is_stopped_and_deleted(any_release: Installed, user: str) -> None:
    schedule = any_release.manifest("cronworkflows", user=user)
    name, spec = schedule["metadata"]["name"], schedule["spec"]
    labels = {**spec["workflowMetadata"]["labels"], "workflows.argoproj.io/cron-workflow": name}
    run = {
        "apiVersion": schedule["apiVersion"],
        "kind": "Workflow",
        "metadata": {"name": f"{name}-1763900000", "labels": labels},
        "spec": spec["workflowSpec"],
    }
    path = f"{any_release.path('workflows', user=user)}/{run['metadata']['name']}"
    any_release.creation(run, user=user).send(any_release.api)
    any_release.api.merge(path, ARGOS_WORKFLOW)
    any_release.lab(user).merge(path, {"spec": {"shutdown": "Stop"}})
    any_release.lab(user).delete(path)
    assert any_release.api.find(path) is None


EDITS: dict[str, tuple[Json, str]] = {
    "when it runs": ({"schedule": "5 6 * * *"}, "schedule"),
    "its time zone": ({"timezone": "UTC"}, "timezone"),
    "to pause": ({"active": False}, "active"),
    "to resume": ({"active": True}, "active"),
    "its name": ({"name": "monthly"}, "name"),
    "what it runs": ({"files": "v2-b"}, "files"),
}


@pytest.mark.parametrize("what", EDITS)
def test_a_schedule_is_edited(any_release: Installed, user: str, what: str) -> None:
    kube = any_release.lab(user)
    manifest = any_release.manifest("cronworkflows", user=user)
    made = any_release.creation(manifest, user=user).send(kube)
    path = any_release.path_of(made)
    there = any_release.api.merge(path, ARGOS_SCHEDULE)
    definition = lab.definition(made["metadata"]["labels"]["nbargo/definition-id"])
    members, member = EDITS[what]
    record = dataclasses.replace(definition, **members)
    built = lab.schedule(any_release.chart, user, of=record, namespace=made["metadata"]["namespace"])
    patch = build_patch(
        there, change=Edit(record=record, members=frozenset({member})), built=built, policy=CronPolicy(), now=NOW
    )
    edited = kube.merge(path, patch)
    assert edited["metadata"]["generation"] >= there["metadata"]["generation"]
    assert edited["status"]["active"] == there["status"]["active"]
    assert (edited["status"]["lastScheduledTime"] != there["status"]["lastScheduledTime"]) == ("status" in patch)
    kube.delete(path)
    assert kube.find(path) is None


@pytest.mark.parametrize("resource", KINDS)
def test_ones_own_are_listed_and_watched_by_the_label(any_release: Installed, user: str, resource: str) -> None:
    kube = any_release.lab(user)
    name = any_release.standing(resource, user=user)["metadata"]["name"]
    path = f"{any_release.path(resource, user=user)}?labelSelector=nbargo/user={user}"
    listed = kube.get(path)
    assert name in {each["metadata"]["name"] for each in listed["items"]}
    assert {each["metadata"]["labels"]["nbargo/user"] for each in listed["items"]} == {user}
    assert listed["metadata"]["resourceVersion"]
    assert name in seen(kube.watch(f"{path}&timeoutSeconds=5"), until=name)


def seen(watch: Any, *, until: str) -> set[str]:
    """Return the names in the events of a watch, up to one of them."""
    with watch as events:
        return set(up_to((event["object"]["metadata"]["name"] for event in events), until))


def up_to(names: Iterator[str], last: str) -> Iterator[str]:
    for name in names:
        yield name
        if name == last:
            return


SCRIPT = ("spec", "templates", 0, "script")
ALSO = (
    Change("an empty folder", ("spec", "volumes", END), {"name": "more", "emptyDir": {}}, ""),
    Change("a ConfigMap", ("spec", "volumes", END), {"name": "more", "configMap": {"name": "settings"}}, ""),
    Change("one's own home once more", (*SCRIPT, "volumeMounts", 0, "mountPath"), "/elsewhere", ""),
    Change("a variable of the pod", (*SCRIPT, "env", END), {"name": "A", "valueFrom": {"fieldRef": {}}}, ""),
    Change("a localhost profile", (*SCRIPT, "securityContext", "seccompProfile"), {"type": "Localhost"}, ""),
    Change("annotations of Argo's pods", ("spec", "podMetadata", "annotations", "safe-to-evict"), "false", ""),
    Change("a mutex of Argo 3.5", ("spec", "synchronization"), {"mutex": {"name": "nbargo-<user>"}}, ""),
    Change(
        "one's own semaphore",
        ("spec", "synchronization"),
        {"semaphores": [{"configMapKeyRef": {"name": "limits", "key": "<user>"}}]},
        "",
    ),
    Change(
        "one's own semaphore in Argo 3.5",
        ("spec", "synchronization"),
        {"semaphore": {"configMapKeyRef": {"name": "limits", "key": "<user>"}}},
        "",
    ),
)


@pytest.mark.parametrize("change", ALSO, ids=str)
def test_a_job_may_have_what_operators_configure(any_release: Installed, user: str, change: Change) -> None:
    manifest = change.applied(any_release.manifest("workflows", user=user), user=user)
    made = any_release.creation(manifest, user=user).send(any_release.lab(user))
    any_release.lab(user).delete(any_release.path_of(made))


def test_a_job_may_have_the_secrets_labels_and_volumes_that_the_values_name(
    installed: Callable[[str, str], Installed],
) -> None:
    release = installed("podName", "shared-namespace")
    secret = {"name": "notebook-messages", "key": "smtp-user"}
    variable = {"name": "SMTP_USER", "valueFrom": {"secretKeyRef": secret}}
    manifest = Change("", (*SCRIPT, "env", END), variable, "").applied(release.manifest("workflows"))
    volume = {"name": "more", "secret": {"secretName": "notebook-messages"}}
    manifest = Change("", ("spec", "volumes", END), volume, "").applied(manifest)
    made = release.creation(manifest).send(release.lab(ALICE))
    assert made["spec"]["podMetadata"]["labels"]["team"] == "research"
    claims = [each["persistentVolumeClaim"] for each in made["spec"]["volumes"] if "persistentVolumeClaim" in each]
    assert {"claimName": "datasets", "readOnly": True} in claims
    release.lab(ALICE).delete(release.path_of(made))


def test_a_policy_has_time_for_the_largest_job(any_release: Installed) -> None:
    """The server ends a policy that takes too many steps, and refuses the request."""
    manifest = any_release.manifest("workflows")
    script = manifest["spec"]["templates"][0]["script"]
    for number, each in itertools.product(range(20), list(script["volumeMounts"])):
        script["volumeMounts"].append({**each, "mountPath": f"/more/{number}/{each['name']}"})
    script["env"] += [{"name": f"VARIABLE_{number}", "value": "x" * 500} for number in range(500)]
    manifest["metadata"]["annotations"]["nbargo/job"] = "x" * MAX_TEMPLATE
    made = any_release.creation(manifest).send(any_release.lab(ALICE))
    any_release.lab(ALICE).delete(any_release.path_of(made))
