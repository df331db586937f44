import runpy
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = runpy.run_path(str(ROOT / "docs/write_performance.py"))
STARTUP: dict[str, Any] = {
    "benchmark": "lab_startup",
    "stock_ms": 900.0,
    "stock_mb": 100.0,
    "nbargo_ms": 950.5,
    "nbargo_mb": 101.0,
    "more_ms": 50.0,
    "more_mb": 1.0,
    "rounds": 7,
}


def test_the_page_has_a_place_for_each_table() -> None:
    text = (ROOT / "docs/performance.md").read_text(encoding="utf-8")
    for name in SCRIPT["TABLES"]:
        assert text.count(f"<!-- {name}: written by docs/write_performance.py -->\n") == 1
        assert text.count(f"<!-- end of {name} -->\n") == 1


def test_a_table_takes_the_place_of_the_one_before() -> None:
    text = (ROOT / "docs/performance.md").read_text(encoding="utf-8")
    once = SCRIPT["page"](text, [STARTUP])
    assert "| more, within a turn | 50.0 | 1.0 |" in once
    assert SCRIPT["page"](once, [STARTUP]) == once
    assert SCRIPT["page"](once, [{**STARTUP, "more_ms": 60.0}]) == once.replace("| 50.0 | 1.0 |", "| 60.0 | 1.0 |")
