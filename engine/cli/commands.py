"""Which commands there are and where. Imports nothing, so that it can be asked first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Global options, and whether a value follows. They may stand before the command or after it.
GLOBAL_OPTIONS = {"--store": True, "--allow": True, "--debug": False}


@dataclass(frozen=True, slots=True)
class Entry:
    """One command: the module and function that carry it out, and a line of help."""

    module: str
    function: str
    help: str


COMMANDS: dict[str, Entry] = {
    "run": Entry("running", "run", "Run a workflow until it ends or waits for a person."),
    "resume": Entry("running", "resume", "Go on with a run from its last commit."),
    "fork": Entry("running", "fork", "Start a new run from a commit of another one."),
    "run-node": Entry("trying", "run_node", "Run one node alone, without a run."),
    "inbox": Entry("deciding", "inbox", "List the open barrier requests of all runs."),
    "decide": Entry("deciding", "decide", "Answer a barrier request."),
    "rules": Entry("standing", "rules", "Decide in advance, and list and end such decisions."),
    "signal": Entry("signalling", "signal", "Send an event to runs that listen."),
    "serve": Entry("serving", "serve", "Arm triggers, and start their runs until it is stopped."),
    "triggers": Entry("serving", "triggers", "List the armed triggers, or what has come of them."),
    "cancel": Entry("deciding", "cancel", "Cancel a run, whoever drives it."),
    "background": Entry("background", "background", "List what works in the background."),
    "retry": Entry("background", "retry", "Go on with work in the background that failed."),
    "items": Entry("items", "items", "Add items to a For each at work, or finish it."),
    "runs": Entry("looking", "runs", "List the runs in the store, newest first."),
    "show": Entry("looking", "show", "Show the state of a run, now or at a commit."),
    "history": Entry("history", "history", "List the commits of a run, or executions of all."),
    "checkpoint": Entry("keeping", "checkpoint", "Store a run as it is now."),
    "name": Entry("keeping", "name", "Give a commit a name, so that it is kept."),
    "replay": Entry("keeping", "replay", "Make a run again from its recorded outputs and compare."),
    "export-run": Entry("moving", "export_run", "Write a whole run to one file."),
    "import-run": Entry("moving", "import_run", "Take a whole run from a file into the store."),
    "test": Entry("testing", "run_tests", "Make kept runs again on a workflow, and compare."),
    "evaluate": Entry("evaluating", "evaluate", "Run a workflow over a data set and score it."),
    "prune": Entry("keeping", "prune", "Drop the oldest commits of a run."),
    "cache": Entry("cached", "cache", "List or drop results that are kept for equal work."),
    "audit": Entry("keeping", "audit", "Check the record of requests and decisions."),
    "validate": Entry("files", "validate", "List everything that is wrong with a workflow."),
    "export": Entry("files", "export", "Write a workflow as Mermaid or DOT."),
    "import": Entry("files", "import_", "Make a workflow of a WfFormat 1.5 trace."),
    "examples": Entry("about", "examples", "List the examples that ship with the program."),
    "node-types": Entry("about", "node_types", "List the node types that are installed."),
    "doctor": Entry("doctor", "doctor", "Say what works on this machine and what does not."),
}


def split(arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return the words that are no global option nor the value of one, and those options."""
    others: list[str] = []
    options: dict[str, str] = {}
    words = iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        if name not in GLOBAL_OPTIONS:
            others.append(word)
        elif equals or not GLOBAL_OPTIONS[name]:
            options[name] = value
        else:
            options[name] = next(words, "")
    return others, options


def command_in(arguments: Sequence[str]) -> str | None:
    """Return the first word that is no global option nor the value of one."""
    others, _ = split(arguments)
    return others[0] if others else None
