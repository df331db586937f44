from typing import Any

import pytest

from support.controller_bench import Bench, Object, container, shell

RUN = container("true")
CALL = {"name": "a", "template": "leaf"}
LEAF = container("true", name="leaf")


def inside(**fields: Any) -> Object:
    template = container("true")
    template["container"] |= fields
    return template


def steps(**fields: Any) -> list[Object]:
    return [{"name": "main", "steps": [[{**CALL, **fields}]]}, LEAF]


def from_secret(kind: str) -> list[Object]:
    return [{"name": "TOKEN", "valueFrom": {kind: {"name": "s", "key": "k"}}}]


UNSUPPORTED: list[tuple[str, list[Object], Object]] = [
    ("spec.synchronization.mutex.database", [RUN], {"synchronization": {"mutex": {"name": "m", "database": True}}}),
    (
        "spec.synchronization.semaphore.database",
        [RUN],
        {"synchronization": {"semaphores": [{"database": {"key": "k"}}]}},
    ),
    ("templates.main.synchronization", [{**RUN, "synchronization": {"mutex": {"name": "m"}}}], {}),
    ("spec.workflowTemplateRef", [RUN], {"workflowTemplateRef": {"name": "t"}}),
    ("spec.volumeClaimTemplates", [RUN], {"volumeClaimTemplates": [{"metadata": {"name": "v"}}]}),
    ("spec.hooks", [RUN], {"hooks": {"exit": {"template": "main"}}}),
    ("spec.podSpecPatch", [RUN], {"podSpecPatch": "{}"}),
    ("spec.workflowMetadata.labelsFrom", [RUN], {"workflowMetadata": {"labelsFrom": {"a": {"expression": "b"}}}}),
    ("spec.arguments.artifacts", [RUN], {"arguments": {"artifacts": [{"name": "a"}]}}),
    ("spec.retryStrategy.expression: unexpected sprig", [RUN], {"retryStrategy": {"expression": "sprig.now()"}}),
    ("templates.main.http", [{"name": "main", "http": {"url": "x"}}], {}),
    ("templates.main.resource", [{"name": "main", "resource": {"action": "get"}}], {}),
    ("templates.main.containerSet", [{"name": "main", "containerSet": {"containers": [{"name": "a"}]}}], {}),
    ("templates.main.daemon", [{**RUN, "daemon": True}], {}),
    ("templates.main.sidecars", [{**RUN, "sidecars": [{"name": "s"}]}], {}),
    ("templates.main.initContainers", [{**RUN, "initContainers": [{"name": "s"}]}], {}),
    ("templates.main.inputs.artifacts", [{**RUN, "inputs": {"artifacts": [{"name": "a"}]}}], {}),
    ("templates.main.outputs.artifacts", [{**RUN, "outputs": {"artifacts": [{"name": "a"}]}}], {}),
    ("templates.main.timeout", [{**RUN, "timeout": "1m"}], {}),
    ("templates.main.container.envFrom", [inside(envFrom=[{"secretRef": {"name": "s"}}])], {}),
    ("templates.main.container.env.TOKEN.valueFrom.secretKeyRef", [inside(env=from_secret("secretKeyRef"))], {}),
    ("templates.main.container.env.TOKEN.valueFrom.configMapKeyRef", [inside(env=from_secret("configMapKeyRef"))], {}),
    (
        "templates.main.container.env.A.valueFrom.fieldRef status.podIP",
        [inside(env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}])],
        {},
    ),
    ("templates.main.container without a command", [{"name": "main", "container": {"image": "x"}}], {}),
    ("templates.main.steps.a.when", steps(when="1 == 1"), {}),
    ("templates.main.steps.a.withItems", steps(withItems=[1]), {}),
    ("templates.main.steps.a.templateRef", steps(templateRef={"name": "x"}), {}),
    ("templates.main.steps.a.inline", steps(inline=LEAF), {}),
    ("expression tags {{=...}}", [shell("echo {{=1+1}}")], {}),
    ("outputs.result", steps(arguments={"parameters": [{"name": "x", "value": "{{steps.b.outputs.result}}"}]}), {}),
]

INVALID: list[tuple[str, list[Object], Object]] = [
    ("template name 'nobody' undefined", [RUN], {"entrypoint": "nobody"}),
    ("spec.entrypoint is required", [RUN], {"entrypoint": ""}),
    ("templates.main: failed to resolve {{workflow.nothing}}", [shell("{{workflow.nothing}}")], {}),
    ("templates.main: failed to resolve {{inputs.parameters.x}}", [shell("{{inputs.parameters.x}}")], {}),
    ("templates.main inputs.parameters.x was not supplied", [{**RUN, "inputs": {"parameters": [{"name": "x"}]}}], {}),
    (
        "spec.arguments.x.value or spec.arguments.x.valueFrom is required",
        [RUN],
        {"arguments": {"parameters": [{"name": "x"}]}},
    ),
    ("templates.main.container.image may not be empty", [inside(image="")], {}),
    ("templates.main multiple template types specified", [{**RUN, "suspend": {}}], {}),
    ("template 'main' type is unknown", [{"name": "main"}], {}),
    ("templates.main.parallelism is only valid for steps and dag templates", [{**RUN, "parallelism": 1}], {}),
    ("Sometimes is not a valid RetryPolicy", [{**RUN, "retryStrategy": {"retryPolicy": "Sometimes"}}], {}),
    ("spec.templates[1].name 'main' is not unique", [RUN, RUN], {}),
    ("podGC.strategy unknown strategy 'Never'", [RUN], {"podGC": {"strategy": "Never"}}),
    ("template name 'cleanup' undefined", [RUN], {"onExit": "cleanup"}),
    ("templates.main.steps[0].a template name 'leaf' undefined", [steps()[0]], {}),
    ("templates.main.steps[0].name 'a' is not unique", [{"name": "main", "steps": [[CALL, CALL]]}, LEAF], {}),
    (
        "templates.main sorting failed: invalid dependency b",
        [{"name": "main", "dag": {"tasks": [{**CALL, "dependencies": ["b"]}]}}, LEAF],
        {},
    ),
    (
        "templates.main sorting failed: graph with cycle",
        [{"name": "main", "dag": {"tasks": [{**CALL, "dependencies": ["a"]}]}}, LEAF],
        {},
    ),
    (
        "templates.main.outputs.parameters.o.path must be specified for Container templates",
        [{**RUN, "outputs": {"parameters": [{"name": "o", "valueFrom": {"parameter": "x"}}]}}],
        {},
    ),
]


@pytest.mark.parametrize(("what", "templates", "spec"), UNSUPPORTED, ids=[case[0] for case in UNSUPPORTED])
async def test_what_cannot_be_done_ends_in_error_and_says_so(
    bench: Bench, what: str, templates: list[Object], spec: Object
) -> None:
    bench.submit(*templates, **spec)
    workflow = await bench.ended()
    assert workflow["status"]["phase"] == "Error"
    assert workflow["status"]["message"].startswith(f"not supported by the local controller: {what}")
    assert workflow["metadata"]["labels"]["workflows.argoproj.io/completed"] == "true"
    assert "nodes" not in workflow["status"]


@pytest.mark.parametrize(("what", "templates", "spec"), INVALID, ids=[case[0] for case in INVALID])
async def test_an_invalid_spec_fails_with_argos_text(
    bench: Bench, what: str, templates: list[Object], spec: Object
) -> None:
    bench.submit(*templates, **spec)
    status = (await bench.ended())["status"]
    assert status["phase"] == "Failed"
    assert status["message"].startswith(f"invalid spec: {what}")


async def test_an_open_brace_reaches_to_the_braces_of_the_template_itself(bench: Bench) -> None:
    source = "print('{{x}')"
    bench.submit({"name": "main", "script": {"image": "any", "command": ["python"], "source": source}})
    assert (await bench.ended())["status"]["phase"] == "Succeeded"
    assert bench.log() == "{{x}\n"


async def test_an_open_brace_without_an_end_is_an_invalid_spec(bench: Bench) -> None:
    script = {"image": "any", "command": ["python"], "source": "print('{{x}')"}
    bench.submit({"name": "main", "script": script, "activeDeadlineSeconds": 60})
    status = (await bench.ended())["status"]
    assert status["phase"] == "Failed"
    assert status["message"].startswith("invalid spec: templates.main Cannot find end tag")


async def test_a_name_that_is_too_long_is_an_invalid_spec(bench: Bench) -> None:
    name = "a" * 64
    bench.submit(RUN, name=name)
    message = (await bench.ended(name))["status"]["message"]
    assert message == f'invalid spec: workflow name "{name}" must not be more than 63 characters long (currently 64)'


async def test_what_only_places_a_pod_is_accepted_without_effect(bench: Bench) -> None:
    spec: Object = {
        "serviceAccountName": "runner",
        "nodeSelector": {"disk": "ssd"},
        "affinity": {"nodeAffinity": {"x": 1}},
        "tolerations": [{"key": "gpu"}],
        "volumes": [{"name": "home", "persistentVolumeClaim": {"claimName": "c"}}],
        "securityContext": {"runAsUser": 1000},
        "podGC": {"strategy": "OnPodCompletion"},
        "imagePullSecrets": [{"name": "s"}],
    }
    template = inside(
        resources={"limits": {"memory": "1Gi"}},
        volumeMounts=[{"name": "home", "mountPath": "/home/x"}],
        imagePullPolicy="Always",
        securityContext={"privileged": False},
    )
    bench.submit(template, **spec)
    assert (await bench.ended())["status"]["phase"] == "Succeeded"


async def test_empty_fields_ask_for_nothing(bench: Bench) -> None:
    bench.submit({**RUN, "sidecars": [], "daemon": False, "inputs": {}, "outputs": {"artifacts": None}}, hooks={})
    assert (await bench.ended())["status"]["phase"] == "Succeeded"
