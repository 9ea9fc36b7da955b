"""Class activation maps: exact for networks that end in a mean and a linear layer (Zhou et al., 2016)."""

from __future__ import annotations

import torch
from torch import Tensor

from models.explanations.explanation import Explanation

_UNIT = "logits; the mean over a map is the class' own but for its bias"


def class_activation_maps(maps: Tensor, weights: Tensor, classes: Tensor) -> Explanation:
    """How much each position adds to a class' logit, but for its bias.

    Args:
        maps: (B, C, m, n), whose mean over positions is classified.
        weights: (K, C) of the linear layer.
        classes: (B,) which class of each image.
    """
    found = torch.einsum("bcmn,bc->bmn", maps, weights[classes])
    return Explanation(method="cam", maps=found, unit=_UNIT)
