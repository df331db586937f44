"""CronWorkflows, definition records and runs for the tests, and the rows of definitions."""

import json
from dataclasses import replace
from typing import Any

from nbargo_shared.definition import DefinitionRecord
from nbargo_shared.run import run_record, run_template
from nbargo_watcher.model import Cron, Event, Observed
from nbargo_watcher.projector import Projector
from unit.watcher_store.world import START, USER, World

SCOPE = "cronworkflows/argo"
DEFINITION = "5f0c3c4a-1b1e-4b52-9c3a-000000000001"
OTHER = "5f0c3c4a-1b1e-4b52-9c3a-000000000002"
UID = "cron-uid-1"
MADE = 1_000_000
NOW = 10_000_000  # what World's clock says, milliseconds
HOURLY = "0 * * * *"

RECORD = DefinitionRecord(
    definition_id=DEFINITION,
    name="numbers",
    input_filename="numbers.ipynb",
    runtime_environment_name="python3",
    runtime_environment_parameters={"cores": 2},
    create_time=MADE,
    update_time=MADE,
    files="input-1",
    compute_type="small",
    output_formats=("ipynb", "html"),
    parameters={"n": "3"},
    tags=("a",),
    output_filename_template="{{input_filename}}",
    schedule=HOURLY,
    timezone="Europe/Berlin",
)
UNSCHEDULED = replace(RECORD, schedule=None, timezone=None)
TEMPLATE = run_template(RECORD, patterns={"ipynb": "numbers-{time}.ipynb"})


def cron_of(record: DefinitionRecord, **changes: Any) -> Cron:
    """Return what a CronWorkflow says that the submitter made of a record."""
    values = {
        "schedule": record.schedule,
        "timezone": record.timezone,
        "suspended": not record.active,
        "definition_json": record.to_json(),
    }
    return Cron(**values | changes)


OBJECT = Observed(
    namespace="argo",
    name=f"nb-{DEFINITION}",
    uid=UID,
    resource_version="10",
    user=USER,
    definition_id=DEFINITION,
    created_at=MADE,
    job_json=TEMPLATE,
    cron=cron_of(RECORD),
)


def version(number: int, record: DefinitionRecord = RECORD, **changes: Any) -> Observed:
    """Return the CronWorkflow at a resourceVersion; *changes* are those of its spec and status."""
    return replace(OBJECT, resource_version=str(number), cron=cron_of(record, **changes))


def another(definition_id: str, **changes: Any) -> Observed:
    """Return the same CronWorkflow of another definition."""
    record = replace(RECORD, definition_id=definition_id)
    values: dict[str, Any] = {
        "name": f"nb-{definition_id}",
        "uid": f"cron-of-{definition_id}",
        "definition_id": definition_id,
        "cron": cron_of(record),
    }
    return replace(OBJECT, **values | changes)


RUN_UID = "9d3b2a64-0f2e-4d0c-8a53-000000000001"
RUN = Observed(
    namespace="argo",
    name=f"nb-{DEFINITION}-1700000000",
    uid=RUN_UID,
    resource_version="20",
    user=USER,
    job_id=RUN_UID,
    definition_id=DEFINITION,
    scheduled=True,
    phase="Running",
    created_at=START,
    started_at=START,
    job_json=TEMPLATE,
)
RUN_RECORD = run_record(TEMPLATE, uid=RUN_UID, created_ms=START)


async def see(projector: Projector, *objects: Observed) -> None:
    """Give watch events, one batch for each."""
    for observed in objects:
        event = Event(observed=observed)
        await projector.events(SCOPE, [event], resource_version=observed.resource_version)


async def delete(projector: Projector, observed: Observed, resource_version: str) -> None:
    """Give the deletion of an object."""
    body = replace(observed, resource_version=resource_version)
    await projector.events(SCOPE, [Event(observed=body, deleted=True)], resource_version=resource_version)


async def relist(projector: Projector, *objects: Observed, resource_version: str = "100") -> None:
    """Give a complete list."""
    await projector.page(SCOPE, objects)
    await projector.listed(SCOPE, uids=frozenset(item.uid for item in objects), resource_version=resource_version)


def rows(world: World) -> list[dict[str, Any]]:
    """Return all definitions, all columns."""
    return [dict(row) for row in world.sql("SELECT * FROM job_definitions ORDER BY job_definition_id")]


def row(world: World, definition_id: str = DEFINITION) -> dict[str, Any] | None:
    """Return one definition, all columns."""
    return next((found for found in rows(world) if found["job_definition_id"] == definition_id), None)


def state(world: World) -> tuple[Any, ...] | None:
    """Return schedule, zone and whether it is active, of the one definition."""
    found = row(world)
    return None if found is None else (found["schedule"], found["timezone"], found["active"])


def leave(world: World, record: DefinitionRecord, text: str | None = None) -> None:
    """Write a definition file."""
    directory = world.staging / record.definition_id
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "definition.json").write_text(record.to_json() if text is None else text)


def as_wire(observed: Observed) -> dict[str, Any]:
    """Return a CronWorkflow as the API server would send it."""
    cron = observed.cron or Cron()
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "CronWorkflow",
        "metadata": {
            "name": observed.name,
            "namespace": observed.namespace,
            "uid": observed.uid,
            "resourceVersion": observed.resource_version,
            "labels": {"nbargo/user": observed.user, "nbargo/definition-id": observed.definition_id},
            "annotations": {"nbargo/definition": cron.definition_json},
        },
        "spec": {
            "schedules": [cron.schedule],
            "timezone": cron.timezone,
            "suspend": cron.suspended,
            "workflowMetadata": {"annotations": {"nbargo/job": observed.job_json}},
            "workflowSpec": {"entrypoint": "main", "templates": [{"name": "main", "suspend": {}}]},
        },
        "status": {"active": None, "conditions": [{"type": t, "message": m} for t, m in cron.conditions]},
    }


def dumped(observed: Observed) -> bytes:
    """Return a CronWorkflow as bytes."""
    return json.dumps(as_wire(observed)).encode()
