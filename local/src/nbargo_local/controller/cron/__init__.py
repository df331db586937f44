"""CronWorkflows as Argo 3.7 runs them: when they are due, and what a run, an edit and a look at the children come to.

fields, zones, schedule     when: robfig/cron's dialect and its arithmetic
spec, child, status         a CronWorkflow, and the Workflow made of it
decisions                   what is missed, what may run, what has ended: pure
crons                       what is remembered between two looks, and the writing
"""

from nbargo_local.controller.cron.crons import CronWorkflows
from nbargo_local.controller.cron.family import owner_of

__all__ = ["CronWorkflows", "owner_of"]
