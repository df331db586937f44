import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_layer_table_names_every_module() -> None:
    script = runpy.run_path(str(ROOT / "docs/write_layers.py"))
    assert script["page"]() == (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), "run: make docs"
