"""What a directory's archive was made from, so that a later run goes on with it and never mixes two."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline.benchmarks.archive import ArchivePlan
from pipeline.errors import ResumeError, UsageError

RECORD = "benchmark.json"
GENERATOR = 2
"""Counts up when the same settings give other pixels; 1 had noise of its own, not the published one."""
_PARTIAL = f".{RECORD}.partial"


def claim(directory: Path, plan: ArchivePlan, source: str) -> bool:
    """Note down what the directory is for; whether it was for the same before.

    Raises:
        UsageError: if it holds something else.
        ResumeError: if it holds an archive of other settings, naming those.
    """
    wanted = {"generator": GENERATOR, "digits": source, **asdict(plan)}
    path = directory / RECORD
    if path.exists():
        _refuse_others(directory, _read_record(path), wanted)
        return True
    if directory.exists() and not (directory.is_dir() and _is_empty(directory)):
        raise UsageError(f"--out {directory} is there and holds no archive; give a new directory")
    directory.mkdir(parents=True, exist_ok=True)
    versions = {name: version(name) for name in ("foveate", "numpy")}
    partial = directory / _PARTIAL
    partial.write_text(json.dumps({**wanted, "versions": versions}, indent=2) + "\n", "utf-8")
    partial.replace(path)
    return False


def _is_empty(directory: Path) -> bool:
    """But for what a command that was killed at its very start leaves."""
    return all(path.name == _PARTIAL for path in directory.iterdir())


def _read_record(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(
            f"{path} is no record of an archive: {error}; give another --out"
        ) from error


def _refuse_others(directory: Path, found: Any, wanted: Mapping[str, Any]) -> None:
    there, asked = _flat(found), _flat(wanted)
    listed = ", ".join(
        f"{name}: {there.get(name, 'nothing')} there, {asked[name]} wanted"
        for name in asked
        if there.get(name) != asked[name]
    )
    if listed:
        raise ResumeError(f"{directory} holds another archive ({listed}); give another --out")


def _flat(record: Any) -> dict[str, Any]:
    """Settings by name, those of the law beside the others."""
    if not isinstance(record, dict) or not isinstance(record.get("law", {}), dict):
        return {}
    others = {name: value for name, value in record.items() if name != "law"}
    return {**others, **record.get("law", {})}
