"""Who can read whose jobs: with a namespace for each user nobody else can, and otherwise every user can."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluster.chart.attempts import BY_RIGHTS, Request, refused
from cluster.chart.installed import ALICE, KINDS, OTHER

if TYPE_CHECKING:
    from cluster.chart.installed import Installed


@pytest.fixture(params=KINDS)
def resource(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=["get", "list", "list by label", "watch"])
def reading(request: pytest.FixtureRequest, release: Installed, resource: str) -> tuple[str, Request]:
    """How the other's jobs are read: the verb, and the request."""
    path = release.path(resource, user=OTHER)
    there = release.standing(resource, user=OTHER)
    requests = {
        "get": release.path_of(there),
        "list": path,
        "list by label": f"{path}?labelSelector=nbargo/user={OTHER}",
        "watch": f"{path}?watch=true&timeoutSeconds=1",
    }
    return request.param.split()[0], Request("GET", requests[request.param])


def test_anothers_jobs_are_read_only_where_all_share_a_namespace(
    release: Installed, resource: str, reading: tuple[str, Request]
) -> None:
    verb, request = reading
    if release.is_alone:
        says = f'cannot {verb} resource "{resource}" in API group "argoproj.io" in the namespace'
        refused(request, of=release.lab(ALICE), status=BY_RIGHTS, says=says)
    else:
        answer = release.lab(ALICE).http.get(request.path)
        assert answer.is_success
        assert release.standing(resource, user=OTHER)["metadata"]["name"] in answer.text


def test_the_jobs_of_all_namespaces_are_read_by_nobody(release: Installed, resource: str) -> None:
    request = Request("GET", f"/apis/argoproj.io/v1alpha1/{resource}?labelSelector=nbargo/user={ALICE}")
    says = f'cannot list resource "{resource}" in API group "argoproj.io" at the cluster scope'
    refused(request, of=release.lab(ALICE), status=BY_RIGHTS, says=says)


def test_whoever_has_no_token_reads_nothing(release: Installed, reading: tuple[str, Request]) -> None:
    verb, request = reading
    says = f'User "system:anonymous" cannot {verb} resource'
    refused(request, of=release.client(""), status=BY_RIGHTS, says=says)
