"""The contract table: every case, from the modules beside this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract import cases_create, cases_delete, cases_forms, cases_patch, cases_read, cases_watch
from contract.script import Case

if TYPE_CHECKING:
    from collections.abc import Iterable

CASES: tuple[Case, ...] = (
    *cases_read.CASES,
    *cases_forms.CASES,
    *cases_create.CASES,
    *cases_patch.CASES,
    *cases_delete.CASES,
    *cases_watch.CASES,
)


def selected(items: Iterable[object]) -> list[Case]:
    """Return the cases that the test items of a run are about.

    Args:
        items: pytest's; those of other tests are passed over.
    """
    calls = (getattr(item, "callspec", None) for item in items)
    found = [call.params.get("case") for call in calls if call is not None]
    names = {each.name for each in found if isinstance(each, Case)}
    return [each for each in CASES if each.name in names]
