"""Cases of what comes from outside or with time: stops, deadlines, suspension, deletion, Argo's commands."""

from contract.workflows import (
    DIRECTORY,
    FOREVER,
    GO,
    Case,
    Delete,
    Ended,
    Gone,
    Merge,
    Quiet,
    Resubmit,
    Resume,
    Retry,
    Touch,
    Until,
    UntilFile,
    after,
    call,
    dag,
    output,
    parameters,
    shell,
    spec,
    steps,
)

STOP, TERMINATE = Merge({"spec": {"shutdown": "Stop"}}), Merge({"spec": {"shutdown": "Terminate"}})
OK = shell("true", name="ok")
BAD = shell("exit 1", name="bad")
LONG = shell(FOREVER, name="long")
PAUSE = {"name": "pause", "suspend": {}}
UP = Until("Running", node="@NAME@")
SLOW = f"trap 'sleep 1.5; exit 0' TERM; touch {DIRECTORY}/up; while :; do sleep 0.02; done"
SLOWER = f"trap 'sleep 4; touch {DIRECTORY}/ended; exit 1' TERM; touch {DIRECTORY}/up; while :; do sleep 0.02; done"
SECOND_TIME = f"[ -e {DIRECTORY}/go ]"

STOPS = (
    Case("stop", spec(LONG), (UP, STOP, Ended())),
    Case("terminate", spec(LONG), (UP, TERMINATE, Ended())),
    Case("stop-before-the-start", spec(OK, shutdown="Stop")),
    Case("terminate-before-the-start", spec(OK, shutdown="Terminate")),
    Case("stop-before-the-start-of-steps", spec(steps([call("a", "ok")]), OK, shutdown="Stop")),
    Case("stop-before-the-start-with-exit-handler", spec(OK, {**OK, "name": "bye"}, onExit="bye", shutdown="Stop")),
    Case("stop-of-a-process-that-ends-well", spec(shell(SLOW)), (UP, UntilFile("up"), STOP, Ended())),
    Case(
        "stop-of-a-slow-process",
        spec(shell(SLOWER)),
        (UP, UntilFile("up"), STOP, Ended()),
        differs="A stopped Workflow ends with its last process, so that nobody meets one that outlives it; Argo's does "
        "not wait for its pods.",
    ),
    Case("stop-after-the-end", spec(OK), (Ended(), STOP, Quiet())),
    Case(
        "stop-in-a-retry",
        spec({**LONG, "retryStrategy": {"limit": 2}}),
        (Until("Running", node="@NAME@(0)"), STOP, Ended()),
    ),
    Case(
        "stop-between-retries",
        spec(shell("exit 1", retryStrategy={"limit": 2, "backoff": {"duration": "60"}})),
        (Until("Running", node="@NAME@", message="Backoff"), STOP, Ended()),
    ),
    Case(
        "terminate-between-retries",
        spec(shell("exit 1", retryStrategy={"limit": 2, "backoff": {"duration": "60"}})),
        (Until("Running", node="@NAME@", message="Backoff"), TERMINATE, Ended()),
    ),
    Case(
        "stop-in-steps",
        spec(steps([call("a", "long")], [call("b", "ok")]), LONG, OK),
        (Until("Running", node="a"), STOP, Ended()),
    ),
    Case(
        "stop-in-a-dag",
        spec(dag(call("a", "long"), after("b", "a", template="ok")), LONG, OK),
        (Until("Running", node="a"), STOP, Ended()),
    ),
    Case(
        "terminate-in-a-dag",
        spec(dag(call("a", "long"), call("c", "ok"), after("b", "a", template="ok")), LONG, OK),
        (Until("Running", node="a"), Until("Succeeded", node="c"), TERMINATE, Ended()),
    ),
    Case("stop-with-exit-handler", spec(LONG, {**OK, "name": "bye"}, onExit="bye"), (UP, STOP, Ended())),
    Case("terminate-with-exit-handler", spec(LONG, {**OK, "name": "bye"}, onExit="bye"), (UP, TERMINATE, Ended())),
    Case("stop-of-a-suspended-workflow", spec(OK, suspend=True), (Until("Running"), STOP, Quiet())),
    Case(
        "stop-at-a-pause",
        spec(steps([call("a", "pause")], [call("b", "ok")]), PAUSE, OK),
        (Until("Running", node="a"), STOP, Ended()),
    ),
    Case("terminate-at-a-pause", spec(PAUSE), (UP, TERMINATE, Ended())),
)
DEADLINES = (
    Case("deadline-of-the-workflow", spec(LONG, activeDeadlineSeconds=2)),
    Case("deadline-of-the-template", spec({**LONG, "activeDeadlineSeconds": 1})),
    Case("deadline-in-steps", spec(steps([call("a", "long")], [call("b", "ok")]), LONG, OK, activeDeadlineSeconds=2)),
    Case(
        "deadline-in-a-dag",
        spec(dag(call("a", "long"), after("b", "a", template="ok")), LONG, OK, activeDeadlineSeconds=2),
    ),
    Case("deadline-at-a-pause", spec(PAUSE, activeDeadlineSeconds=2)),
    Case("deadline-with-exit-handler", spec(LONG, {**OK, "name": "bye"}, onExit="bye", activeDeadlineSeconds=2)),
    Case(
        "deadline-between-retries",
        spec(shell("exit 1", retryStrategy={"limit": 2, "backoff": {"duration": "4"}}), activeDeadlineSeconds=2),
    ),
    Case(
        "deadline-of-a-template-in-a-retry", spec({**LONG, "activeDeadlineSeconds": 1, "retryStrategy": {"limit": 1}})
    ),
    Case(
        "deadline-while-suspended",
        spec(OK, suspend=True, activeDeadlineSeconds=1),
        (Until("Running"), Quiet(), Resume(), Ended()),
    ),
    Case("deadline-of-nothing", spec(LONG, activeDeadlineSeconds=0)),
)
SUSPENSION = (
    Case("suspended", spec(OK, suspend=True), (Until("Running"), Quiet(), Resume(), Ended())),
    Case(
        "suspended-while-running",
        spec(steps([call("a", "wait")], [call("b", "ok")]), shell(GO, name="wait"), OK),
        (
            Until("Running", node="a"),
            Merge({"spec": {"suspend": True}}),
            Touch(),
            Until("Succeeded", node="a"),
            Quiet(),
            Resume(),
            Ended(),
        ),
    ),
    Case(
        "pause",
        spec(steps([call("a", "pause")], [call("b", "ok")]), PAUSE, OK),
        (Until("Running", node="a"), Resume(), Ended()),
    ),
    Case("pause-as-the-entrypoint", spec(PAUSE), (UP, Resume(), Ended())),
    Case(
        "pause-of-a-second",
        spec(steps([call("a", "pause")], [call("b", "ok")]), {"name": "pause", "suspend": {"duration": "1"}}, OK),
    ),
    Case("pause-of-no-duration", spec({"name": "pause", "suspend": {"duration": "soon"}})),
)
LIFE = (
    Case("ttl-of-a-success", spec(OK, ttlStrategy={"secondsAfterSuccess": 1}), (Gone(),)),
    Case(
        "ttl-of-a-failure", spec(BAD, ttlStrategy={"secondsAfterFailure": 1, "secondsAfterCompletion": 1000}), (Gone(),)
    ),
    Case(
        "ttl-of-an-error",
        spec(shell("true", outputs=output("never")), ttlStrategy={"secondsAfterCompletion": 1}),
        (Gone(),),
    ),
    Case(
        "ttl-of-failures-does-not-hold-for-errors",
        spec(shell("true", outputs=output("never")), ttlStrategy={"secondsAfterFailure": 0}),
        (Ended(), Quiet()),
    ),
    Case(
        "ttl-of-successes-does-not-hold-for-failures",
        spec(BAD, ttlStrategy={"secondsAfterSuccess": 0}),
        (Ended(), Quiet()),
    ),
    Case("ttl-of-a-stopped-one", spec(LONG, ttlStrategy={"secondsAfterFailure": 1}), (UP, STOP, Gone())),
    Case(
        "ttl-added-later", spec(OK), (Ended(), Merge({"spec": {"ttlStrategy": {"secondsAfterCompletion": 0}}}), Gone())
    ),
    Case("deleted-while-running", spec(LONG), (UP, Delete(), Gone())),
    Case("owned", spec(LONG), (UP, Delete(of="-owner"), Gone()), owned=True),
)
COMMANDS = (
    Case("argo-retry", spec(shell(SECOND_TIME)), (Ended(), Touch(), Retry(), Until("Succeeded"), Ended())),
    Case("argo-retry-that-fails-again", spec(BAD), (Ended(), Retry(), Until("Failed"), Ended())),
    Case(
        "argo-retry-of-steps",
        spec(
            steps([call("a", "ok")], [call("b", "second"), call("c", "ok")], [call("d", "ok")]),
            OK,
            shell(SECOND_TIME, name="second"),
        ),
        (Ended(), Touch(), Retry(), Until("Succeeded"), Ended()),
    ),
    Case(
        "argo-retry-of-a-dag",
        spec(
            dag(call("a", "ok"), after("b", "a", template="second"), after("c", "b", template="ok")),
            OK,
            shell(SECOND_TIME, name="second"),
        ),
        (Ended(), Touch(), Retry(), Until("Succeeded"), Ended()),
    ),
    Case(
        "argo-retry-of-a-stopped-one",
        spec(shell(f"{SECOND_TIME} || exec sleep 1000")),
        (UP, STOP, Ended(), Quiet(), Touch(), Retry(), Until("Succeeded"), Ended()),
    ),
    Case(
        "argo-retry-with-exit-handler",
        spec(shell(SECOND_TIME), {**OK, "name": "bye"}, onExit="bye"),
        (Ended(), Touch(), Retry(), Until("Succeeded"), Ended()),
    ),
    Case(
        "argo-retry-of-retries",
        spec(shell(SECOND_TIME, retryStrategy={"limit": 1})),
        (Ended(), Touch(), Retry(), Until("Succeeded"), Ended()),
    ),
    Case(
        "argo-resubmit",
        spec(BAD, arguments=parameters(a="1")),
        (Ended(), Resubmit(), Ended(of="-again")),
        metadata={"labels": {"nbargo/job-id": "1"}, "annotations": {"nbargo/job": "{}"}},
    ),
    Case(
        "argo-resubmit-of-a-stopped-one",
        spec(shell(f"{SECOND_TIME} || exec sleep 1000")),
        (UP, STOP, Ended(), Touch(), Resubmit(), Ended(of="-again")),
    ),
)
CASES = (*STOPS, *DEADLINES, *SUSPENSION, *LIFE, *COMMANDS)
