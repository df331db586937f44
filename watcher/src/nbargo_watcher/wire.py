"""The API server's JSON, as far as a row needs it: what is not named here is skipped without being built.

Nodes and templates are views of the bytes they came in, which `details` looks into where it must. What is required of
an object is said by the types, so that it is checked where the bytes are read.
"""

from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct, field

from nbargo_shared import labels

Filled = Annotated[str, Meta(min_length=1)]
"""Text that is not empty."""
Phase = Literal["", "Pending", "Running", "Succeeded", "Failed", "Error"]
"""Argo's phases: pkg/apis/workflow/v1alpha1/workflow_phase.go."""


class Labels(Struct, gc=False):
    """The labels that are read."""

    user: str | None = field(name=labels.USER_LABEL, default=None)
    job_id: str | None = field(name=labels.JOB_LABEL, default=None)
    definition_id: str | None = field(name=labels.DEFINITION_LABEL, default=None)
    completed: str | None = field(name=labels.COMPLETED_LABEL, default=None)
    resubmitted: str | None = field(name=labels.RESUBMITTED_LABEL, default=None)


class Annotations(Struct, gc=False):
    """The annotations that are read."""

    job: str | None = field(name=labels.JOB_ANNOTATION, default=None)
    definition: str | None = field(name=labels.DEFINITION_ANNOTATION, default=None)
    stop: str | None = field(name=labels.STOP_ANNOTATION, default=None)


class Metadata(Struct, gc=False, rename="camel"):
    """`metadata` of an object."""

    name: Filled
    uid: Filled
    resource_version: Filled
    namespace: str = ""
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: Labels | None = None
    annotations: Annotations | None = None


class Spec(Struct, gc=False):
    """`spec` of a workflow."""

    shutdown: str | None = None
    templates: msgspec.Raw = msgspec.Raw()


class Parameter(Struct, gc=False):
    """An output parameter."""

    name: str
    value: str | int | float | bool | None = None


class Outputs(Struct, gc=False):
    """`status.outputs` of a workflow."""

    parameters: list[Parameter] | None = None


class Status(Struct, gc=False, rename="camel"):
    """`status` of a workflow."""

    phase: Phase | None = None
    message: str | None = None
    progress: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    outputs: Outputs | None = None
    nodes: msgspec.Raw = msgspec.Raw()


class Workflow(Struct, gc=False):
    """A workflow; an item of a list may leave out its kind."""

    metadata: Metadata
    kind: Literal["", "Workflow"] | None = None
    spec: Spec | None = None
    status: Status | None = None


class RunMetadata(Struct, gc=False):
    """`spec.workflowMetadata` of a cron workflow: what each of its workflows gets."""

    annotations: Annotations | None = None


class CronSpec(Struct, gc=False, rename="camel"):
    """`spec` of a cron workflow: `schedule` up to Argo 3.7, `schedules` from 3.6 on."""

    schedule: str | None = None
    schedules: list[str] | None = None
    timezone: str | None = None
    suspend: bool | None = None
    workflow_metadata: RunMetadata | None = None


class Condition(Struct, gc=False):
    """A condition of a cron workflow; it has no time."""

    type: str
    status: str | None = None
    message: str | None = None


class CronStatus(Struct, gc=False, rename="camel"):
    """`status` of a cron workflow."""

    last_scheduled_time: str | None = None
    conditions: list[Condition] | None = None


class CronWorkflow(Struct, gc=False):
    """A cron workflow; one that Argo cannot read either is shown, with Argo's SpecError."""

    metadata: Metadata
    kind: Literal["", "CronWorkflow"] | None = None
    spec: CronSpec | None = None
    status: CronStatus | None = None


Item = TypeVar("Item", Workflow, CronWorkflow)


class ListMetadata(Struct, rename="camel"):
    """`metadata` of a list."""

    resource_version: str
    next_page: str | None = field(name="continue", default=None)


class ObjectList(Struct, Generic[Item]):
    """A list whose items are all as they should be."""

    metadata: ListMetadata
    items: list[Item] | None = None


class RawList(Struct):
    """A list whose items are read one by one."""

    metadata: ListMetadata
    items: list[msgspec.Raw] | None = None


class StatusObject(Struct, rename="camel"):
    """A `Status`, which is how the API server says that something failed (metav1.Status).

    Attributes:
        code: The HTTP status.
        reason: One word, such as `Expired`.
        message: A sentence.
        details: Causes, and after how many seconds to come back.
    """

    class Details(Struct, rename="camel"):
        """The part of a Status that is for programs."""

        class Cause(Struct):
            """One cause."""

            reason: str | None = None

        causes: list[Cause] | None = None
        retry_after_seconds: int | None = None

    kind: str | None = None
    code: int | None = None
    reason: str | None = None
    message: str | None = None
    details: Details | None = None


class Seen(Struct, Generic[Item], gc=False, tag_field="type"):
    """An event whose object is read, but not projected yet: of several that wait, only the last one has to be.

    Attributes:
        object: What was read. It holds no more than the projection will.
    """

    object: Item

    @property
    def uid(self) -> str:
        """The object's uid."""
        return self.object.metadata.uid

    @property
    def resource_version(self) -> str:
        """The object's resourceVersion."""
        return self.object.metadata.resource_version


class Added(Seen[Item], gc=False, tag="ADDED"):
    """An object that is new to the watch."""


class Modified(Seen[Item], gc=False, tag="MODIFIED"):
    """An object that was changed."""


class Deleted(Seen[Item], gc=False, tag="DELETED"):
    """An object that was deleted, or has left the selector."""


class BookmarkMetadata(Struct, gc=False, rename="camel"):
    """`metadata` of a bookmark."""

    resource_version: str


class BookmarkObject(Struct, gc=False):
    """The object of a bookmark, which has nothing else."""

    metadata: BookmarkMetadata


class BookmarkLine(Struct, gc=False, tag_field="type", tag="BOOKMARK"):
    """A bookmark."""

    object: BookmarkObject


class ErrorLine(Struct, gc=False, tag_field="type", tag="ERROR"):
    """What failed, as a line of a watch."""

    object: StatusObject


WorkflowLine = Added[Workflow] | Modified[Workflow] | Deleted[Workflow] | BookmarkLine | ErrorLine
"""What a line of a watch of workflows may be."""
CronLine = Added[CronWorkflow] | Modified[CronWorkflow] | Deleted[CronWorkflow] | BookmarkLine | ErrorLine
"""What a line of a watch of cron workflows may be."""
AnySeen = Seen[Any]
"""An event of either."""


class AnyLine(Struct):
    """A line whose object is not as it should be."""

    type: str = ""
    object: msgspec.Raw = msgspec.Raw(b"null")


class LooseMetadata(Struct, rename="camel"):
    """`metadata` of an object that may be anything."""

    name: Any = None
    uid: Any = None
    resource_version: Any = None


class LooseObject(Struct):
    """An object that may be anything."""

    metadata: LooseMetadata | None = None
