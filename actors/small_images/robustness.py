"""How much of a network's accuracy one step against its answer takes (Learn to Pay Attention, section 5.2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from actors.small_images.batches import batches_of
from actors.small_images.evaluation import chosen_device
from models.adversarial import direction_against, stepped
from models.small_images.network import WholeImageNetwork
from pipeline.benchmarks.small_images.dataset import LabelledImages
from pipeline.savings.summary import Estimate, share

NORMS = (1, 2, 4, 8, 16)
"""Of the step, in 255ths of the range of values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Robustness:
    """Against steps of one norm."""

    norm: int
    """In 255ths; 0: no step."""
    accuracy: Estimate
    """Share of images that are still classified rightly."""
    fooled: Estimate
    """Share of images that are classified otherwise than before, rightly or not (figure 6)."""


def attacked(
    network: WholeImageNetwork,
    images: LabelledImages,
    *,
    norms: Sequence[int] = NORMS,
    batch_size: int = 128,
) -> tuple[Robustness, ...]:
    """Without a step first, then each norm; the step goes against the true label.

    Args:
        network: in evaluation mode.
        images: to step away from.
        norms: of the steps, in 255ths.
        batch_size: images at once; nothing depends on it.
    """
    num_right: Counter[int] = Counter()
    num_changed: Counter[int] = Counter()
    for batch in batches_of(images, batch_size, chosen_device()):
        direction = direction_against(network.log_probs, batch.images, batch.labels)
        with torch.no_grad():
            before = network.log_probs(batch.images).argmax(dim=1)
            num_right[0] += int((before == batch.labels).sum())
            for norm in norms:
                seen = stepped(batch.images, direction, norm=norm / 255)
                after = network.log_probs(seen).argmax(dim=1)
                num_right[norm] += int((after == batch.labels).sum())
                num_changed[norm] += int((after != before).sum())
    return tuple(
        Robustness(
            norm=norm,
            accuracy=share(num_right[norm], len(images)),
            fooled=share(num_changed[norm], len(images)),
        )
        for norm in (0, *norms)
    )
