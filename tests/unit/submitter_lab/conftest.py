from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.lab_bench import Bench


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "NBARGO_KUBECONFIG", "NBARGO_NAMESPACE", "NBARGO_WATCHER"):
        monkeypatch.delenv(name, raising=False)
    for name in ("NBARGO_IMAGE", "JUPYTER_IMAGE_SPEC", "JUPYTER_IMAGE", "NBARGO_SERVICE_ACCOUNT", "JUPYTERHUB_USER"):
        monkeypatch.delenv(name, raising=False)
    for name in ("NBARGO_LAB_POD", "JUPYTERHUB_SERVER_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NBARGO_USER", "alice")
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture(autouse=True)
def no_conda_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONDA_EXE", "CONDA_ROOT", "CONDA_DIR", "CONDA_ENVS_PATH", "CONDA_ENVS_DIRS", "MAMBA_ROOT_PREFIX"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path / "bench")
    async with bench.server:
        yield bench
        await bench.close()
