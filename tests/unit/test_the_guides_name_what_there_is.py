"""docs/migrating.md and docs/troubleshooting.md name settings, values, variables and messages: each has to exist."""

import ast
import json
import re
import runpy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from nbargo_submitter.scheduler import ArgoScheduler
from nbargo_watcher.cli import make_parser, variable_of
from nbargo_watcher.faults import What

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = {
    name: (ROOT / f"docs/{name}.md").read_text(encoding="utf-8") for name in ("migrating", "troubleshooting")
}
TROUBLE: Final = PAGES["troubleshooting"]
SCHEMA: Final[dict[str, Any]] = json.loads((ROOT / "helm/nbargo/values.schema.json").read_text(encoding="utf-8"))
POLICY: Final = " ".join((ROOT / "helm/nbargo/templates/policy.yaml").read_text(encoding="utf-8").split())
SOURCES: Final = sorted(ROOT.glob("*/src/nbargo_*/**/*.py"))
PLACEHOLDER: Final = re.compile(r"<[^<>]+>|\{\w+\}")
GAP: Final = 250
"""Characters between two parts of a message in the policy, where expressions stand between them."""
FIXED: Final = 9
"""Characters that a message has at least, besides what differs."""


def words(name: str, pattern: str) -> set[str]:
    return set(re.findall(pattern, PAGES[name]))


def cells(head: str) -> list[str]:
    """Return the texts in backticks of the first column of each table of the troubleshooting page with a heading."""
    found = []
    for table in re.findall(rf"^\| {head} \|.*\n\|[-| ]+\n((?:\|.*\n)+)", TROUBLE, flags=re.MULTILINE):
        for line in table.splitlines():
            quoted = re.findall(r"`([^`]+)`", line.split(" | ")[0])
            assert quoted, f"no text in backticks: {line}"
            found += quoted
    assert found, f"no table is headed {head!r}"
    return found


@cache
def literals() -> list[str]:
    """Return every text of the programs' source; what is filled in at run time is a line's end."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    constants = {
        node.target.id: node.value.value
        for node in nodes
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and isinstance(node.value, ast.Constant)
    }

    def part(value: ast.expr) -> str:
        if isinstance(value, ast.Constant):
            return str(value.value)
        name = value.value.id if isinstance(value, ast.FormattedValue) and isinstance(value.value, ast.Name) else ""
        return str(constants.get(name, "\n"))

    found = ["".join(map(part, node.values)) for node in nodes if isinstance(node, ast.JoinedStr)]
    found += [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [re.sub(r"%[a-z]|\{\w+\}", "\n", text) for text in found]


def is_said(message: str) -> bool:
    """Return whether the programs or the chart's policy say a message, whatever stands for its placeholders."""
    parts = [part.strip() for part in PLACEHOLDER.split(message) if part.strip()]
    assert sum(map(len, parts)) >= FIXED or not PLACEHOLDER.search(message), f"too little of it is fixed: {message}"
    anything = re.compile(".*?".join(map(re.escape, parts)), re.DOTALL)
    of_policy = re.compile(f".{{0,{GAP}}}?".join(map(re.escape, parts)))
    return any(map(anything.search, literals())) or of_policy.search(POLICY) is not None


def values(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    for name, each in schema.get("properties", {}).items():
        yield f"{path}{name}"
        yield from values(each, f"{path}{name}.")


@pytest.mark.parametrize("page", PAGES)
def test_every_setting_is_one_of_the_scheduler(page: str) -> None:
    named = words(page, r"c\.ArgoScheduler\.(\w+)")
    assert named
    assert named - set(ArgoScheduler.class_trait_names(config=True)) == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_variable_is_read_by_a_program(page: str) -> None:
    options = {variable_of(action) for action in make_parser()._actions}
    known = options | {text for text in literals() if re.fullmatch(r"NBARGO_[A-Z_]+", text)}
    named = words(page, r"\bNBARGO_[A-Z]+(?:_[A-Z]+)*\b")
    assert named
    assert named - known == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_value_is_one_of_the_chart(page: str) -> None:
    heads = "|".join(SCHEMA["properties"])
    named = words(page, rf"`((?:{heads})\.[A-Za-z_.]+?)(?:: [^`]*)?`")
    assert named
    assert named - set(values(SCHEMA)) == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_metric_is_exported(page: str) -> None:
    table = runpy.run_path(str(ROOT / "docs/write_operators.py"))["metrics"]()
    assert words(page, r"\bnbargo_watcher_[a-z_]+") - set(re.findall(r"`(nbargo_\w+)`", table)) == set()


@pytest.mark.parametrize("message", cells("message"))
def test_every_message_is_in_the_source(message: str) -> None:
    assert is_said(message)


@pytest.mark.parametrize("message", ["The cluster does not allow that: <reason>", "the label nbargo/user is '<user>'"])
def test_a_message_that_nobody_says_is_found_out(message: str) -> None:
    assert not is_said(message)


def test_what_happened_is_as_the_log_says_it() -> None:
    assert set(cells("happened")) <= {what.value for what in What}


@pytest.mark.parametrize("message", cells("helm says"))
def test_what_helm_says_is_held_by_the_charts_tests(message: str) -> None:
    assert message in (ROOT / "tests/chart/test_bad_values_are_refused.py").read_text(encoding="utf-8")


def test_every_refusal_of_the_policy_is_explained() -> None:
    whole = re.findall(
        r" message: (?:>- )?(?!\{\{)(.+?) (?=- expression:|#|---|messageExpression:|\{\{)", f"{POLICY} ---"
    )
    begun = re.findall(r'messageExpression: >- (?:[^"]*?\? )?"([^"]+?)"', POLICY)
    assert len(whole) > 10 < len(begun)
    told = [message.split("<")[0] for message in cells("message")]
    missing = [text for text in (*whole, *begun) if not any(part and (part in text or text in part) for part in told)]
    assert missing == [], "say in docs/troubleshooting.md what to do about it"


def test_every_link_leads_somewhere() -> None:
    for name, text in PAGES.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            file, _, anchor = target.partition("#")
            path = ROOT / "docs" / (file or f"{name}.md")
            assert path.is_file(), target
            heads = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
            assert not anchor or anchor in slugs, target
