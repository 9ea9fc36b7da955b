"""run.json: what was run, with which settings, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from pipeline.errors import ResumeError
from pipeline.records.store.disk_store import write_atomically
from pipeline.records.store.run_store import RunStore

RUN = "run.json"
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over the images of a run."""

    images: int = 0
    """Rows of the manifest."""
    ok: int = 0
    """Classified."""
    degraded: int = 0
    """Classified, though something could not be read."""
    failed: int = 0
    """Not classified."""
    skipped: int = 0
    """Classified by an earlier run into the same directory; counted above too."""
    looks: int = 0
    """Looks taken."""
    bytes_read: int = 0
    """Bytes transferred."""
    full_scan_bytes: int = 0
    """Encoded bytes of the finest level of the same images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """Of an archive's budget."""

    amount: int
    """How much there was."""
    unit: str
    """Of what: `looks`, `bytes` or `seconds`."""
    spent: int
    """How much of it was spent, or was with a process that died."""

    def __str__(self) -> str:
        return f"{self.spent:,} of {self.amount:,} {self.unit} spent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run into a directory."""

    settings: Mapping[str, Any]
    """Everything that an answer depends on, flat: `model.sha256`, `walk.budget`, ..."""
    arguments: Sequence[str]
    """The command line."""
    versions: Mapping[str, str]
    """Python and packages."""
    model: str
    """Where the model was."""
    is_trained: bool
    """False: the model's weights are random, its answers mean nothing."""
    started: str
    """UTC, ISO 8601."""
    status: Literal["running", "finished", "interrupted"] = "running"
    """`running` in a directory where nothing runs means that the run was killed."""
    seconds: float = 0.0
    """Wall time of all runs into the directory, together; of one that was killed it is not known."""
    totals: Totals = field(default_factory=Totals)
    """What came of it."""
    archive_budget: Spending | None = None
    """What all images together could cost, where that was bounded, and what they did."""
    schema_version: int = SCHEMA_VERSION
    """Of this file and the tables."""


def write_run(run: Run, store: RunStore) -> None:
    """Write run.json, atomically."""
    text = json.dumps(asdict(run), indent=2, ensure_ascii=False, default=list)
    store.put(RUN, f"{text}\n".encode())


def seconds_before(store: RunStore) -> float:
    """Wall time of the runs into a store that are over; 0 where there was none."""
    found = store.get(RUN)
    return 0.0 if found is None else float(json.loads(found).get("seconds", 0.0))


def write_text(path: Path, text: str) -> None:
    """Write a small file, atomically."""
    write_atomically(path, text.encode())


def refuse_other_settings(
    store: RunStore, settings: Mapping[str, Any], unsaid: Mapping[str, Any] = MappingProxyType({})
) -> bool:
    """Whether `store` holds an earlier run; with the same settings, or it is an error.

    Args:
        store: of the run.
        settings: of now.
        unsaid: what held for runs of versions that had no such setting yet.

    Raises:
        ResumeError: naming every setting that differs.
    """
    found = store.get(RUN)
    if found is None:
        return False
    try:
        earlier = {**unsaid, **json.loads(found)["settings"]}
    except (ValueError, KeyError, TypeError) as error:
        raise ResumeError(
            f"{store.uri}/{RUN} cannot be read ({error!r}); give another --out, or remove the directory"
        ) from error
    now = json.loads(json.dumps(dict(settings), default=list))
    differing = [
        f"  {name}: {earlier.get(name)!r} then, {now.get(name)!r} now"
        for name in sorted(earlier.keys() | now.keys())
        if earlier.get(name) != now.get(name)
    ]
    if differing:
        listed = "\n".join(differing)
        raise ResumeError(
            f"{store.uri} holds a run with other settings:\n{listed}\n"
            "Give another --out, or the same settings to resume it"
        )
    return True
