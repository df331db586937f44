"""KubeSpawner's names for users in the pods of labs: one user's named servers come together, other users never do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from chart.rendered import MODES
from chart.spawned import Lab, Pod
from chart.z2jh import DEFAULTS, merged

if TYPE_CHECKING:
    from chart.rendered import Rendered
    from chart.spawned import Spawner

LONG = "a-person-whose-name-has-sixty-characters-at-some.example-"
USERS = (
    *("alice", "Alice", "al", "alice-srv", "alice--srv", "alice---6f1c7b0a"),
    *("alice@example.org", "alice.example.org", "alice-example-org", "alice-40example-2eorg"),
    *(f"{LONG}no1", f"{LONG}no2", "1", "x-1", "ä", "ö"),
)
"""Many are alike once what Kubernetes does not take is gone from them, or look like another's named server."""
SERVERS = ("", "srv", "Another server", f"{LONG}srv")
LABS = [Lab(user, server) for user in USERS for server in SERVERS]

Pods = dict[str, dict[str, list[Pod]]]


@pytest.fixture(scope="module")
def pods(modes: dict[str, Rendered], spawner: Spawner) -> Pods:
    """In every mode, the pods of each user's servers."""
    hubs = [merged(DEFAULTS, chart.z2jh()) for chart in modes.values()]
    made = spawner.of_hubs(hubs, labs=LABS)
    found: Pods = {mode: {user: [] for user in USERS} for mode in modes}
    for mode, of_mode in zip(modes, made, strict=True):
        for lab, pod in zip(LABS, of_mode, strict=True):
            found[mode][lab.user].append(pod)
    return found


def test_the_long_names_are_long() -> None:
    assert len(f"{LONG}no1") == 60


@pytest.mark.parametrize("mode", MODES)
def test_named_servers_of_one_user_have_one_identity_and_one_home(pods: Pods, mode: str) -> None:
    for of_user in pods[mode].values():
        assert len({pod.name for pod in of_user}) == len(SERVERS)
        assert len({(pod.user, pod.namespace, pod.spec["serviceAccountName"], pod.home()) for pod in of_user}) == 1


@pytest.mark.parametrize("mode", MODES)
def test_users_whose_names_are_alike_have_nothing_in_common(pods: Pods, mode: str) -> None:
    firsts = [of_user[0] for of_user in pods[mode].values()]
    assert len({pod.user for pod in firsts}) == len(USERS)
    assert len({(pod.namespace, pod.home()) for pod in firsts}) == len(USERS)
    every = [(pod.namespace, pod.name) for of_user in pods[mode].values() for pod in of_user]
    assert len(set(every)) == len(every)


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode.startswith("service-accounts")])
def test_a_service_account_is_one_users(pods: Pods, mode: str) -> None:
    accounts = {user: {pod.spec["serviceAccountName"] for pod in of_user} for user, of_user in pods[mode].items()}
    assert sorted(account for of_user in accounts.values() for account in of_user) == sorted(
        f"nbargo-user-{of_user[0].user}" for of_user in pods[mode].values()
    )


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode.startswith("user-namespaces")])
def test_a_namespace_is_one_users(pods: Pods, mode: str) -> None:
    assert {pod.namespace for of_user in pods[mode].values() for pod in of_user} == {
        f"jupyter-{of_user[0].user}" for of_user in pods[mode].values()
    }


def user_of(rest: str) -> str:
    """Return whom the policy takes a pod for, by its name without the prefix; tests/cluster/chart asks the real one."""
    user = r"[a-z0-9]+(-[a-z0-9]+)*(---[0-9a-f]{8})?"
    found = re.match(user, rest)
    return found[0] if found and re.fullmatch(rf"{user}(--[a-z0-9]+(-[a-z0-9]+)*)?", rest) else ""


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode.startswith("shared-namespace")])
def test_the_name_of_a_pod_is_its_users_however_long(pods: Pods, mode: str) -> None:
    for of_user in pods[mode].values():
        for pod in of_user:
            rest = pod.name.removeprefix("jupyter-")
            assert rest == pod.user or rest.removeprefix(pod.user).startswith("--")
            assert user_of(rest) in {pod.user, ""}, "nobody is taken for another"
        assert user_of(of_user[0].name.removeprefix("jupyter-")) == of_user[0].user
