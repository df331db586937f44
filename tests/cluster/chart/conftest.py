"""The chart in the tests' own cluster, once in each mode; nothing runs in these namespaces."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cache
from typing import TYPE_CHECKING

import pytest

from cluster.chart.installed import PER_USER, SHARED_HOMES, Installed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chart.helm import Helm
    from cluster.access import Cluster
    from cluster.controlplane import ControlPlane


@pytest.fixture(scope="module")
def installed(control_plane: ControlPlane, cluster: Cluster, helm: Helm) -> Iterator[Callable[[str, str], Installed]]:
    """Installs the chart in a mode, once for a file.

    The fixture `control_plane` skips the tests where the cluster is somebody else's: they need rights on all of it.
    """
    assert control_plane.namespace == cluster.namespace
    with ExitStack() as stack:

        @cache
        def get(isolation: str, example: str) -> Installed:
            made = Installed.install(cluster, helm, isolation, example)
            stack.callback(made.remove)
            return made

        yield get


@pytest.fixture(scope="module", params=PER_USER)
def release(request: pytest.FixtureRequest, installed: Callable[[str, str], Installed]) -> Installed:
    """The chart in each mode of isolation, with a home for each user."""
    return installed(request.param, PER_USER[request.param])


@pytest.fixture(scope="module", params=SHARED_HOMES)
def shared_homes(request: pytest.FixtureRequest, installed: Callable[[str, str], Installed]) -> Installed:
    """The chart in each mode of isolation, with one volume for all homes."""
    return installed(request.param, SHARED_HOMES[request.param])
