import ast
import re
import runpy
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/operators.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "docs/write_operators.py"))


def test_options_traits_metrics_and_help_are_the_programs(script: dict[str, Any]) -> None:
    assert script["page"]() == PAGE, "run: make docs"


@pytest.mark.parametrize("part", ["check", "dry run", "once", "log"])
def test_the_outputs_are_there(script: dict[str, Any], part: str) -> None:
    _, _, rest = PAGE.partition(script["start"](part))
    content, _, _ = rest.partition(script["end"](part))
    assert content.count("\n") > 3, "run: make outputs"


def test_no_path_of_one_machine_is_on_the_page() -> None:
    assert re.findall(r"/tmp\b|nbargo-outputs|127\.0\.0\.1:\d{5}", PAGE) == []  # noqa: S108 - to look for it
    assert str(ROOT) not in PAGE


@pytest.mark.parametrize("page", ["operators", "install", "migrating", "troubleshooting"])
def test_the_examples_can_be_read(page: str) -> None:
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    for kind, block in re.findall(r"```(yaml|python)\n(.*?)```", text, flags=re.DOTALL):
        documents = list(yaml.safe_load_all(block)) if kind == "yaml" else [ast.parse(textwrap.dedent(block))]
        assert all(documents)


def test_the_roles_of_an_installation_by_hand_are_the_charts() -> None:
    page = (ROOT / "docs/install.md").read_text(encoding="utf-8")
    chart = (ROOT / "helm/nbargo/templates/rbac.yaml").read_text(encoding="utf-8")
    rule = re.compile(r"resources: \[(.*?)\]\n\s+verbs: \[(.*?)\]")
    said = {resources: set(verbs.split(", ")) for resources, verbs in rule.findall(page)}
    assert said == {resources: set(verbs.split(", ")) for resources, verbs in rule.findall(chart)}
    assert set(said) == {"workflows, cronworkflows", "workflowtaskresults"}
