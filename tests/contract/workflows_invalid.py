"""Cases of specifications that are not valid: Argo ends them in phase Failed, and says why."""

from contract.workflows import IMAGE, Case, after, call, container, dag, inputs, output, parameters, shell, spec, steps

OK = shell("true", name="ok")
MALFORMED = "A field of the wrong type ends in phase Error with other words: there are no Go types to read it into."

CASES = (
    Case("invalid-no-entrypoint", {"templates": [OK]}),
    Case("invalid-unknown-entrypoint", {"entrypoint": "nobody", "templates": [OK]}),
    Case("invalid-no-templates", {"entrypoint": "nobody"}),
    Case("invalid-unknown-template", spec(steps([call("a", "nobody")]))),
    Case("invalid-same-template-twice", spec(OK, OK)),
    Case("invalid-template-name", spec(shell("true", name="a_b"))),
    Case("invalid-same-step-twice", spec(steps([call("a", "ok")], [call("a", "ok")]), OK)),
    Case("invalid-no-type", spec({"name": "main"})),
    Case("invalid-two-types", spec({**OK, "suspend": {}})),
    Case("invalid-no-image", spec({"name": "main", "container": {"command": ["true"]}})),
    Case("invalid-parameter-without-value", spec(OK, arguments={"parameters": [{"name": "a"}]})),
    Case(
        "invalid-same-parameter-twice",
        spec(OK, arguments={"parameters": [{"name": "a", "value": "1"}, {"name": "a", "value": "2"}]}),
    ),
    Case("invalid-parameter-name", spec(OK, arguments=parameters(**{"a b": "1"}))),
    Case("invalid-value-not-in-enum", spec(OK, arguments={"parameters": [{"name": "a", "value": "1", "enum": ["2"]}]})),
    Case("invalid-input-not-supplied", spec(shell("true", inputs=inputs("a")))),
    Case(
        "invalid-step-input-not-supplied",
        spec(steps([call("a", "leaf")]), shell("true", name="leaf", inputs=inputs("x"))),
    ),
    Case("invalid-unknown-tag", spec(shell("echo {{workflow.parameters.nobody}}"))),
    Case("invalid-unknown-input-tag", spec(shell("echo {{inputs.parameters.nobody}}"))),
    Case(
        "invalid-unknown-step-tag",
        spec(
            steps([call("a", "leaf", arguments=parameters(x="{{steps.b.outputs.parameters.y}}"))]),
            shell("true", name="leaf", inputs=inputs("x")),
        ),
    ),
    Case("invalid-open-brace", spec(shell("echo {{workflow.name"))),
    Case("invalid-retry-policy", spec(shell("true", retryStrategy={"retryPolicy": "Sometimes"}))),
    Case("invalid-retry-limit", spec(shell("exit 1", retryStrategy={"limit": "many"}))),
    Case("invalid-deadline-of-steps", spec(steps([call("a", "ok")], activeDeadlineSeconds=5), OK)),
    Case("invalid-deadline", spec(shell("true", activeDeadlineSeconds="soon"))),
    Case("invalid-cycle", spec(dag(after("a", "b", template="ok"), after("b", "a", template="ok")), OK)),
    Case("invalid-unknown-dependency", spec(dag(after("a", "nobody", template="ok")), OK)),
    Case("invalid-empty-dag", spec(dag())),
    Case(
        "invalid-depends-and-dependencies",
        spec(dag(call("a", "ok"), after("b", "a", template="ok"), call("c", "ok", depends="a")), OK),
    ),
    Case("invalid-depends", spec(dag(call("a", "ok"), call("b", "ok", depends="a.Nothing")), OK)),
    Case(
        "invalid-depends-expression",
        spec(dag(call("a", "ok"), call("b", "ok", depends="a &&")), OK),
        differs="The message of a `depends` that is no expression is shorter: Argo's draws where its parser stopped.",
    ),
    Case("invalid-target", spec(dag(call("a", "ok"), target="nobody"), OK)),
    Case("invalid-output", spec(shell("true", outputs={"parameters": [{"name": "a"}]}))),
    Case("invalid-output-of-steps", spec(steps([call("a", "ok")], outputs=output("out")), OK)),
    Case("invalid-unknown-exit-handler", spec(OK, onExit="nobody")),
    Case("invalid-pod-gc", spec(OK, podGC={"strategy": "Never"})),
    Case(
        "invalid-two-mounts",
        spec(
            {
                "name": "main",
                "container": {
                    "image": IMAGE,
                    "command": ["true"],
                    "volumeMounts": [{"name": "a", "mountPath": "/x"}, {"name": "b", "mountPath": "/x"}],
                },
            },
            volumes=[{"name": "a", "emptyDir": {}}, {"name": "b", "emptyDir": {}}],
        ),
    ),
    Case("invalid-long-name-" + "x" * 60, spec(OK)),
    Case("invalid-unused-template", spec(OK, container("echo", "{{inputs.parameters.x}}", name="unused"))),
    Case("malformed-parallelism", spec(OK, parallelism="many"), differs=MALFORMED),
    Case("malformed-templates", {"entrypoint": "ok", "templates": {"ok": OK}}, differs=MALFORMED),
    Case(
        "unsupported-loop",
        spec(steps([call("a", "ok", withItems=["1", "2"])]), OK),
        differs="Loops are refused: no notebook job has one.",
    ),
    Case(
        "unsupported-when",
        spec(steps([call("a", "ok", when="1 == 2")]), OK),
        differs="Conditions of steps are refused: no notebook job has one.",
    ),
    Case(
        "unsupported-result",
        spec(
            steps([call("a", "print")], [call("b", "take", arguments=parameters(x="{{steps.a.outputs.result}}"))]),
            shell("echo seven", name="print"),
            shell("true", name="take", inputs=inputs("x")),
        ),
        differs="What a process prints is not captured: a job hands on files.",
    ),
    Case(
        "unsupported-expression",
        spec(shell("echo '{{=1 + 1}}'")),
        differs="Expression tags are refused: there is no interpreter of Argo's expressions here.",
    ),
)
