"""What happens in the working area of one commit: tokens travel, tasks begin and end."""

from __future__ import annotations

from collections.abc import Mapping

from engine.events import BarrierWithdrawn, TaskCancelled, TaskReady, TaskSkipped
from engine.ids import NodeKey, Path, TaskId, scope_key, task_id
from engine.model.plan import PlanEdge, PlanNode
from engine.runtime import clearing, cycles, delivery, frames, items, rounds
from engine.runtime.area import Area
from engine.runtime.limits import LimitHit
from engine.state.run_state import RunState, Task, Token, ValueRef

#: Kinds of waits whose end somebody outside the run is told of.
REACHING = frozenset({"event", "child"})


class Transition(Area):
    """Carries tokens to their ends, and makes and ends tasks, in the working area of a commit."""

    # --- tokens ------------------------------------------------------------------------------

    def send(self, edge: PlanEdge, path: Path, ref: ValueRef, *, after: str = "") -> None:
        """Put a value on an edge; `after` is the frame that it has left already."""
        if edge.quits and frames.hold(self, edge, Token(edge.id, path, ref), after=after):
            return
        self.taken.append(edge.id)
        if edge.leaves >= 0:
            cycles.mark_exit(self, edge, path, taken=True)
        self.on_way.append((edge, Token(edge.id, path, ref)))

    def rule_out(self, edge: PlanEdge, path: Path, *, after: str = "") -> None:
        """Say that nothing comes along an edge this round."""
        if edge.back:
            return
        if edge.quits and frames.holds_first(self, edge, after):
            skip = Token(edge.id, path, skip=True, lost=self.losing)
            if frames.hold(self, edge, skip, after=after):
                return
        if edge.leaves >= 0:
            cycles.mark_exit(self, edge, path, taken=False)
            return
        self.put_skip(edge, path)

    def put_skip(self, edge: PlanEdge, path: Path) -> None:
        """Put a skip token on an edge: the loop that it leaves, if any, is over."""
        skip = Token(edge.id, path, skip=True, lost=self.losing)
        if edge.quits and edge.leaves >= 0 and frames.hold(self, edge, skip):
            return
        self.not_taken.append(edge.id)
        self.on_way.append((edge, skip))

    def carry(self) -> None:
        """Deliver all tokens, those of dying loops too, until none is on its way."""
        while True:
            while self.on_way:
                delivery.deliver(self, *self.on_way.popleft())
            if cycles.release_dead(self) or (self.frames_touched and frames.close_empty(self)):
                continue
            if not (self.plan.has_quiet and rounds.fire_quiet(self)):
                return

    def deliver(self, edge: PlanEdge, token: Token, *, after: str) -> None:
        """Bring a token that a frame gives again to the end of its wire."""
        delivery.deliver(self, edge, token, after=after)

    def settle(self, target: PlanNode, path: Path, *, quiet: bool = False) -> bool:
        """Fire a join for another reason than an arrival; return whether it fired."""
        return delivery.settle(self, target, path, quiet=quiet)

    def clear_nodes(self, nodes: frozenset[NodeKey], path: Path) -> None:
        """Remove what is kept of these nodes in one scope and in the scopes inside it."""
        clearing.clear_nodes(self, nodes, path)

    # --- tasks -------------------------------------------------------------------------------

    def create(
        self,
        target: PlanNode,
        path: Path,
        inputs: Mapping[str, tuple[tuple[NodeKey, ValueRef], ...]],
    ) -> TaskId:
        """Make a task ready and return its name, or hand an item over to its zone's Collect."""
        if target.role == "collect" and len(path) > target.depth:
            items.item_done(self, target, path, items.one_value(self, target, path, inputs))
            return TaskId("")
        visit = self._visit(target, path)
        task = task_id(target.key, path, visit)
        nodes: dict[NodeKey, ValueRef] = {}
        for name in target.read_nodes:
            ref = self.output_for(name, path)
            if ref is not None:
                nodes[name] = ref
        self.order += 1
        row = Task(
            id=task,
            node=target.key,
            path=path,
            visit=visit,
            order=self.order,
            ready_at=self.commit,
            now=self.at,
            inputs=dict(inputs),
            nodes=nodes,
            versions=self.versions_of(target) if target.gated else {},
            shift=frames.shift_of(self, target, path) if target.frames else 0,
        )
        self.tasks.put(task, row)
        if target.frames and not frames.starts(self, target, row):
            pass  # its frame says when
        elif self.budget is None or not target.metered or self.budget.start(target, row):
            self.ready.append(TaskReady(task, target.key, path, visit))
        if target.loops or target.frames:
            cycles.count(self, target, path, 1)
        return task

    def versions_of(self, target: PlanNode) -> dict[str, int]:
        """Return the versions of what a node reads, as they are after this commit."""
        known, changed = self.state.versions, self.changed
        return {name: known.get(name, 0) + (name in changed) for name in sorted(target.reads)}

    def finish(self, task: Task) -> None:
        """Take a task out of the frontier."""
        self.tasks.drop(task.id)
        if self.state.waits or "waits" in self.touched:
            self.waits.drop(task.id)
        if self.state.ending:
            self.ending.drop(task.id)
        if self.budget is not None:
            self.budget.release(task)
        node = self.plan.nodes[task.node]
        if node.loops or node.frames:
            cycles.count(self, node, task.path, -1)

    def end(self, task: Task, reason: str, *, how: str = "") -> None:
        """End a task without a result; one that nobody has heard of goes without a word."""
        wait = self.waits.get(task.id)
        self.finish(task)
        if task.id not in self.state.tasks and wait is None:
            return
        if wait is not None and wait.kind in REACHING:
            self.left.append(wait)
        if wait is not None and wait.request is not None:
            self.closed.append((wait.request, "withdrawn"))
            self.events.append(
                BarrierWithdrawn(request=wait.request, task=task.id, node=task.node, reason=reason)
            )
        cancelled = TaskCancelled(task=task.id, node=task.node, reason=reason, how=how)
        self.events.append(cancelled)

    def skip(
        self, target: PlanNode, path: Path, reason: str, *, task: TaskId | None = None
    ) -> None:
        """Pass over a node: everything that leaves it is ruled out.

        Args:
            target: the node.
            path: the scopes that it is passed over in.
            reason: why, in words.
            task: the task that found that it had nothing to do; else none was made.
        """
        if target.role == "collect" and len(path) > target.depth:
            items.item_done(self, target, path, None)
            return
        if target.role == "until" and len(path) > target.depth:
            self._round_without_result(target, path)
            return
        # Not the name of a task that is alive: those have been visited already.
        name = task or task_id(target.key, path, self.next_visit(target, path))
        self.events.append(TaskSkipped(task=name, node=target.key, reason=reason))
        self.pass_over(target, path)

    def pass_over(self, target: PlanNode, path: Path) -> None:
        """Rule out everything that leaves a node."""
        if target.role in ("split", "loop") and target.pair is not None:
            self._rule_out_pair(target, path)
            return
        for edges in target.out.values():
            for edge in edges:
                self.rule_out(edge, path)

    def _round_without_result(self, until: PlanNode, path: Path) -> None:
        """A round that brings no value leaves the value as it was."""
        zone = self.zones.get(f"{until.pair}@{scope_key(path[:-1])}")
        if zone is not None:
            self.create(until, path, {"in": ((until.pair or "", zone.items),)})

    def _rule_out_pair(self, split: PlanNode, path: Path) -> None:
        """A For each that does not run has a Collect that does not run either."""
        collect = self.plan.nodes[split.pair or ""]
        self.skip(collect, path, f"{split.key} did not run")
        for port, edges in split.out.items():
            if port == "error":
                for edge in edges:
                    self.rule_out(edge, path)

    def _visit(self, target: PlanNode, path: Path) -> int:
        if not target.repeats:
            return 0
        visit = self.next_visit(target, path)
        limit = self.plan.workflow.settings.limits.visits
        if visit >= limit:
            raise LimitHit(
                "visits",
                limit,
                target.key,
                f"{target.key} ran {limit} times in one loop; raise the limit visits "
                "in the workflow's settings if that is meant",
            )
        self.visits[f"{target.key}@{scope_key(path)}"] = visit + 1
        return visit


def ready_tasks(state: RunState) -> list[TaskId]:
    """Return the tasks that may start, in canonical order of creation."""
    waiting = state.waits
    tasks = [task for task in state.tasks.values() if task.id not in waiting]
    return [task.id for task in sorted(tasks, key=lambda task: task.order)]
