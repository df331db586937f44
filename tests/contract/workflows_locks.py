"""Cases of workflows that wait for others: `spec.synchronization` with semaphores and mutexes."""

from typing import Any, Final

from contract.workflows import (
    DIRECTORY,
    NAME,
    Another,
    Case,
    Delete,
    Ended,
    Gone,
    Limits,
    Merge,
    Object,
    Quiet,
    Touch,
    Until,
    UntilFile,
    shell,
    spec,
)

SECOND, THIRD = "-2", "-3"
REFERENCE: Final = {"configMapKeyRef": {"name": NAME, "key": "jane"}}
SEMAPHORE: Final = {"semaphores": [REFERENCE]}
MUTEX: Final = {"mutexes": [{"name": NAME}]}
ONE, TWO = {"jane": "1"}, {"jane": "2"}
RUNNING: Final = Until("Running")
WAITING: Final = Until("Pending", of=SECOND, message="Waiting for ")
STOP: Final = Merge({"spec": {"shutdown": "Stop"}}, of=SECOND)
TERMINATE: Final = Merge({"spec": {"shutdown": "Terminate"}}, of=SECOND)
GO, SECOND_GO, THIRD_GO = Touch(NAME), Touch(f"{NAME}{SECOND}"), Touch(f"{NAME}{THIRD}")
FIRST_RUNS: Final = (RUNNING, UntilFile("begun"))


def patient(then: str = "true", **template: Any) -> Object:
    """Return a template that runs until a file of its Workflow's name is there."""
    text = f"touch {DIRECTORY}/begun; until [ -e {DIRECTORY}/{{{{workflow.name}}}} ]; do sleep 0.02; done; {then}"
    return shell(text, **template)


def held(synchronization: Object, *, then: str = "true", **more: Any) -> Object:
    return spec(patient(then), synchronization=synchronization, **more)


ACQUIRED = (
    Case("semaphore", held(SEMAPHORE), (*FIRST_RUNS, GO, Ended()), limits=TWO),
    Case("semaphore-in-the-old-form", held({"semaphore": REFERENCE}), (*FIRST_RUNS, GO, Ended()), limits=TWO),
    Case("mutex", held(MUTEX), (*FIRST_RUNS, GO, Ended())),
    Case("mutex-in-the-old-form", held({"mutex": {"name": NAME}}), (*FIRST_RUNS, GO, Ended())),
    Case("semaphore-and-mutex", held({**SEMAPHORE, **MUTEX}), (*FIRST_RUNS, GO, Ended()), limits=TWO),
    Case("semaphore-of-a-failure", held(SEMAPHORE, then="exit 3"), (*FIRST_RUNS, GO, Ended()), limits=TWO),
)
WAITED = (
    Case(
        "semaphore-of-one",
        held(SEMAPHORE),
        (*FIRST_RUNS, Another(SECOND), WAITING, GO, Ended(), Until("Running", of=SECOND), SECOND_GO, Ended(SECOND)),
        limits=ONE,
    ),
    Case(
        "semaphore-of-two",
        held(SEMAPHORE),
        (
            *FIRST_RUNS,
            Another(SECOND),
            Until("Running", of=SECOND),
            Another(THIRD),
            Until("Pending", of=THIRD),
            SECOND_GO,
            Ended(SECOND),
            Until("Running", of=THIRD),
            GO,
            Ended(),
            THIRD_GO,
            Ended(THIRD),
        ),
        limits=TWO,
    ),
    Case(
        "mutex-of-two",
        held(MUTEX),
        (*FIRST_RUNS, Another(SECOND), WAITING, GO, Ended(), Until("Running", of=SECOND), SECOND_GO, Ended(SECOND)),
    ),
    Case(
        "semaphore-by-creation",
        held(SEMAPHORE),
        (
            *FIRST_RUNS,
            *(Another(SECOND), WAITING, Quiet(), Another(THIRD), Until("Pending", of=THIRD)),
            *(GO, Ended(), Until("Running", of=SECOND), SECOND_GO, Ended(SECOND)),
            *(Until("Running", of=THIRD), THIRD_GO, Ended(THIRD)),
        ),
        limits=ONE,
    ),
    Case(
        "semaphore-by-priority",
        held(SEMAPHORE),
        (
            *FIRST_RUNS,
            *(Another(SECOND), WAITING, Another(THIRD, {"priority": 5}), Until("Pending", of=THIRD)),
            *(GO, Ended(), Until("Running", of=THIRD), THIRD_GO, Ended(THIRD)),
            *(Until("Running", of=SECOND), SECOND_GO, Ended(SECOND)),
        ),
        limits=ONE,
    ),
    Case(
        "semaphore-of-a-deleted-workflow",
        held(SEMAPHORE),
        (
            *(Until("Running", node=NAME), Another(SECOND), WAITING, Quiet(), Delete(), Gone()),
            *(Until("Running", of=SECOND), SECOND_GO, Ended(SECOND)),
        ),
        limits=ONE,
    ),
    Case(
        "semaphore-and-a-deadline",
        held(SEMAPHORE),
        (
            *(*FIRST_RUNS, Another(SECOND, {"activeDeadlineSeconds": 5}), WAITING, Quiet(), Quiet(), Quiet()),
            *(GO, Ended(), Until("Running", of=SECOND), SECOND_GO, Ended(SECOND)),
        ),
        limits=ONE,
    ),
    Case(
        "semaphore-with-metadata",
        held(SEMAPHORE, workflowMetadata={"labels": {"team": "blue"}}),
        (*FIRST_RUNS, Another(SECOND), WAITING, GO, Ended(), Until("Running", of=SECOND), SECOND_GO, Ended(SECOND)),
        limits=ONE,
    ),
    Case(
        "semaphore-of-a-raised-limit",
        held(SEMAPHORE),
        (
            *(*FIRST_RUNS, Another(SECOND), WAITING, Limits(TWO), Until("Running", of=SECOND)),
            *(SECOND_GO, Ended(SECOND), GO, Ended()),
        ),
        limits=ONE,
    ),
)
LEFT = (
    Case(
        "stop-while-waiting",
        held(SEMAPHORE),
        (*FIRST_RUNS, Another(SECOND), WAITING, STOP, Quiet(), GO, Ended(), Ended(SECOND)),
        limits=ONE,
    ),
    Case(
        "terminate-while-waiting",
        held(SEMAPHORE),
        (*FIRST_RUNS, Another(SECOND), WAITING, TERMINATE, Ended(SECOND), GO, Ended()),
        limits=ONE,
    ),
    Case(
        "delete-while-waiting",
        held(SEMAPHORE),
        (
            *(*FIRST_RUNS, Another(SECOND), WAITING, Quiet(), Delete(SECOND), Gone(SECOND), Another(THIRD)),
            *(Until("Pending", of=THIRD), GO, Ended(), Until("Running", of=THIRD), THIRD_GO, Ended(THIRD)),
        ),
        limits=ONE,
    ),
)
WRONG = (
    Case("semaphore-of-no-config-map", held(SEMAPHORE)),
    Case("semaphore-of-no-key", held(SEMAPHORE), limits={"joe": "1"}),
    Case("semaphore-of-nothing", held(SEMAPHORE), limits={"jane": "0"}),
    Case("semaphore-of-no-number", held(SEMAPHORE), limits={"jane": "many"}),
    Case("semaphore-twice", held({"semaphores": [REFERENCE, REFERENCE]}), limits=ONE),
    Case(
        "unsupported-lock-of-a-template",
        spec(shell("true", synchronization=MUTEX)),
        differs="Locks of templates are refused: a notebook job has one template, and its lock is the workflow's.",
    ),
    Case(
        "unsupported-lock-in-a-database",
        held({"mutexes": [{"name": NAME, "database": True}]}),
        differs="Locks in a database are refused: there is none here.",
    ),
)
CASES = (*ACQUIRED, *WAITED, *LEFT, *WRONG)
