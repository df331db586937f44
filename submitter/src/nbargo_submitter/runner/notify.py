"""Telling people and programs that a job has ended, by Slack, e-mail and webhook.

It happens last, when the outcome is written, and nothing that goes wrong here changes how the job ended: each target
has one line in the log, whether it was told or why not. The time for all of them together is bounded, because the pod
lives on meanwhile, and one that was told to end is killed soon.
"""

from __future__ import annotations

import threading
from typing import Any

from .notify_http import Clock, TellError
from .notify_mail import tell_mail
from .notify_slack import tell_slack
from .notify_webhook import tell_webhook
from .report import Report
from .run import LOG, Run, milliseconds

SECONDS = 30.0
HURRIED_SECONDS = 8.0  # after SIGTERM: a pod has 30 s, of which ending the kernel may have taken 10
TELLERS = {"slack": tell_slack, "email": tell_mail, "webhook": tell_webhook}
STOP_FILE = ".nbargo.stop"  # as nbargo_shared.labels


def tell(run: Run) -> None:
    """Tell whom the job names that it has ended, unless it has not quite, or its user has ended it."""
    if not run.notify or run.will_be_tried_again:
        return
    if run.ended_by_user:
        LOG.info("Nobody is notified: the job was ended by its user")
        return
    report = Report(
        job_id=run.record["job_id"],
        name=run.record["name"],
        notebook=run.input.name,
        state=run.state,
        error=None if run.error is None else str(run.error),
        started_at=run.started_at,
        ended_at=milliseconds(),
        directory=run.directory,
        outputs=run.outputs,
    )
    notify(run.notify, report, run.secrets)


def notify(settings: dict[str, Any], report: Report, secrets: dict[str, str]) -> list[str]:
    """Tell everybody that the settings name of the end of a job; never raises.

    The settings are the member `notify` of NBARGO_JOB. Returns the problems, which are in the log already.
    """
    kinds = [kind for kind in TELLERS if kind in settings] if wanted(settings.get("on"), report) else []
    clock = Clock(HURRIED_SECONDS if report.state == "interrupted" else SECONDS)
    problems: dict[str, list[str]] = {}
    workers = []
    for kind in kinds:
        # A thread, because not every step has a time limit of its own (a name server may not answer), and a daemon,
        # because the program ends without it.
        arguments = (problems, kind, settings[kind], report, secrets, clock)
        workers.append(threading.Thread(target=_tell, args=arguments, daemon=True))
        workers[-1].start()
    for worker in workers:
        worker.join(clock.left())
    late = f"there was no answer within {clock.seconds:g} s"
    for kind in kinds:
        for problem in problems.setdefault(kind, [f"Could not notify {label(kind, settings[kind])}: {late}"]):
            LOG.error("%s", problem)
        if not problems[kind]:
            LOG.info("Notified %s", label(kind, settings[kind]))
    return [problem for kind in kinds for problem in problems[kind]]


def wanted(on: Any, report: Report) -> bool:
    """Return whether somebody wants to know of such an end."""
    return on in {"both", "success" if report.succeeded else "failure"}


def label(kind: str, target: dict[str, Any]) -> str:
    """Return what a person calls a target."""
    if kind == "slack":
        return "Slack " + str(target.get("channel"))
    if kind == "email":
        return ", ".join(target.get("to", ())) + " by e-mail"
    return "the webhook"


def _tell(
    problems: dict[str, list[str]],
    kind: str,
    target: dict[str, Any],
    report: Report,
    secrets: dict[str, str],
    clock: Clock,
) -> None:
    name = label(kind, target)
    try:
        partly = TELLERS[kind](target, report, secrets, clock)
    except TellError as error:
        problems[kind] = [f"Could not notify {name}: {error}"]
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not touch the job
        problems[kind] = [f"Could not notify {name}: {type(error).__name__}: {error}"]
    else:
        problems[kind] = [f"Notified {name}, but {problem}" for problem in partly]
