"""run.json of a training of any kind: its settings, so that it is only ever taken up with the same ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.records.run import refuse_other_settings, write_text
from pipeline.records.store.disk_store import DiskStore

_UNSAID: Mapping[str, Any] = {"schedule.precision": "float32"}
"""Settings that younger versions have, and what held for runs of those that had not."""


def take_up(out: Path, kind: str, settings: dict[str, Any]) -> bool:
    """Whether a directory holds a run to go on with; a new one is noted down.

    Args:
        out: the directory; it is made where there is none.
        kind: of training, for who reads the record.
        settings: everything that a result depends on, by name; sections may lie in sections.

    Raises:
        ResumeError: naming every setting that differs.
        UsageError: if the directory cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written to: {error}") from error
    flat = _flat(settings, "")
    unsaid = {name: value for name, value in _UNSAID.items() if name in flat}
    if refuse_other_settings(DiskStore(out), flat, unsaid):
        return True
    started = datetime.now(UTC).isoformat(timespec="seconds")
    record = {"kind": kind, "started": started, "settings": flat}
    write_text(out / "run.json", json.dumps(record, indent=2, default=list) + "\n")
    return False


def _flat(data: Any, where: str) -> dict[str, Any]:
    """Sections of sections by their dotted names, so that a difference is told by the one name it has."""
    if not isinstance(data, dict) or not data:
        return {where: list(data) if isinstance(data, tuple) else data}
    dot = f"{where}." if where else ""
    return {
        key: value for name in data for key, value in _flat(data[name], dot + str(name)).items()
    }
