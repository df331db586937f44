"""What the pod of a job may be: whoever may create Workflows could otherwise run anything in the namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluster.chart.attempts import JSON_PATCH, MERGE, Change, Request, filled, refused_by_policy, table
from cluster.chart.escapes import CONTAINERS, HOMES, PODS, TEMPLATES, VOLUMES
from cluster.chart.installed import ALICE, OTHER

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.chart.installed import Installed

    Attempt = Callable[[Installed, Change], None]

WAYS = ("submitted", "scheduled", "edited")


@pytest.fixture(params=WAYS)
def attempt(request: pytest.FixtureRequest) -> Attempt:
    """Tries a changed spec of a workflow: as a new job, in a schedule, or in the place of the one of a job."""
    way: str = request.param

    def tried(release: Installed, change: Change) -> None:
        says = str(filled(change.says, **names(release)))
        refused_by_policy(request_for(release, change, way), of=release.lab(ALICE), api=release.api, says=says)

    return tried


def request_for(release: Installed, change: Change, way: str) -> Request:
    if way == "edited":
        there = release.standing("workflows")
        body = [{"op": "replace", "path": "/spec", "value": change.applied(there["spec"], **names(release))}]
        return Request("PATCH", release.path_of(there), body, JSON_PATCH)
    manifest = release.manifest("cronworkflows" if way == "scheduled" else "workflows")
    holder = manifest["spec"] if way == "scheduled" else manifest
    name = "workflowSpec" if way == "scheduled" else "spec"
    holder[name] = change.applied(holder[name], **names(release))
    return release.creation(manifest)


def names(release: Installed) -> dict[str, str]:
    """Return what the words in angle brackets stand for."""
    (mount, *_) = release.manifest("workflows")["spec"]["templates"][0]["script"]["volumeMounts"]
    own = mount.get("subPath", "")
    secrets = "notebook-messages" if release.isolation == "podName" else "none"
    return {"user": ALICE, "other": OTHER, "own": own, "theirs": own.replace(ALICE, OTHER), "secrets": secrets}


def test_a_stop_brings_nothing_else_along(release: Installed) -> None:
    there = release.standing("workflows")
    body = {"spec": {"shutdown": "Stop", "serviceAccountName": "hub"}}
    request = Request("PATCH", release.path_of(there), body, MERGE)
    refused_by_policy(request, of=release.lab(ALICE), api=release.api, says="nbargo-job, not as 'hub'")


@table(PODS)
def test_a_pod_gets_no_more_than_a_jobs_rights_and_isolation(
    release: Installed, attempt: Attempt, change: Change
) -> None:
    attempt(release, change)


@table(TEMPLATES)
def test_a_template_is_one_script_or_container(release: Installed, attempt: Attempt, change: Change) -> None:
    attempt(release, change)


@table(CONTAINERS)
def test_a_container_stays_one(release: Installed, attempt: Attempt, change: Change) -> None:
    attempt(release, change)


@table(VOLUMES)
def test_a_job_sees_its_users_home_and_no_other_nor_a_secret(
    release: Installed, attempt: Attempt, change: Change
) -> None:
    attempt(release, change)


@table(HOMES)
def test_of_a_volume_for_all_homes_a_job_sees_its_users(
    shared_homes: Installed, attempt: Attempt, change: Change
) -> None:
    attempt(shared_homes, change)


def test_a_volume_that_is_read_only_for_jobs_stays_so(
    installed: Callable[[str, str], Installed], attempt: Attempt
) -> None:
    release = installed("podName", "shared-namespace")
    attempt(
        release, Change("", ("volumes", 1, "persistentVolumeClaim", "readOnly"), None, "read-only for jobs: datasets")
    )
