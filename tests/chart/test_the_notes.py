"""What Helm prints after an installation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chart.helm import CHART

if TYPE_CHECKING:
    from pathlib import Path

    from chart.helm import Helm
    from chart.rendered import Rendered


def notes(helm: Helm, folder: Path, *options: str) -> str:
    """Return the chart's notes; Helm shows them only after it has reached a cluster."""
    for path in CHART.rglob("*"):
        if path.is_file():
            copy = folder / path.relative_to(CHART)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    text = (folder / "templates" / "NOTES.txt").read_text()
    (folder / "templates" / "_notes.tpl").write_text(f'{{{{ define "notes" }}}}{text}{{{{ end }}}}')
    shown = 'kind: Notes\napiVersion: v1\ntext: {{ include "notes" . | toJson }}\n'
    (folder / "templates" / "shown.yaml").write_text(shown)
    (found,) = (each["text"] for each in helm.render(*options, chart=folder) if each["kind"] == "Notes")
    return str(found)


def test_the_notes_print_what_to_paste(helm: Helm, plain: Rendered, tmp_path: Path) -> None:
    text = notes(helm, tmp_path)
    assert plain.named("ConfigMap", "nbargo-z2jh")["data"]["values.yaml"] in text
    assert "jhub get configmap nbargo-z2jh" in text
    assert "networkPolicy.apiServer.cidrs" in text
    assert "read each other's jobs" in text
    assert "WARNING" not in text


def test_the_notes_warn_when_there_is_no_policy(helm: Helm, tmp_path: Path) -> None:
    assert "WARNING: policy.enabled is false" in notes(helm, tmp_path, "--set", "policy.enabled=false")
