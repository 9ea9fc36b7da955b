"""Walks of a run, held against their true labels."""

from __future__ import annotations

import numpy as np

from pipeline.records.finished_run import FinishedImage
from pipeline.savings.stop_calibration import KnownWalk


def known_walk(image: FinishedImage) -> KnownWalk | None:
    """The walk of a labelled image; None without a label or a look."""
    looks = [look for look in image.looks if look.confidence_so_far is not None]
    if image.true_label is None or not looks:
        return None
    return KnownWalk(
        confidences=np.array([look.confidence_so_far for look in looks], np.float64),
        is_right=np.array([look.label_so_far == image.true_label for look in looks]),
    )
