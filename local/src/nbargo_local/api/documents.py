"""What the API says of itself: its version, groups and resources."""

from typing import Any

from nbargo_local.api.schema import RESOURCES, Resource
from nbargo_local.api.statuses import API_VERSION, GROUP, VERSION

_SHORT_NAMES = {"workflows": ["wf"], "cronworkflows": ["cwf", "cronwf"]}
_VERBS = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"]
_GROUP_VERSION = {"groupVersion": API_VERSION, "version": VERSION}


def _resource(resource: Resource) -> dict[str, Any]:
    return {
        "name": resource.plural,
        "singularName": resource.kind.lower(),
        "namespaced": True,
        "kind": resource.kind,
        "verbs": _VERBS,
        "shortNames": _SHORT_NAMES[resource.plural],
    }


def _group() -> dict[str, Any]:
    return {"name": GROUP, "versions": [_GROUP_VERSION], "preferredVersion": _GROUP_VERSION}


SERVER_VERSION: dict[str, Any] = {
    "major": "1",
    "minor": "34",
    "gitVersion": "v1.34.0+nbargo-local",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "local/argo",
}
"""The server's version: that of the API whose answers it gives."""

DOCUMENTS: dict[str, dict[str, Any]] = {
    "/version": SERVER_VERSION,
    "/api": {"kind": "APIVersions", "versions": [], "serverAddressByClientCIDRs": []},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group()]},
    f"/apis/{GROUP}": {"kind": "APIGroup", "apiVersion": "v1"} | _group(),
    f"/apis/{API_VERSION}": {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": API_VERSION,
        "resources": [_resource(each) for each in RESOURCES],
    },
}
"""The discovery documents by path."""
