"""Images beside what a network looked at in them, level by level, and what it would cut out of them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actors.small_images.batches import batches_of
from actors.small_images.evaluation import chosen_device
from models.explanations.explanation import Explanation, attention_explanation
from models.explanations.segmentation import segmented
from models.small_images.network import WholeImageNetwork
from pipeline.benchmarks.small_images.dataset import LabelledImages
from pipeline.evidence.contact_sheet import contact_sheet, cut_out, heat_picture

_SEGMENTED_LEVELS = 2
"""The last levels, whose masks are multiplied and binarised (A.4)."""


def attention_sheet(network: WholeImageNetwork, images: LabelledImages) -> NDArray[np.uint8] | None:
    """A sheet; None for a network without attention.

    Columns: the image; the mask of each level, the lowest first, each from its smallest to its largest value; both
    last levels together; what Otsu's threshold on that leaves of the image. A network of Learn to Pay Attention is also
    asked with the first image's global vector (A.5): under `dp` its masks then move, under `pc` they cannot.

    Args:
        network: in evaluation mode.
        images: those to show; the first one asks.
    """
    [batch] = batches_of(images, len(images), chosen_device())
    with torch.no_grad():
        masks = network.masks(batch.images)
        if not masks:
            return None
        asked: tuple[Tensor, ...] = ()
        if network.can_be_asked:
            asked = network.masks(batch.images, batch.images[:1])
    height, width = images.images.shape[1:3]
    together = attention_explanation(masks[-_SEGMENTED_LEVELS:])
    object_masks = segmented(together, height, width).cpu().numpy()
    maps = [*map(_explanation, masks), together, *map(_explanation, asked)]
    heats = [one.shown(height, width).cpu().numpy() for one in maps]
    rows = []
    for number, image in enumerate(images.images):
        pictures = [heat_picture(one[number]) for one in heats]
        cut = len(masks) + 1
        pictures.insert(cut, cut_out(image, object_masks[number]))
        rows.append([image, *pictures])
    return contact_sheet(_heads(masks, asked), rows)


def _explanation(mask: Tensor) -> Explanation:
    return Explanation(method="attention", maps=mask[:, 0])


def _heads(masks: tuple[Tensor, ...], asked: tuple[Tensor, ...]) -> list[str]:
    def sizes(levels: tuple[Tensor, ...]) -> list[str]:
        return [f"{one.shape[2]} x {one.shape[3]}" for one in levels]

    own = [f"mask {size}" for size in sizes(masks)]
    others = [f"asked {size}" for size in sizes(asked)]
    return ["image", *own, "last two", "cut out", *others]
