"""Sizes: what they and a user's wishes make of a pod, and which settings of them are refused."""

from dataclasses import replace
from typing import Any

import pytest

from nbargo_shared.errors import ConfigError, InputError
from nbargo_submitter.compute_types import ComputeType, choose, from_settings, sized
from nbargo_submitter.options import Options
from nbargo_submitter.pod import PodSettings

GPU = "nvidia.com/gpu"
BASE = PodSettings(
    image="lab:1",
    env={"A": "1", "B": "2"},
    resources={"requests": {"cpu": "100m", "ephemeral-storage": "1Gi"}, "limits": {"memory": "1Gi"}},
    node_selector={"pool": "jobs"},
    tolerations=({"key": "jobs", "operator": "Exists"},),
)
LARGE = ComputeType(
    name="large",
    cpu="8",
    memory="32Gi",
    gpu=2,
    node_selector={"gpu": "yes"},
    tolerations=({"key": "gpu", "operator": "Exists"},),
)


def made(size: ComputeType | None = None, settings: PodSettings = BASE, **options: Any) -> PodSettings:
    return sized(settings, size, Options(**options), gpu_resource=GPU)


def test_without_a_size_and_wishes_the_pod_is_as_the_administrator_has_it() -> None:
    assert made() == replace(BASE, tolerations=tuple(BASE.tolerations))
    bare = PodSettings(image="lab:1")
    assert made(settings=bare) == bare


def test_a_size_is_request_and_limit_and_keeps_what_it_does_not_say() -> None:
    pod = made(LARGE)
    amounts = {"cpu": "8", "memory": "32Gi", GPU: "2"}
    assert pod.resources == {"requests": {"ephemeral-storage": "1Gi", **amounts}, "limits": amounts}
    assert pod.node_selector == {"pool": "jobs", "gpu": "yes"}
    assert [item["key"] for item in pod.tolerations] == ["jobs", "gpu"]


def test_a_users_wishes_come_before_the_size() -> None:
    pod = made(LARGE, cpu="0.5", memory="1Gi", gpu=1)
    assert pod.resources["limits"] == {"cpu": "0.5", "memory": "1Gi", GPU: "1"}
    assert pod.resources["requests"]["cpu"] == "0.5"


def test_no_gpu_is_a_wish_too() -> None:
    assert GPU not in made(LARGE, gpu=0).resources["limits"]
    settings = replace(BASE, resources={"limits": {GPU: "1"}})
    assert made(settings=settings, gpu=0).resources == {}


def test_a_size_may_name_gpus_of_another_kind() -> None:
    size = replace(LARGE, gpu_resource="amd.com/gpu")
    assert made(size, gpu=4).resources["limits"]["amd.com/gpu"] == "4"
    assert GPU not in made(size).resources["limits"]


def test_a_users_variables_reach_the_container_as_they_were_typed() -> None:
    pod = made(env={"B": "3", "C": "$(A) costs $$5"})
    assert pod.env == {"A": "1", "B": "3", "C": "$$(A) costs $$$$5"}, "Kubernetes reads $$ as one $"


def test_the_default_size_is_the_first_that_is_offered() -> None:
    settings: dict[str, dict[str, Any]] = {"small": {"cpu": 1}, "large": {"cpu": 8}}
    assert list(from_settings(settings, default="")) == ["small", "large"]
    assert list(from_settings(settings, default="large")) == ["large", "small"]
    sizes = from_settings(settings, default="large").values()
    chosen = choose(sizes, None)
    assert chosen
    assert (chosen.name, chosen.cpu) == ("large", "8")
    assert choose([], None) is None


def test_a_size_that_is_not_offered_is_refused_with_those_that_are() -> None:
    with pytest.raises(InputError) as caught:
        choose(from_settings({"small": {}, "large": {}}, default="").values(), "huge")
    assert str(caught.value) == "There is no size 'huge'. Choose one of: small, large"
    with pytest.raises(InputError, match="Choose one of: none"):
        choose([], "huge")


@pytest.mark.parametrize(
    ("settings", "default", "says"),
    [
        ({"a": {"cpus": 1}}, "", r"compute_types\['a'\] has unknown members: cpus"),
        ({"a": {"cpu": "many"}}, "", "no usable 'cpu': 'many' is not an amount"),
        ({"a": {"memory": "1GB"}}, "", "no usable 'memory'"),
        ({"a": {"gpu": "1"}}, "", "number of GPUs"),
        ({"a": {"node_selector": {"gpu": True}}}, "", "node_selector"),
        ({"": {}}, "", "no name"),
        ({"a": {}}, "b", "default_compute_type is 'b'"),
    ],
)
def test_settings_that_are_wrong_are_refused(settings: dict[str, Any], default: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        from_settings(settings, default=default)
