"""Cases of one pod: how it ends, what it hands on, and what it is told."""

from contract.workflows import (
    DIRECTORY,
    GO,
    Case,
    Ended,
    Quiet,
    Touch,
    Until,
    call,
    container,
    inputs,
    output,
    parameters,
    printing,
    script,
    shell,
    spec,
    steps,
)

TAGS = (
    "{{workflow.name}} {{workflow.uid}} {{workflow.namespace}} {{workflow.serviceAccountName}} "
    "{{workflow.mainEntrypoint}} {{workflow.creationTimestamp}} {{workflow.parameters.a}} {{workflow.labels.team}} "
    "{{workflow.annotations.note}} {{pod.name}} {{node.name}} {{workflow.status}} {{ workflow.name }}"
)
AWKWARD = 'it\'s "quoted" \\ back {brace} {{user.name}} $(HOME) é 漢 😀\ttab'


ENDS = (
    Case("succeeds", spec(container("true"))),
    Case("a-second-look", spec(shell(GO)), (Until("Running", node="@NAME@"), Touch(), Ended())),
    Case("fails", spec(shell("exit 3"))),
    Case("fails-with-argos-own-code", spec(shell("exit 64"))),
    Case("is-killed", spec(shell("kill -9 $$$$"))),
    Case("unknown-program", spec(container("no-such-program"))),
    Case("unknown-path", spec(container("/no/such/program"))),
    Case("not-executable", spec(container("/etc/passwd"))),
    Case("script-succeeds", spec(script("exit 0"))),
    Case("script-fails", spec(script("exit 7"))),
)
OUTPUTS = (
    Case(
        "output",
        spec(script(f"printf 'one\\ntwo\\n\\n' > {DIRECTORY}/out", outputs=output("out", globalName="outcome"))),
    ),
    Case("output-of-no-global-name", spec(shell(f"echo 1 > {DIRECTORY}/out", outputs=output("out")))),
    Case(
        "output-of-a-failed-script",
        spec(script(f"echo failed > {DIRECTORY}/out; exit 2", outputs=output("out", globalName="outcome"))),
    ),
    Case("missing-output", spec(shell("true", outputs=output("out", globalName="outcome")))),
    Case(
        "missing-output-with-default",
        spec(shell("true", outputs=output("out", globalName="outcome", default="nothing"))),
    ),
    Case(
        "missing-output-with-empty-default",
        spec(shell("true", outputs=output("out", globalName="outcome", default=""))),
    ),
    Case("missing-output-of-a-failed-script", spec(script("exit 2", outputs=output("out", globalName="outcome")))),
    Case(
        "missing-output-with-default-of-a-failed-script",
        spec(script("exit 2", outputs=output("out", globalName="outcome", default="nothing"))),
    ),
    Case(
        "awkward-output",
        spec(
            shell(
                f"printf '%s' '{{{{workflow.name}}}} {{x}} \"q\" \\\\ é 😀' > {DIRECTORY}/out",
                outputs=output("out", globalName="outcome"),
            )
        ),
    ),
)
TOLD = (
    Case(
        "tags",
        spec(printing("TEXT", TAGS), arguments=parameters(a="1"), serviceAccountName="default"),
        metadata={"labels": {"team": "blue"}, "annotations": {"note": "n"}},
    ),
    Case("tags-of-nobody", spec(printing("TEXT", "{{user.name}} {{ }} {{{x}}} {{}}"))),
    Case("dollars", spec(printing("TEXT", "$ $$ $$$ $x $(NOBODY) $$(HOME) $(HOME) $("))),
    Case(
        "awkward-parameter",
        spec(printing("TEXT", "{{workflow.parameters.a}}"), arguments=parameters(a=AWKWARD)),
    ),
    Case(
        "parameter-with-a-tag",
        spec(
            printing("TEXT", "{{workflow.parameters.a}}"),
            arguments=parameters(a="{{workflow.name}}"),
        ),
    ),
    Case(
        "numbers-and-booleans-as-parameters",
        spec(
            printing("TEXT", "{{workflow.parameters.n}} {{workflow.parameters.b}} {{workflow.parameters}}"),
            arguments=parameters(n=1, b=True),
        ),
    ),
    Case(
        "input-parameters",
        spec(
            steps(
                [
                    call("a", "leaf", arguments=parameters(given=AWKWARD)),
                    call("b", "leaf", arguments=parameters(given="{{workflow.name}}", preset="mine")),
                ]
            ),
            shell(
                "true",
                name="leaf",
                inputs={"parameters": [{"name": "given"}, {"name": "preset", "default": "default"}]},
            ),
        ),
    ),
    Case(
        "name-of-a-step-as-its-argument",
        spec(
            steps([call("a", "leaf", arguments=parameters(given="{{steps.name}}"))]),
            shell("true", name="leaf", inputs=inputs("given")),
        ),
        differs="A step's own name as its argument is the name here; Argo 3.7 makes it an empty text.",
    ),
    Case("an-input-of-the-entrypoint", spec(shell("true", inputs=inputs("a")), arguments=parameters(a="1"))),
)
LABELS = (
    Case(
        "labels-and-annotations-stay",
        spec(shell("true")),
        metadata={
            "labels": {"nbargo/user": "jane", "team": "blue"},
            "annotations": {"nbargo/job": '{"name": "{{workflow.name}} é"}'},
            "finalizers": [],
        },
    ),
    Case(
        "workflow-metadata",
        spec(shell("true"), workflowMetadata={"labels": {"team": "red"}, "annotations": {"note": "{{workflow.uid}}"}}),
        metadata={"labels": {"team": "blue"}},
    ),
    Case(
        "another-controllers-workflow",
        spec(shell("true")),
        (Quiet(),),
        metadata={"labels": {"workflows.argoproj.io/controller-instanceid": "other"}},
    ),
    Case(
        "settings-of-the-pod",
        spec(
            shell("true", serviceAccountName="default", nodeSelector={}, metadata={"labels": {"a": "b"}}),
            securityContext={"runAsUser": 1000},
            podGC={"strategy": "OnPodCompletion"},
            archiveLogs=False,
        ),
    ),
)
CASES = (*ENDS, *OUTPUTS, *TOLD, *LABELS)
