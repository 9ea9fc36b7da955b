"""What every explanation comes to: maps with a meaning, and how they are brought to the size of what they explain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

Method: TypeAlias = Literal["attention", "weights", "evidence", "cells", "cam", "grad_cam"]
"""What made it: masks of a network of attention; what the aggregation makes of each look; what the location module
expects of the cells of each look; positions inside what the network saw."""

_TINY = 1e-30
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Explanation:
    """Of some images, or of some looks at one image."""

    method: Method
    """What made it."""
    maps: Tensor
    """(B, m, n), a map over each image or look; larger is more."""
    unit: str = ""
    """What a value counts, in words; empty: only the order of a map's values has a meaning."""

    def shown(self, height: int, width: int) -> Tensor:
        """(B, height, width), each image's values from 0 to 1; a flat map is 0."""
        resized = F.interpolate(
            self.maps[:, None], size=(height, width), mode="bilinear", align_corners=False
        )[:, 0]
        return scaled(resized)


def scaled(maps: Tensor) -> Tensor:
    """(B, m, n), each from 0 to 1; 0 where it is flat but for rounding."""
    low, high = maps.amin(dim=(1, 2), keepdim=True), maps.amax(dim=(1, 2), keepdim=True)
    span = high - low
    is_flat = span <= _ROUNDING * torch.maximum(low.abs(), high.abs())
    return torch.where(is_flat, 0.0, (maps - low) / span.clamp_min(_TINY))


def attention_explanation(masks: Sequence[Tensor]) -> Explanation:
    """Of the masks of several levels, (B, 1, m, n) each: as large as the largest, multiplied, and the root of that.

    As the paper on learning to pay attention binarises them (A.4): a level's mask sums to 1 again after it was
    brought to the size of the largest.
    """
    size = max((one.shape[2:] for one in masks), key=lambda shape: shape[0] * shape[1])
    product = torch.ones(len(masks[0]), *size, device=masks[0].device)
    for one in masks:
        larger = F.interpolate(one, size=size, mode="bilinear", align_corners=False)[:, 0]
        product = product * larger / larger.sum(dim=(1, 2), keepdim=True).clamp_min(_TINY)
    return Explanation(method="attention", maps=product ** (1 / len(masks)))
