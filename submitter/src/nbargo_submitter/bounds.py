"""How much a user may ask for one job, in size, in time and in attempts: settings of ArgoScheduler."""

from dataclasses import dataclass
from typing import Any, Final

from traitlets import Bool, HasTraits, Integer, TraitError, TraitType, Unicode

from nbargo_shared.errors import InputError
from nbargo_submitter import quantities

MAX_RETRIES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a user may ask for at most; None and "" stand for no limit.

    Attributes:
        cpu: CPUs, a Kubernetes quantity.
        memory: Memory, a Kubernetes quantity.
        gpu: Number of GPUs.
        timeout: Seconds.
        default_timeout: Seconds that hold for whoever does not choose.
        retries: How often a job is tried again.
        fixed_env: Environment variables that a user may not set.
    """

    cpu: str = ""
    memory: str = ""
    gpu: int | None = None
    timeout: int | None = None
    default_timeout: int | None = None
    retries: int = MAX_RETRIES
    fixed_env: frozenset[str] = frozenset()


class Quantity(TraitType[str, str]):
    """A trait that is a Kubernetes quantity, or "" for none."""

    default_value = ""
    info_text = 'a Kubernetes quantity such as "8", "500m" or "32Gi"'

    def validate(self, obj: Any, value: Any) -> str:
        """Return the quantity's text."""
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            self.error(obj, value)
        text = str(value)
        try:
            if text:
                quantities.amount(text)
        except InputError as error:
            raise TraitError(f"{type(obj).__name__}.{self.name}: {error}") from error
        return text


class BoundTraits(HasTraits):
    """The settings of ArgoScheduler that bound what users choose."""

    max_cpu = Quantity(
        config=True, help="The most CPUs that a user may ask for with `cpu`, such as 8. Default: no limit."
    )
    max_memory = Quantity(
        config=True, help='The most memory that a user may ask for with `memory`, such as "32Gi". Default: no limit.'
    )
    max_gpu = Integer(
        None,
        min=0,
        allow_none=True,
        config=True,
        help="The most GPUs that a user may ask for with `gpu`. Default: no limit.",
    )
    gpu_resource = Unicode(
        "nvidia.com/gpu", config=True, help="What the cluster calls a GPU: the resource that `gpu` asks for."
    )
    max_timeout = Integer(
        None,
        min=1,
        allow_none=True,
        config=True,
        help="""The longest time limit in seconds that a user may choose with `timeout`, and the time limit of those who
        choose none, unless default_timeout is shorter. Default: no limit.""",
    )
    default_timeout = Integer(
        None,
        min=1,
        allow_none=True,
        config=True,
        help="Time limit in seconds for jobs whose user chose none with `timeout`. Default: max_timeout.",
    )
    max_retries = Integer(
        MAX_RETRIES, min=0, config=True, help="How often a user may have a job tried again with `retries`."
    )
    allow_env_override = Bool(
        default_value=False,
        config=True,
        help="Whether users may give the environment variables in `env` another value with `env.NAME`.",
    )

    def bounds(self, fixed_env: frozenset[str]) -> Bounds:
        """Return what users may ask for.

        Args:
            fixed_env: Names of the environment variables that the administrator has set.
        """
        shortest = [seconds for seconds in (self.default_timeout, self.max_timeout) if seconds is not None]
        return Bounds(
            cpu=self.max_cpu,
            memory=self.max_memory,
            gpu=self.max_gpu,
            timeout=self.max_timeout,
            default_timeout=min(shortest, default=None),
            retries=self.max_retries,
            fixed_env=frozenset() if self.allow_env_override else fixed_env,
        )
