"""The rules of validation: id, severity, meaning. docs/validation.md lists the same.

An id never changes its meaning and is never used again. E stands for errors, W for
warnings, I for information; the digits alone are unique.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.model.diagnostics import Diagnostic, Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `meaning` says what must hold."""

    id: str
    meaning: str

    @property
    def severity(self) -> Severity:
        """How much a breach matters; the first letter of the id."""
        return _SEVERITIES[self.id[0]]

    def broken(
        self, message: str, fix: str = "", *, node: str = "", edge: str = "", field: str = ""
    ) -> Diagnostic:
        """Return a diagnostic of this rule."""
        return Diagnostic(
            rule=self.id,
            severity=self.severity,
            message=message,
            fix=fix,
            node=node,
            edge=edge,
            field=field,
        )


_SEVERITIES = {"E": Severity.ERROR, "W": Severity.WARNING, "I": Severity.INFO}

KEY = Rule("E001-key", "A key has 1 to 50 letters, digits, _ or -, and begins with no sign.")
UNKNOWN_TYPE = Rule("E002-unknown-type", "Every node's type is installed.")
NEWER_VERSION = Rule("E003-newer-version", "No node is newer than its installed type.")
PARAMS = Rule("E004-params", "Parameters satisfy the schema of the node type.")
EXPRESSION = Rule("E005-expression", "Every expression can be compiled.")
TEMPLATE = Rule("E006-template", "Every template can be compiled.")
UNKNOWN_CHANNEL = Rule("E007-unknown-channel", "Channels that are read or written are declared.")
UNKNOWN_NODE = Rule("E008-unknown-node", "`nodes.X` and wires name nodes that are there.")
NOT_BEFORE = Rule("E009-not-before", "`nodes.X` is read only where X comes before on every way.")
UNKNOWN_ENV = Rule("E010-unknown-env", "`env.X` is listed in the settings.")
UNKNOWN_VAR = Rule("E011-unknown-var", "`vars.X` is a constant of the workflow.")
UNKNOWN_PORT = Rule("E012-unknown-port", "Wires and joins name ports that are there.")
PORT_TYPE = Rule("E013-port-type", "A wire's two ports have types that fit.")
DUPLICATE_EDGE = Rule("E014-duplicate-edge", "Two ports are joined by one wire at most.")
INTO_TRIGGER = Rule("E015-into-trigger", "Nothing leads into a trigger.")
ENDLESS_CYCLE = Rule("E016-endless-cycle", "Every cycle has a condition, a Switch or a barrier.")
JOIN_NEVER_FILLS = Rule("E017-join-never-fills", "A join can get as many values as it waits for.")
WAITING_CIRCLE = Rule("E018-waiting-circle", "No nodes wait only for one another.")
ZONE = Rule("E019-zone", "For each and Collect, Loop and Until are pairs; wires cross only there.")
LIMIT = Rule("E020-limit", "Limits are positive.")
TIMING = Rule("E021-timing", "Timeouts are positive, a retry has at least one attempt.")
CHANNEL = Rule("E022-channel", "A channel has a known type and reducer and a fitting default.")
NO_START = Rule("E023-no-start", "A workflow has a node at which it begins.")
REQUIRED_INPUT = Rule("E024-required-input", "Required inputs are connected.")
VALUE = Rule("E025-value", "The document holds only values that JSON can hold.")
NODE_TYPE = Rule("E026-node-type", "The node type can work with the parameters.")
NO_LOOP = Rule("E027-no-loop", "`loop` is read only inside a For each or a Loop.")
ALTERNATIVES = Rule(
    "E029-alternatives", "A node has at most 10 alternatives, which give what it gives."
)
REROUTE = Rule("E028-reroute", "A decision can send on only to nodes that a wire leads to.")
MUTUAL_JOINS = Rule("E040-mutual-joins", "No two joins of the mode no_more wait for each other.")
ENDLESS_LOOP = Rule("E041-endless-loop", "A Loop has a number of rounds or a condition.")
SWITCH_ELSE = Rule("E042-switch-else", "A Switch has an Else, or says what happens without.")
STREAM = Rule("E050-stream", "Only a For each reads a stream, and it reads nothing else.")
ADD_ITEMS = Rule("E051-add-items", "What adds items is inside of a For each.")
GATE = Rule("E061-gate", "A node with a version gate reads a channel and can be passed over.")
MAY_WRITE = Rule("E062-may-write", "A branch writes only the channels that it may write.")
INVARIANT = Rule("E063-invariant", "An invariant is about the channels of the workflow.")
BACKGROUND = Rule(
    "E090-background", "What works in the background has work of its own, and hands over enough."
)
BUDGET = Rule("E064-budget", "Nodes draw amounts on budgets that the workflow has.")
TRIGGER = Rule("E080-trigger", "The settings of a trigger are constant.")
CACHE = Rule("E071-cache", "Only results that equal work would give again are kept.")
SAVING = Rule("E070-saving", "Saving has positive times and names budgets that are there.")
FRAME_MEMBERS = Rule("E075-frame-members", "A frame that does something has nodes in it.")
FRAME_NESTING = Rule("E076-frame-nesting", "Frames and zones lie in one another, or apart.")
FRAME_ENTRY = Rule("E077-frame-entry", "Something leads into a frame that does something.")
FRAME_SETTING = Rule("E078-frame-setting", "The settings of a frame can be kept.")
FRAME_NODE = Rule("E079-frame-node", "On error and Cancel frame name a frame; one takes failures.")

PROCESSING = Rule(
    "E081-processing", "Each processor and check is one thing, and what it uses is there."
)

UNREACHABLE = Rule("W101-unreachable", "Every node can be reached from a start.")
NO_ELSE = Rule("W102-no-else", "Where every way has a condition there is a way for the rest.")
CONCURRENT_WRITERS = Rule(
    "W103-concurrent-writers", "A `replace` channel has one writer at a time."
)
ORDERED_WRITERS = Rule(
    "W104-ordered-writers", "Under `eager`, merging does not depend on who is first."
)
REPEATED_EFFECT = Rule("W105-repeated-effect", "What must not happen twice is not retried blindly.")
REJECTED = Rule("W106-rejected", "The port `rejected` of a barrier is connected.")
LATE_WRITE = Rule(
    "W190-late-write", "What work in the background writes is written before the run ends."
)
ERROR_ROUTE = Rule(
    "W107-error-route", "A node that sends its errors somewhere has a wire for them."
)
NEVER_TAKEN = Rule("W108-never-taken", "Every wire can be taken.")
IDLE_GUARD = Rule("W141-idle-guard", "What is to end a cycle or a Loop can come to pass.")
CHECK_RETRY = Rule("W181-check-retry", "A check that asks for another attempt can get one.")
JOIN_SETTING = Rule("W140-join-setting", "Every setting of a join has an effect.")
OLDER_VERSION = Rule("I201-older-version", "Nodes are as new as their installed type.")
NO_END = Rule("I202-no-end", "From every node there is a way to an end.")
UNUSED_CHANNEL = Rule("I203-unused-channel", "Every channel is used.")

RULES: tuple[Rule, ...] = tuple(
    sorted(
        (value for value in list(globals().values()) if isinstance(value, Rule)), key=lambda r: r.id
    )
)
