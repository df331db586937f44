"""Changes to the spec of a workflow that lead out of the job's pod, or into another user's data.

Besides `<user>` and `<other>` their texts have `<secrets>`, those that a job may name, and `<own>` and `<theirs>`, the
two users' parts of a volume for all homes.
"""

from __future__ import annotations

from typing import Any, Final

from cluster.chart.attempts import END, Change

_TEMPLATE: Final = ("templates", 0)
_SCRIPT: Final = (*_TEMPLATE, "script")
_SECURITY: Final = (*_SCRIPT, "securityContext")

_BAD_SPEC: Final = "not allowed in the spec of a workflow: "
_BAD_TEMPLATE: Final = "a template is a script or a container, with parameters"
_BAD_NAME: Final = "a template's name has small letters, digits and hyphens, and begins with a letter"
_BAD_CONTAINER: Final = "a container has no more than name, image"
_PRIVILEGED: Final = "a container is not privileged, may not become so"
_BAD_POD: Final = "the pod's securityContext has no more than"
_BAD_LABELS: Final = "a pod's labels are nbargo's own, with the caller as nbargo/user"
_BAD_METADATA: Final = "a pod's metadata has no more than labels and annotations"
_BAD_ANNOTATIONS: Final = "a pod's annotations name no AppArmor profile"
_BAD_VOLUME: Final = "a volume is one of persistentVolumeClaim, emptyDir"
_BAD_MEMBER: Final = "of a claim it has no more than claimName and readOnly"
_BAD_MOUNT: Final = "a mount's name has small letters, digits and hyphens"
_BAD_VARIABLE: Final = "a variable is a name with a value"
_BAD_CLAIM: Final = "the claims of '<user>' are "
_BAD_SECRET: Final = "jobs may name these Secrets: <secrets>"
_BAD_LOCK: Final = "a job waits for the locks of '<user>' alone"
_BAD_HOME: Final = "only the subPath "


def _in_spec(name: str, value: Any) -> Change:
    return Change(name, (name,), value, _BAD_SPEC + name)


def _in_template(name: str, value: Any) -> Change:
    return Change(name, (*_TEMPLATE, name), value, _BAD_TEMPLATE)


def _in_container(name: str, value: Any) -> Change:
    return Change(name, (*_SCRIPT, name), value, _BAD_CONTAINER)


def _secured(what: str, value: Any) -> Change:
    return Change(what, _SECURITY, value, _PRIVILEGED)


def _volume(what: str, says: str, **kind: Any) -> Change:
    return Change(what, ("volumes", END), {"name": "more", **kind}, says)


def _variable(what: str, says: str, **source: Any) -> Change:
    return Change(what, (*_SCRIPT, "env", END), {"name": "TAKEN", **source}, says)


def _locks(what: str, value: Any) -> Change:
    return Change(what, ("synchronization",), value, _BAD_LOCK)


def _mount(what: str, says: str = _BAD_HOME, **mount: Any) -> Change:
    return Change(what, (*_SCRIPT, "volumeMounts", END), {"name": "home", "mountPath": "/all", **mount}, says)


PODS: Final = (
    Change("no service account", ("serviceAccountName",), None, "run as the service account nbargo-job, not as ''"),
    Change("the labs' account", ("serviceAccountName",), "nbargo-user", "nbargo-job, not as 'nbargo-user'"),
    Change("the hub's account", ("serviceAccountName",), "hub", "nbargo-job, not as 'hub'"),
    Change("an account by an expression", ("serviceAccountName",), '{{="hub"}}', "nbargo-job, not as '{{="),
    _in_spec("podSpecPatch", '{"hostNetwork": true}'),
    _in_spec("hostNetwork", value=True),
    _in_spec("hostAliases", [{"ip": "192.0.2.1", "hostnames": ["hub"]}]),
    _in_spec("dnsConfig", {"nameservers": ["192.0.2.1"]}),
    _in_spec("schedulerName", "own"),
    _in_spec("automountServiceAccountToken", value=True),
    _in_spec("executor", {"serviceAccountName": "hub"}),
    _in_spec("workflowTemplateRef", {"name": "admins"}),
    _in_spec("templateDefaults", {"serviceAccountName": "hub"}),
    _in_spec("hooks", {"exit": {"template": "notebook"}}),
    _in_spec("onExit", "notebook"),
    _in_spec("arguments", {"parameters": [{"name": "a", "value": "b"}]}),
    _in_spec("artifactRepositoryRef", {"configMap": "artifacts"}),
    _in_spec("volumeClaimTemplates", [{"metadata": {"name": "more"}}]),
    _in_spec("workflowMetadata", {"labels": {"nbargo/user": "<other>"}}),
    Change(
        "a priority class",
        ("podPriorityClassName",),
        "system-node-critical",
        "the priority class 'system-node-critical' is not that of lab.settings",
    ),
    _in_spec("podDisruptionBudget", {"minAvailable": 1}),
    _in_spec("HostNetwork", value=True),
    Change("sysctls", ("securityContext", "sysctls"), [{"name": "kernel.msgmax", "value": "1"}], _BAD_POD),
    Change("SELinux options of the pod", ("securityContext", "seLinuxOptions"), {"user": "root"}, _BAD_POD),
    Change("an unconfined pod", ("securityContext", "seccompProfile"), {"type": "Unconfined"}, _BAD_POD),
    Change("by an expression", ("securityContext", "seccompProfile"), {"type": '{{="Unconfined"}}'}, _BAD_POD),
    Change("with another case", ("securityContext", "seccompProfile", "typE"), "Unconfined", _BAD_POD),
    Change("a label of the hub", ("podMetadata", "labels", "component"), "hub", _BAD_LABELS),
    Change("the other's label", ("podMetadata", "labels", "nbargo/user"), "<other>", _BAD_LABELS),
    Change("a label by an expression", ("podMetadata", "labels", 'nbargo/{{="user"}}'), "<other>", _BAD_LABELS),
    Change("labels with another case", ("podMetadata", "lAbels"), {"nbargo/user": "<other>"}, _BAD_METADATA),
    Change("labels of a template", (*_TEMPLATE, "metadata", "labels"), {"app": "jupyterhub"}, _BAD_LABELS),
    Change("of a template, the other's", (*_TEMPLATE, "metadata", "labels"), {"nbargo/user": "<other>"}, _BAD_LABELS),
    Change("of a template with another case", (*_TEMPLATE, "metadata", "lAbels"), {"app": "hub"}, _BAD_METADATA),
    Change(
        "no AppArmor",
        ("podMetadata", "annotations", "container.apparmor.security.beta.kubernetes.io/main"),
        "unconfined",
        _BAD_ANNOTATIONS,
    ),
    Change(
        "no AppArmor in a template",
        (*_TEMPLATE, "metadata", "annotations"),
        {"container.apparmor.security.beta.kubernetes.io/main": "unconfined"},
        _BAD_ANNOTATIONS,
    ),
    Change("an annotation by an expression", ("podMetadata", "annotations", '{{="a"}}'), "b", _BAD_ANNOTATIONS),
    _locks("the other's mutex", {"mutexes": [{"name": "nbargo-<other>"}]}),
    _locks("the other's mutex in Argo 3.5", {"mutex": {"name": "nbargo-<other>"}}),
    _locks("a mutex of another namespace", {"mutexes": [{"name": "nbargo-<user>", "namespace": "default"}]}),
    _locks("a mutex with another case", {"mutexes": [{"name": "nbargo-<user>", "namE": "nbargo-<other>"}]}),
    _locks("the other's semaphore", {"semaphores": [{"configMapKeyRef": {"name": "limits", "key": "<other>"}}]}),
    _locks("the other's semaphore in Argo 3.5", {"semaphore": {"configMapKeyRef": {"name": "l", "key": "<other>"}}}),
    _locks(
        "a semaphore of another namespace",
        {"semaphores": [{"namespace": "default", "configMapKeyRef": {"name": "limits", "key": "<user>"}}]},
    ),
    _locks(
        "a semaphore with another case",
        {"semaphores": [{"configMapKeyRef": {"name": "limits", "key": "<user>", "kEy": "<other>"}}]},
    ),
    _locks(
        "a semaphore in a database",
        {"semaphores": [{"configMapKeyRef": {"name": "l", "key": "<user>"}, "database": {"key": "<other>"}}]},
    ),
    _locks("locks with another case", {"mutexeS": [{"name": "nbargo-<other>"}]}),
)

TEMPLATES: Final = (
    _in_template("podSpecPatch", '{"hostNetwork": true}'),
    _in_template("serviceAccountName", "hub"),
    _in_template("automountServiceAccountToken", value=True),
    _in_template("executor", {"serviceAccountName": "hub"}),
    _in_template("securityContext", {"runAsUser": 0}),
    _in_template("hostAliases", [{"ip": "192.0.2.1", "hostnames": ["hub"]}]),
    _in_template("sidecars", [{"name": "more", "image": "none"}]),
    _in_template("initContainers", [{"name": "more", "image": "none"}]),
    _in_template("volumes", [{"name": "more", "hostPath": {"path": "/"}}]),
    _in_template("synchronization", {"mutexes": [{"name": "nbargo-<other>"}]}),
    _in_template("archiveLocation", {"s3": {"bucket": "own"}}),
    _in_template("container", {"image": "none", "securityContext": {"privileged": True}}),
    _in_template("inputs", {"artifacts": [{"name": "a", "path": "/a"}]}),
    Change("output artifacts", (*_TEMPLATE, "outputs", "artifacts"), [{"name": "a", "path": "/a"}], _BAD_TEMPLATE),
    Change("neither script nor container", _SCRIPT, None, _BAD_TEMPLATE),
    *(
        Change(f"a template of kind {kind}", ("templates", END), {"name": "more", kind: value}, _BAD_TEMPLATE)
        for kind, value in {
            "steps": [[{"name": "a", "template": "notebook"}]],
            "dag": {"tasks": [{"name": "a", "template": "notebook"}]},
            "resource": {"action": "create", "manifest": "kind: Pod"},
            "plugin": {"own": {}},
            "http": {"url": "http://192.0.2.1"},
            "data": {"source": {}},
            "containerSet": {"containers": [{"name": "main", "image": "none"}]},
            "suspend": {},
        }.items()
    ),
    # Their pods would be named as those of a scheduled run of the workflow with this number.
    Change("a name that begins with a number", (*_TEMPLATE, "name"), "1763900000-notebook", _BAD_NAME),
    Change("a name by an expression", (*_TEMPLATE, "name"), '{{="a"}}', _BAD_NAME),
    Change("no name", (*_TEMPLATE, "name"), None, _BAD_NAME),
)

CONTAINERS: Final = (
    _in_container("lifecycle", {"postStart": {"exec": {"command": ["true"]}}}),
    _in_container("ports", [{"containerPort": 80, "hostPort": 80}]),
    _in_container("volumeDevices", [{"name": "home", "devicePath": "/dev/home"}]),
    _in_container("livenessProbe", {"exec": {"command": ["true"]}}),
    _in_container("EnvFrom", [{"secretRef": {"name": "hub"}}]),
    Change(
        "a second, privileged container",
        ("templates", END),
        {"name": "more", "container": {"image": "none", "securityContext": {"privileged": True}}},
        _PRIVILEGED,
    ),
    _secured("privileged", {"privileged": True}),
    _secured("what may become privileged", {"allowPrivilegeEscalation": True}),
    _secured("a capability", {"capabilities": {"add": ["SYS_ADMIN"]}}),
    _secured("a capability with another case", {"capabilities": {"drop": ["ALL"], "Add": ["SYS_ADMIN"]}}),
    _secured("unconfined", {"seccompProfile": {"type": "Unconfined"}}),
    _secured("unconfined by an expression", {"seccompProfile": {"type": '{{="Unconfined"}}'}}),
    _secured("unconfined with another case", {"seccompProfile": {"type": "RuntimeDefault", "typE": "Unconfined"}}),
    _secured("all of /proc", {"procMount": "Unmasked"}),
    _secured("SELinux options", {"seLinuxOptions": {"user": "root"}}),
    _secured("no AppArmor", {"appArmorProfile": {"type": "Unconfined"}}),
)

VOLUMES: Final = (
    *(
        _volume(f"a volume of kind {kind}", _BAD_VOLUME, **{kind: value})
        for kind, value in {
            "hostPath": {"path": "/"},
            "nfs": {"server": "192.0.2.1", "path": "/homes"},
            "csi": {"driver": "own"},
            "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]},
            "ephemeral": {"volumeClaimTemplate": {"spec": {}}},
            "iscsi": {"targetPortal": "192.0.2.1", "iqn": "iqn.2026-11.example:a", "lun": 0},
            "hostpath": {"path": "/"},
        }.items()
    ),
    _volume("the other's home", _BAD_CLAIM, persistentVolumeClaim={"claimName": "claim-<other>"}),
    _volume("the hub's database", _BAD_CLAIM, persistentVolumeClaim={"claimName": "hub-db-dir"}),
    _volume("a claim by an expression", _BAD_CLAIM, persistentVolumeClaim={"claimName": 'claim-{{="<other>"}}'}),
    _volume(
        "the other's home with another case",
        _BAD_MEMBER,
        persistentVolumeClaim={"claimName": "claim-<user>", "claimname": "claim-<other>"},
    ),
    Change("the home's claim", ("volumes", 0, "persistentVolumeClaim", "claimName"), "claim-<other>", _BAD_CLAIM),
    Change("a volume's name by an expression", ("volumes", 0, "name"), '{{="home"}}', _BAD_MEMBER),
    _volume("the hub's secret", _BAD_SECRET, secret={"secretName": "hub"}),
    _volume("a secret with another case", _BAD_MEMBER, secret={"secretName": "hub", "secretname": "hub"}),
    _variable("a secret in a variable", _BAD_SECRET, valueFrom={"secretKeyRef": {"name": "hub", "key": "k"}}),
    _variable("with another case", _BAD_VARIABLE, valueFrom={"secretkeyref": {"name": "hub", "key": "k"}}),
    _variable("from another case", _BAD_VARIABLE, valuefrom={"secretKeyRef": {"name": "hub", "key": "k"}}),
    _variable(
        "the name with another case",
        _BAD_VARIABLE,
        valueFrom={"secretKeyRef": {"name": "hub", "namE": "hub", "key": "k"}},
    ),
    Change("a secret in all variables", (*_SCRIPT, "envFrom"), [{"secretRef": {"name": "hub"}}], _BAD_SECRET),
    Change("in all, another case", (*_SCRIPT, "envFrom"), [{"secretref": {"name": "hub"}}], _BAD_VARIABLE),
    Change("in all, the name", (*_SCRIPT, "envFrom"), [{"secretRef": {"namE": "hub"}}], _BAD_VARIABLE),
    _mount("a mount by an expression", _BAD_MOUNT, name='{{="home"}}'),
    _mount("a mount with another case", _BAD_MOUNT, namE="home"),
)

HOMES: Final = (
    _mount("all homes"),
    _mount("the other's", subPath="<theirs>"),
    _mount("through one's own", subPath="<own>/../<other>"),
    _mount("one's own with another case", _BAD_MOUNT, subPath="<own>", subpath="<theirs>"),
    _mount("by a variable", subPathExpr="$(NBARGO_ATTEMPT)"),
    _mount("by a variable, too", subPath="<own>", subPathExpr="$(NBARGO_ATTEMPT)"),
    _mount("by an expression", subPath='{{="<other>"}}'),
    _mount("by a name that is an expression", _BAD_MOUNT, name='{{="home"}}'),
    Change("the home without its part", (*_SCRIPT, "volumeMounts", 0, "subPath"), None, _BAD_HOME),
    Change(
        "in a second template",
        ("templates", END),
        {"name": "more", "container": {"image": "none", "volumeMounts": [{"name": "home", "mountPath": "/all"}]}},
        _BAD_HOME,
    ),
)
