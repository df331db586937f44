from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluster import build
from cluster.build import BuildError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "nbargo" / "cluster"


def test_without_go_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(BuildError, match=r"^Go 1\.24\.4 or newer is needed .*go\.dev/dl.*$"):
        build.build()


@pytest.mark.usefixtures("needs_go")
def test_a_build_is_used_again() -> None:
    builds = []

    def compiler(_: str, target: Path) -> None:
        builds.append(target)
        (target / "etcd").touch()

    first, second = build.build(compiler), build.build(compiler)
    assert first == second
    assert first.program("etcd").exists()
    assert len(builds) == 1


@pytest.mark.usefixtures("needs_go")
def test_a_build_that_failed_leaves_nothing(cache: Path) -> None:
    def compiler(_: str, target: Path) -> None:
        (target / "etcd").touch()
        raise BuildError("no space left")

    with pytest.raises(BuildError):
        build.build(compiler)
    assert [path.name for path in cache.iterdir()] == ["lock"]
