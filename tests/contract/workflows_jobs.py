"""Cases of notebook jobs: the submitter's own Workflow, with a few lines of shell where the runner's text stands."""

from contract.workflows import DIRECTORY, FOREVER, IMAGE, Action, Case, Ended, Gone, Merge, Until
from nbargo_shared.record import JobRecord
from nbargo_submitter.manifest import build_workflow
from nbargo_submitter.pod import PodSettings

RECORD = JobRecord(
    job_id="0b8ff6a5-9f7c-4f1c-9a0e-3a8e6d1f2c77",
    name="a report {{workflow.name}}",
    input_filename="It's (ä).ipynb",
    runtime_environment_name="python3",
    create_time=1_700_000_000_000,
    output_formats=("ipynb",),
    output_files={"ipynb": "It's (ä)-1.ipynb"},
    parameters={"x": "{{workflow.name}}", "n": "2"},
)


def outcome(status: str) -> str:
    """Return the text of a runner that only leaves its outcome."""
    return f'echo \'{{"status": "{status}"}}\' > {DIRECTORY}/outcome.json\n'


def job(name: str, source: str, *actions: Action, ttl: int | None = None) -> Case:
    """Return the case of a job whose runner is a stand-in."""
    settings = PodSettings(image=IMAGE, ttl_seconds=ttl)
    manifest = build_workflow(record=RECORD, user="jane", directory=DIRECTORY, settings=settings)
    spec, metadata = manifest["spec"], manifest["metadata"]
    spec["templates"][0]["script"] |= {"command": ["sh"], "source": source}
    for place in ("name", "namespace"):
        metadata.pop(place, None)
    return Case(name, spec, actions or (Ended(),), metadata)


CASES = (
    job("job-succeeds", outcome("completed")),
    job("job-fails", outcome("failed") + "exit 1"),
    job("job-without-outcome", "exit 137"),
    job("job-is-stopped", FOREVER, Until("Running", node="@NAME@"), Merge({"spec": {"shutdown": "Stop"}}), Ended()),
    job("job-is-collected", outcome("completed"), Gone(), ttl=1),
)
