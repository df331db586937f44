"""The chart of these tests, rendered. No test is ever skipped: without Helm they fail, and say how to get it."""

from __future__ import annotations

import pytest

from chart.helm import Helm, build
from chart.rendered import Rendered
from chart.spawned import Spawner, kubespawner


@pytest.fixture(scope="session")
def helm() -> Helm:
    """Helm; `make test-chart` has built it before the first test."""
    return build()


@pytest.fixture(scope="session")
def modes(helm: Helm) -> dict[str, Rendered]:
    """Every mode of the chart, by name."""
    return Rendered.modes(helm)


@pytest.fixture(scope="session")
def plain(helm: Helm) -> Rendered:
    """The chart without any values."""
    return Rendered(helm.render())


@pytest.fixture(scope="session")
def spawner() -> Spawner:
    """KubeSpawner, which is installed before the first test that uses it."""
    return kubespawner()
