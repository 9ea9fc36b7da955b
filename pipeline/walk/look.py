"""Looks that a walk has behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.walk.glimpse import Glimpse


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look:
    """A look that was taken, in the order of the walk."""

    glimpse: Glimpse
    """Where, and why there."""
    kept: NDArray[np.float32]
    """(R,) what the aggregation keeps of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedLook:
    """A look that could not be read."""

    glimpse: Glimpse
    """Where, and why there."""
    after: int
    """Number of good looks decided before it."""
    error: str
    """What went wrong."""
