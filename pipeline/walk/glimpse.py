"""One look: where, from which look it came, and the score that chose it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.images.region import Region


class Position(NamedTuple):
    """Where in the tree of looks, as the paper numbers it (appendix B.1.2); the order of all ties."""

    depth: int
    """0 is the coarsest look."""
    y: int
    """Row among all cells of that depth: parent's y times n plus the cell's row."""
    x: int
    """Column, likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glimpse:
    """A look that was decided on."""

    position: Position
    """Which cell of the tree."""
    region: Region
    """Level-0 pixels; may stick out of the image."""
    parent: Position | None
    """The look whose location module proposed it; None for a root."""
    score: float
    """Log attention density relative to uniform, summed along the path; 0.0 for a root."""
    cell_log_prob: float
    """Log-probability of the cell within its parent's grid; 0.0 for a root."""


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """What the model said of one look."""

    kept: NDArray[np.float32]
    """(R,) what the aggregation keeps of the look; class logits for the mean."""
    cell_log_probs: NDArray[np.float32]
    """(G,) log-probabilities of the candidate cells, row by row; (0,) for a model without location module."""
    level_scores: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    """(J,) log-probabilities of going 1 to J depths down for the next looks; (0,) for a model that takes the next."""
