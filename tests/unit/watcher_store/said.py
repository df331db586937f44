"""What Argo says of jobs that wait and that failed, word for word, and what their users read."""

from typing import Final

PULL = "The job's image cannot be pulled: check the name of the environment's image, and that the cluster may pull it"
NO_CLAIM = (
    'Unschedulable: 0/3 nodes are available: persistentvolumeclaim "home-ada" not found. preemption: 0/3 nodes are '
    "available: 3 Preemption is not helpful for scheduling."
)
NO_ROOM = (
    "Unschedulable: 0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient memory. "
    "preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 No preemption victims found "
    "for incoming pod."
)
NO_NODE = "Unschedulable: 0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."
QUOTA = (
    'pods "nb-1" is forbidden: exceeded quota: compute, requested: limits.memory=4Gi, used: limits.memory=14Gi, '
    "limited: limits.memory=16Gi"
)
LOCK = "Waiting for argo/ConfigMap/nbargo-limits/ada lock. Lock status: 0/2"

WAITING: Final = {
    LOCK: "Waiting for a free place: 2 of your runs may run at a time",
    "Waiting for argo/Mutex/ada lock. Lock status: 0/1": "Waiting for a free place: 1 of your runs may run at a time",
    "Waiting for argo/Database/ada lock (argo/ada). Lock status: 3/3": (
        "Waiting for a free place: 3 of your runs may run at a time"
    ),
    "Workflow processing has been postponed because too many workflows are already running": (
        "Waiting for a free place: the cluster runs as many workflows as it may run at a time"
    ),
    'Waiting for a PVC to be created. persistentvolumeclaims "x" is forbidden: exceeded quota: disk': (
        "A volume of the job cannot be made: ask your administrator "
        '[Waiting for a PVC to be created. persistentvolumeclaims "x" is forbidden: exceeded quota: disk]'
    ),
    'ImagePullBackOff: Back-off pulling image "nowhere/x:1"': (
        f'{PULL} [ImagePullBackOff: Back-off pulling image "nowhere/x:1"]'
    ),
    "ErrImagePull: rpc error: code = NotFound desc = nowhere/x:1: not found": (
        f"{PULL} [ErrImagePull: rpc error: code = NotFound desc = nowhere/x:1: not found]"
    ),
    'InvalidImageName: Failed to apply default image tag "A:B:C": couldn\'t parse image name': (
        "The name of the job's image is not valid: correct the environment's image "
        '[InvalidImageName: Failed to apply default image tag "A:B:C": couldn\'t parse image name]'
    ),
    'ErrImageNeverPull: Container image "x" is not present with pull policy of Never': (
        "The job's image is not on its node and may not be pulled: choose another environment "
        '[ErrImageNeverPull: Container image "x" is not present with pull policy of Never]'
    ),
    NO_CLAIM: f"The job's volume home-ada is missing: ask your administrator [{NO_CLAIM}]",
    "Unschedulable: 0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.": (
        "A volume of the job was not provided yet: if it stays so, ask your administrator "
        "[Unschedulable: 0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.]"
    ),
    "Unschedulable: 0/1 nodes are available: 1 node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod "
    "access mode already in-use by another pod.": (
        "A volume of the job is in use by another pod: wait, or stop what uses it "
        "[Unschedulable: 0/1 nodes are available: 1 node(s) unavailable due to PersistentVolumeClaim with "
        "ReadWriteOncePod access mode already in-use by another pod.]"
    ),
    'FailedMount: MountVolume.SetUp failed for volume "home": timed out': (
        "A volume of the job cannot be mounted: ask your administrator "
        '[FailedMount: MountVolume.SetUp failed for volume "home": timed out]'
    ),
    NO_ROOM: (f"No node of the cluster has enough memory free for the job: wait, or choose a smaller size [{NO_ROOM}]"),
    "Unschedulable: 0/2 nodes are available: 1 Insufficient nvidia.com/gpu, 2 Insufficient cpu, 2 Too many pods.": (
        "No node of the cluster has enough cpu and nvidia.com/gpu and places for pods free for the job: wait, or "
        "choose a smaller size [Unschedulable: 0/2 nodes are available: 1 Insufficient nvidia.com/gpu, 2 Insufficient "
        "cpu, 2 Too many pods.]"
    ),
    NO_NODE: (
        f"No node of the cluster can take the job: wait, choose another size, or ask your administrator [{NO_NODE}]"
    ),
    QUOTA: (
        "The quota of your namespace is used up: wait until other jobs and labs have ended, or choose a smaller size "
        f"[{QUOTA}]"
    ),
    'CreateContainerConfigError: secret "mail" not found': (
        "The job needs the secret mail, which is missing: ask your administrator "
        '[CreateContainerConfigError: secret "mail" not found]'
    ),
    'CreateContainerConfigError: configmap "settings" not found': (
        "The job needs the configmap settings, which is missing: ask your administrator "
        '[CreateContainerConfigError: configmap "settings" not found]'
    ),
    "CreateContainerConfigError: couldn't find key token in Secret argo/slack": (
        "The job needs the key token of the Secret argo/slack, which is missing: ask your administrator "
        "[CreateContainerConfigError: couldn't find key token in Secret argo/slack]"
    ),
    "CreateContainerConfigError: container has runAsNonRoot and image will run as root": (
        "The settings of the job's pod are wrong: ask your administrator "
        "[CreateContainerConfigError: container has runAsNonRoot and image will run as root]"
    ),
    "CreateContainerError: context deadline exceeded": (
        "The job's pod cannot start: if it stays so, ask your administrator "
        "[CreateContainerError: context deadline exceeded]"
    ),
}
"""What Argo says of a job that waits, and what its user reads."""

PASSING: Final = (
    "",
    "PodInitializing",
    "ContainerCreating",
    "Backoff for 5 seconds",
    "resource creation rate-limit reached",
    "waiting for something",
)
"""What is not told of a job that waits."""

_TO_STATE = '"no-such": executable file not found in $PATH'
DENIED = (
    'error in entry template execution: admission webhook "policy.example.org" denied the request: no such registry'
)
NO_ACCOUNT = (
    'error in entry template execution: pods "nb-1" is forbidden: error looking up service account argo/jobs: '
    'serviceaccount "jobs" not found'
)
MAY_NOT = (
    "wait: Error (exit code 64): workflowtaskresults.argoproj.io is forbidden: User "
    '"system:serviceaccount:argo:default" cannot create resource "workflowtaskresults" in API group "argoproj.io" in '
    'the namespace "argo"'
)
RESTRICTED = (
    'error in entry template execution: pods "nb-1" is forbidden: violates PodSecurity "restricted:latest": '
    "allowPrivilegeEscalation != false"
)
TOO_BIG = (
    'error in entry template execution: pods "nb-1" is forbidden: maximum memory usage per Container is 8Gi, but '
    "limit is 64Gi"
)
EVICTED = (
    "The node was low on resource: memory. Threshold quantity: 100Mi, available: 52Mi. Container main was using "
    "3Gi, request is 1Gi, has larger consumption of memory. "
)
REJECTED = "Pod was rejected: Node didn't have enough resource: cpu, requested: 500, used: 3900, capacity: 4000"

ENDED: Final = {
    "main: OOMKilled (exit code 137), limits.memory=4Gi": (
        "The job used more memory than its limit of 4Gi: choose a larger size, or use less at a time "
        "[main: OOMKilled (exit code 137), limits.memory=4Gi]"
    ),
    "main: OOMKilled (exit code 137)": (
        "The job used more memory than it may: choose a larger size, or use less at a time "
        "[main: OOMKilled (exit code 137)]"
    ),
    "main: Error (exit code 137)": (
        "The job was killed, most often because it used too much memory: choose a larger size, or run it again "
        "[main: Error (exit code 137)]"
    ),
    "main: Error (exit code 143)": (
        "The job's pod was told to end while the job ran, as when a node is taken away: run it again "
        "[main: Error (exit code 143)]"
    ),
    "main: Error (exit code 127)": (
        "A program that the job starts is not in its image: choose an environment whose image has it "
        "[main: Error (exit code 127)]"
    ),
    f"main: Error (exit code 64): failed to find name in PATH: exec: {_TO_STATE}": (
        "The job's image has no program no-such: choose an environment whose image has it "
        f"[main: Error (exit code 64): failed to find name in PATH: exec: {_TO_STATE}]"
    ),
    'main: Error (exit code 64): failed to find name in PATH: exec: "/a/b": stat /a/b: no such file or directory': (
        "The job's image has no program /a/b: choose an environment whose image has it [main: Error (exit code 64): "
        'failed to find name in PATH: exec: "/a/b": stat /a/b: no such file or directory]'
    ),
    'main: Error (exit code 64): failed to find name in PATH: exec: "/a": permission denied': (
        "The program /a in the job's image cannot be run: choose an environment whose image can run it "
        '[main: Error (exit code 64): failed to find name in PATH: exec: "/a": permission denied]'
    ),
    "Pod was active on the node longer than the specified deadline": (
        "The job took longer than its time limit: give it more time, or make it shorter "
        "[Pod was active on the node longer than the specified deadline]"
    ),
    "Step exceeded its deadline": (
        "The job took longer than its time limit: give it more time, or make it shorter [Step exceeded its deadline]"
    ),
    EVICTED: (
        "The job was ended because its node ran out of memory: run it again, or choose a larger size "
        f"[{EVICTED.strip()}]"
    ),
    "The node had condition: [DiskPressure]. ": (
        "The job was ended because its node was short of resources: run it again, or choose a larger size "
        "[The node had condition: [DiskPressure].]"
    ),
    'Container main exceeded its local ephemeral storage limit "1Gi". ': (
        "The job wrote more than its pod may: write large files to your own folder "
        '[Container main exceeded its local ephemeral storage limit "1Gi".]'
    ),
    "Pod was terminated in response to imminent node shutdown.": (
        "The job's node was shut down or lost: run it again [Pod was terminated in response to imminent node shutdown.]"
    ),
    "Node n1 which was running pod nb-1 is unresponsive": (
        "The job's node was shut down or lost: run it again [Node n1 which was running pod nb-1 is unresponsive]"
    ),
    "Preempted in order to admit critical pod": (
        "The job had to make room for something more important: run it again [Preempted in order to admit critical pod]"
    ),
    "pod deleted": (
        "The job's pod was deleted while the job ran, as when a node is taken away: run it again [pod deleted]"
    ),
    REJECTED: f"The node had no room for the job after all: run it again [{REJECTED}]",
    'Pod failed before main container starts due to ImagePullBackOff: Back-off pulling image "x"': (
        f'{PULL} [Pod failed before main container starts due to ImagePullBackOff: Back-off pulling image "x"]'
    ),
    "Pod failed before main container starts due to ContainerCreating: ": (
        "The job's pod cannot start: if it stays so, ask your administrator "
        "[Pod failed before main container starts due to ContainerCreating:]"
    ),
    NO_ACCOUNT: f"The service account jobs, as which jobs run, is missing: ask your administrator [{NO_ACCOUNT}]",
    MAY_NOT: (
        "The service account default, as which jobs run, may not create workflowtaskresults: ask your administrator "
        f"[{MAY_NOT}]"
    ),
    DENIED: f"The cluster's rules do not allow the job's pod: ask your administrator [{DENIED}]",
    RESTRICTED: f"The cluster's rules do not allow the job's pod: ask your administrator [{RESTRICTED}]",
    TOO_BIG: f"The cluster does not allow a job of this size: choose another size [{TOO_BIG}]",
    "workflow is longer than maximum allowed size. compressed size 1100000 > maxSize 1048576": (
        "The job is too large for the cluster: give it fewer or shorter parameters "
        "[workflow is longer than maximum allowed size. compressed size 1100000 > maxSize 1048576]"
    ),
    "No more retries left": ("The job failed in each of its attempts: its log says why [No more retries left]"),
    "No more retries left: main: OOMKilled (exit code 137), limits.memory=2Gi": (
        "The job used more memory than its limit of 2Gi: choose a larger size, or use less at a time "
        "[No more retries left: main: OOMKilled (exit code 137), limits.memory=2Gi]"
    ),
    "retryStrategy.expression evaluated to false": (
        "The job failed, and is not run again after such a failure: its log says why "
        "[retryStrategy.expression evaluated to false]"
    ),
    "can't find failed message for pod nb-1 namespace argo": (
        "The job's pod failed without saying why: run it again [can't find failed message for pod nb-1 namespace argo]"
    ),
    "main: Error (exit code 1)": "main: Error (exit code 1)",
    "invalid spec: spec.entrypoint is required": "invalid spec: spec.entrypoint is required",
}
"""What Argo says of a job that failed, and what its user reads."""
