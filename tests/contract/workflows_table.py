"""The table of all cases of the controller comparison."""

from collections.abc import Iterable
from typing import Final

from contract import (
    workflows_ends,
    workflows_flow,
    workflows_invalid,
    workflows_jobs,
    workflows_locks,
    workflows_pods,
    workflows_retries,
)
from contract.workflows import Case

CASES: Final[tuple[Case, ...]] = (
    *workflows_pods.CASES,
    *workflows_flow.CASES,
    *workflows_retries.CASES,
    *workflows_locks.CASES,
    *workflows_ends.CASES,
    *workflows_invalid.CASES,
    *workflows_jobs.CASES,
)


def named(names: Iterable[str]) -> list[Case]:
    """Return the cases of some names; all of them for no names."""
    wanted = set(names)
    return [case for case in CASES if not wanted or case.name in wanted]
