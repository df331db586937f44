"""Write the parts of docs/operators.md that come from the code: options, traits, metrics, and what --help prints.

Run: make docs. A unit test fails when a part is out of date. The outputs of runs are docs/take_outputs.py's matter.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from prometheus_client.core import HistogramMetricFamily
from traitlets import Undefined

from nbargo_submitter.bounds import BoundTraits
from nbargo_submitter.compute_types import ComputeTypeTraits
from nbargo_submitter.hooks import HookTraits
from nbargo_submitter.lab_environments import LabTraits
from nbargo_submitter.limits import LimitTraits
from nbargo_submitter.notice_settings import NoticeTraits
from nbargo_submitter.pod_traits import PodTraits
from nbargo_submitter.quota import QuotaTraits
from nbargo_submitter.schedule_traits import ScheduleTraits
from nbargo_submitter.scheduler import ArgoScheduler
from nbargo_submitter.settings import ArgoSettings
from nbargo_watcher.cli import make_parser, variable_of
from nbargo_watcher.health import Exporter
from nbargo_watcher.telemetry import Telemetry

PAGE = Path(__file__).with_name("operators.md")
WIDTH = 100
"""Columns of what --help prints, and of examples."""
SUBJECTS: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("Cluster, environments and watcher", (ArgoSettings,)),
    ("Pods", (PodTraits, HookTraits)),
    ("Sizes, and what users may ask for", (ComputeTypeTraits, BoundTraits)),
    ("Limits and quotas", (LimitTraits, QuotaTraits)),
    ("Schedules", (ScheduleTraits,)),
    ("Messages", (NoticeTraits,)),
    ("What the lab offers", (LabTraits,)),
)
"""Which classes have the settings of a subject."""


def start(part: str) -> str:
    """Return the line before a part that is written by a program."""
    return f"<!-- {part}: written by a program -->\n"


def end(part: str) -> str:
    """Return the line after it."""
    return f"<!-- end of {part} -->\n"


def with_part(text: str, part: str, content: str) -> str:
    """Return a page with a part replaced.

    Args:
        text: The page.
        part: The part's name.
        content: What is to stand between its two marks.
    """
    before, found, rest = text.partition(start(part))
    _, closed, after = rest.partition(end(part))
    if not (found and closed):
        raise SystemExit(f"{PAGE.name} has no part '{part}'")
    return f"{before}{found}{content.rstrip()}\n{closed}{after}"


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    """Return a table in Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(
        "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def help_text() -> str:
    """Return what `watcher --help` prints on a terminal of a fixed width."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(WIDTH)
    try:
        return f"```console\n$ watcher --help\n{make_parser().format_help().rstrip()}\n```"
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before


def options() -> str:
    """Return the table of the watcher's options."""

    def rows() -> Iterator[tuple[str, ...]]:
        for action in make_parser()._actions:  # noqa: SLF001 - argparse has no other list of them
            if variable := variable_of(action):
                value = " or ".join(action.choices or ()) or action.metavar or "1"
                yield f"`{action.option_strings[0]}`", f"`{variable}`", f"`{value}`", action.help or ""

    return table(("option", "variable", "value", "meaning"), rows())


def traits() -> str:
    """Return tables of what can be set for the scheduler, by subject, each with the examples that there are."""
    return "\n\n".join(part for title, classes in SUBJECTS for part in _subject(title, classes))


def _subject(title: str, classes: tuple[type, ...]) -> Iterator[str]:
    found = {name: trait for each in classes for name, trait in sorted(of_class(each).items())}

    def rows() -> Iterator[tuple[str, ...]]:
        for name, trait in found.items():
            text = " ".join(trait.help.split())
            meaning = text.replace("Default: ", "**Default:** ")
            yield f"`{name}`", type(trait).__name__, _default(trait, text), meaning

    yield f"### {title}"
    yield table(("`c.ArgoScheduler.`", "type", "default", "meaning"), rows())
    examples = {name: trait.metadata["example"] for name, trait in found.items() if "example" in trait.metadata}
    if examples:
        yield f"```python\n{_formatted(examples)}```"


def of_class(owner: type) -> dict[str, Any]:
    """Return the settings that a class itself has, by name."""
    all_of_them = ArgoScheduler.class_traits(config=True).items()
    return {name: trait for name, trait in all_of_them if trait.this_class is owner}


def _formatted(examples: Mapping[str, Any]) -> str:
    lines = "".join(f"c.ArgoScheduler.{name} = {value!r}\n" for name, value in examples.items())
    ruff = Path(sys.executable).with_name("ruff")
    command = [ruff, "format", "--quiet", "-"]
    return subprocess.run(command, input=lines, cwd=PAGE.parent, capture_output=True, text=True, check=True).stdout


def _default(trait: Any, text: str) -> str:
    if "Default:" in text:
        return "as said"
    empty = {"Dict": "{}", "List": "[]"}.get(type(trait).__name__)
    return f"`{empty if trait.default_value is Undefined else repr(trait.default_value)}`"


def metrics() -> str:
    """Return the table of the metrics."""
    told = Telemetry()

    def rows() -> Iterator[tuple[str, ...]]:
        for family in Exporter(told).collect():
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = ", ".join(f"`{label}`" for label in getattr(family, "_labelnames", ()) if label != "le")
            kind = "histogram" if isinstance(family, HistogramMetricFamily) else family.type
            yield f"`{name}`", kind, labels or "-", family.documentation

    return table(("metric", "type", "labels", "meaning"), rows())


def parts() -> Mapping[str, str]:
    """Return all parts that come from the code, by name."""
    return {"help": help_text(), "options": options(), "traits": traits(), "metrics": metrics()}


def page() -> str:
    """Return docs/operators.md with these parts as they should be."""
    text = PAGE.read_text(encoding="utf-8")
    for part, content in parts().items():
        text = with_part(text, part, content)
    return text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
