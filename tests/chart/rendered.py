"""The objects of a rendered chart, and what tests ask of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self

import yaml

from chart.helm import CHART, NAMESPACE

if TYPE_CHECKING:
    from chart.helm import Helm, Json

MODES = {path.name.removesuffix("-values.yaml"): path for path in sorted((CHART / "ci").glob("*-values.yaml"))}


class Rendered:
    """A rendered chart.

    Args:
        objects: Its objects.
    """

    def __init__(self, objects: list[Json]) -> None:
        self.objects = objects

    @classmethod
    def modes(cls, helm: Helm) -> dict[str, Self]:
        """Return every mode of the chart."""
        return {name: cls(helm.render(values=path)) for name, path in MODES.items()}

    def of_kind(self, kind: str) -> list[Json]:
        """Return all objects of a kind."""
        return [each for each in self.objects if each["kind"] == kind]

    def named(self, kind: str, name: str, namespace: str = NAMESPACE) -> Json:
        """Return one object."""
        (found,) = (
            each
            for each in self.of_kind(kind)
            if each["metadata"]["name"] == name and each["metadata"].get("namespace", namespace) == namespace
        )
        return found

    def namespaces(self) -> list[str]:
        """Return the namespaces that jobs run in."""
        return [each["metadata"]["namespace"] for each in self.of_kind("Role") if "job" in each["metadata"]["name"]]

    def z2jh(self) -> Json:
        """Return the values for zero-to-jupyterhub."""
        (told,) = (each["data"] for each in self.of_kind("ConfigMap") if each["metadata"]["name"].endswith("-z2jh"))
        values: Json = yaml.safe_load(told["values.yaml"])
        return values

    def policy(self, name: str = "jhub-nbargo") -> Json:
        """Return the spec of an admission policy, if it is not said otherwise of that for labs."""
        spec: Json = self.named("ValidatingAdmissionPolicy", name)["spec"]
        return spec

    def variable(self, name: str) -> str:
        """Return the expression of one of the policy's variables."""
        (found,) = (each["expression"] for each in self.policy()["variables"] if each["name"] == name)
        return str(found)

    def texts(self, name: str) -> set[str]:
        """Return the texts in the expression of one of the policy's variables."""
        return set(re.findall(r'"([^"]*)"', self.variable(name)))

    def rules(self) -> str:
        """Return the expressions of the policy's rules as one text, without line breaks."""
        return " ; ".join(" ".join(each["expression"].split()) for each in self.policy()["validations"])


def expanded(value: Any, user: str) -> Any:
    """Return values as KubeSpawner's templating leaves them: str.format in every string.

    Args:
        value: What stands in zero-to-jupyterhub's values.
        user: The user.
    """
    if isinstance(value, dict):
        return {name: expanded(each, user) for name, each in value.items()}
    if isinstance(value, list):
        return [expanded(each, user) for each in value]
    return value.format(username=user, user_server=user) if isinstance(value, str) else value
