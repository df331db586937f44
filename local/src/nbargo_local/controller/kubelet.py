"""Pods as local processes: started as places become free, limited in time, and read when they have ended."""

import asyncio
import os
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from nbargo_local.controller.clock import Clock
from nbargo_local.controller.durations import stamp
from nbargo_local.controller.names import Object
from nbargo_local.controller.pods import Output, PodPhase, PodSpec, PodStatus
from nbargo_local.controller.processes import ProcessGroup, kill_marked
from nbargo_local.controller.programs import EXECUTOR_FAILED, StartError, check_program

_NO_PLACE: Final = "Unschedulable: 0/1 nodes are available: 1 Too many pods."
_TOO_LONG: Final = "Pod was active on the node longer than the specified deadline"
_PASSED_ON: Final = ("HOME", "LANG", "LC_ALL", "TZ")


def default_places() -> int:
    """Return how many pods run at once if nobody says otherwise: as many as there are processors, but at least two."""
    return max(2, os.cpu_count() or 1)


def base_environment() -> dict[str, str]:
    """Return what of this process's own environment its pods get to see: where programs, home and language are."""
    here = str(Path(sys.executable).parent)
    passed = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
    return {"LANG": "C.UTF-8"} | passed | {"PATH": os.pathsep.join([here, os.environ.get("PATH", os.defpath)])}


@dataclass(slots=True)
class _Pod:
    spec: PodSpec
    status: PodStatus
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    late: bool = False
    task: asyncio.Task[None] | None = None


class Kubelet:
    """Runs pods, at most some at once.

    Args:
        workdir: The directory for logs, `<workflow>/<node>.log`, and for the pods' own directories.
        clock: The clock for deadlines and times.
        changed: Called with the Workflow's uid whenever one of its pods has changed.
        places: How many pods may run at once.
        grace: How many seconds a pod has between SIGTERM and SIGKILL.
        env: Variables that every pod gets.
    """

    def __init__(
        self,
        *,
        workdir: Path,
        clock: Clock,
        changed: Callable[[str], None],
        places: int,
        grace: float,
        env: Mapping[str, str],
    ) -> None:
        self._workdir = workdir.resolve()
        self._clock = clock
        self._changed = changed
        self._free = places
        self._grace = grace
        self._env = dict(env)
        self._pods: dict[tuple[str, str], _Pod] = {}
        self._waiting: deque[_Pod] = deque()
        self._leaving: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Kill what an earlier controller of the same directory left behind when it was killed itself."""
        self._workdir.mkdir(parents=True, exist_ok=True)
        await kill_marked(f"{self._workdir}:")

    async def close(self) -> None:
        """Stop all pods and wait for their end."""
        self._waiting.clear()
        for pod in self._pods.values():
            pod.stop.set()
        tasks = [pod.task for pod in self._pods.values() if pod.task is not None]
        await asyncio.gather(*tasks, *self._leaving, return_exceptions=True)

    def statuses(self, uid: str) -> dict[str, PodStatus]:
        """Return the pods of a workflow by node id.

        Args:
            uid: The Workflow's uid.
        """
        return {node: pod.status for (owner, node), pod in self._pods.items() if owner == uid}

    def start(self, spec: PodSpec) -> None:
        """Start a pod as soon as there is a place for it; does nothing if it is there already.

        Args:
            spec: The pod.
        """
        key = spec.uid, spec.node_id
        if key in self._pods:
            return
        pod = self._pods[key] = _Pod(spec, PodStatus("Pending"))
        self._waiting.append(pod)
        self._fill()
        if pod.task is None:
            self._set(pod, PodStatus("Pending", _NO_PLACE))

    def stop(self, uid: str, node: str) -> None:
        """Ask a pod to end; it changes when it has.

        Args:
            uid: The Workflow's uid.
            node: The node's id.
        """
        pod = self._pods.get((uid, node))
        if pod is None:
            return
        pod.stop.set()
        if pod in self._waiting:
            self._waiting.remove(pod)
            self._set(pod, PodStatus("Failed", finished_at=stamp(self._clock.now())))

    def forget(self, uid: str, node: str) -> None:
        """Drop a pod; one that still runs is stopped, and its place may be taken by a new one of the same key.

        Args:
            uid: The Workflow's uid.
            node: The node's id.
        """
        self.stop(uid, node)
        pod = self._pods.pop((uid, node), None)
        if pod is not None and pod.task is not None:
            self._leaving.add(pod.task)
            pod.task.add_done_callback(self._leaving.discard)

    def forget_all(self, uid: str) -> None:
        """Drop a workflow's pods, as `forget` does with one.

        Args:
            uid: The Workflow's uid.
        """
        for node in self.statuses(uid):
            self.forget(uid, node)

    def _set(self, pod: _Pod, status: PodStatus) -> None:
        pod.status = status
        self._changed(pod.spec.uid)

    def _fill(self) -> None:
        while self._free and self._waiting:
            self._free -= 1
            pod = self._waiting.popleft()
            pod.task = asyncio.create_task(self._run(pod), name=f"pod {pod.spec.name}")

    async def _run(self, pod: _Pod) -> None:
        try:
            status = await self._life(pod)
        except StartError as error:
            status = self._failed(EXECUTOR_FAILED, str(error))
        except (OSError, ValueError) as error:  # a ValueError: a NUL or half a surrogate in an argument
            status = self._failed(EXECUTOR_FAILED, f"failed to start command: {error}")
        finally:
            self._free += 1
            self._fill()
        self._set(pod, status)

    async def _life(self, pod: _Pod) -> PodStatus:
        """Run a pod in a directory of its own, from its start to its end."""
        logs = self._workdir / pod.spec.workflow
        logs.mkdir(parents=True, exist_ok=True)
        own = Path(tempfile.mkdtemp(prefix=f"{pod.spec.node_id}.", dir=logs))
        try:
            cwd = _directory(pod.spec.working_dir or str(own))
            code = await self._process(pod, own, cwd, logs / f"{pod.spec.node_id}.log")
            return self._ended(pod, code, cwd)
        finally:
            shutil.rmtree(own, ignore_errors=True)

    async def _process(self, pod: _Pod, own: Path, cwd: Path, log: Path) -> int:
        command = list(pod.spec.command)
        env = self._environment(pod.spec, own)
        check_program(command[0], env.get("PATH", ""))
        if pod.spec.source is not None:
            script = own / "script"
            script.write_text(pod.spec.source, encoding="utf-8")
            command.append(str(script))
        group = await ProcessGroup.start(command, env=env, cwd=cwd, log=log, mark=f"{self._workdir}:{own.name};")
        self._set(pod, PodStatus("Running"))
        end = asyncio.create_task(self._end(pod, group))
        try:
            return await group.wait()
        except asyncio.CancelledError:
            group.kill()
            raise
        finally:
            end.cancel()
            await asyncio.wait([end])

    def _environment(self, spec: PodSpec, own: Path) -> dict[str, str]:
        temporary = own / "tmp"
        temporary.mkdir()
        argo = {"ARGO_CONTAINER_NAME": "main", "ARGO_NODE_ID": spec.node_id}
        return self._env | {"TMPDIR": str(temporary)} | argo | dict(spec.env)

    def _limit(self, spec: PodSpec) -> datetime | None:
        deadline = None if spec.deadline is None else self._clock.now() + timedelta(seconds=spec.deadline)
        return min((when for when in (deadline, spec.kill_at) if when is not None), default=None)

    async def _end(self, pod: _Pod, group: ProcessGroup) -> None:
        """End a pod when it is asked to, or when its time is over."""
        waits: list[asyncio.Task[object]] = [asyncio.create_task(pod.stop.wait())]
        if (limit := self._limit(pod.spec)) is not None:
            waits.append(asyncio.create_task(self._clock.sleep_until(limit)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        pod.late = not pod.stop.is_set()
        await group.stop(self._grace)

    def _failed(self, code: int, message: str) -> PodStatus:
        return PodStatus("Failed", f"main: Error (exit code {code}): {message}", code, stamp(self._clock.now()))

    def _ended(self, pod: _Pod, code: int, cwd: Path) -> PodStatus:
        outputs, missing = _read_outputs(pod.spec.outputs, cwd)
        phase: PodPhase = "Succeeded"
        message = ""
        if pod.late:
            phase, message = "Failed", _TOO_LONG
        elif code:
            phase, message = "Failed", f"main: Error (exit code {code})"
        elif missing:
            phase, message = "Error", f"wait: Error (exit code {EXECUTOR_FAILED}): {missing}"
        return PodStatus(phase, message, code, stamp(self._clock.now()), tuple(outputs))


def _directory(path: str) -> Path:
    """Return a working directory, made if it is not there, as container runtimes do."""
    directory = Path(path)
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def _read_outputs(declared: tuple[Output, ...], cwd: Path) -> tuple[list[Object], str]:
    """Read the outputs; a missing one without a default ends that, as in Argo, with the reason."""
    outputs: list[Object] = [_shown(output) for output in declared]
    for shown, output in zip(outputs, declared, strict=True):
        value = _read(cwd / output.path)
        if value is None and output.default is None:
            path = "/" + output.path.lstrip("/")
            return outputs, f"open /var/run/argo/outputs/parameters{path}: no such file or directory"
        shown["value"] = (output.default or "") if value is None else value.removesuffix("\n")
    return outputs, ""


def _shown(output: Output) -> Object:
    source = {"path": output.path} | ({} if output.default is None else {"default": output.default})
    name = {"globalName": output.global_name} if output.global_name else {}
    return {"name": output.name, "valueFrom": source} | name


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
