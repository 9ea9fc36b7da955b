"""Pictures of another world, brought to the size and the bands that a network for small pictures knows."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.benchmarks.digits import DigitSplits
from pipeline.benchmarks.small_images.dataset import LabelledImages
from pipeline.benchmarks.small_images.splits import balanced_order
from pipeline.errors import UsageError


def digits_as_images(splits: DigitSplits, *, side_px: int, count: int | None) -> LabelledImages:
    """Grey digits of both splits as RGB, resized bilinearly; the first `count` in a balanced order, or all.

    Raises:
        UsageError: if there are not as many.
    """
    images = [*splits.train.images, *splits.test.images]
    labels = np.concatenate([splits.train.labels, splits.test.labels])
    there = len(labels)
    if count is not None and not 1 <= count <= there:
        raise UsageError(f"{count} digits wanted; there are 1 to {there} to take")
    order = balanced_order(labels)[:count]
    size = (side_px, side_px)
    resized = [cv2.resize(images[one], size, interpolation=cv2.INTER_LINEAR) for one in order]
    grey = np.stack(resized).astype(np.uint8)  # (N, side, side)
    return LabelledImages(
        images=np.repeat(grey[..., None], 3, axis=3),  # (N, side, side, 3)
        labels=labels[order],
    )
