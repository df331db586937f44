import base64
import json

import pytest

from nbargo_local.api.server import LocalServer, ServerSettings
from unit.local_api.harness import BASE, WORKFLOWS, Api, workflow

BAD_SELECTORS = ["x in", "x in (1", "a b", "=1", ",", "x,", "-x", "x=a b", "a=@", "!x=1", "x>a"]
SELECTORS = {
    "team": ["blue", "red"],
    "!team": ["none"],
    "team=red": ["red"],
    "team==red": ["red"],
    "team!=red": ["blue", "none"],
    "team in (red,blue)": ["blue", "red"],
    "team notin (red)": ["blue", "none"],
    "team,team!=red": ["blue"],
    "team=": [],
    "size>4": ["red"],
    "size<5": ["blue"],
    "": ["blue", "none", "red"],
}


async def fill(api: Api, count: int = 5) -> None:
    for index in range(count):
        await api.create(workflow(f"w{index}"))


async def test_a_list_has_the_shape_of_the_real_server(api: Api) -> None:
    await api.create(workflow("b"))
    await api.create(workflow("a"))
    answer = await api.list()
    assert answer.json["apiVersion"] == "argoproj.io/v1alpha1"
    assert answer.json["kind"] == "WorkflowList"
    assert answer.json["metadata"] == {"continue": "", "resourceVersion": str(api.server.store.revision)}
    assert answer.names == ["a", "b"]
    assert {(each["apiVersion"], each["kind"]) for each in answer.json["items"]} == {
        ("argoproj.io/v1alpha1", "Workflow")
    }


async def test_the_resource_version_is_one_counter_for_everything(api: Api) -> None:
    first = (await api.create(workflow("a")))["metadata"]["resourceVersion"]
    cron = workflow("c") | {"kind": "CronWorkflow"}
    answer = await api.call("POST", f"{BASE}/namespaces/other/cronworkflows", cron)
    assert int(answer.version) == int(first) + 1
    assert (await api.list()).version == answer.version


async def test_a_list_of_all_namespaces(api: Api) -> None:
    await api.call("POST", f"{BASE}/namespaces/zz/workflows", workflow("a"))
    await api.create(workflow("b"))
    answer = await api.list(f"{BASE}/workflows")
    assert [(each["metadata"]["namespace"], each["metadata"]["name"]) for each in answer.json["items"]] == [
        ("argo", "b"),
        ("zz", "a"),
    ]


@pytest.mark.parametrize("selector", SELECTORS)
async def test_label_selectors(api: Api, selector: str) -> None:
    await api.create(workflow("red", labels={"team": "red", "size": "5"}))
    await api.create(workflow("blue", labels={"team": "blue", "size": "4"}))
    await api.create(workflow("none", labels={"size": "x"}))
    assert (await api.list(labelSelector=selector)).names == SELECTORS[selector]


@pytest.mark.parametrize("selector", BAD_SELECTORS)
async def test_a_bad_label_selector_is_a_bad_request(api: Api, selector: str) -> None:
    code, reason, _ = (await api.list(labelSelector=selector)).refusal
    assert (code, reason) == (400, "BadRequest")


async def test_field_selectors_know_name_and_namespace_only(api: Api) -> None:
    await fill(api, 2)
    assert (await api.list(fieldSelector="metadata.name=w1")).names == ["w1"]
    assert (await api.list(fieldSelector="metadata.name!=w1")).names == ["w0"]
    assert (await api.list(fieldSelector="metadata.namespace=other")).names == []
    assert (await api.list(fieldSelector="status.phase=Running")).refusal == (
        400,
        "BadRequest",
        "field label not supported: status.phase",
    )


async def test_pages_show_one_snapshot(api: Api) -> None:
    await fill(api)
    first = await api.list(limit="2")
    await api.delete("w2")
    await api.create(workflow("w5"))
    await api.relabel("w4", new="label")
    second = await api.list(limit="2", **{"continue": first.json["metadata"]["continue"]})
    third = await api.list(limit="2", **{"continue": second.json["metadata"]["continue"]})
    assert first.names + second.names + third.names == ["w0", "w1", "w2", "w3", "w4"]
    assert first.version == second.version == third.version
    assert "labels" not in third.json["items"][0]["metadata"]
    assert [each.json["metadata"].get("remainingItemCount") for each in (first, second, third)] == [3, 1, None]
    assert third.json["metadata"]["continue"] == ""


async def test_remaining_item_count_is_absent_with_a_selector(api: Api) -> None:
    for index in range(3):
        await api.create(workflow(f"w{index}", labels={"a": "b"}))
    answer = await api.list(limit="1", labelSelector="a=b")
    assert answer.names == ["w0"]
    assert answer.json["metadata"]["continue"]
    assert "remainingItemCount" not in answer.json["metadata"]


async def test_a_limit_at_resource_version_0_is_ignored(api: Api) -> None:
    await fill(api, 3)
    assert len((await api.list(limit="1", resourceVersion="0")).names) == 3


@pytest.mark.parametrize("token", ["xx", "!", base64.urlsafe_b64encode(b'{"v":"meta.k8s.io/v1"}').decode()])
async def test_a_bad_continue_token_is_a_bad_request(api: Api, token: str) -> None:
    assert (await api.list(**{"continue": token})).refusal[:2] == (400, "BadRequest")


async def test_an_expired_continue_token_is_gone_and_offers_the_rest(api: Api) -> None:
    await fill(api)
    token = (await api.list(limit="2")).json["metadata"]["continue"]
    await api.create(workflow("w9"))
    api.server.store.compact()
    answer = await api.list(limit="2", **{"continue": token})
    assert answer.refusal[:2] == (410, "Expired")
    rest = await api.list(**{"continue": answer.json["metadata"]["continue"]})
    assert rest.names == ["w2", "w3", "w4", "w9"]
    assert rest.version == str(api.server.store.revision)


@pytest.mark.parametrize("version", ["", "0"])
async def test_an_unset_version_and_0_are_the_latest(api: Api, version: str) -> None:
    await fill(api, 1)
    assert (await api.list(resourceVersion=version)).names == ["w0"]


async def test_a_version_that_is_no_number_is_a_bad_request(api: Api) -> None:
    code, reason, message = (await api.list(resourceVersion="abc")).refusal
    assert (code, reason) == (400, "BadRequest")
    assert 'parsing "abc": invalid syntax' in message


async def test_a_future_version_is_a_timeout(api: Api) -> None:
    answer = await api.list(resourceVersion="99999")
    current = api.server.store.revision
    assert answer.refusal == (
        504,
        "Timeout",
        f"Timeout: Too large resource version: 99999, current: {current}",
    )
    assert answer.json["details"] == {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    }
    assert answer.headers["Retry-After"] == "1"


async def test_an_exact_version_shows_the_past(api: Api) -> None:
    await fill(api, 2)
    version = (await api.list()).version
    await api.delete("w0")
    exact = await api.list(resourceVersion=version, resourceVersionMatch="Exact")
    assert (exact.names, exact.version) == (["w0", "w1"], version)
    newer = await api.list(resourceVersion=version, resourceVersionMatch="NotOlderThan")
    assert newer.names == ["w1"]
    legacy = await api.list(resourceVersion=version, limit="5")
    assert legacy.names == ["w0", "w1"]
    api.server.store.compact()
    gone = await api.list(resourceVersion=version, resourceVersionMatch="Exact")
    assert gone.refusal[:2] == (410, "Expired")


@pytest.mark.parametrize(
    "query",
    [
        {"resourceVersionMatch": "Exact"},
        {"resourceVersionMatch": "Exact", "resourceVersion": "0"},
        {"resourceVersionMatch": "Sometimes", "resourceVersion": "1"},
        {"sendInitialEvents": "true"},
    ],
)
async def test_options_that_do_not_go_together_are_invalid(api: Api, query: dict[str, str]) -> None:
    answer = await api.list(**query)
    assert answer.refusal[:2] == (422, "Invalid")
    assert answer.json["details"]["kind"] == "ListOptions"


async def test_a_list_of_metadata_alone(api: Api) -> None:
    await fill(api, 2)
    accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    answer = await api.call("GET", WORKFLOWS, accept=accept, limit="1")
    assert answer.json["kind"] == "PartialObjectMetadataList"
    assert answer.json["apiVersion"] == "meta.k8s.io/v1"
    assert answer.json["metadata"]["remainingItemCount"] == 1
    (item,) = answer.json["items"]
    assert item["kind"] == "PartialObjectMetadata"
    assert item["metadata"]["uid"]
    assert "spec" not in item


@pytest.mark.parametrize(
    "accept",
    [
        "application/json;as=Table;g=meta.k8s.io;v=v1",
        "application/yaml",
        "text/html",
        "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
    ],
)
async def test_a_representation_that_cannot_be_served_is_refused(api: Api, accept: str) -> None:
    assert (await api.call("GET", WORKFLOWS, accept=accept)).refusal[:2] == (406, "NotAcceptable")


async def test_the_next_representation_is_served_when_the_first_cannot_be(api: Api) -> None:
    accept = "application/json;as=Table;g=meta.k8s.io;v=v1, application/json"
    assert (await api.call("GET", WORKFLOWS, accept=accept)).json["kind"] == "WorkflowList"


class TestASmallWindow:
    @pytest.fixture
    def settings(self) -> ServerSettings:
        return ServerSettings(window=1)

    async def test_a_token_outlives_no_more_events_than_the_window(self, api: Api, server: LocalServer) -> None:
        await fill(api, 3)
        token = (await api.list(limit="1")).json["metadata"]["continue"]
        assert json.loads(base64.urlsafe_b64decode(token + "=="))["rv"] == server.store.revision
        await api.relabel("w0", a="b")
        assert (await api.list(**{"continue": token})).names == ["w1", "w2"]
        await api.relabel("w0", a="c")
        assert (await api.list(**{"continue": token})).refusal[:2] == (410, "Expired")
