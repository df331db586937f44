"""values.schema.json: what it refuses, in which words, and that it describes everything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from chart.helm import CHART, HelmError
from nbargo_submitter.settings import ArgoSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chart.helm import Helm

SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
SETTINGS: dict[str, Any] = SCHEMA["properties"]["lab"]["properties"]["settings"]["properties"]
OF_THE_CHART = {*("namespace", "kubeconfig", "context", "service_account", "watcher"), "volumes", "volume_mounts"}
BAD = [
    ('isolatoin="podName"', "additional properties 'isolatoin' not allowed"),
    ('isolation="pods"', "at '/isolation': value must be one of 'podName', 'serviceAccount', 'namespace'"),
    ('isolation="namespace"', "at '/users': minItems: got 0, want 1"),
    ('isolation="serviceAccount"', "at '/users': minItems: got 0, want 1"),
    ('users=["Alice"]', "at '/users/0': 'Alice' does not match pattern"),
    ('users=["alice", "alice"]', "at '/users': items at 0 and 1 are equal"),
    ('home.claimName="homes"', "at '/home/claimName': 'homes' does not match pattern"),
    ('home.claimName="claim-{user_server}"', "at '/home/claimName'"),
    ('home.type="shared"', "at '/home/accessMode': value must be 'ReadWriteMany'"),
    ('home.subPath="everybody"', "at '/home/subPath': 'everybody' does not match pattern"),
    ('home.mountPath="home"', "at '/home/mountPath'"),
    ("networkPolicy.enabled=true", "at '/networkPolicy/apiServer/cidrs': minItems: got 0, want 1"),
    ('networkPolicy.apiServer.cidrs=["everywhere"]', "at '/networkPolicy/apiServer/cidrs/0'"),
    ('policy.enabled="perhaps"', "at '/policy/enabled': got string, want boolean"),
    ('serviceAccounts.user="a\'b"', "at '/serviceAccounts/user'"),
    ("watcher.healthPort=80", "at '/watcher/healthPort': minimum: got 80, want 1,024"),
    ('watcher.image.pullPolicy="Sometimes"', "at '/watcher/image/pullPolicy'"),
    ('watcher.resources.limits.disk="1Gi"', "additional properties 'disk' not allowed"),
    ('jobs.extraClaims[0].claimName="x"', "at '/jobs/extraClaims/0': missing property 'mountPath'"),
    ('jobs.secrets=["Bad Name"]', "at '/jobs/secrets/0'"),
    ('lab.settings.imgae="x"', "additional properties 'imgae' not allowed"),
    ('lab.settings.service_account="admin"', "additional properties 'service_account' not allowed"),
    ('lab.settings.max_gpu="many"', "at '/lab/settings/max_gpu': got string, want"),
    ('monitoring.podMonitor.interval="often"', "at '/monitoring/podMonitor/interval'"),
]


@pytest.mark.parametrize(("value", "words"), BAD)
def test_a_bad_value_is_refused_in_words_that_name_it(helm: Helm, value: str, words: str) -> None:
    with pytest.raises(HelmError) as refused:
        helm.render("--set-json", value)
    assert words in str(refused.value)


def parts(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, each in schema.get("properties", {}).items():
        yield f"{path}/{name}", each
        yield from parts(each, f"{path}/{name}")
    if "items" in schema:
        yield f"{path}/0", schema["items"]
        yield from parts(schema["items"], f"{path}/0")


def test_every_value_is_described() -> None:
    assert [path for path, each in parts(SCHEMA) if not each.get("description", "").endswith(".")] == []


def test_no_object_takes_what_is_not_named() -> None:
    """But for maps of labels, and for the pieces in Kubernetes' form that ArgoScheduler checks."""
    is_open = {
        path
        for path, each in [("", SCHEMA), *parts(SCHEMA)]
        if each.get("type") == "object" and each.get("additionalProperties") is not False
    }
    labels = {path for path in is_open if path.startswith("/monitoring/") and path.endswith("/labels")}
    assert is_open - labels == {
        f"/lab/settings/{name}" for name, each in SETTINGS.items() if each.get("type") == "object"
    }


def test_every_default_is_in_the_schema_and_every_value_has_one() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    def same(given: dict[str, Any], schema: dict[str, Any], path: str) -> None:
        assert set(given) == set(schema["properties"]), path
        for name, each in schema["properties"].items():
            if each.get("properties") and f"{path}/{name}" not in {"/lab/settings", "/watcher/resources"}:
                same(given[name], each, f"{path}/{name}")

    same(values, SCHEMA, "")


def test_the_labs_settings_are_those_of_the_code() -> None:
    traits = {name: trait for name, trait in ArgoSettings.class_traits(config=True).items() if name not in OF_THE_CHART}
    assert set(SETTINGS) == set(traits)
    for name, trait in traits.items():
        assert SETTINGS[name]["description"] == " ".join(trait.help.split())
