"""Where the location module wanted to look: its scores over the candidate cells of each look."""

from __future__ import annotations

import math

from torch import Tensor, nn

from models.cell_scores import IndependentCells
from models.explanations.explanation import Explanation


def cell_explanation(cell_scores: nn.Module, log_probs: Tensor) -> Explanation:
    """(L, G) log-probabilities of the cells of each look, as `cell_scores` makes them, to maps (L, n, n).

    Cells that share one softmax are shown relative to an even spread: looks have one softmax each, so that
    probabilities of small grids and large ones could not stand side by side.
    """
    side = math.isqrt(log_probs.shape[1])
    probs = log_probs.exp().view(-1, side, side)  # (L, n, n)
    if isinstance(cell_scores, IndependentCells):
        return Explanation(
            method="cells", maps=probs, unit="probability that a look there tells something"
        )
    return Explanation(
        method="cells",
        maps=probs * log_probs.shape[1],
        unit="attention, times that of an even spread over the cells of a look",
    )
