"""Budgets in a commit: reserve before a task starts, reconcile when it has ended (U87, U88).

All of it happens in the pure commit, so that two tasks can never reserve the same rest, and
the ledger is stored with what it is about. A task for which there is no room waits while
others may give something back; when nobody can any more, the run fails or a person is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from engine import events as ev
from engine.events import ErrorInfo, TaskReady
from engine.ids import Path, RunId, TaskId
from engine.model.node_types import Option, Request
from engine.model.plan import Plan, PlanNode
from engine.model.workflow import Meter
from engine.runtime import ledger
from engine.runtime.outcome import ChildEnd, Outcome
from engine.runtime.transition import Transition
from engine.state.run_state import Account, ChildState, ParkedWait, Task

Json = Any
Ask = Callable[[PlanNode, Task, Request, Json], None]
#: The kind of a wait for a budget.
BUDGET = "budget"


class Budget:
    """The ledger of a run while one commit is made."""

    def __init__(self, plan: Plan, transition: Transition, *, at: float) -> None:
        self.fatal: ErrorInfo | None = None
        self._plan = plan
        # In one order, whoever made the document: a later leg has it from the store.
        self._meters: Mapping[str, Meter] = dict(sorted(plan.workflow.settings.meters.items()))
        self._transition = transition
        self._at = at
        self._moved = False

    # --- accounts ---------------------------------------------------------------------------

    def open(self) -> None:
        """Make the accounts of the run: those of the meters, and of nodes with a limit."""
        for name in self._meters:
            self._put(name, ledger.fresh(self._plan, name))
        for node in self._plan.nodes.values():
            for draw in node.draws:
                if draw.limit is not None:
                    key = ledger.node_key(draw.meter, node.key)
                    self._put(key, ledger.fresh(self._plan, key))
        for frame in self._plan.frames.values():
            for name in frame.does.meters:
                key = ledger.frame_key(name, frame.key)
                self._put(key, ledger.fresh(self._plan, key))

    def take_up(self, ready: Sequence[TaskId]) -> None:
        """Go on in another document: its meters are there, and what is ready needs room."""
        for name in self._meters:
            self._put(name, self._get(name))
        for key in ready:
            task = self._transition.tasks.get(key)
            if task is not None and self._transition.holds.get(key) is None:
                self.start(self._plan.nodes[task.node], task)

    def count_superstep(self) -> None:
        """Let this commit use up what is measured in supersteps."""
        for name, meter in self._meters.items():
            if meter.measure == "supersteps":
                self._use(name, 1.0, 0.0, by="the run", node="")

    def changed(self) -> ev.MetersChanged | None:
        """Return the event that says how the meters stand now, if one of them has moved."""
        moved = [name for name in self._meters if name in self._transition.ledger.changes]
        if not moved:
            return None
        found = {name: self._get(name) for name in moved}
        return ev.MetersChanged(
            meters={name: (a.limit, a.used, a.reserved) for name, a in found.items()}
        )

    def _get(self, key: str) -> Account:
        return self._transition.ledger.get(key) or ledger.fresh(self._plan, key)

    def _put(self, key: str, account: Account) -> None:
        self._transition.ledger.put(key, account)
        self._moved = True

    def _accounts(self, node: PlanNode, path: Path, meter: str) -> list[str]:
        return list(ledger.accounts_of(self._transition.ledger.get, node, path, meter))

    def _use(self, key: str, used: float, held: float, *, by: str, node: str) -> None:
        """Move what was held to what is used; see whether that is too much."""
        old = self._get(key)
        new = Account(old.limit, old.used + used, max(0.0, old.reserved - held))
        self._put(key, new)
        if ledger.is_over(new.used, new.limit) and not ledger.is_over(old.used, old.limit):
            self._transition.events.append(
                ev.LimitReached(limit=key, value=new.limit or 0.0, node=node)
            )
            text = f"{self._stand(key)} after {by}"
            self._breach(key, text, node, {"used": new.used, "limit": new.limit})

    def _breach(self, key: str, text: str, node: str, details: dict[str, Json]) -> None:
        """End the run, unless a person is to be asked when the next task needs something."""
        meter = ledger.meter_of(key)
        if self._meters[meter].on_breach == "fail" and self.fatal is None:
            self.fatal = ErrorInfo(
                code=BUDGET,
                message=f"The budget {meter} is used up: {text}",
                node=node,
                retryable=False,
                details={"meter": meter, "account": key, **details},
            )

    def _stand(self, key: str) -> str:
        account, unit = self._get(key), self._meters[ledger.meter_of(key)].unit
        words = f"{account.used:g} of {account.limit:g}{f' {unit}' if unit else ''} used"
        _, at, item = key.partition("@")
        _, slash, node = key.partition("/")
        words += f" in the share of item {item}" if at else f" by {node}" if slash else ""
        words += f" in the frame {key.partition('!')[2]}" if "!" in key else ""
        return words + (f", {account.reserved:g} reserved" if account.reserved else "")

    # --- before an attempt ------------------------------------------------------------------

    def start(self, node: PlanNode, task: Task) -> bool:
        """Reserve for a task that is to start, or park it; return whether it may.

        One that has to compute its estimate is let through: it comes back with the amounts.
        """
        return node.estimates is None or self.reserve(node, task, node.estimates)

    def reserve(self, node: PlanNode, task: Task, amounts: Mapping[str, float]) -> bool:
        """Reserve amounts for a task, or park it behind those that wait for the same."""
        keys = {key for meter in amounts for key in self._accounts(node, task.path, meter)}
        for _, wait in self._parked():
            if wait.payload["account"] in keys and wait.task != task.id:
                self._park(task, amounts, wait.payload["account"])
                return False
        refused = self._try(node, task, amounts)
        if refused:
            self._park(task, amounts, refused)
        return not refused

    def _try(self, node: PlanNode, task: Task, amounts: Mapping[str, float]) -> str:
        """Reserve all of it and return nothing, or return the account that has no room."""
        for meter, amount in amounts.items():
            for key in self._accounts(node, task.path, meter):
                account = self._get(key)
                if ledger.is_over(account.used + account.reserved + amount, account.limit):
                    return key
        self._hold(node, task, amounts)
        return ""

    def _hold(self, node: PlanNode, task: Task, amounts: Mapping[str, float]) -> None:
        for meter, amount in amounts.items():
            for key in self._accounts(node, task.path, meter):
                old = self._get(key)
                self._put(key, Account(old.limit, old.used, old.reserved + amount))
        self._transition.holds.put(task.id, dict(amounts))

    def _park(self, task: Task, amounts: Mapping[str, float], key: str) -> None:
        text = f"until the budget {ledger.meter_of(key)} has room"
        self._transition.waits.put(
            task.id,
            ParkedWait(
                task=task.id,
                kind=BUDGET,
                opened_at=self._at,
                text=text,
                payload={"wanted": dict(amounts), "account": key},
            ),
        )
        self._transition.events.append(
            ev.WaitOpened(
                task=task.id,
                node=task.node,
                kind=BUDGET,
                due_at=None,
                text=text,
                path=task.path,
                visit=task.visit,
            )
        )
        self._moved = True

    def _parked(self) -> Iterator[tuple[Task, ParkedWait]]:
        """Yield what waits for a budget, in the order of creation."""
        waits, tasks = self._transition.waits, self._transition.tasks
        names = {**waits.base, **waits.changes}
        rows = [w for key in names if (w := waits.get(key)) is not None and w.kind == BUDGET]
        found = [(task, row) for row in rows if (task := tasks.get(row.task)) is not None]
        yield from sorted(found, key=lambda pair: pair[0].order)

    # --- after an attempt -------------------------------------------------------------------

    def reconcile(self, node: PlanNode, task: Task, outcome: Outcome) -> None:
        """Replace what was reserved by what has been used, whatever came of the attempt."""
        if outcome.child_end is not None:
            self.note_counted(outcome.child_end)
        held = self._transition.holds.get(task.id) or {}
        if not held and not outcome.spent:
            return
        if outcome.made is not None and outcome.kind == "wait":
            self._keep_for_child(node, task, held, outcome.spent)
            return
        # A result of another run that is used again has cost nothing in this one.
        reused = outcome.recorded and task.id in self._transition.state.recordings
        charged = _is_charged(outcome) and not reused
        spent = {} if reused else outcome.spent
        amounts: dict[str, float] = {}
        for meter in sorted({*held, *spent}):
            amount = held.get(meter, 0.0)
            used = spent.get(meter, amount if charged else 0.0)
            amounts[meter] = used
            for key in self._accounts(node, task.path, meter):
                self._use(key, used, amount, by=node.node.title or node.key, node=node.key)
        self._transition.holds.drop(task.id)
        self._transition.events.append(ev.Spent(task=task.id, node=node.key, amounts=amounts))

    def _keep_for_child(
        self,
        node: PlanNode,
        task: Task,
        held: Mapping[str, float],
        spent: Mapping[str, float],
    ) -> None:
        """Count what was used so far; what is reserved and left is for the child's work."""
        left = dict(held)
        for meter, used in sorted(spent.items()):
            back = min(used, held.get(meter, 0.0))
            for key in self._accounts(node, task.path, meter):
                self._use(key, used, back, by=node.node.title or node.key, node=node.key)
            if meter in left:
                left[meter] -= back
        if held:
            self._transition.holds.put(task.id, left)
        if spent:
            amounts = dict(sorted(spent.items()))
            self._transition.events.append(ev.Spent(task=task.id, node=node.key, amounts=amounts))

    def release(self, task: Task) -> None:
        """Give back what is reserved for a task that ends without a result."""
        held = self._transition.holds.get(task.id)
        if held is None:
            return
        node = self._plan.nodes[task.node]
        for meter, amount in held.items():
            for key in self._accounts(node, task.path, meter):
                old = self._get(key)
                self._put(key, Account(old.limit, old.used, max(0.0, old.reserved - amount)))
        self._transition.holds.drop(task.id)

    # --- work in the background -------------------------------------------------------------

    def hand_over(self, task: Task, run: RunId) -> None:
        """Keep what is reserved for a task for the run that does its work."""
        held = self._transition.holds.get(task.id)
        if held is not None:
            self._transition.holds.drop(task.id)
            self._transition.holds.put(run, held)

    def work_over(self, row: ChildState, run: RunId, used: Mapping[str, float]) -> None:
        """Replace what was reserved for a work by what it has used and is not counted yet."""
        held = self._transition.holds.get(run) or {}
        find = self._transition.ledger.get
        found = ledger.counted(find, run, self._countable(used))
        for meter in sorted({*held, *found} & self._meters.keys()):
            amount, back = found.get(meter, 0.0), held.get(meter, 0.0)
            for key in list(ledger.accounts_of_work(find, row.node, row.path, meter)):
                self._use(key, amount, back, by=row.node, node=row.node)
        self._transition.holds.drop(run)

    def note_counted(self, end: ChildEnd) -> None:
        """Remember what is counted of a child that may go on; one that is completed does not."""
        for meter, amount in self._countable(end.used).items():
            key = ledger.run_key(meter, end.run)
            if end.status == "completed":
                self._transition.ledger.drop(key)
            else:
                self._put(key, Account(None, amount))

    def _countable(self, used: Mapping[str, float]) -> dict[str, float]:
        """Return what of a child's use is of meters that the run has, too."""
        return countable(self._meters, used)

    # --- shares -----------------------------------------------------------------------------

    def open_shares(self, split: PlanNode, path: Path, total: int) -> None:
        """Give each item of a For each an even share of what is left (U88)."""
        for meter, known in self._meters.items() if total else ():
            if known.measure == "supersteps":
                continue  # those are the run's, not an item's
            key = ledger.nearest(self._transition.ledger.get, meter, path)
            account = self._get(key)
            if account.limit is None:
                continue  # what has no end stays so
            left = max(0.0, account.limit - account.used - account.reserved)
            for index, share in enumerate(ledger.even_shares(left, total)):
                item = (*path, (split.key, index, total))
                self._put(ledger.share_key(meter, item), Account(share))
            self._put(key, Account(account.limit, account.used, account.reserved + left))

    def close_shares(self, item: Path) -> None:
        """An item is over: what it has used is used, what is left goes back."""
        for meter in self._meters:
            key = ledger.share_key(meter, item)
            share = self._transition.ledger.get(key)
            if share is None:
                continue
            self._transition.ledger.drop(key)
            around = ledger.nearest(self._transition.ledger.get, meter, item[:-1])
            # What a task of it still holds, because the item did not wait, is held there now.
            back = (share.limit or 0.0) - share.reserved
            self._use(around, share.used, back, by="its items", node="")

    # --- answers, and those who wait --------------------------------------------------------

    def granted(
        self, node: PlanNode, task: Task, wait: ParkedWait, grant: tuple[str, float]
    ) -> bool:
        """Do what a person has answered; return whether the task may start at once."""
        choice, limit = grant
        key, wanted = wait.payload["account"], wait.payload["wanted"]
        self._transition.events.append(
            ev.BudgetGranted(
                task=task.id,
                node=node.key,
                account=key,
                choice=choice,
                limit=limit if choice == "raise" else None,
            )
        )
        match choice:
            case "once":
                self._transition.waits.drop(task.id)
                self._hold(node, task, wanted)
                return True
            case "raise":
                self._raise(key, limit)
                self._park(task, wanted, key)
            case _:
                self._park(task, wanted, key)
                self.fatal = self.fatal or ErrorInfo(
                    code=BUDGET,
                    message=f"The budget {ledger.meter_of(key)} is used up: {self._stand(key)}. "
                    "A person stopped the run.",
                    node=node.key,
                    retryable=False,
                )
        return False

    def _raise(self, key: str, limit: float) -> None:
        old = self._get(key)
        self._put(key, Account(limit, old.used, old.reserved))
        meter, at, _ = key.partition("@")
        if at:  # the share is reserved around it
            more = limit - (old.limit or 0.0)
            root = self._get(meter)
            self._put(meter, Account(root.limit, root.used, root.reserved + more))

    def settle(self, ask: Ask) -> None:
        """Let those start that now have room, in order; where nothing can come back, breach."""
        if not self._moved:
            return
        blocked: set[str] = set()
        for task, wait in list(self._parked()):
            node, wanted = self._plan.nodes[task.node], wait.payload["wanted"]
            keys = {key for meter in wanted for key in self._accounts(node, task.path, meter)}
            if wait.request is not None:
                blocked.add(wait.payload["account"])
            if wait.request is not None or blocked & keys:
                continue
            refused = self._try(node, task, wanted)
            if not refused:
                self._go_on(task)
                continue
            blocked.add(refused)
            if self._get(refused).reserved <= 0.0 and self.fatal is None:
                self._no_room(node, task, refused, wanted, ask)

    def _go_on(self, task: Task) -> None:
        self._transition.waits.drop(task.id)
        self._transition.ready.append(TaskReady(task.id, task.node, task.path, task.visit))
        self._transition.events.append(
            ev.WaitEnded(task=task.id, node=task.node, kind=BUDGET, reason="the budget has room")
        )

    def _no_room(
        self, node: PlanNode, task: Task, key: str, wanted: Mapping[str, float], ask: Ask
    ) -> None:
        meter, account = ledger.meter_of(key), self._get(key)
        title, amount = node.node.title or node.key, wanted[meter]
        text = f"{self._stand(key)}; {title} needs {amount:g}"
        details = {"used": account.used, "limit": account.limit, "asked": amount}
        if self._meters[meter].on_breach == "fail":
            self._transition.events.append(
                ev.LimitReached(limit=key, value=account.limit or 0.0, node=node.key)
            )
            self._breach(key, f"{text}. It was not started", node.key, details)
            return
        request = Request(
            title=f"The budget {meter} is used up: let {title} go on?",
            body=f"{text}. Nothing of it has been started.",
            payload={
                "meter": meter,
                "account": key,
                "unit": self._meters[meter].unit,
                **details,
                "raise_to": account.used + max(account.limit or 0.0, amount),
            },
            options=(
                Option(key="raise", title="Raise the limit", port=""),
                Option(key="once", title="Go on this once", port=""),
                Option(key="stop", title="Stop the run", port="", danger=True),
            ),
            system=True,
            about="budget",
        )
        ask(node, task, request, {"wanted": dict(wanted), "account": key})


def countable(meters: Mapping[str, Meter], used: Mapping[str, float]) -> dict[str, float]:
    """Return what of a child's use counts in the run that has these meters."""
    return {
        name: amount
        for name, amount in used.items()
        if name in meters and meters[name].measure != "supersteps"
    }


def _is_charged(outcome: Outcome) -> bool:
    """Return whether an attempt that reports nothing is taken to have used its estimate."""
    if outcome.kind == "error":
        return outcome.error is None or not outcome.error.nothing_happened
    if outcome.kind == "wait":
        request = outcome.wait.request if outcome.wait is not None else None
        return request is not None and request.about in ("outcome", "invariant")
    return not (outcome.gated or outcome.cached)


def raised_limit(request: Request, values: Json) -> float | None:
    """Return the limit that an answer raises a budget to, or None when it is none."""
    wanted = values.get("raise_to") if isinstance(values, dict) else values
    if isinstance(wanted, bool) or not isinstance(wanted, (int, float)):
        return None
    payload = request.payload
    enough = wanted >= payload["used"] and wanted > payload["limit"]
    return float(wanted) if enough else None
