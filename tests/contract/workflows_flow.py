"""Cases of several pods: steps, DAGs, retries, exit handlers and limits."""

from contract.workflows import (
    DIRECTORY,
    GO,
    Case,
    Ended,
    Touch,
    Until,
    after,
    call,
    dag,
    inputs,
    output,
    parameters,
    printing,
    shell,
    spec,
    steps,
)

OK = shell("true", name="ok")
BAD = shell("exit 1", name="bad")
LATE_OK = shell(GO, name="late")
VALUE = shell(f"echo seven > {DIRECTORY}/out", name="value", outputs=output("out", globalName="published"))
TAKER = shell(
    "printf %s '{{inputs.parameters.x}}' > /@DIR@/taken",
    name="taker",
    inputs=inputs("x"),
    outputs=output("taken", globalName="taken"),
)
NO_OUTPUT = shell("true", name="lost", outputs=output("never"))
ATTEMPTS = f"echo x >> {DIRECTORY}/tries; [ $(wc -l < {DIRECTORY}/tries) -ge "

STEPS = (
    Case("steps", spec(steps([call("a", "ok"), call("b", "ok")], [call("c", "ok")]), OK)),
    Case("steps-fail", spec(steps([call("a", "ok"), call("b", "bad")], [call("c", "ok")]), OK, BAD)),
    Case("steps-continue", spec(steps([call("a", "bad", continueOn={"failed": True})], [call("b", "ok")]), OK, BAD)),
    Case("steps-error", spec(steps([call("a", "lost")], [call("b", "ok")]), OK, NO_OUTPUT)),
    Case(
        "steps-continue-on-error",
        spec(steps([call("a", "lost", continueOn={"error": True})], [call("b", "ok")]), OK, NO_OUTPUT),
    ),
    Case(
        "steps-hand-on",
        spec(
            steps(
                [call("a", "value")],
                [call("b", "taker", arguments=parameters(x="{{steps.a.outputs.parameters.out}} {{steps.a.status}}"))],
                [call("c", "taker", arguments=parameters(x="{{workflow.outputs.parameters.published}}"))],
            ),
            VALUE,
            TAKER,
        ),
    ),
    Case(
        "steps-with-outputs",
        spec(
            steps(
                [call("a", "value")],
                outputs={
                    "parameters": [
                        {
                            "name": "all",
                            "globalName": "all",
                            "valueFrom": {"parameter": "{{steps.a.outputs.parameters.out}}"},
                        }
                    ]
                },
            ),
            VALUE,
        ),
    ),
    Case("steps-in-steps", spec(steps([call("a", "inner")]), steps([call("b", "ok")], name="inner"), OK)),
    Case("a-failure-in-inner-steps", spec(steps([call("a", "inner")]), steps([call("b", "bad")], name="inner"), BAD)),
)
DAGS = (
    Case(
        "dag",
        spec(
            dag(
                call("a", "ok"),
                after("b", "a", template="ok"),
                after("c", "a", template="ok"),
                after("d", "b", "c", template="ok"),
            ),
            OK,
        ),
    ),
    Case("dag-fails", spec(dag(call("a", "bad"), after("b", "a", template="ok"), call("c", "ok")), OK, BAD)),
    Case(
        "dag-continues",
        spec(dag(call("a", "bad", continueOn={"failed": True}), after("b", "a", template="ok")), OK, BAD),
    ),
    Case("dag-depends-on-a-failure", spec(dag(call("a", "bad"), call("b", "ok", depends="a.Failed")), OK, BAD)),
    Case(
        "dag-depends-on-no-failure",
        spec(dag(call("a", "ok"), call("b", "ok", depends="a.Failed"), call("c", "ok", depends="b.Omitted")), OK),
    ),
    Case(
        "dag-depends-on-either",
        spec(dag(call("a", "bad"), call("b", "ok"), call("c", "ok", depends="a || b")), OK, BAD),
    ),
    Case(
        "dag-goes-on-after-a-failure",
        spec(
            dag(call("a", "bad"), call("b", "late"), after("c", "b", template="ok"), failFast=False), OK, BAD, LATE_OK
        ),
        (Until("Failed", node="a"), Touch(), Ended()),
    ),
    Case(
        "dag-fails-fast",
        spec(dag(call("a", "bad"), call("b", "late"), after("c", "b", template="ok")), OK, BAD, LATE_OK),
        (Until("Failed", node="a"), Touch(), Ended()),
    ),
    Case("dag-of-one-target", spec(dag(call("a", "ok"), after("b", "a", template="ok"), target="a"), OK)),
    Case(
        "dag-hands-on",
        spec(
            dag(
                call("a", "value"),
                after("b", "a", template="taker", arguments=parameters(x="{{tasks.a.outputs.parameters.out}}")),
                outputs={
                    "parameters": [{"name": "all", "valueFrom": {"parameter": "{{tasks.b.outputs.parameters.taken}}"}}]
                },
            ),
            VALUE,
            TAKER,
        ),
    ),
    Case("dag-in-steps", spec(steps([call("a", "inner")]), dag(call("b", "bad"), name="inner"), BAD)),
    Case("dag-error", spec(dag(call("a", "lost"), after("b", "a", template="ok")), OK, NO_OUTPUT)),
)
RETRIES = (
    Case("retry-exhausted", spec(shell("exit 1", retryStrategy={"limit": 2}))),
    Case("retry-none", spec(shell("exit 1", retryStrategy={"limit": "0"}))),
    Case("retry-succeeds", spec(shell(f"{ATTEMPTS}2 ]", retryStrategy={"limit": "3"}))),
    Case("retry-of-no-limit", spec(shell(f"{ATTEMPTS}3 ]", retryStrategy={}))),
    Case("retry-on-error-only", spec(shell("exit 1", retryStrategy={"limit": 2, "retryPolicy": "OnError"}))),
    Case(
        "retry-on-failure-only",
        spec(shell("true", outputs=output("never"), retryStrategy={"limit": 1, "retryPolicy": "OnFailure"})),
    ),
    Case(
        "retry-always",
        spec(shell("true", outputs=output("never"), retryStrategy={"limit": 1, "retryPolicy": "Always"})),
    ),
    Case(
        "retry-on-transient-error", spec(shell("exit 1", retryStrategy={"limit": 1, "retryPolicy": "OnTransientError"}))
    ),
    Case(
        "retry-with-backoff",
        spec(shell("exit 1", retryStrategy={"limit": 2, "backoff": {"duration": "2", "factor": 2}})),
    ),
    Case(
        "retry-with-too-long-a-backoff",
        spec(shell("exit 1", retryStrategy={"limit": 2, "backoff": {"duration": "10", "maxDuration": "5"}})),
    ),
    Case(
        "retry-for-too-long",
        spec(
            shell(
                "sleep 3; exit 1",
                retryStrategy={"limit": 9, "backoff": {"duration": "1s", "factor": 1, "maxDuration": "2s"}},
            )
        ),
    ),
    Case("retry-of-the-whole-workflow", spec(shell("exit 1"), retryStrategy={"limit": 1})),
    Case("retry-in-steps", spec(steps([call("a", "bad")]), {**BAD, "retryStrategy": {"limit": 1}})),
    Case("retry-of-steps", spec(steps([call("a", "bad")], retryStrategy={"limit": 1}), BAD)),
    Case(
        "retry-with-output",
        spec(
            shell(
                f"{ATTEMPTS}2 ] && echo '{{{{retries}}}}' > {DIRECTORY}/out",
                retryStrategy={"limit": 3},
                outputs=output("out", globalName="out", default="none"),
            )
        ),
    ),
)
EXIT = (
    Case(
        "exit-handler-of-a-success",
        spec(OK, {**TAKER, "name": "bye"}, onExit="bye", arguments=parameters(x="{{workflow.status}}")),
    ),
    Case(
        "exit-handler-of-a-failure",
        spec(
            shell("exit 3", name="bad"),
            printing("ALL", "{{workflow.status}} {{workflow.failures}}", name="bye"),
            onExit="bye",
        ),
    ),
    Case("exit-handler-fails", spec(OK, BAD, onExit="bad")),
    Case("exit-handler-fails-after-a-failure", spec({**BAD, "name": "first"}, {**BAD, "name": "bye"}, onExit="bye")),
    Case(
        "exit-handler-of-steps", spec(OK, steps([call("a", "ok")], [call("b", "bad")], name="bye"), BAD, onExit="bye")
    ),
)
LIMITS = (
    Case(
        "parallelism",
        spec(steps([call("a", "late"), call("b", "ok")]), OK, LATE_OK, parallelism=1),
        (Until("Running", node="a"), Touch(), Ended()),
    ),
    Case(
        "parallelism-of-a-template",
        spec(dag(call("a", "late"), call("b", "ok"), parallelism=1), OK, LATE_OK),
        (Until("Running", node="a"), Touch(), Ended()),
    ),
    Case(
        "steps-fail-fast",
        spec(steps([call("a", "bad"), call("b", "late")], failFast=True), BAD, LATE_OK),
        (Until("Failed", node="a"), Touch(), Ended()),
    ),
)
CASES = (*STEPS, *DAGS, *RETRIES, *EXIT, *LIMITS)
