"""What jupyter-scheduler asks an execution manager: is this notebook fit to run, and which features are there.

Nothing is executed here: the job's pod does that. The class is not a subclass of jupyter-scheduler's, because that
module imports nbconvert, which would cost each start of the lab a tenth of a second.
"""

import json
from pathlib import Path
from typing import Final

from jupyter_scheduler.models import JobFeature

_SUPPORTED: Final = frozenset(
    {
        JobFeature.job_name,
        JobFeature.parameters,
        JobFeature.output_formats,
        JobFeature.job_definition,
        JobFeature.idempotency_token,
        JobFeature.tags,
        JobFeature.stop_job,
        JobFeature.delete_job,
    }
)


def problem(path: str) -> str | None:
    """Return why a notebook cannot be run, in one sentence without a full stop, or None if it can.

    Args:
        path: The notebook's path in the file system.
    """
    try:
        notebook = json.loads(Path(path).read_bytes())
    except OSError as error:
        return f"The notebook cannot be read: {error.strerror}"
    except (ValueError, RecursionError):
        return "The file is not a notebook: it is not valid JSON"
    match notebook:
        case {"cells": [*_], "metadata": {"kernelspec": {"name": str(name)}}} if name:
            return None
        case {"cells": [*_]}:
            return "There is no kernel associated with the notebook"
        case _:
            return "The file is not a notebook of format 4"


def kernel_of(path: Path) -> str:
    """Return the name of the kernel that a notebook names, "" if it cannot be read.

    Args:
        path: The notebook.
    """
    try:
        notebook = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return ""
    match notebook:
        case {"metadata": {"kernelspec": {"name": str(name)}}}:
            return name
        case _:
            return ""


class ArgoExecutionManager:
    """The execution manager of ArgoScheduler.

    jupyter-scheduler calls both functions on the class, with the class itself as the first argument.
    """

    @staticmethod
    def validate(_cls: object, input_path: str) -> bool:
        """Return whether a notebook is readable and names a kernel.

        Args:
            input_path: The notebook's path in the file system.
        """
        return problem(input_path) is None

    @staticmethod
    def supported_features(_cls: object = None) -> dict[JobFeature, bool]:
        """Return for each of jupyter-scheduler's features whether it is there."""
        return {feature: feature in _SUPPORTED for feature in JobFeature}
