"""The two sides of the controller comparison: the real control plane, and the local Argo."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import httpx

from cluster.kube import client_settings
from contract import crons_player
from contract.player import LOCAL_FORMULAS, Formulas, Side, play_all
from nbargo_local.api.server import LocalServer, ServerSettings
from nbargo_local.controller import Controller, ManualClock, Settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cluster.build import Toolchain
    from cluster.controlplane import ControlPlane
    from contract.crons import CronCase
    from contract.observe import Object
    from contract.player import Story
    from contract.workflows import Case

NAMESPACE: Final = "nbargo"
TIMEOUT: Final = httpx.Timeout(30, read=None)
# One of two processors is enough for that many: they sleep most of the time.
AT_ONCE: Final = 32
DEPENDENTS: Final = ("pods", "workflowtaskresults")
# Several times what Argo's controller of these tests lets pass between two looks (DEFAULT_REQUEUE_TIME).
SETTLE_FOR_REAL: Final = 1.5
SETTLE_LOCALLY: Final = 0.3
# The real controller takes some time too; with it, a Workflow without a status is seen.
REACTION: Final = 0.1

# What the driven clock of CronWorkflows shows first.
START: Final = datetime(2026, 11, 23, 8, 0, 33, tzinfo=UTC)

# Argo looks at the Workflows of CronWorkflows every so many seconds since its start, which is best a few seconds after
# a minute: a look at the same moment as a run is due takes back a part of the status that the run writes.
LOOK_PERIOD: Final = 10
LOOK_SECOND: Final = 3

# Said, though there is no limit, of a workflow that the controller's throttle has not heard of yet: a race of Argo's.
POSTPONED: Final = "postponed because too many workflows are already running"


def _argo_commands(toolchain: Toolchain) -> Formulas:
    """Return what Argo's own code writes for its commands."""

    def formulate(command: str, workflow: Object) -> Object:
        program = toolchain.program("argocommands")
        done = subprocess.run(
            [program, command], input=json.dumps(workflow), capture_output=True, text=True, check=True
        )
        answer: Object = json.loads(done.stdout)
        return answer

    def retry(workflow: Object) -> tuple[Object, list[str]]:
        answer = formulate("retry", workflow)
        return answer["workflow"], answer["pods"]

    return Formulas(retry, lambda workflow: dict(formulate("resubmit", workflow)["workflow"]))


async def play_for_real(
    cases: Sequence[Case], directory: Path, kubeconfig: Path, namespace: str, toolchain: Toolchain
) -> dict[str, Story]:
    """Play cases on a real control plane whose pods share this machine's files.

    Args:
        cases: What.
        directory: Gets a folder for each case.
        kubeconfig: Of a user who may do everything.
        namespace: Where Argo's controller looks.
        toolchain: Has Argo's own code for its commands.
    """
    async with httpx.AsyncClient(**client_settings(kubeconfig), timeout=TIMEOUT, trust_env=False) as client:
        side = Side(client, namespace, _argo_commands(toolchain), settle=SETTLE_FOR_REAL, dependents=DEPENDENTS)
        told = await play_all(side, cases, directory / "first", at_once=AT_ONCE)
        postponed = [case for case in cases if POSTPONED in str(told[case.name])]
        return told | await play_all(side, postponed, directory / "second", at_once=AT_ONCE)


async def play_locally(cases: Sequence[Case], directory: Path) -> dict[str, Story]:
    """Play cases on the local Argo.

    Args:
        cases: What.
        directory: Gets a folder for each case, and the local Argo's own files.
    """
    kubeconfig, config_maps = directory / "kubeconfig", directory / "configmaps"
    settings = Settings(places=len(cases) + 1, reaction=REACTION, config_maps=config_maps)
    async with (
        LocalServer(kubeconfig, ServerSettings(namespace=NAMESPACE)) as server,
        Controller(server.store, workdir=directory / "pods", settings=settings),
        httpx.AsyncClient(**client_settings(kubeconfig), timeout=TIMEOUT, trust_env=False) as client,
    ):
        formulas = replace(LOCAL_FORMULAS, config_maps=config_maps)
        side = Side(client, NAMESPACE, formulas, settle=SETTLE_LOCALLY)
        return await play_all(side, cases, directory / "cases", at_once=AT_ONCE)


def play_crons_for_real(cases: Sequence[CronCase], plane: ControlPlane) -> dict[str, Object]:
    """Play cases of CronWorkflows on the real control plane.

    Its controller is started anew first, at a second at which its looks every ten seconds do not meet the minutes.

    Args:
        cases: What.
        plane: Where.
    """
    plane.controller.stop()
    time.sleep((LOOK_SECOND - time.time()) % LOOK_PERIOD)
    plane.start_controller()
    return asyncio.run(_play_crons_for_real(cases, plane))


async def _play_crons_for_real(cases: Sequence[CronCase], plane: ControlPlane) -> dict[str, Object]:
    settings = client_settings(plane.kubeconfig)
    async with httpx.AsyncClient(**settings, timeout=TIMEOUT, trust_env=False) as client:
        side = Side(client, plane.namespace, LOCAL_FORMULAS, settle=SETTLE_FOR_REAL)
        return await crons_player.play_all(side, crons_player.RealPace(), cases)


async def play_crons_locally(cases: Sequence[CronCase], directory: Path) -> dict[str, Object]:
    """Play cases of CronWorkflows on the local Argo, on a driven clock.

    Args:
        cases: What.
        directory: Gets the local Argo's own files.
    """
    kubeconfig, clock = directory / "kubeconfig", ManualClock(START)
    async with (
        LocalServer(kubeconfig, ServerSettings(namespace=NAMESPACE)) as server,
        Controller(server.store, workdir=directory / "pods", clock=clock),
        httpx.AsyncClient(**client_settings(kubeconfig), timeout=TIMEOUT, trust_env=False) as client,
    ):
        side = Side(client, NAMESPACE, LOCAL_FORMULAS, settle=SETTLE_LOCALLY)
        return await crons_player.play_all(side, crons_player.DrivenPace(clock, server.store), cases)
