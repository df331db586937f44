"""From the API server's JSON to observed objects.

What `wire` does not name, such as managed fields, is skipped without being built, and so are `status.nodes` but for
what `details` needs: memory and time do not grow with the size of workflows. A workflow that cannot be read is set
aside by itself, and what came with it goes on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Generic

import msgspec

from nbargo_shared import labels
from nbargo_shared.times import to_milliseconds
from nbargo_watcher import crons, details, wire
from nbargo_watcher.model import Event, Observed
from nbargo_watcher.resources import CRONWORKFLOWS
from nbargo_watcher.wire import AnySeen, Item, Seen, StatusObject

MESSAGE_LENGTH: Final = 4096
"""Characters kept of the message; the row holds 1024."""
_WHY_LENGTH: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Poison:
    """An object that cannot be read as what it should be.

    Attributes:
        why: What is wrong with it, for the log.
        name: Its name, as far as it can be read.
        uid: Its uid, as far as it can be read: it is there, whatever else is wrong with it.
        resource_version: Its resourceVersion, as far as it can be read.
    """

    why: str
    name: str = ""
    uid: str = ""
    resource_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookmark:
    """The server's word that nothing before this resourceVersion is still to come."""

    resource_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a list.

    Attributes:
        objects: What could be read.
        poison: What could not.
        resource_version: Of the whole list: the same on each of its pages.
        next_page: The token of the next page; "" on the last one.
    """

    objects: Sequence[Observed]
    poison: Sequence[Poison]
    resource_version: str
    next_page: str


class GarbledError(ValueError):
    """The answer is not what an API server says: not JSON, or not an object of the expected form."""


Line = AnySeen | Bookmark | StatusObject | Poison


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form(Generic[Item]):
    """How the objects of one kind are read."""

    line: Any
    items: Any
    item: type[Item]
    trim: Callable[[Item], None]
    project: Callable[..., Observed]


class Decoder:
    """Reads the answers about one resource in one namespace.

    Args:
        kind: The kind that objects must have.
        namespace: The namespace that was asked for; an object that names none is in it.
    """

    def __init__(self, *, kind: str, namespace: str) -> None:
        self._namespace = namespace
        self._form: _Form[Any] = _CRONWORKFLOW if kind == CRONWORKFLOWS.kind else _WORKFLOW
        self._line = msgspec.json.Decoder(self._form.line)
        self._list = msgspec.json.Decoder(self._form.items)

    def page(self, body: bytes | bytearray) -> Page:
        """Return a page of a list.

        Args:
            body: The answer to a list request.

        Raises:
            GarbledError: It is not a list.
        """
        try:
            decoded = self._list.decode(body)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return self._page_one_by_one(body)
        return _page_of(decoded.metadata, [self._read(item) for item in decoded.items or ()])

    def object(self, body: bytes | bytearray) -> Observed | Poison:
        """Return one object, as the answer to a get holds it."""
        try:
            return self._read(msgspec.json.decode(body, type=self._form.item))
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            return _poison(body, error)

    def line(self, line: bytes | memoryview) -> Line:
        """Return what one line of a watch says.

        Args:
            line: The line without its end.

        Raises:
            GarbledError: It is not JSON, or not an event.
        """
        try:
            decoded = self._line.decode(line)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            return _poisonous_line(line, error)
        if isinstance(decoded, Seen):
            self._form.trim(decoded.object)  # an event may wait for the database for long
            return decoded
        if isinstance(decoded, wire.ErrorLine):
            return decoded.object
        return Bookmark(resource_version=decoded.object.metadata.resource_version)

    def event(self, seen: AnySeen) -> Event:
        """Return the event that a line of a watch brought."""
        return Event(observed=self._observed(seen.object), deleted=isinstance(seen, wire.Deleted))

    def _page_one_by_one(self, body: bytes | bytearray) -> Page:
        try:
            decoded = msgspec.json.decode(body, type=wire.RawList)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise GarbledError(f"The answer is not a list of objects: {_why(error)}") from error
        return _page_of(decoded.metadata, [self.object(bytes(item)) for item in decoded.items or ()])

    def _read(self, item: wire.Workflow | wire.CronWorkflow) -> Observed:
        self._form.trim(item)
        return self._observed(item)

    def _observed(self, item: wire.Workflow | wire.CronWorkflow) -> Observed:
        return self._form.project(item, namespace=self._namespace)


_time = lru_cache(maxsize=1024)(to_milliseconds)
"""An object's times come again with each of its events, and reading them takes as long as the rest."""
_NO_LABELS: Final = wire.Labels()
_NO_ANNOTATIONS: Final = wire.Annotations()
_NO_STATUS: Final = wire.Status()
_NOTHING: Final = msgspec.Raw()


def _project(workflow: wire.Workflow, *, namespace: str) -> Observed:
    meta = workflow.metadata
    tags = meta.labels or _NO_LABELS
    notes = meta.annotations or _NO_ANNOTATIONS
    status = workflow.status or _NO_STATUS
    outcome = _outcome(status.outputs) if status.outputs else None
    started_at = _time(status.started_at)
    return Observed(
        namespace=meta.namespace or namespace,
        name=meta.name,
        uid=meta.uid,
        resource_version=meta.resource_version,
        user=tags.user or "",
        job_id=tags.job_id or (meta.uid if tags.definition_id else ""),
        definition_id=tags.definition_id or "",
        scheduled=bool(tags.definition_id and not tags.job_id),
        phase=status.phase or "",
        message=status.message or "",
        shutdown=(workflow.spec.shutdown or "") if workflow.spec else "",
        stop_requested=notes.stop is not None and _is_stop_requested(notes.stop, started_at),
        completed=tags.completed == "true",
        resubmitted=tags.resubmitted is not None,
        deleting=meta.deletion_timestamp is not None,
        ran=outcome is not None or _progressed(status.progress),
        created_at=_time(meta.creation_timestamp),
        started_at=started_at,
        finished_at=_time(status.finished_at),
        job_json=notes.job,
        outcome_json=outcome,
    )


def _trim(workflow: wire.Workflow) -> None:
    """Keep what the projection needs of what may be large, and let go of the rest."""
    if status := workflow.status:
        status.message = details.message_of(status, workflow.spec)[:MESSAGE_LENGTH]
        status.nodes = _NOTHING
        if status.outputs:
            outcome = _outcome(status.outputs)
            kept = [] if outcome is None else [wire.Parameter(name=labels.OUTCOME_PARAMETER, value=outcome)]
            status.outputs = wire.Outputs(parameters=kept)
    if workflow.spec:
        workflow.spec.templates = _NOTHING


_WORKFLOW: Final = _Form(
    line=wire.WorkflowLine,
    items=wire.ObjectList[wire.Workflow],
    item=wire.Workflow,
    trim=_trim,
    project=_project,
)
_CRONWORKFLOW: Final = _Form(
    line=wire.CronLine,
    items=wire.ObjectList[wire.CronWorkflow],
    item=wire.CronWorkflow,
    trim=crons.trim,
    project=crons.project,
)


def _outcome(outputs: wire.Outputs) -> str | None:
    for parameter in outputs.parameters or ():
        if parameter.name == labels.OUTCOME_PARAMETER and isinstance(parameter.value, str):
            return parameter.value
    return None


def _is_stop_requested(note: str, started_at: int | None) -> bool:
    """Return whether a stop was requested of this attempt: `argo retry` leaves the note of an earlier one there."""
    asked = _time(note)
    return asked is None or started_at is None or asked > started_at


@lru_cache(maxsize=64)
def _progressed(progress: str | None) -> bool:
    """Whether `n/m` has an n above 0."""
    return bool(progress) and (progress or "").partition("/")[0].strip("0") != ""


def _page_of(metadata: wire.ListMetadata, results: Sequence[Observed | Poison]) -> Page:
    return Page(
        objects=[item for item in results if isinstance(item, Observed)],
        poison=[item for item in results if isinstance(item, Poison)],
        resource_version=metadata.resource_version,
        next_page=metadata.next_page or "",
    )


def _poisonous_line(line: bytes | memoryview, cause: Exception) -> Poison:
    try:
        loose = msgspec.json.decode(line, type=wire.AnyLine)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise GarbledError(f"A line of the watch is not an event: {_why(error)}") from error
    return _poison(bytes(loose.object), cause)


def _poison(body: bytes | bytearray, cause: Exception) -> Poison:
    try:
        loose = msgspec.json.decode(body, type=wire.LooseObject).metadata or wire.LooseMetadata()
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        loose = wire.LooseMetadata()
    return Poison(
        why=_why(cause),
        name=_text(loose.name),
        uid=_text(loose.uid),
        resource_version=_text(loose.resource_version),
    )


def _text(value: Any) -> str:
    return value[:_WHY_LENGTH] if isinstance(value, str) else ""


def _why(error: Exception) -> str:
    return str(error)[:_WHY_LENGTH]
