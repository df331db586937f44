"""The contract table: every case, from the modules beside this one."""

from __future__ import annotations

from contract import cases_create, cases_delete, cases_patch, cases_read, cases_watch
from contract.script import Case

CASES: tuple[Case, ...] = (
    *cases_read.CASES,
    *cases_create.CASES,
    *cases_patch.CASES,
    *cases_delete.CASES,
    *cases_watch.CASES,
)
