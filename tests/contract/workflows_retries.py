"""Cases of retries that depend on how the last attempt ended, and what an attempt is told of its number."""

from typing import Any

from contract.workflows import DIRECTORY, Case, Object, call, container, output, shell, spec, steps

INFRASTRUCTURE = (
    "(asInt(lastRetry.exitCode) > 2 || asInt(lastRetry.exitCode) < 0) "
    "&& !(lastRetry.message contains 'OOMKilled') && !(lastRetry.message contains 'deadline')"
)
"""What a notebook job's manifest says when only failures of the infrastructure are to be tried again."""
OPERATORS = (
    "not (lastRetry.exitCode in ['1', \"2\"]) and lastRetry.exitCode not in ['7'] "
    "and asInt(lastRetry.exitCode) in [-1, 5, 6] && asFloat(lastRetry.duration) >= 0.0 "
    "and lastRetry.message contains 'exit code' && lastRetry.message not contains 'nothing' "
    "&& (false || lastRetry.status != 'Error') && asInt(retries) < 1 and asFloat('1.5') > asInt(\"1\") and 'b' > 'a'"
)
IS_AN_ERROR = "lastRetry.status == 'Error'"
FIRST_PRECEDENCES = "true || true && false"
SECOND_PRECEDENCES = "!(lastRetry.status == 'Failed') == false"
DIFFERENT_TYPES = "lastRetry.exitCode == 1 || asInt(lastRetry.exitCode) == 1.0 && lastRetry.exitCode != asInt('1')"


def tried(text: str, expression: str, **strategy: Any) -> Object:
    """Return a spec of a shell script that is tried a second time if the expression holds."""
    return spec(shell(text, retryStrategy={"limit": 1, "expression": expression, **strategy}))


def told() -> Object:
    """Return a template that writes down what its environment says of the attempt, and succeeds the second time."""
    template = shell(
        f'echo "$ATTEMPT" >> {DIRECTORY}/out; [ "$ATTEMPT" -ge 1 ]',
        outputs=output("out", globalName="out"),
        retryStrategy={"limit": 2},
    )
    template["container"]["env"] = [{"name": "ATTEMPT", "value": "{{retries}}"}]
    return template


_REFUSED = "An expression outside of the part of expr-lang that is evaluated here is refused before the workflow runs."
_NO_VALUE = "Where an expression has no value, the message is shorter: Argo's draws where the evaluation stopped."
CASES = (
    Case("retry-expression-of-an-exit-code", tried("exit 143", INFRASTRUCTURE, retryPolicy="Always")),
    Case("retry-expression-that-does-not-hold", tried("exit 1", INFRASTRUCTURE, retryPolicy="Always")),
    Case("retry-expression-of-a-killed-process", tried("kill -9 $$$$", INFRASTRUCTURE, retryPolicy="Always")),
    Case(
        "retry-expression-at-a-deadline",
        spec(
            container(
                "sleep",
                "1000",
                activeDeadlineSeconds=1,
                retryStrategy={"limit": 1, "retryPolicy": "Always", "expression": INFRASTRUCTURE},
            )
        ),
    ),
    Case("retry-expression-without-a-policy", tried("exit 1", "lastRetry.status == 'Failed'")),
    Case(
        "retry-expression-of-an-error",
        spec(
            shell(
                "true", outputs=output("never"), retryStrategy={"limit": 1, "expression": "lastRetry.status=='Error'"}
            )
        ),
    ),
    Case("retry-expression-after-the-policy", tried("exit 1", "true", retryPolicy="OnError")),
    Case("retry-expression-of-the-number", tried("exit 1", "asInt(retries) < 2", limit=5)),
    Case("retry-expression-with-backoff", tried("exit 1", "retries == '0'", limit=5, backoff={"duration": "2"})),
    Case("retry-expression-of-operators", tried("exit 5", OPERATORS)),
    Case("retry-expression-of-precedences", tried("exit 1", FIRST_PRECEDENCES)),
    Case("retry-expression-of-other-precedences", tried("exit 1", SECOND_PRECEDENCES)),
    Case("retry-expression-of-different-types", tried("exit 1", DIFFERENT_TYPES)),
    Case(
        "retry-expression-of-the-whole-workflow",
        spec(
            steps([call("a", "bad")]),
            shell("exit 3", name="bad"),
            retryStrategy={"limit": 1, "expression": "lastRetry.exitCode == '3'"},
        ),
    ),
    Case("retry-expression-of-no-truth", tried("exit 1", "lastRetry.exitCode")),
    Case("retry-expression-without-a-value", tried("exit 1", "asInt(lastRetry.status) > 1"), differs=_NO_VALUE),
    Case("unsupported-retry-expression", tried("exit 1", "sprig.trim(lastRetry.status) == 'x'"), differs=_REFUSED),
    Case("malformed-retry-expression", tried("exit 1", "lastRetry.exitCode =="), differs=_REFUSED),
    Case("retry-expression-of-mixed-types", tried("exit 1", "retries > 1"), differs=_REFUSED),
    Case("attempt-in-the-environment", spec(told())),
)
