"""The worker processes of a run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """What to run on."""

    count: int
    """Worker processes."""
    num_cpus: float
    """Processors that each takes."""
    num_gpus: float
    """GPUs that each takes."""
    most: int | None = None
    """Processes that there may be while there is work for them; None: `count`, always."""
