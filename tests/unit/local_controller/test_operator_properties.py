"""Whatever happens in whatever order, the operator is level-based, starts nothing twice, and comes to an end."""

import copy
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nbargo_local.controller.durations import stamp
from nbargo_local.controller.locks import Locks, limits_in
from nbargo_local.controller.names import COMPLETED_LABEL, PHASE_LABEL, node_id
from nbargo_local.controller.operator import operate
from nbargo_local.controller.pods import PodStatus
from nbargo_local.controller.tree import COMPLETED, FULFILLED
from support.controller_bench import START, Object, shell

NO_LOCKS = Locks(limits_in(None))
ROUNDS = 40  # more than any workflow below takes to come to rest
ENDS = ("Succeeded", "Failed", "Error")

RETRIES = st.fixed_dictionaries(
    {"limit": st.integers(0, 2), "retryPolicy": st.sampled_from(["Always", "OnError", "OnFailure"])},
    optional={"backoff": st.just({"duration": "10", "factor": 2})},
)
LEAF = st.fixed_dictionaries({}, optional={"retryStrategy": RETRIES}).map(lambda more: shell("x", name="leaf", **more))
CONTINUE = st.sampled_from([{}, {"continueOn": {"failed": True}}, {"continueOn": {"error": True, "failed": True}}])


@st.composite
def steps(draw: st.DrawFn) -> Object:
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    groups = [
        [{"name": f"s{group}-{number}", "template": "leaf", **draw(CONTINUE)} for number in range(size)]
        for group, size in enumerate(sizes)
    ]
    limits: Object = draw(
        st.sampled_from([{}, {"parallelism": 1}, {"failFast": True}, {"parallelism": 2, "failFast": True}])
    )
    return {"name": "main", "steps": groups, **limits}


@st.composite
def dag(draw: st.DrawFn) -> Object:
    count = draw(st.integers(1, 5))
    tasks: list[Object] = [
        {
            "name": f"t{number}",
            "template": "leaf",
            "dependencies": [f"t{other}" for other in range(number) if draw(st.booleans())],
            **draw(CONTINUE),
        }
        for number in range(count)
    ]
    waits: Object = draw(st.sampled_from([{}, {"failFast": False}]))
    return {"name": "main", "dag": {"tasks": tasks, **waits}}


@st.composite
def workflows(draw: st.DrawFn) -> Object:
    templates = [
        draw(st.one_of(steps(), dag())),
        draw(LEAF),
        shell("x", name="bye"),
        {"name": "pause", "suspend": {"duration": "5"}},
    ]
    limits: Any = draw(
        st.fixed_dictionaries(
            {},
            optional={"onExit": st.just("bye"), "activeDeadlineSeconds": st.just(60), "parallelism": st.integers(1, 2)},
        )
    )
    entry = draw(st.sampled_from(["main", "main", "leaf", "pause"]))
    return {
        "metadata": {"name": "wf", "namespace": "ns", "uid": "u", "creationTimestamp": stamp(START)},
        "spec": {"entrypoint": entry, "templates": templates, **limits},
    }


class World:
    """The store and the kubelet, reduced to what the operator sees of them."""

    def __init__(self, workflow: Object) -> None:
        self.workflow = workflow
        self.pods: dict[str, PodStatus] = {}
        self.starts: Counter[str] = Counter()
        self.now: datetime = START
        self.fulfilled: dict[str, str] = {}

    def settle(self) -> None:
        for _ in range(ROUNDS):
            if self.completed:
                break
            before = copy.deepcopy(self.workflow)
            decision = operate(self.workflow, self.pods, self.now, locks=NO_LOCKS)
            assert self.workflow == before
            self.workflow = decision.workflow or self.workflow
            for node in decision.stop:
                self.end(node, "Failed")
            for spec in decision.start:
                assert spec.node_id not in self.pods
                assert not self.overdue or spec.node_id == node_id("wf", "wf.onExit")
                self.pods[spec.node_id] = PodStatus("Pending")
                self.starts[spec.node_id] += 1
            if decision.workflow is None and not decision.start and not decision.stop:
                break
        else:
            raise AssertionError("the operator does not come to rest")
        self.check()

    def check(self) -> None:
        status = self.workflow.get("status", {})
        labels = self.workflow["metadata"]["labels"]
        assert labels[PHASE_LABEL] == status["phase"]
        assert (labels[COMPLETED_LABEL] == "true") == (status["phase"] in COMPLETED) == bool(status["finishedAt"])
        assert max(self.starts.values(), default=1) == 1
        nodes = status.get("nodes", {})
        for node, phase in self.fulfilled.items():
            assert nodes[node]["phase"] == phase
        self.fulfilled = {node: each["phase"] for node, each in nodes.items() if each["phase"] in FULFILLED}
        assert set(self.pods) <= set(nodes)
        for each in nodes.values():
            assert (each["finishedAt"] is not None) == (each["phase"] in FULFILLED)
            assert set(each.get("children", ())) <= set(nodes)

    @property
    def completed(self) -> bool:
        return bool(self.workflow["metadata"].get("labels", {}).get(COMPLETED_LABEL) == "true")

    @property
    def overdue(self) -> bool:
        seconds = self.workflow["spec"].get("activeDeadlineSeconds")
        return seconds is not None and self.now >= START + timedelta(seconds=seconds)

    @property
    def alive(self) -> list[str]:
        return [node for node, pod in self.pods.items() if pod.alive]

    def end(self, node: str, phase: Any) -> None:
        code = 0 if phase == "Succeeded" else 1
        self.pods[node] = PodStatus(phase, "" if phase == "Succeeded" else "ended", code, stamp(self.now))

    def happen(self, event: tuple[str, int]) -> None:
        kind, number = event
        if kind == "time":
            self.now += timedelta(seconds=number)
        elif kind in {"Stop", "Terminate"}:
            self.workflow["spec"]["shutdown"] = kind
        elif kind == "suspend":
            self.workflow["spec"]["suspend"] = number % 2 == 0
        elif self.alive:
            node = self.alive[number % len(self.alive)]
            if kind == "Running":
                self.pods[node] = PodStatus("Running")
            else:
                self.end(node, kind)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["Running", *ENDS, *ENDS, "time", "suspend", "Stop", "Terminate"]),
        st.integers(0, 40),
    ),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(workflows(), EVENTS)
def test_every_order_of_events_is_level_based_and_ends(workflow: Object, events: list[tuple[str, int]]) -> None:
    world = World(workflow)
    world.settle()
    for event in events:
        if world.completed:
            break
        world.happen(event)
        world.settle()
    world.workflow["spec"]["suspend"] = False
    for _ in range(ROUNDS):
        if world.completed:
            break
        for node in world.alive:
            world.end(node, "Succeeded")
        world.now += timedelta(seconds=30)
        world.settle()
    assert world.completed
    assert world.alive == []
