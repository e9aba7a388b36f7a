"""The record of requests, decisions and rules as JSON lines that anybody can check.

Each line is one entry: its number, kind, fields, and hashes. The SHA-256 of the canonical
JSON (sorted keys, no spaces, ASCII) of ``{"seq", "kind", "prev", "fields"}`` is its
``hash``; ``prev_hash`` is that of the entry before. What was shown and edited is in
``content``, and the SHA-256 of its canonical JSON among the fields. The last line says how
many entries there are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import UnreadableFile
from engine.runtime.ports import AuditEntry, RunRecord, RunStore
from engine.store import evidence
from engine.store.encoding import canonical_json, content_hash

Json = Any
_CONTENT = {"request": "content_sha256", "decision": "values_sha256"}


def record_of(store: RunStore, run: RunRecord | None) -> list[AuditEntry]:
    """Return the entries of a store, or those that belong to one run."""
    entries = store.audit()
    if run is None:
        return entries
    return [
        each
        for each in entries
        if each.run == run.run
        or (each.fields or {}).get("workflow_id") == run.workflow_id  # a rule that may answer it
    ]


def record_text(entries: Sequence[AuditEntry], *, whole: bool) -> bytes:
    """Return the entries as JSON lines; `whole` says that none is left out."""
    lines = [canonical_json(each) for each in entries]
    last = entries[-1].hash if entries else evidence.START
    end = {"end": {"entries": len(entries), "whole": whole, "last_hash": last}}
    return b"\n".join([*lines, canonical_json(end), b""])


def check_record(path: Path) -> tuple[int, list[str]]:
    """Check an exported record; return how many decisions are in it, and what is wrong.

    Raises:
        UnreadableFile: it is missing or no such record.
    """
    try:
        lines = [json.loads(line) for line in path.read_bytes().splitlines()]
        end = lines.pop()["end"] if lines else None
        entries = [msgspec.convert(line, AuditEntry) for line in lines]
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, msgspec.ValidationError) as error:
        raise UnreadableFile(f"{path} is no record that Headgate has exported.") from error
    if not isinstance(end, Mapping):
        raise UnreadableFile(f"{path} is incomplete: export it again.")
    problems = [found for each in entries if (found := _wrong_content(each))]
    chained = [_entry(each) for each in entries]
    if end.get("whole"):
        problems = [*evidence.walk(chained).problems(), *problems]
    else:
        problems = [*_each_alone(chained), *problems]
    if end.get("entries") != len(entries):
        problems.append(f"{end.get('entries')} entries were exported, and {len(entries)} are here.")
    return sum(each.kind == evidence.DECISION for each in entries), problems


def _entry(each: AuditEntry) -> evidence.Entry:
    return evidence.Entry(
        seq=each.seq,
        kind=each.kind,
        prev_hash=each.prev_hash,
        hash=each.hash,
        fields=each.fields,
        erased=each.erased,
        where=evidence.where(each),
    )


def _each_alone(entries: Sequence[evidence.Entry]) -> list[str]:
    """Check the entries of one run, between which others were left out."""
    return [
        f"Evidence entry {each.seq} ({each.where}) is not what was stored."
        for each in entries
        if not each.erased
        and (
            each.fields is None
            or evidence.chain_hash(each.seq, each.kind, each.prev_hash, each.fields) != each.hash
        )
    ]


def _wrong_content(each: AuditEntry) -> str:
    name = _CONTENT.get(each.kind)
    expected = None if name is None or each.fields is None else each.fields.get(name)
    if expected is None or content_hash(each.content) == expected:
        return ""
    return f"What was shown or edited in evidence entry {each.seq} is not what was stored."
