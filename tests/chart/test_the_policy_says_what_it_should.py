"""The admission policy's text. What a kube-apiserver makes of it is not tried here."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

import pytest

from chart.lab import PROJECTED, job, schedule
from chart.rendered import MODES, Rendered
from nbargo_submitter.pod import PodSettings

if TYPE_CHECKING:
    from chart.helm import Helm

POLICIES = ("jhub-nbargo", "jhub-nbargo-results")
WITH_POLICY = [name for name in MODES if name != "no-policy"]


@pytest.fixture(params=WITH_POLICY)
def chart(request: pytest.FixtureRequest, modes: dict[str, Rendered]) -> Rendered:
    return modes[request.param]


def test_it_is_asked_about_every_write_and_denies(chart: Rendered) -> None:
    spec = chart.policy()
    (rule,) = spec["matchConstraints"]["resourceRules"]
    assert rule["resources"] == ["workflows", "cronworkflows"]
    assert rule["operations"] == ["CREATE", "UPDATE", "DELETE"]
    assert spec["failurePolicy"] == "Fail"


@pytest.mark.parametrize("name", POLICIES)
def test_it_is_in_force_where_jobs_run(chart: Rendered, name: str) -> None:
    binding = chart.named("ValidatingAdmissionPolicyBinding", name)["spec"]
    assert binding["validationActions"] == ["Deny"]
    assert binding["policyName"] == name
    (where,) = binding["matchResources"]["namespaceSelector"]["matchExpressions"]
    assert where["values"] == chart.namespaces()


@pytest.mark.parametrize("name", POLICIES)
def test_every_refusal_says_why(chart: Rendered, name: str) -> None:
    for rule in chart.policy(name)["validations"]:
        assert rule.get("message") or rule.get("messageExpression")


@pytest.mark.parametrize("name", POLICIES)
def test_no_list_has_become_null(chart: Rendered, name: str) -> None:
    spec = chart.policy(name)
    text = " ".join(each["expression"] for each in [*spec["variables"], *spec["validations"]])
    assert text.count("null") == len(re.findall(r"[=!]= null", text))


def test_without_it_there_is_none(modes: dict[str, Rendered]) -> None:
    assert not {each["kind"] for each in modes["no-policy"].objects if "Admission" in each["kind"]}


def test_a_job_writes_the_results_of_its_own_workflow(chart: Rendered) -> None:
    spec = chart.policy("jhub-nbargo-results")
    (rule,) = spec["matchConstraints"]["resourceRules"]
    assert (rule["resources"], rule["operations"]) == (["workflowtaskresults"], ["CREATE", "UPDATE"])
    rules = " ".join(each["expression"] for each in spec["validations"])
    assert "variables.pod == variables.workflow" in rules
    assert "variables.oldWorkflow == variables.workflow" in rules
    assert 'object.metadata.?name.orValue("") == variables.result' in rules


def test_it_is_for_the_accounts_that_may_write(modes: dict[str, Rendered]) -> None:
    def caller(mode: str) -> str:
        (condition,) = modes[mode].policy()["matchConditions"]
        return str(condition["expression"])

    account = "system:serviceaccount:jhub:nbargo-user"
    assert caller("shared-namespace") == f'request.userInfo.username == "{account}"'
    assert caller("service-accounts") == f'request.userInfo.username.startsWith("{account}-")'
    assert caller("user-namespaces") == (
        'request.userInfo.username == "system:serviceaccount:" + request.namespace + ":" + "nbargo-user"'
    )


@pytest.mark.parametrize(
    ("mode", "proof", "prefix"),
    [
        ("shared-namespace", "authentication.kubernetes.io/pod-name", "jupyter-"),
        ("service-accounts", "request.userInfo.username", "system:serviceaccount:jhub:nbargo-user-"),
        ("user-namespaces", "request.namespace", "jupyter-"),
    ],
)
def test_the_user_is_in_what_the_server_knows(modes: dict[str, Rendered], mode: str, proof: str, prefix: str) -> None:
    chart = modes[mode]
    assert proof in chart.variable("proof")
    assert chart.variable("rest") == (
        f'variables.proof.startsWith("{prefix}") ? variables.proof.substring({len(prefix)}) : ""'
    )
    if mode != "shared-namespace":  # where tests/cluster/chart tries names of pods
        assert chart.variable("user") == "variables.rest"


def test_the_owner_is_the_caller_before_and_after_and_in_every_run(chart: Rendered) -> None:
    rules = chart.rules()
    assert 'variables.user != ""' in rules
    assert 'variables.labels[?"nbargo/user"].orValue("") == variables.user' in rules
    assert 'variables.oldLabels[?"nbargo/user"].orValue("") == variables.user' in rules
    assert "variables.runIsOwn" in rules
    assert 'variables.schedule.?workflowMetadata.orValue({}).all(k, k in ["labels", "annotations"])' in rules


def test_names_are_those_that_the_lab_gives(chart: Rendered) -> None:
    (pattern,) = re.findall(r'matches\("(\^nb-[^"]*)"\)', chart.rules())
    for made in (job(chart, "alice"), schedule(chart, "alice")):
        assert re.search(pattern, made["metadata"]["name"])
        assert not re.search(pattern, made["metadata"]["name"] + "-1763900000"), "a scheduled run's"


def test_jobs_run_as_their_own_account(chart: Rendered) -> None:
    assert 'variables.spec.?serviceAccountName.orValue("") == "nbargo-job"' in chart.rules()


@pytest.mark.parametrize(
    "member",
    [
        *("podSpecPatch", "hostNetwork", "workflowTemplateRef", "volumeClaimTemplates", "templateDefaults", "hooks"),
        *("workflowMetadata", "executor", "arguments", "artifactRepositoryRef"),
    ],
)
def test_a_workflow_has_no_member_that_leads_out(chart: Rendered, member: str) -> None:
    assert member not in chart.texts("specFields")
    assert "variables.spec.all(k, k in variables.specFields)" in chart.rules()


@pytest.mark.parametrize(
    "member",
    [
        *("podSpecPatch", "serviceAccountName", "sidecars", "initContainers", "volumes", "steps", "dag", "resource"),
        *("plugin", "http", "data", "containerSet", "executor", "hostAliases"),
    ],
)
def test_a_template_has_no_member_that_leads_out(chart: Rendered, member: str) -> None:
    assert member not in chart.texts("templateFields")


def test_volumes_are_of_harmless_kinds(chart: Rendered) -> None:
    kinds = chart.texts("volumeKinds") - {"name"}
    assert kinds == {"persistentVolumeClaim", "emptyDir", "configMap", "downwardAPI", "secret"}
    assert "variables.volumes.all(v, v.all(k, k in variables.volumeKinds))" in chart.rules()


def test_no_container_is_privileged(chart: Rendered) -> None:
    rules = chart.rules()
    for part in ("privileged.orValue(false)", "allowPrivilegeEscalation.orValue(false)", "add.orValue([]).size() == 0"):
        assert part in rules
    assert "procMount" not in chart.texts("containerSecurityFields")


def test_claims_are_the_callers_own_and_the_ones_that_are_named(modes: dict[str, Rendered]) -> None:
    chart = modes["shared-namespace"]
    assert chart.variable("ownClaim") == '"claim-{username}".replace("{username}", variables.user)'
    assert chart.variable("claims") == '[variables.ownClaim] + ["datasets"]'
    assert 'in ["datasets"]) || v.persistentVolumeClaim.?readOnly.orValue(false)' in chart.rules()


@pytest.mark.parametrize("mode", [name for name in WITH_POLICY if name.endswith("rwx")])
def test_of_a_shared_volume_only_the_callers_part_is_mounted(modes: dict[str, Rendered], mode: str) -> None:
    rules = modes[mode].rules()
    sub_path = "home/{username}" if mode == "shared-namespace-rwx" else "{username}"
    assert f'm.?subPath.orValue("") == "{sub_path}".replace("{{username}}", variables.user)' in rules
    assert "!has(m.subPathExpr)" in rules


def test_secrets_are_the_ones_that_are_named(modes: dict[str, Rendered]) -> None:
    assert modes["shared-namespace"].variable("secrets") == '["notebook-messages"]'
    assert modes["service-accounts"].variable("secrets") == "[]"


def test_labels_of_pods_and_locks_are_the_configured_ones(helm: Helm, modes: dict[str, Rendered]) -> None:
    assert 'k in ["team"]' in modes["shared-namespace"].rules()
    settings = "--set=lab.settings.concurrency.key=of-{user}"
    assert '"of-{username}".replace("{username}", variables.user)' in Rendered(helm.render(settings)).rules()


def test_jobs_come_before_nobody_unless_a_priority_class_is_set(helm: Helm, modes: dict[str, Rendered]) -> None:
    rule = 'variables.spec.?podPriorityClassName.orValue("") == '
    assert rule + '"".replace(' in modes["shared-namespace"].rules()
    chart = Rendered(helm.render("--set=lab.settings.priority_class=jobs-of-{username}"))
    assert rule + '"jobs-of-{username}".replace("{username}", variables.user)' in chart.rules()
    spec = job(chart, "alice")["spec"]
    assert spec["podPriorityClassName"] == "jobs-of-alice"
    assert "podPriorityClassName" in chart.texts("specFields")


def members(objects: list[dict[str, Any]]) -> set[str]:
    return {name for each in objects for name in each}


def test_what_the_lab_sends_has_only_members_that_are_allowed(chart: Rendered) -> None:
    cron = schedule(chart, "alice")
    specs = [job(chart, "alice")["spec"], cron["spec"]["workflowSpec"]]
    templates = [template for spec in specs for template in spec["templates"]]
    containers = [template["script"] for template in templates]
    assert "status" not in cron
    assert set(cron["spec"]) <= chart.texts("scheduleFields")
    assert members(specs) <= chart.texts("specFields")
    assert members(templates) <= chart.texts("templateFields")
    assert members(containers) <= chart.texts("containerFields")
    assert members([each["securityContext"] for each in containers]) <= chart.texts("containerSecurityFields")
    assert members([each["securityContext"] for each in specs]) <= chart.texts("podSecurityFields")
    assert members([volume for spec in specs for volume in spec["volumes"]]) <= chart.texts("volumeKinds")
    assert {spec["serviceAccountName"] for spec in specs} == {"nbargo-job"}


def test_the_list_of_what_the_lab_sends_is_complete() -> None:
    names = {each.name for each in dataclasses.fields(PodSettings)}
    assert names == PROJECTED, "what a new member adds to a Workflow has to be allowed by the policy"
