"""The JupyterLab side: submits notebook jobs to Argo Workflows.

Importing this package imports nothing else: jupyter-scheduler loads the classes by name when it needs them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from nbargo_submitter.environments import ArgoEnvironmentManager
    from nbargo_submitter.execution import ArgoExecutionManager
    from nbargo_submitter.extension import NbargoApp
    from nbargo_submitter.files import ArgoJobFilesManager
    from nbargo_submitter.scheduler import ArgoScheduler

_HOMES: Final = {
    "ArgoEnvironmentManager": "nbargo_submitter.environments",
    "ArgoExecutionManager": "nbargo_submitter.execution",
    "ArgoJobFilesManager": "nbargo_submitter.files",
    "ArgoScheduler": "nbargo_submitter.scheduler",
    "NbargoApp": "nbargo_submitter.extension",
}

__all__ = [
    "ArgoEnvironmentManager",
    "ArgoExecutionManager",
    "ArgoJobFilesManager",
    "ArgoScheduler",
    "NbargoApp",
]


def __getattr__(name: str) -> Any:
    """Import a public class on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Tell jupyter_server where the extension is."""
    return [{"module": "nbargo_submitter.extension", "app": __getattr__("NbargoApp")}]
