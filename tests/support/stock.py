"""The tests that jupyter_scheduler installs with itself, run against ArgoScheduler.

Nothing of them is copied: a module of tests/stock takes the functions of the installed module into its own names, so
that they are collected there with our fixtures under the names of theirs.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final
from unittest import mock

from nbargo_submitter.scheduler import ArgoScheduler

_THEIRS: Final = "jupyter_scheduler.scheduler.Scheduler."
_PACKAGE: Final = "jupyter_scheduler.tests"

_OWN_CLASS: Final = (
    "it tests jupyter-scheduler's {theirs}, which nbargo replaces by {ours}; {tests} show the same of it"
)
NOT_APPLICABLE: Final[Mapping[tuple[str, str], str]] = {
    ("test_job_files_manager", "test_copy_from_staging"): _OWN_CLASS.format(
        theirs="JobFilesManager with its Downloader in a process",
        ours="ArgoJobFilesManager, which copies in a thread and tells of errors",
        tests="tests/unit/submitter_lab/test_a_jobs_files_come_and_go.py",
    ),
    ("test_job_files_manager", "test_downloader_download"): _OWN_CLASS.format(
        theirs="Downloader, which also unpacks archives",
        ours="ArgoJobFilesManager, which has no archives",
        tests="tests/unit/submitter_lab/test_a_jobs_files_come_and_go.py",
    ),
    (
        "test_scheduler",
        "test_create_job_definition_with_input_folder",
    ): "it wants the folder's files listed in the definition's row, which JupyterLab does not show; nbargo lists each "
    "run's files in the run's row: test_create_job_with_input_folder, and tests/unit/watcher_definitions",
    (
        "test_handlers",
        "test_patch_jobs_for_validation_error",
    ): "the suite itself skips it: no body of such a request is invalid",
    ("test_execution_manager", "test_add_side_effects_files"): _OWN_CLASS.format(
        theirs="DefaultExecutionManager, which runs the notebook beside the lab and writes the row itself",
        ours="the runner in the job's pod and the watcher",
        tests="the tests of files in tests/e2e/test_jobs_run_through_the_rest_api.py",
    ),
}
"""The cases that cannot say anything about ArgoScheduler, by module and function, and why."""


def cases(module: str) -> dict[str, Any]:
    """Return the test functions of an installed module that apply, and its fixtures.

    Args:
        module: Its name, without the package.
    """
    found = vars(load(module))
    return {
        name: value
        for name, value in found.items()
        if not name.startswith("_") and (module, name) not in NOT_APPLICABLE and _is_collected(name, value)
    }


def load(module: str) -> ModuleType:
    """Import an installed module of tests."""
    return importlib.import_module(f"{_PACKAGE}.{module}")


def installed() -> set[tuple[str, str]]:
    """Return all test functions that are installed, by module and name."""
    package = importlib.import_module(_PACKAGE)
    modules = [each.name for each in pkgutil.iter_modules(package.__path__) if each.name.startswith("test_")]
    return {(module, name) for module in modules for name in vars(load(module)) if _is_test(name)}


def _is_test(name: str) -> bool:
    return name.startswith("test_")


def _is_collected(name: str, value: object) -> bool:
    return _is_test(name) or type(value).__name__ == "FixtureFunctionDefinition"


@contextmanager
def patch(target: str) -> Iterator[mock.Mock]:
    """Stand in for `unittest.mock.patch` where the tests replace a method of Scheduler: it is ArgoScheduler's then.

    Afterwards every call must be one that the method itself would have taken.

    Args:
        target: The method, as the tests name it.
    """
    name = target.removeprefix(_THEIRS)
    assert name != target, f"{target} is no method of Scheduler"
    method = inspect.signature(getattr(ArgoScheduler, name))
    with mock.patch.object(ArgoScheduler, name) as stand_in:
        yield stand_in
    for call in stand_in.call_args_list:
        method.bind(None, *call.args, **call.kwargs)
