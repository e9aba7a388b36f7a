"""Whether a workflow may use what it needs: asked once, remembered, never assumed.

Trusted are the examples as they ship, and workflows that a person has agreed to: the same
meaning (revision) in the same file.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from engine.app import ALL, Engine
from engine.cli.options import Globals
from engine.cli.printing import clean
from engine.errors import NotAllowed
from engine.model import codec
from engine.model.plan import compile_workflow
from engine.model.workflow import Workflow
from engine.store.trust import TrustedFiles
from resources.examples import is_shipped

_WORDS: Mapping[str, str] = {
    "files": "read and write files",
    "network": "use the network",
    "process": "run programs and code",
    "secrets": "use secrets of your keychain",
}
_MOST_NODES = 8


def allowed(engine: Engine, workflow: Workflow, file: Path, settings: Globals) -> frozenset[str]:
    """Return what the workflow may use; asks the person where that is possible and needed.

    Raises:
        InvalidWorkflow: it has errors, so that there is nothing to ask.
        NotAllowed: it needs more than was granted.
    """
    missing = _missing(engine, workflow, str(file.resolve()), settings)
    if not missing:
        return settings.allow
    if is_shipped(file):
        return ALL
    known = TrustedFiles()
    revision = engine.trust_revision(workflow, str(file.resolve()))
    if known.has(file, revision):
        return ALL
    compile_workflow(workflow, engine.registry)
    if _agrees(workflow, str(file), missing):
        try:
            known.add(file, revision)
        except OSError as error:
            print(f"headgate: {known.file} cannot be written: {error.strerror}.", file=sys.stderr)
        return ALL
    raise _refusal(workflow, str(file), missing)


def allowed_for(
    engine: Engine, run: str, settings: Globals, *, on: Path | None = None
) -> frozenset[str]:
    """Return what a stored run may use to go on; asks about one that came from a file.

    Going on with another document asks as running that document would.

    Raises:
        NotAllowed: it needs more than was granted.
    """
    record = engine.run(run)
    if on is not None:
        return allowed(engine, codec.load_file(on), on, settings)
    if not record.untrusted:
        return settings.allow
    workflow = engine.workflow_of(record.run)
    missing = _missing(engine, workflow, record.source_path, settings)
    where = f"run {record.run}, which came from a file"
    if not missing:
        return settings.allow
    if _agrees(workflow, where, missing):
        return ALL
    raise _refusal(workflow, where, missing)


def _missing(
    engine: Engine, workflow: Workflow, source_path: str, settings: Globals
) -> dict[str, tuple[str, ...]]:
    return {
        name: nodes
        for name, nodes in engine.capabilities(workflow, source_path).items()
        if name not in settings.allow
    }


def _refusal(workflow: Workflow, where: str, missing: Mapping[str, tuple[str, ...]]) -> NotAllowed:
    flags = " ".join(f"--allow {name}" for name in missing)
    needed = "; ".join(f"{name} ({_few(nodes)})" for name, nodes in missing.items())
    return NotAllowed(
        f"{workflow.name} was not run, for it needs what nobody has allowed: {needed}. "
        f"If you trust {where}, allow it with {flags}."
    )


def _agrees(workflow: Workflow, where: str, missing: Mapping[str, tuple[str, ...]]) -> bool:
    """Ask on the terminal; without one nobody agrees."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    lines = [f"{clean(workflow.name)} ({where}) wants to"]
    lines += [f"  {_WORDS.get(name, name)}: {_few(nodes)}" for name, nodes in missing.items()]
    print("\n".join(lines), file=sys.stderr)
    print("Run it, and do not ask again until it changes? [y/N] ", end="", file=sys.stderr)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _few(nodes: tuple[str, ...]) -> str:
    shown = ", ".join(clean(node) for node in nodes[:_MOST_NODES])
    more = len(nodes) - _MOST_NODES
    return f"{shown} and {more} more" if more > 0 else shown
