"""What a person can act on, for what Argo, the kubelet, the scheduler and the API server say.

One table: a text that is looked for, and the sentence that the user reads. What was said goes after it in square
brackets, because the administrator will want it. The texts were read in argo-workflows 3.7 (workflow/controller/
operator.go: getPendingReason, inferFailedReason, assessNodeStatus, processNodeRetries; exec_control.go; workflow/sync)
and Kubernetes 1.34 (pkg/kubelet: images, eviction, active_deadline.go, nodeshutdown, lifecycle; pkg/scheduler;
apiserver's admission plug-ins).
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from nbargo_shared.status import FOR_A_PLACE, MESSAGE_LENGTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One line of the table.

    Attributes:
        said: What is looked for.
        told: The user's sentence, with the names of groups of `said` in braces; `resources` are those that a node has
            too little of.
        waits: Whether it is told while the job waits: what does not pass by itself in seconds.
        whole: Whether the sentence says all, so that nothing goes after it.
    """

    said: re.Pattern[str]
    told: str
    waits: bool = False
    whole: bool = False


def _reason(said: str, told: str, *, waits: bool = False, whole: bool = False) -> Reason:
    return Reason(said=re.compile(said), told=told, waits=waits, whole=whole)


_ASK: Final = "ask your administrator"

REASONS: Final = (
    # Argo's locks and limits
    _reason(
        r"^Waiting for .+ lock\b.*\bLock status: -?\d+/(?P<places>\d+)",
        f"{FOR_A_PLACE}: {{places}} of your runs may run at a time",
        waits=True, whole=True,
    ),
    _reason(
        r"^Workflow processing has been postponed because too many workflows",
        f"{FOR_A_PLACE}: the cluster runs as many workflows as it may run at a time",
        waits=True, whole=True,
    ),
    _reason(
        r"^Waiting for a PVC to be created|^pvc create error",
        f"A volume of the job cannot be made: {_ASK}",
        waits=True,
    ),
    # The image
    _reason(
        r"\b(?:ErrImagePull|ImagePullBackOff)\b",
        "The job's image cannot be pulled: check the name of the environment's image, and that the cluster may pull it",
        waits=True,
    ),
    _reason(
        r"\bInvalidImageName\b",
        "The name of the job's image is not valid: correct the environment's image",
        waits=True,
    ),
    _reason(
        r"\bErrImageNeverPull\b",
        "The job's image is not on its node and may not be pulled: choose another environment",
        waits=True,
    ),
    _reason(
        r'exec: "(?P<program>[^"]+)": (?:executable file not found in \$PATH|stat .*no such file)',
        "The job's image has no program {program}: choose an environment whose image has it",
    ),
    _reason(
        r'exec: "(?P<program>[^"]+)": (?:permission denied|is a directory)',
        "The program {program} in the job's image cannot be run: choose an environment whose image can run it",
    ),
    # Volumes; the scheduler says "0/3 nodes are available" before some of these
    _reason(
        r'persistentvolumeclaim "(?P<claim>[^"]+)" (?:not found|is being deleted)',
        f"The job's volume {{claim}} is missing: {_ASK}",
        waits=True,
    ),
    _reason(
        r"unbound immediate PersistentVolumeClaims|pvc\(s\) bound to non-existent pv\(s\)",
        f"A volume of the job was not provided yet: if it stays so, {_ASK}",
        waits=True,
    ),
    _reason(
        r"ReadWriteOncePod access mode already in-use|Multi-Attach error",
        "A volume of the job is in use by another pod: wait, or stop what uses it",
        waits=True,
    ),
    _reason(
        r"\bFailedMount\b|\bMountVolume\.|Unable to attach or mount volumes|\bFailedAttachVolume\b",
        f"A volume of the job cannot be mounted: {_ASK}",
        waits=True,
    ),
    # No room
    _reason(
        r"nodes are available: .*\b(?:Insufficient [\w./-]+|Too many pods)",
        "No node of the cluster has enough {resources} free for the job: wait, or choose a smaller size",
        waits=True,
    ),
    _reason(
        r"^Unschedulable\b|nodes are available: ",
        f"No node of the cluster can take the job: wait, choose another size, or {_ASK}",
        waits=True,
    ),
    _reason(
        r"exceeded quota: (?P<quota>[^,]+),",
        "The quota of your namespace is used up: wait until other jobs and labs have ended, or choose a smaller size",
        waits=True,
    ),
    _reason(
        r"Node didn't have enough resource|\bOutOf(?:cpu|memory|pods|ephemeral-storage)\b",
        "The node had no room for the job after all: run it again",
    ),
    # What the pod refers to
    _reason(
        r'\b(?P<kind>secret|configmap|Secret|ConfigMap) "(?P<name>[^"]+)" not found',
        f"The job needs the {{kind}} {{name}}, which is missing: {_ASK}",
        waits=True,
    ),
    _reason(
        r"couldn't find key (?P<key>\S+) in (?P<kind>Secret|ConfigMap) (?P<name>[^\s,]+)",
        f"The job needs the key {{key}} of the {{kind}} {{name}}, which is missing: {_ASK}",
        waits=True,
    ),
    _reason(r"\bCreateContainerConfigError\b", f"The settings of the job's pod are wrong: {_ASK}", waits=True),
    _reason(
        r'error looking up service account [^:]*: serviceaccount "(?P<name>[^"]+)" not found',
        f"The service account {{name}}, as which jobs run, is missing: {_ASK}",
    ),
    _reason(
        r'User "system:serviceaccount:[^"]*:(?P<name>[^":]+)" cannot (?P<verb>\w+) resource "(?P<what>[^"]+)"',
        f"The service account {{name}}, as which jobs run, may not {{verb}} {{what}}: {_ASK}",
    ),
    # Memory, time, and the node
    _reason(
        r"\bOOMKilled\b.*\blimits\.memory=(?P<limit>\S+)",
        "The job used more memory than its limit of {limit}: choose a larger size, or use less at a time",
    ),
    _reason(r"\bOOMKilled\b", "The job used more memory than it may: choose a larger size, or use less at a time"),
    _reason(
        r"longer than the specified deadline|exceeded its deadline|exceeded workflow deadline|\bDeadlineExceeded\b",
        "The job took longer than its time limit: give it more time, or make it shorter",
    ),
    _reason(
        r"The node was low on resource: (?P<resource>[\w-]+)",
        "The job was ended because its node ran out of {resource}: run it again, or choose a larger size",
    ),
    _reason(
        r"The node had condition: \[",
        "The job was ended because its node was short of resources: run it again, or choose a larger size",
    ),
    _reason(
        r"ephemeral local storage usage exceeds|local ephemeral storage limit|Usage of EmptyDir volume",
        "The job wrote more than its pod may: write large files to your own folder",
    ),
    _reason(
        r"imminent node shutdown|which was running pod \S+ is unresponsive|\bNodeLost\b|node no longer exists",
        "The job's node was shut down or lost: run it again",
    ),
    _reason(
        r"Preempted in order to admit critical pod|[Pp]reempted by",
        "The job had to make room for something more important: run it again",
    ),
    _reason(
        r"(?:^|: )(?:pod|container) deleted$",
        "The job's pod was deleted while the job ran, as when a node is taken away: run it again",
    ),
    _reason(
        r"\(exit code 143\)",
        "The job's pod was told to end while the job ran, as when a node is taken away: run it again",
    ),
    _reason(
        r"\(exit code 137\)",
        "The job was killed, most often because it used too much memory: choose a larger size, or run it again",
    ),
    _reason(
        r"\(exit code 127\)",
        "A program that the job starts is not in its image: choose an environment whose image has it",
    ),
    # Refused
    _reason(
        r"is forbidden: (?:maximum|minimum) \S+ usage per (?:Container|Pod)|must be less than or equal to",
        "The cluster does not allow a job of this size: choose another size",
    ),
    _reason(
        r"denied the request|violates PodSecurity|ValidatingAdmissionPolicy|\bpods \"[^\"]*\" is forbidden: ",
        f"The cluster's rules do not allow the job's pod: {_ASK}",
    ),
    _reason(
        r"longer than maximum allowed size|Request entity too large|request is too large|argument list too long",
        "The job is too large for the cluster: give it fewer or shorter parameters",
    ),
    # Last: where nothing better is known
    _reason(
        r"^(?:Err\w+|\w+Error|\w+BackOff|\w+Failed|RegistryUnavailable)(?::|$)|^Pod failed before .+ container starts",
        f"The job's pod cannot start: if it stays so, {_ASK}",
        waits=True,
    ),
    _reason(
        r"^(?:No more retries left|Max duration limit exceeded|Backoff would exceed max duration limit)$",
        "The job failed in each of its attempts: its log says why",
    ),
    _reason(
        r"^retryStrategy\.expression evaluated to false$",
        "The job failed, and is not run again after such a failure: its log says why",
    ),
    _reason(r"^can't find failed message for pod", "The job's pod failed without saying why: run it again"),
)  # fmt: skip
"""The first line that fits counts."""

_SHORT_OF: Final = re.compile(r"Insufficient ([\w./-]*\w)|(Too many pods)")
_CACHED: Final = 256
"""An object's text comes again with each of its events."""


@lru_cache(maxsize=_CACHED)
def of_failure(message: str) -> str:
    """Return what the user reads of a job that failed; a text that is not known stays as it is.

    Args:
        message: What Argo says, `status.message` with what `details` adds.
    """
    return next((_told(reason, found) for reason in REASONS if (found := reason.said.search(message))), message)


@lru_cache(maxsize=_CACHED)
def of_waiting(message: str) -> str | None:
    """Return what the user reads of a job that has not ended, or None if it waits for nothing worth telling.

    Args:
        message: As for `of_failure`.
    """
    waiting = (reason for reason in REASONS if reason.waits)
    return next((_told(reason, found) for reason in waiting if (found := reason.said.search(message))), None)


def _told(reason: Reason, found: re.Match[str]) -> str:
    names = {name: value or "" for name, value in found.groupdict().items()}
    told = reason.told.format(**names, resources=_resources(found.string))
    if reason.whole:
        return told
    said = f"{told} [{found.string.strip()}]"
    return said if len(said) <= MESSAGE_LENGTH else f"{said[: MESSAGE_LENGTH - 2]}…]"


def _resources(message: str) -> str:
    """Return what the nodes have too little of: `cpu and memory`."""
    short = sorted({name or "places for pods" for name, _ in _SHORT_OF.findall(message)})
    return " and ".join(short)
