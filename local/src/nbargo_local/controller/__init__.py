"""Argo's workflow-controller for one machine: it runs the workflows of a store, with local processes for pods.

names, durations, templating, parameters   Argo's notations
support, validation, depends               what a specification may say
tree, operation, execute, retries,         one look at a workflow: pure, no I/O
steps, dag, results, observe, operator
pods, kubelet, processes                   what runs
cron                                       CronWorkflows
ttl, clock, controller                     the loop around it
"""

from nbargo_local.controller.clock import Clock, ManualClock, SystemClock
from nbargo_local.controller.controller import Controller, Settings

__all__ = ["Clock", "Controller", "ManualClock", "Settings", "SystemClock"]
