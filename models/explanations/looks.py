"""What each look at an image did to its prediction, as the aggregation itself counts it."""

from __future__ import annotations

from torch import Tensor

from models.aggregation import Aggregation
from models.explanations.explanation import Explanation


def look_weights(aggregation: Aggregation, kept: Tensor) -> Explanation:
    """How much each look counts, whatever it says: (L, R) kept of the looks at one image to maps (L, 1, 1)."""
    weights = aggregation.weights(kept)  # (L,)
    return Explanation(
        method="weights",
        maps=weights[:, None, None],
        unit="share of the prediction; those of all looks add up to 1, or to less by what is not a look's",
    )


def look_evidence(aggregation: Aggregation, kept: Tensor, class_index: int) -> Explanation:
    """What each look adds for one class: (L, R) kept of the looks at one image to maps (L, 1, 1)."""
    evidence = aggregation.evidence(kept)[:, class_index]  # (L,)
    return Explanation(
        method="evidence", maps=evidence[:, None, None], unit=aggregation.evidence_unit
    )
