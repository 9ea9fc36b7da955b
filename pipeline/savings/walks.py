"""Walks of a run, held against their true labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.records.finished_image import FinishedImage
from pipeline.savings.stop_calibration import KnownWalk


def known_walk(image: FinishedImage) -> KnownWalk | None:
    """The walk of a labelled image; None without a label or a look."""
    looks = [look for look in image.looks if look.confidence_so_far is not None]
    if image.true_label is None or not looks:
        return None
    waves = [look.wave for look in looks]
    return KnownWalk(
        may_stop=_may_stop(waves, is_at_budget=image.stop_reason == "budget"),
        confidences=np.array([look.confidence_so_far for look in looks], np.float64),
        is_right=np.array([look.label_so_far == image.true_label for look in looks]),
    )


def _may_stop(waves: Sequence[int | None], *, is_at_budget: bool) -> NDArray[np.bool_]:
    """(L,) after which looks the walk could have stopped; of runs that do not say their waves, after each."""
    is_last = [
        wave is None or wave != after for wave, after in zip(waves, [*waves[1:], -1], strict=True)
    ]
    if is_at_budget:
        is_last[-1] = False
    return np.array(is_last)
