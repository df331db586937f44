"""The bytes that the scripted server sends: Workflows as a kube-apiserver writes them, in lists and in watches.

Everything about a stream is in its name, which is also the namespace that a client asks for, so that one server serves
any number of them: `<mix>-<size>-<count>`, such as `changes-small-20000`. Sizes: `small` is 3.2 KB an event and `large`
29 KB, by the number of entries in `status.nodes`. Mixes:

* `changes`: every event changes a row. Each job is added pending, runs, and ends with its outcome as an output
  parameter; a job's next event comes 100 events after the one before, so that a hundred jobs are always under way.
* `life`: as Argo's controller writes a workflow of one pod, eight events of which three change a row: added without
  a status, pending, running, two updates of the node, succeeded, and two updates of labels after the end. Interleaved
  in the same way.
* `new`: every event is a new job, so that each is a row to insert: nothing can be gathered.
* `quiet`: a hundred running jobs whose objects change again and again in what a row does not show.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

USER = "bench"
API = "argoproj.io/v1alpha1"
NODES = {"small": 2, "large": 48}
SPREAD = 100
"""Events between two of the same job."""
RUNNING = 100
"""Jobs of the quiet mix."""
_FILLER = {"small": 400, "large": 900}  # characters that bring an event to its size
_STAGES = {"changes": 3, "life": 8, "new": 1}
_VERSION, _JOB, _TYPE = b"@version@", b"@job@", b"@type@"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What an object looks like at one step of its life."""

    type: str = "MODIFIED"
    phase: str = ""
    progress: str = ""
    labels: tuple[tuple[str, str], ...] = ()


_ARGO = "workflows.argoproj.io/"
_DONE = (f"{_ARGO}completed", "true")
_ARCHIVING = f"{_ARGO}workflow-archiving-status"
PENDING = Stage(type="ADDED", phase="Pending")
RUNS = Stage(phase="Running", progress="0/1")
SUCCEEDED = Stage(phase="Succeeded", progress="1/1", labels=(_DONE,))
LIVES = {
    "changes": (PENDING, RUNS, SUCCEEDED),
    "life": (
        Stage(type="ADDED"),
        Stage(phase="Pending"),
        RUNS,
        RUNS,
        RUNS,
        SUCCEEDED,
        Stage(phase="Succeeded", progress="1/1", labels=(_DONE, (_ARCHIVING, "Pending"))),
        Stage(phase="Succeeded", progress="1/1", labels=(_DONE, (_ARCHIVING, "Archived"))),
    ),
    "new": (Stage(type="ADDED", phase="Running", progress="0/1"),),
    "quiet": (RUNS,),
}


def job_id(number: int) -> str:
    """Return the id of a job: as long as a real one, and as far from its neighbours, which indexes feel."""
    return f"{number * 2654435761 % 2**32:08x}-9d45-4a1e-8b57-{number:012d}"


def record(job: str) -> dict[str, object]:
    """Return a job's record, as the annotation holds it."""
    return {
        "version": 1,
        "job_id": job,
        "name": "numbers",
        "input_filename": "numbers.ipynb",
        "runtime_environment_name": "python3",
        "create_time": 1767225600000,
        "runtime_environment_parameters": {"cores": 2},
        "output_formats": ["ipynb", "html"],
        "output_files": {"ipynb": "numbers-2026.ipynb", "html": "numbers-2026.html"},
        "parameters": {"n": "3"},
        "output_filename_template": "{{input_filename}}-{{create_time}}",
    }


def workflow(job: str, *, version: str, stage: Stage, size: str) -> dict[str, object]:
    """Return a Workflow.

    Args:
        job: Its job's id.
        version: Its resourceVersion.
        stage: How far it is.
        size: `small` or `large`.
    """
    return {
        "apiVersion": API,
        "kind": "Workflow",
        "metadata": _metadata(job, version, stage),
        "spec": {"entrypoint": "main", "templates": [{"name": "main", "script": {"source": "x" * _FILLER[size]}}]},
        "status": _status(job, stage, size) if stage.phase else {},
    }


def _metadata(job: str, version: str, stage: Stage) -> dict[str, object]:
    written: dict[str, object] = {
        "f:metadata": {"f:labels": {"f:nbargo/user": {}, "f:nbargo/job-id": {}}},
        "f:spec": {},
        "f:status": {},
    }
    return {
        "annotations": {"nbargo/job": json.dumps(record(job), separators=(",", ":"))},
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "generation": 3,
        "labels": {
            "nbargo/job-id": job,
            "nbargo/user": USER,
            f"{_ARGO}phase": stage.phase or "Pending",
            **dict(stage.labels),
        },
        "managedFields": [{"apiVersion": API, "fieldsType": "FieldsV1", "fieldsV1": written, "manager": "argo"}],
        "name": f"nb-{job}",
        "namespace": "jobs",
        "resourceVersion": version,
        "uid": f"uid-{job}",
    }


def _status(job: str, stage: Stage, size: str) -> dict[str, object]:
    ended = stage.phase == "Succeeded"
    end = {"finishedAt": "2026-01-01T00:01:00Z", "outputs": _outputs(job)} if ended else {"finishedAt": None}
    return {
        "artifactRepositoryRef": {"artifactRepository": {}, "default": True},
        "conditions": [{"status": "False", "type": "PodRunning"}],
        **end,
        "nodes": {f"nb-{job}-{number}": _node(job, number, stage) for number in range(NODES[size])},
        "phase": stage.phase,
        "progress": stage.progress,
        "resourcesDuration": {"cpu": 1, "memory": 4},
        "startedAt": "2026-01-01T00:00:01Z",
    }


def _node(job: str, number: int, stage: Stage) -> dict[str, object]:
    name = f"nb-{job}-{number}"
    return {
        "boundaryID": f"nb-{job}",
        "displayName": "main",
        "finishedAt": None,
        "hostNodeName": "node-of-the-cluster-1",
        "id": name,
        "inputs": {"parameters": [{"name": "notebook", "value": "numbers.ipynb"}]},
        "name": name,
        "phase": stage.phase,
        "progress": stage.progress,
        "resourcesDuration": {"cpu": 1, "memory": 4},
        "startedAt": "2026-01-01T00:00:01Z",
        "templateName": "main",
        "templateScope": f"local/nb-{job}",
        "type": "Pod",
    }


def _outputs(job: str) -> dict[str, object]:
    outcome = {
        "version": 1,
        "job_id": job,
        "workflow_uid": f"uid-{job}",
        "state": "completed",
        "started_at": 1767225602500,
        "ended_at": 1767225659500,
        "files": ["numbers-2026.ipynb", "numbers-2026.html"],
        "job": record(job),
    }
    return {"parameters": [{"name": "nbargo-outcome", "value": json.dumps(outcome, separators=(",", ":"))}]}


def events(mix: str, size: str, count: int, *, first: int = 0) -> Iterator[bytes]:
    """Return lines of a watch.

    Args:
        mix: See above.
        size: `small` or `large`.
        count: How many.
        first: Number of the first job; resourceVersions begin at 1001 more.
    """
    for place, (number, stage) in enumerate(_order(mix, count)):
        yield _line(size, stage, job=job_id(first + number), version=first + 1001 + place)


def _order(mix: str, count: int) -> Iterator[tuple[int, Stage]]:
    stages = LIVES[mix]
    if mix == "quiet":
        yield from ((place % RUNNING, stages[0]) for place in range(count))
        return
    lag, made, step = SPREAD // len(stages), 0, 0
    while made < count:
        for stage, item in enumerate(stages):
            number = step - stage * lag
            if number >= 0 and made < count:
                made += 1
                yield number, item
        step += 1


def statuses(mix: str, count: int) -> dict[str, int]:
    """Return how many rows of each status must be there once these events were taken."""
    names = {"": "QUEUED", "Pending": "QUEUED", "Running": "IN_PROGRESS", "Succeeded": "COMPLETED"}
    last = {number: names[stage.phase] for number, stage in _order(mix, count)}
    return {status: list(last.values()).count(status) for status in sorted(set(last.values()))}


def _line(size: str, stage: Stage, *, job: str, version: int) -> bytes:
    template = _template(size, stage)
    return template.replace(_JOB, job.encode()).replace(_VERSION, b"%d" % version)


@cache
def _template(size: str, stage: Stage) -> bytes:
    item = workflow(_JOB.decode(), version=_VERSION.decode(), stage=stage, size=size)
    return json.dumps({"type": stage.type, "object": item}, separators=(",", ":")).encode() + b"\n"


def items(size: str, count: int, *, stage: Stage = SUCCEEDED) -> list[bytes]:
    """Return the objects of a list, each as JSON.

    Args:
        size: `small` or `large`.
        count: How many.
        stage: How far they are.
    """
    template = json.dumps(
        workflow(_JOB.decode(), version=_VERSION.decode(), stage=stage, size=size), separators=(",", ":")
    ).encode()
    return [
        template.replace(_JOB, job_id(number).encode()).replace(_VERSION, b"%d" % (number + 1))
        for number in range(count)
    ]


def page(found: list[bytes], *, version: int, following: str) -> bytes:
    """Return a page of a list."""
    metadata = {"resourceVersion": str(version)} | ({"continue": following} if following else {})
    head = {"apiVersion": API, "kind": "WorkflowList", "metadata": metadata}
    return json.dumps(head, separators=(",", ":")).encode()[:-1] + b',"items":[' + b",".join(found) + b"]}\n"
