"""Build the real control plane (etcd, kube-apiserver, Argo's controller) from pinned Go modules.

The versions are those of the go.mod files under ``tools/``. What is built is kept in the user's
cache directory, so only the first run on a machine takes minutes. Run this file to build ahead of
the tests.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
TOOLS = Path(__file__).parent / "tools"
BUILD_FLAGS = ("-p", "2", "-trimpath", "-buildvcs=false")
LINK = "-s -w"
# Kubernetes' own build sets these. Without them kubectl and helm cannot read the server's version.
_SET = {"gitVersion": "v1.34.4", "gitMajor": "1", "gitMinor": "34"}
KUBERNETES_LINK = " ".join([LINK, *(f"-X k8s.io/component-base/version.{name}={it}" for name, it in _SET.items())])
ARGO_MODULE = "github.com/argoproj/argo-workflows/v3"
# What of Argo's own installation the tests use: CRDs, and the controller's account and its rights.
ARGO_MANIFESTS = (
    "manifests/base/crds/minimal/argoproj.io_*.yaml",
    "manifests/base/workflow-controller/*-sa.yaml",
    "manifests/namespace-install/workflow-controller-rbac/workflow-controller-role*.yaml",
)


class BuildError(Exception):
    """The control plane cannot be built here; the message says why in one line."""


@dataclass(frozen=True, slots=True)
class Program:
    """A Go program: the folder of the go.mod that pins it, its package, and what the linker is told."""

    module: str
    package: str
    name: str
    link: str = LINK


PROGRAMS = (
    Program("etcd", "go.etcd.io/etcd/server/v3", "etcd"),
    Program("argo", f"{ARGO_MODULE}/cmd/workflow-controller", "workflow-controller"),
    Program("argo", "./argocommands", "argocommands"),
    Program("argo", "./cronanswers", "cronanswers"),
    Program("kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver", "kube-apiserver", KUBERNETES_LINK),
    Program("kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager", "kube-controller-manager", KUBERNETES_LINK),
)


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A finished build.

    Args:
        directory: The folder in the cache that holds the programs and Argo's manifests.
    """

    directory: Path

    def program(self, name: str) -> Path:
        """Return the path of one of the programs."""
        return self.directory / name

    def manifests(self) -> list[Path]:
        """Return Argo's manifests, CustomResourceDefinitions first."""
        files = sorted((self.directory / "manifests").glob("*.yaml"))
        return sorted(files, key=lambda path: not path.name.startswith("argoproj.io_"))


def report(line: str) -> None:
    """Print a line of progress."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201  # minutes of silence look like a hang


def find_go() -> str:
    """Return the go command, from PATH or the place where go.dev's archive installs it.

    Raises:
        BuildError: There is none.
    """
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        raise BuildError(
            "Go 1.24.4 or newer is needed to build kube-apiserver and Argo: install it from"
            " https://go.dev/dl, or set NBARGO_TEST_KUBECONFIG to a cluster with Argo"
        )
    return go


def run_go(go: str, module: Path, *arguments: str) -> str:
    """Run go in the folder of a module and return what it prints.

    Raises:
        BuildError: It failed; the message ends with the last lines of its errors.
    """
    done = subprocess.run(
        [go, *arguments],
        cwd=module,
        env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        tail = " | ".join(done.stderr.strip().splitlines()[-5:])
        raise BuildError(f"go {arguments[0]} failed in {module.relative_to(ROOT)}: {tail}")
    return done.stdout.strip()


def cache_key(go: str) -> str:
    """Return the name of the build: any change of versions, flags or compiler changes it."""
    digest = hashlib.sha256()
    digest.update(run_go(go, TOOLS / "etcd", "env", "GOVERSION", "GOOS", "GOARCH").encode())
    digest.update(repr((BUILD_FLAGS, PROGRAMS, ARGO_MANIFESTS)).encode())
    for pattern in ("*/go.*", "*/*/*.go"):
        for path in sorted(TOOLS.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cache_directory() -> Path:
    """Return the folder of all builds in the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "nbargo" / "cluster"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file, so that two runs on one machine do not build the same thing twice."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def compile_all(go: str, target: Path) -> None:
    """Build every program, and copy Argo's manifests, into a folder."""
    for program in PROGRAMS:
        report(f"building {program.name} (a few minutes, once) ...")
        begin = time.monotonic()
        output = str(target / program.name)
        flags = (*BUILD_FLAGS, "-ldflags", program.link, "-o", output)
        run_go(go, TOOLS / program.module, "build", *flags, program.package)
        report(f"built {program.name} in {time.monotonic() - begin:.0f} s")
    source = Path(run_go(go, TOOLS / "argo", "list", "-m", "-f", "{{.Dir}}", ARGO_MODULE))
    (target / "manifests").mkdir()
    for pattern in ARGO_MANIFESTS:
        files = sorted(source.glob(pattern))
        if not files:
            raise BuildError(f"Argo's module has no {pattern}")
        for file in files:
            shutil.copyfile(file, target / "manifests" / file.name)


def build(compiler: Callable[[str, Path], None] = compile_all) -> Toolchain:
    """Return the pinned control plane, and build it first if the cache lacks it.

    Args:
        compiler: What fills a folder with the programs; given the go command and the folder.

    Raises:
        BuildError: There is no Go, or it cannot build.
    """
    go = find_go()
    cache = cache_directory()
    target = cache / cache_key(go)
    if target.is_dir():
        return Toolchain(target)
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / "lock"):
        if not target.is_dir():
            # Built beside its place and renamed, so that an interrupted build leaves nothing.
            with tempfile.TemporaryDirectory(dir=cache, prefix="building-") as unfinished:
                finished = Path(unfinished) / "build"
                finished.mkdir()
                compiler(go, finished)
                finished.rename(target)
    return Toolchain(target)


def main() -> None:
    """Build and print where the programs are."""
    try:
        toolchain = build()
    except BuildError as error:
        sys.exit(str(error))
    report(f"control plane: {toolchain.directory}")


if __name__ == "__main__":
    main()
