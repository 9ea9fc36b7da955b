"""run.json: what was run, with which settings, and what came of it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from pipeline.errors import ResumeError

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
    """Wall time."""
    totals: Totals = field(default_factory=Totals)
    """What came of it."""
    schema_version: int = SCHEMA_VERSION
    """Of this file and the tables."""


def write_run(run: Run, directory: Path) -> None:
    """Write run.json, atomically."""
    text = json.dumps(asdict(run), indent=2, ensure_ascii=False, default=list)
    write_text(directory / "run.json", text + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a small file, atomically."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def refuse_other_settings(directory: Path, settings: Mapping[str, Any]) -> bool:
    """Whether `directory` holds an earlier run; with the same settings, or it is an error.

    Raises:
        ResumeError: naming every setting that differs.
    """
    path = directory / "run.json"
    if not path.exists():
        return False
    try:
        earlier = json.loads(path.read_text(encoding="utf-8"))["settings"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResumeError(
            f"{path} cannot be read ({error!r}); give another --out, or remove the directory"
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
            f"{directory} holds a run with other settings:\n{listed}\n"
            "Give another --out, or the same settings to resume it"
        )
    return True
