"""From what watches told of a CronWorkflow and its Workflows to a story that can be compared.

A story leaves out what no two plays share: uids, versions, and times, which are told by the minutes of the play.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from contract.observe import changes, distinct, full

Object = dict[str, Any]

MINUTE: Final = timedelta(minutes=1)
_METADATA: Final = ("labels", "annotations", "ownerReferences", "finalizers", "generateName")
_HOUR: Final = 60
_LONGEST_AGO: Final = 200  # minutes; a time that is farther from the play is no minute of it
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_UNIX: Final = re.compile(r"-(\d{10})\b")
_MINUTE_OF_HOUR: Final = re.compile(r"\b(\d{1,2}) \* \* \* \*")
_PLACES: Final = re.compile(r"@([TM])(-?\d+)@")


@dataclass(frozen=True, slots=True)
class Calendar:
    """The minutes of a play.

    Args:
        first: When the first one begins.
    """

    first: datetime

    def minute(self, number: int) -> datetime:
        """Return when a minute begins; the first one's number is 1."""
        return self.first + (number - 1) * MINUTE

    def fill(self, part: Object) -> Object:
        """Return a part of a case with times for their stand-ins."""

        def time(found: re.Match[str]) -> str:
            when = self.first + int(found[2]) * MINUTE
            return str(when.minute) if found[1] == "M" else f"{when:%Y-%m-%dT%H:%M:%SZ}"

        filled: Object = json.loads(_PLACES.sub(time, json.dumps(part)))
        return filled

    def empty(self, text: str) -> str:
        """Return a text with stand-ins for its times."""
        text = _TIME.sub(lambda found: self._place(datetime.fromisoformat(found[0])), text)
        text = _UNIX.sub(lambda found: f"-{self._place(datetime.fromtimestamp(int(found[1]), UTC))}", text)
        return _MINUTE_OF_HOUR.sub(self._minute_of_hour, text)

    def _place(self, when: datetime) -> str:
        minutes, rest = divmod(when - self.first, MINUTE)
        if rest or abs(minutes) > _LONGEST_AGO:
            return "<time>"
        return f"<minute {minutes + 1}>" if minutes >= 0 else f"<{-minutes} minutes before>"

    def _minute_of_hour(self, found: re.Match[str]) -> str:
        if (minute := int(found[1])) >= _HOUR:
            return found[0]
        return f"<{(self.first.minute - minute) % _HOUR} minutes before> * * * *"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a watch told of one object."""

    resource: str
    type: str
    object: Object

    @property
    def key(self) -> tuple[str, str]:
        """The resource and the object's name."""
        return self.resource, self.object["metadata"]["name"]


@dataclass(slots=True)
class Log:
    """What was done in a case and what was seen of it, in its order; what was done is a text."""

    entries: list[str | Seen] = field(default_factory=list)

    def last(self, resource: str) -> dict[str, Seen]:
        """Return what was seen last of the objects of a resource, by their names."""
        return {each.key[1]: each for each in self.entries if isinstance(each, Seen) and each.resource == resource}


def tell(log: Log, workflow_spec: Object, calendar: Calendar) -> Object:
    """Return the story of a case.

    Args:
        log: What was seen.
        workflow_spec: The spec of the Workflows.
        calendar: The minutes of the play.
    """
    told: Object = {}
    for name, seen in log.last("cronworkflows").items():
        told["cron"] = {"name": name, "course": _course(log, seen), "status": _status(seen), **_metadata(seen)}
    for name, seen in log.last("workflows").items():
        spec = changes(full(workflow_spec), full(seen.object["spec"]))
        told[name] = {"course": _course(log, seen), "spec": spec, **_metadata(seen)}
    text = json.dumps(told, ensure_ascii=False)
    for resource in ("cronworkflows", "workflows"):
        for name, seen in log.last(resource).items():
            text = text.replace(seen.object["metadata"]["uid"], f"<uid of {name}>")
    story: Object = json.loads(calendar.empty(text))
    return story


def _course(log: Log, last: Seen) -> list[Any]:
    mine = (each for each in log.entries if isinstance(each, str) or each.key == last.key)
    return _after_the_first(distinct(each if isinstance(each, str) else [each.type, _state(each)] for each in mine))


def _after_the_first(course: list[Any]) -> list[Any]:
    """Return a course from what was done last before its object was there."""
    begin = next(index for index, each in enumerate(course) if not isinstance(each, str))
    return course[max(0, begin - 1) :]


def _state(seen: Seen) -> Object:
    status = seen.object.get("status") or {}
    if seen.resource == "workflows":
        state = {key: status.get(key) for key in ("phase", "message")}
        state["deleting"] = "deletionTimestamp" in seen.object["metadata"] or None
        return {key: value for key, value in state.items() if value}
    return {**status, "active": [each["name"] for each in status.get("active") or ()]}


def _status(seen: Seen) -> Object:
    status = dict(seen.object.get("status") or {})
    for each in status.get("active") or ():
        each["resourceVersion"] = "<version>"
    return status


def _metadata(seen: Seen) -> Object:
    metadata = seen.object["metadata"]
    return {"metadata": {key: metadata[key] for key in _METADATA if metadata.get(key)}}
