"""The cluster of these tests: their own control plane, or the one of NBARGO_TEST_KUBECONFIG."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from chart.helm import Helm
from chart.helm import build as build_helm
from cluster.access import Cluster, Workflows
from cluster.build import BuildError, Toolchain, build, find_go
from cluster.controlplane import ControlPlane
from cluster.kube import Kube, context_namespace

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

KUBECONFIG_VARIABLE = "NBARGO_TEST_KUBECONFIG"
TOOLCHAIN = pytest.StashKey[Toolchain]()
MISSING = pytest.StashKey[str]()
HELM = pytest.StashKey[Helm]()
PLANE = pytest.StashKey[ControlPlane]()


_FIRST = ("at_the_pace_of_minutes", "cron_contract", "controller_contract", "cluster/faults")
"""Parts of the names of what takes longest, and mostly waits: beside it the other files go, each in a process."""
_LAST = "cluster/chart/"
"""What needs the processor all the time, which notebooks of the other tests would miss."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test time for servers that start again, and let the longest files begin, the busiest ones end."""
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(360))
    items.sort(key=lambda item: (_LAST in item.nodeid, not any(name in item.nodeid for name in _FIRST)))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build before the first test, because a build outlasts a test's timeout."""
    config = session.config
    used = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    if config.option.collectonly:
        return
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        try:
            if used & {"cluster", "control_plane"} and KUBECONFIG_VARIABLE not in os.environ:
                config.stash[TOOLCHAIN] = build()
            if "helm" in used:
                config.stash[HELM] = build_helm()
        except BuildError as error:
            config.stash[MISSING] = str(error)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to a failure what the controller and the node have logged of the test's workflows."""
    report = yield
    made = getattr(item, "funcargs", {}).get("workflows")
    plane = item.config.stash.get(PLANE, None)
    if report.failed and plane and isinstance(made, Workflows):
        names = {path.rpartition("/")[2] for path in made.created}
        for program in (plane.controller, plane.node):
            report.sections.append((f"{program.name} of {', '.join(names)}", "\n".join(program.told(names))))
    return report


def refuse(reason: str) -> NoReturn:
    """Skip a test that cannot run here; in CI fail it, lest the whole tier go unnoticed."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def needs_go() -> None:
    """Skip a test where there is no Go."""
    try:
        find_go()
    except BuildError as error:
        refuse(str(error))


@pytest.fixture(scope="session")
def helm(pytestconfig: pytest.Config) -> Helm:
    """The pinned Helm."""
    if reason := pytestconfig.stash.get(MISSING, None):
        refuse(reason)
    return pytestconfig.stash[HELM]


@pytest.fixture(scope="session")
def control_plane(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """The tests' own control plane, whose programs a test may kill, start again and compact."""
    if KUBECONFIG_VARIABLE in os.environ:
        pytest.skip(f"{KUBECONFIG_VARIABLE} is set: the control plane is not the tests' own")
    if reason := pytestconfig.stash.get(MISSING, None):
        refuse(reason)
    directory = tmp_path_factory.mktemp("control-plane")
    with ControlPlane(pytestconfig.stash[TOOLCHAIN], directory) as plane:
        pytestconfig.stash[PLANE] = plane
        yield plane
        plane.check()


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster to test against, and its namespace that Argo watches."""
    if KUBECONFIG_VARIABLE in os.environ:
        kubeconfig = Path(os.environ[KUBECONFIG_VARIABLE])
        namespace = context_namespace(kubeconfig)
    else:
        plane: ControlPlane = request.getfixturevalue("control_plane")
        kubeconfig, namespace = plane.kubeconfig, plane.namespace
    with Kube(kubeconfig) as api:
        yield Cluster(api, kubeconfig, namespace, tmp_path_factory.mktemp("users"))


@pytest.fixture
def workflows(cluster: Cluster) -> Iterator[Workflows]:
    """Creates Workflows and CronWorkflows that go with the test."""
    made = Workflows(cluster)
    yield made
    made.delete_all()
