"""The kinds of objects that the watcher follows."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One kind of object of one API group.

    Attributes:
        api: Group and version, such as `argoproj.io/v1alpha1`.
        plural: Its name in URLs.
        kind: Its name in objects.
    """

    api: str
    plural: str
    kind: str

    def path(self, namespace: str, name: str = "") -> str:
        """Return the path of the collection in a namespace, or of one object in it."""
        collection = f"/apis/{self.api}/namespaces/{quote(namespace, safe='')}/{self.plural}"
        return f"{collection}/{quote(name, safe='')}" if name else collection

    def scope(self, namespace: str) -> str:
        """Return the name of the stream of this resource in a namespace, such as `workflows/argo`."""
        return f"{self.plural}/{namespace}"


WORKFLOWS: Final = Resource(api="argoproj.io/v1alpha1", plural="workflows", kind="Workflow")
CRONWORKFLOWS: Final = Resource(api="argoproj.io/v1alpha1", plural="cronworkflows", kind="CronWorkflow")
