"""How much one user may submit: what comes along with a notebook, parameters, job definitions.

An administrator sets them as traits of ArgoScheduler. 0 or None stands for no limit. How much runs at a time is limited
by Argo, not here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from traitlets import HasTraits, Integer

from nbargo_shared.errors import InputError
from nbargo_submitter import sizes

INPUT_BYTES: Final = 5_000_000_000
"""Five times the largest folder that is tested. A home that comes along by mistake is mostly larger."""

INPUT_FILES: Final = 50_000
"""As INPUT_BYTES. On a network volume each file takes some milliseconds, for the lab and for each scheduled run."""

PARAMETERS: Final = 100
"""As many as SageMaker's notebook jobs take; the form shows them all below each other."""

PARAMETER_BYTES: Final = 32 * 1024
"""Half of what an object's annotation may hold of a job (nbargo_shared.record.MAX_BYTES)."""

DEFINITIONS: Final = 100
"""Each scheduled one is a CronWorkflow, which Argo's controller keeps in memory for all users."""


class LimitTraits(HasTraits):
    """The limits that an administrator can set."""

    max_input_bytes = Integer(
        INPUT_BYTES,
        min=0,
        allow_none=True,
        config=True,
        help="""How large the files of one job or job definition may be together, in bytes: the notebook, and with its
        folder everything in it. 0 or None: no limit.""",
    )
    max_input_files = Integer(
        INPUT_FILES,
        min=0,
        allow_none=True,
        config=True,
        help="How many files may come along with a notebook. 0 or None: no limit.",
    )
    max_parameters = Integer(
        PARAMETERS,
        min=0,
        allow_none=True,
        config=True,
        help="How many parameters a job or a job definition may have. 0 or None: no limit.",
    )
    max_parameter_bytes = Integer(
        PARAMETER_BYTES,
        min=0,
        allow_none=True,
        config=True,
        help="""How long the names and values of all parameters of a job may be together, in bytes of UTF-8. 0 or None:
        what an object in the cluster can hold, which is about 60,000 with everything else that is known of the job.""",
    )
    max_definitions = Integer(
        DEFINITIONS,
        min=0,
        allow_none=True,
        config=True,
        help="How many job definitions a user may have. 0 or None: no limit.",
    )

    def submission_limits(self) -> "Limits":
        """Return the limits as they are set."""
        return Limits(
            input_bytes=self.max_input_bytes or None,
            input_files=self.max_input_files or None,
            parameters=self.max_parameters or None,
            parameter_bytes=self.max_parameter_bytes or None,
            definitions=self.max_definitions or None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is allowed; None for no limit.

    Attributes:
        input_bytes: Size of all files of a job together.
        input_files: How many files a job has.
        parameters: How many parameters a job has.
        parameter_bytes: Length of their names and values together, in UTF-8.
        definitions: How many job definitions a user has.
    """

    input_bytes: int | None = None
    input_files: int | None = None
    parameters: int | None = None
    parameter_bytes: int | None = None
    definitions: int | None = None

    def check_input(self, what: str, *, files: int, size: int, with_folder: bool) -> None:
        """Check what would be copied for a job.

        Args:
            what: The notebook, or its folder, as the subject of the error's sentence.
            files: How many files.
            size: Their bytes.
            with_folder: Whether it is a folder: the advice is another one.

        Raises:
            InputError: It is too much.
        """
        amount = sizes.amount(size)
        found = f"{what} has {sizes.files(files)}, {amount} together" if with_folder else f"{what} has {amount}"
        advice = (
            "Move what the notebook does not need to another folder, or submit it without its folder"
            if with_folder
            else "Clear its outputs, and keep its data in other files"
        )
        if self.input_files is not None and files > self.input_files:
            allowed = sizes.files(self.input_files)
            raise _too_much(f"{found}, more than the {allowed} that are allowed", "max_input_files", advice)
        if self.input_bytes is not None and size > self.input_bytes:
            allowed = sizes.amount(self.input_bytes)
            raise _too_much(f"{found}, more than the {allowed} that are allowed", "max_input_bytes", advice)

    def check_parameters(self, parameters: Mapping[str, object]) -> None:
        """Check a job's parameters.

        Args:
            parameters: Values by name.

        Raises:
            InputError: They are too many, or too long.
        """
        if self.parameters is not None and len(parameters) > self.parameters:
            raise _too_much(
                f"There are {len(parameters):,} parameters, more than the {self.parameters:,} that are allowed",
                "max_parameters",
                "Put some of them together in one, as a list or an object",
            )
        size = sum(len(str(text).encode("utf-8", "replace")) for pair in parameters.items() for text in pair)
        if self.parameter_bytes is not None and size > self.parameter_bytes:
            raise _too_much(
                f"The parameters have {size:,} bytes, more than the {self.parameter_bytes:,} that are allowed",
                "max_parameter_bytes",
                "Write what is long into a file, and give the notebook the file's name",
            )

    def check_definitions(self, there: int) -> None:
        """Check that one more job definition may be made.

        Args:
            there: How many the user has.

        Raises:
            InputError: They are as many as are allowed.
        """
        if self.definitions is not None and there >= self.definitions:
            raise _too_much(
                f"You have {there:,} job definitions, and {self.definitions:,} are allowed",
                "max_definitions",
                "Delete one that you do not need any more",
            )


def _too_much(message: str, trait: str, advice: str) -> InputError:
    return InputError(message, hint=f"{advice}; your administrator can change the limit ({trait})")
