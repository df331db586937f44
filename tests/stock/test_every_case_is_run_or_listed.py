"""The installed suite may change with its version: what is new is run, or listed with the reason why it cannot be."""

from pathlib import Path

from support import stock


def _run() -> set[tuple[str, str]]:
    modules = {path.stem for path in Path(__file__).parent.glob("test_*.py")} - {Path(__file__).stem}
    return {(module, name) for module in modules for name in stock.cases(module) if name.startswith("test_")}


def test_every_installed_case_is_run_or_listed() -> None:
    assert stock.installed() - _run() - set(stock.NOT_APPLICABLE) == set()


def test_every_listed_case_is_installed_and_not_run() -> None:
    assert set(stock.NOT_APPLICABLE) <= stock.installed()
    assert not _run() & set(stock.NOT_APPLICABLE)


def test_something_is_run_of_handlers_and_scheduler() -> None:
    assert {module for module, _ in _run()} >= {"test_handlers", "test_scheduler"}
