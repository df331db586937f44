"""The watcher's environment holds its own dependencies and nothing of the lab's."""

import pkgutil
import re
import subprocess
import sys
from importlib.metadata import requires

import nbargo_watcher

BLOCKED = (
    "jupyter_scheduler",
    "hera",
    "sqlalchemy",
    "kubernetes",
    "jupyter_server",
    "jupyter_core",
    "traitlets",
    "yaml",
)
MODULES = sorted(
    module.name
    for module in pkgutil.iter_modules(nbargo_watcher.__path__, "nbargo_watcher.")
    if module.name not in {"nbargo_watcher.kubeconfig", "nbargo_watcher.__main__"}
)
IMPORT_ALL = f"""
import sys
for name in {BLOCKED!r}:
    sys.modules[name] = None
import importlib
for name in {MODULES!r}:
    importlib.import_module(name)
"""
TOP_LEVEL = """
print(*sorted({name.partition(".")[0] for name in sys.modules if sys.modules[name] is not None}))
"""
HEAVY = ("aiohttp", "anyio", "aiosqlite", "msgspec", "structlog", "prometheus_client", "shtab", "asyncio")


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_module_but_kubeconfig_does_without_the_labs_packages() -> None:
    assert len(MODULES) > 20
    run(IMPORT_ALL)


def test_every_package_that_is_imported_is_a_declared_dependency() -> None:
    found = set(run(IMPORT_ALL + TOP_LEVEL).split())
    declared = {re.split(r"[^\w-]", text)[0].replace("-", "_") for text in requires("nbargo-watcher") or ()}
    imported = {name for name in (*HEAVY, "requests", "httpx", "click", "pydantic") if name in found} - {"asyncio"}
    assert imported <= declared


def test_help_version_and_check_stay_with_the_standard_library() -> None:
    code = "import sys\nfrom nbargo_watcher import cli\ncli.make_parser().format_help()\nimport nbargo_watcher.probe\n"
    assert not set(HEAVY) & set(run(code + TOP_LEVEL).split())
