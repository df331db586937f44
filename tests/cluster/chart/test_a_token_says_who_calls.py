"""Which tokens are good for what: a user is what the API server knows of the caller, not what the caller says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluster.access import unique
from cluster.chart.attempts import BY_POLICY, BY_RIGHTS, UNKNOWN, Request, refused
from cluster.chart.installed import ALICE, JOB_ACCOUNT, KINDS, OTHER
from cluster.kube import ApiError, Kube, wait_until
from cluster.release import bound_token

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.chart.installed import Installed

FOREIGN_PODS = {
    "a pod of another name": ("other", "the pod other is no user's lab, which is jupyter-<user> or"),
    "a pod with the name in the middle": ("my-jupyter-alice", "the pod my-jupyter-alice is no user's lab"),
    "a named server in KubeSpawner's own form": ("jupyter-alice--srv---3bc51062", "is no user's lab"),
    "a named server with a name that is no label": ("jupyter-alice--srv-1---deadbeef", "is no user's lab"),
    "another user's": ("jupyter-alice---deadbeef", "and the caller is 'alice---deadbeef'"),
    "a named server of another user": ("jupyter-alice---deadbeef--srv", "and the caller is 'alice---deadbeef'"),
    "a user of nearly that form": ("jupyter-alice---deadbee", "is no user's lab"),
    "three hyphens and more": ("jupyter-alice----srv", "is no user's lab"),
    "a server that is named as another user": ("jupyter-bob--alice", "and the caller is 'bob'"),
    "a pod with a part of the name": ("jupyter-alic", "and the caller is 'alic'"),
}


@pytest.fixture(params=KINDS)
def resource(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def by_pods(installed: Callable[[str, str], Installed]) -> Installed:
    """The chart in the mode where the name of the lab's pod says who calls."""
    return installed("podName", "shared-namespace")


def creation(release: Installed, resource: str) -> Request:
    """Return the request that alice's lab would send."""
    return release.creation(release.manifest(resource))


@pytest.mark.parametrize("what", FOREIGN_PODS)
def test_the_pods_name_is_the_users_whole_name(by_pods: Installed, what: str) -> None:
    name, says = FOREIGN_PODS[what]
    kube = by_pods.pod(name)
    for resource in KINDS:
        refused(creation(by_pods, resource), of=kube, status=BY_POLICY, says=says)


def test_a_token_of_no_pod_is_nobodys_where_the_pod_says_who_calls(by_pods: Installed, resource: str) -> None:
    kube = by_pods.unbound(by_pods.accounts[ALICE], namespace=by_pods.namespace)
    refused(creation(by_pods, resource), of=kube, status=BY_POLICY, says="the caller's token is not bound to a pod")


@pytest.mark.parametrize("server", ["srv", "alice", "my-2nd-server", "3bc51062"])
def test_a_named_server_is_its_users(by_pods: Installed, resource: str, server: str) -> None:
    kube = by_pods.pod(f"jupyter-{ALICE}--{server}-{unique('x')}")
    made = creation(by_pods, resource).send(kube)
    kube.delete(by_pods.path_of(made))


@pytest.mark.parametrize(
    ("isolation", "example"), [("serviceAccount", "service-accounts"), ("namespace", "user-namespaces")]
)
def test_elsewhere_any_token_of_a_users_account_is_the_users(
    installed: Callable[[str, str], Installed], isolation: str, example: str, resource: str
) -> None:
    release = installed(isolation, example)
    account, place = release.accounts[ALICE], release.namespaces[ALICE]
    for kube in (release.pod(unique("jupyter-alice--srv")), release.unbound(account, namespace=place)):
        made = creation(release, resource).send(kube)
        kube.delete(release.path_of(made))


def test_a_lab_that_is_gone_may_do_nothing(release: Installed, resource: str) -> None:
    name = unique("jupyter")
    kube = release.pod(name)
    path = f"/api/v1/namespaces/{release.namespaces[ALICE]}/pods/{name}?gracePeriodSeconds=0"
    release.api.delete(path)
    request = Request("GET", release.path(resource))
    wait_until("the token is no longer good", lambda: is_unknown(kube, request))
    refused(creation(release, resource), of=kube, status=UNKNOWN, says="Unauthorized")


def is_unknown(kube: Kube, request: Request) -> bool:
    try:
        request.send(kube)
    except ApiError as error:
        return error.status == UNKNOWN
    return False


def test_a_token_that_the_server_did_not_make_is_refused(release: Installed, resource: str) -> None:
    refused(creation(release, resource), of=release.client("forged"), status=UNKNOWN, says="Unauthorized")


def test_whoever_has_no_token_makes_nothing(release: Installed, resource: str) -> None:
    says = f'User "system:anonymous" cannot create resource "{resource}"'
    refused(creation(release, resource), of=release.client(""), status=BY_RIGHTS, says=says)


def test_the_same_account_and_pod_of_another_namespace_have_no_right(release: Installed, resource: str) -> None:
    api, account, place = release.api, release.accounts[ALICE], unique("elsewhere")
    api.create("/api/v1/namespaces", {"metadata": {"name": place}})
    api.create(f"/api/v1/namespaces/{place}/serviceaccounts", {"metadata": {"name": account}})
    kube = release.client(bound_token(api, namespace=place, account=account, pod=f"jupyter-{ALICE}"))
    refused(creation(release, resource), of=kube, status=BY_RIGHTS, says=f'cannot create resource "{resource}"')


@pytest.mark.parametrize("account", ["default", JOB_ACCOUNT])
def test_another_account_of_the_same_pod_has_no_right(release: Installed, resource: str, account: str) -> None:
    place = release.namespaces[ALICE]
    release.api.ensure(f"/api/v1/namespaces/{place}/serviceaccounts", {"metadata": {"name": account}})
    kube = release.pod(unique("jupyter"), account=account)
    refused(creation(release, resource), of=kube, status=BY_RIGHTS, says=f'cannot create resource "{resource}"')


def test_the_other_users_token_makes_nothing_here(release: Installed, resource: str) -> None:
    if release.is_alone:
        status, says = BY_RIGHTS, f'cannot create resource "{resource}"'
    else:
        status, says = BY_POLICY, f"the label nbargo/user says '{ALICE}', and the caller is '{OTHER}'"
    refused(creation(release, resource), of=release.lab(OTHER), status=status, says=says)
