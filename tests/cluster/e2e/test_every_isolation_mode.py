"""What a user does, from a job to a schedule, where users are told apart by service accounts or by namespaces.

All other tests here are of the default, which tells them apart by the names of their labs' pods.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluster.access import unique
from cluster.labs import Labs
from support import notebooks as make
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from chart.helm import Helm
    from cluster.access import Cluster
    from support.stack import Stack

    Install = Callable[..., Labs]
    Start = Callable[..., Stack]

# The release of the other tests may be in the namespace, too: the accounts need names of their own.
ACCOUNTS = ["serviceAccounts.user=lab", "serviceAccounts.job=lab-job"]


@pytest.fixture(scope="module")
def install(cluster: Cluster, helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> Install:
    def install(release: str, *values: str, namespace: str = cluster.namespace) -> Labs:
        mounted = f"home.mountPath={tmp_path_factory.getbasetemp()}"
        options = [f"--set={value}" for value in (*values, mounted)]
        objects = helm.render(*options, namespace=namespace, release=release)
        return Labs.install(cluster, objects, tmp_path_factory.mktemp(release), namespace=namespace)

    return install


@pytest.fixture
def start() -> Iterator[Start]:
    made: list[Stack] = []

    def start(labs: Labs, home: Path, *, user: str, server: str = "") -> Stack:
        stack = labs.stack(home, user=user, server=server)
        made.append(stack)
        stack.start_watcher()
        stack.start_lab()
        return stack

    yield start
    for stack in made:
        stack.close()


def run_stop_delete_and_schedule(stack: Stack) -> None:
    rest = stack.rest
    make.write(stack.place.notebooks / "short.ipynb", "print(6 * 7)")
    make.write(stack.place.notebooks / "patient.ipynb", make.PID_AND_WAIT)
    short = rest.create("short.ipynb", output_formats=["ipynb"])
    rest.wait_for(short, "COMPLETED")
    assert make.outputs_of(stack.place.notebooks / rest.download(short)["ipynb"]) == "42\n"
    patient = rest.create("patient.ipynb", output_formats=["ipynb"])
    rest.wait_for(patient, "IN_PROGRESS")
    rest.stop(patient)
    rest.wait_for(patient, "STOPPED")
    definition = rest.define("short.ipynb", schedule="0 0 1 1 *", timezone="UTC", output_formats=["ipynb"])
    rest.edit(definition, active=False)
    run = rest.run_now(definition)
    rest.wait_for(run, "COMPLETED")
    rest.undefine(definition)
    for job_id in (short, patient):
        rest.delete(job_id)
    assert stack.cron_workflows() == {}
    eventually(lambda: not stack.workflows(), what="the Workflows are gone", every=0.25)
    assert rest.jobs()["jobs"] == []


@pytest.fixture(scope="module")
def by_account(install: Install) -> Labs:
    return install("accounts", *ACCOUNTS, "isolation=serviceAccount", "users={ada,bob}")


def test_a_service_account_for_each_user(
    by_account: Labs, start: Start, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run_stop_delete_and_schedule(start(by_account, tmp_path_factory.mktemp("home"), user="ada"))


def test_named_servers_have_the_account_of_their_user(
    by_account: Labs, start: Start, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Two pods, each with a lab and a watcher, and one home with the database in it.
    home = tmp_path_factory.mktemp("home")
    labs = start(by_account, home, user="bob"), start(by_account, home, user="bob", server="two")
    make.write(labs[0].place.notebooks / "patient.ipynb", make.PID_AND_WAIT)
    for maker, stopper in (labs, labs[::-1]):
        job_id = maker.rest.create("patient.ipynb", output_formats=["ipynb"])
        stopper.rest.wait_for(job_id, "IN_PROGRESS")
        stopper.rest.stop(job_id)
        maker.rest.wait_for(job_id, "STOPPED")
    assert labs[0].rest.listed() == labs[1].rest.listed()


def test_a_namespace_for_each_user(
    install: Install, start: Start, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Argo and the process node see to one namespace: it is cut into a prefix and a user.
    prefix, user = cluster.namespace[:2], cluster.namespace[2:]
    hub = unique("hub")
    cluster.api.create("/api/v1/namespaces", {"metadata": {"name": hub}})
    values = ["isolation=namespace", f"namespacePrefix={prefix}", f"users={{{user}}}"]
    accounts = ["serviceAccounts.user=own", "serviceAccounts.job=own-job"]
    labs = install("namespaces", *values, *accounts, namespace=hub)
    run_stop_delete_and_schedule(start(labs, tmp_path_factory.mktemp("home"), user=user, server="named"))
