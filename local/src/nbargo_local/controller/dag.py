"""DAG templates: tasks that run when those that they depend on have ended as wished."""

from collections import deque
from typing import Final

from nbargo_local.controller.depends import condition_of, holds, names_in
from nbargo_local.controller.names import Object
from nbargo_local.controller.operation import Call, Execute, Operation, ParallelismReachedError
from nbargo_local.controller.parameters import input_values, output_values
from nbargo_local.controller.results import finish, scope_of
from nbargo_local.controller.steps import continues
from nbargo_local.controller.templating import TemplateError, replace
from nbargo_local.controller.tree import COMPLETED, FAILED, Node, fulfilled

_OMITTED: Final = "omitted: depends condition not met"


class _Dag:
    """One look at one DAG node."""

    def __init__(self, op: Operation, call: Call, template: Object, node: Node) -> None:
        self.op = op
        self.call = call
        self.node = node
        self.template = template
        self.tasks: dict[str, Object] = {task["name"]: task for task in template["dag"]["tasks"]}
        self.conditions = {name: condition_of(task, self.tasks) for name, task in self.tasks.items()}
        self.needs = {name: names_in(condition) for name, condition in self.conditions.items()}
        self._visited: set[str] = set()

    @property
    def targets(self) -> list[str]:
        """The tasks that decide on the DAG's phase."""
        if self.template["dag"].get("target"):
            return [str(name) for name in self.template["dag"]["target"].split()]
        needed = {each for names in self.needs.values() for each in names}
        return sorted(self.tasks.keys() - needed)

    def node_of(self, task: str) -> Node | None:
        return self.op.tree.get(f"{self.node['name']}.{task}")

    def ancestors(self, task: str) -> list[str]:
        found: dict[str, None] = {}
        waiting = deque(self.needs[task])
        while waiting:
            if (name := waiting.popleft()) not in found:
                found[name] = None
                waiting.extend(self.needs[name])
        return list(found)

    def scope(self, tasks: list[str]) -> dict[str, str]:
        values = input_values(self.template) | output_values({"status": self.op.status})
        for name in tasks:
            if (node := self.node_of(name)) is not None:
                values |= scope_of(self.op, f"tasks.{name}", node)
        return values

    def connect(self, task: str) -> None:
        """Hang a task's node below what its dependencies ended with, or below the DAG."""
        tree, name = self.op.tree, f"{self.node['name']}.{task}"
        if not self.needs[task]:
            tree.adopt(self.node, name)
        for need in self.needs[task]:
            if (node := self.node_of(need)) is not None:
                for each in tree.outbound(node):
                    tree.adopt(tree.nodes[each], name)

    def skip(self, task: str, phase: str, message: str) -> None:
        """Give a task that does not run its node."""
        self.op.tree.add(
            f"{self.node['name']}.{task}",
            "Skipped",
            phase,
            template=self.tasks[task]["template"],
            boundary=self.node["id"],
            flag={},
            message=message,
        )
        self.connect(task)

    def ready(self, task: str) -> bool:
        """Tell whether a task is to be executed now; a task that will never be gets its node."""
        if self.node_of(task) is not None or not self.conditions[task]:
            return True
        nodes = {name: self.node_of(name) for name in self.needs[task]}
        if any(node is None or not fulfilled(node) or self.op.is_cut_short(node) for node in nodes.values()):
            return False
        phases = {name: node["phase"] for name, node in nodes.items() if node is not None}
        if holds(self.conditions[task], phases):
            return True
        self.skip(task, "Omitted", _OMITTED)
        return False

    def run(self, task: str, execute: Execute) -> None:
        """Execute a task, after those that it depends on."""
        node = self.node_of(task)
        if task in self._visited or (node is not None and fulfilled(node)):
            return
        self._visited.add(task)
        for name in self.needs[task]:
            self.run(name, execute)
        name = f"{self.node['name']}.{task}"
        try:
            if not self.ready(task):
                return
            resolved: Object = replace(self.tasks[task], {**self.op.values, **self.scope(self.ancestors(task))})
            execute(self.op, self.child(name, resolved))
        except ParallelismReachedError:
            pass
        except TemplateError as error:
            if (failed := self.node_of(task)) is not None:
                self.op.tree.mark(failed, "Error", f"task '{name}' errored: {error}")
            else:
                self.skip(task, "Error", str(error))
        if node is None and self.node_of(task) is not None:
            self.connect(task)

    def child(self, name: str, task: Object) -> Call:
        return Call(
            name=name,
            template=task["template"],
            arguments=(task.get("arguments") or {}).get("parameters") or [],
            boundary=self.node["id"],
            caller="tasks.name",
            caller_name=task["name"],
            exit_handler=self.call.exit_handler,
        )

    def phase(self) -> str:
        """Return the DAG's phase: an omitted task counts as the branch that it hangs on ended."""
        if self.op.shutdown:
            return "Failed"
        ended = self._branches()
        if ended is None:
            return "Running"
        fail_fast = self.template["dag"].get("failFast") is not False
        result = "Succeeded"
        for name in self.targets:
            phase = ended.get(self.op.tree.id_of(f"{self.node['name']}.{name}"), "")
            if not phase:
                result = "Running"
                if not fail_fast:
                    break
            elif phase in FAILED and not continues(self.tasks[name], phase):
                result = phase
                if fail_fast:
                    break
        return result

    def _branches(self) -> dict[str, str] | None:
        """Return the phase of the branch that ends with each node, or None if something still runs."""
        ended: dict[str, str] = {}
        waiting = deque((child, "Succeeded") for child in self.node.get("children", ()))
        seen: set[tuple[str, str]] = set()
        while waiting:
            each, branch = waiting.popleft()
            if (each, branch) in seen:
                continue
            seen.add((each, branch))
            node = self.op.tree.nodes.get(each)
            if node is None or not fulfilled(node):
                return None
            branch = node["phase"] if node["phase"] in COMPLETED else branch
            if ended.get(each) not in FAILED:
                ended[each] = branch
            waiting.extend((child, branch) for child in self._next(node))
        return ended

    def _next(self, node: Node) -> list[str]:
        if node["type"] != "Retry":
            return list(node.get("children", ()))
        return [each for attempt in self.op.tree.children(node) for each in attempt.get("children", ())]


def execute_dag(op: Operation, call: Call, template: Object, execute: Execute) -> Node:
    """Execute a DAG template, or go on with it.

    Args:
        op: The operation.
        call: Its call.
        template: The processed template.
        execute: What executes the tasks' templates.

    Returns:
        Its node.

    Raises:
        TemplateError: The template's outputs cannot be made, or a condition is not an expression.
    """
    node = op.tree.get(call.name) or op.new_node(call, "DAG", "Running", template)
    dag = _Dag(op, call, template, node)
    for target in dag.targets:
        dag.run(target, execute)
    phase = dag.phase()
    if phase == "Running":
        return node
    reached = [each for name in dag.targets if (each := dag.node_of(name)) is not None]
    op.tree.set_outbound(node, [each for child in reached for each in op.tree.outbound(child)])
    if phase in FAILED:
        return op.tree.mark(node, phase)
    scope = dag.scope(list(dag.tasks))
    for name in dag.tasks:
        if (child := dag.node_of(name)) is not None:
            op.publish(child)
    return finish(op, node, template, scope)
