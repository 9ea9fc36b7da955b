"""Glimpses of images in memory by NumPy alone: crops and means over equal blocks, for sides that divide evenly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class MemoryFovea:
    """Shows windows of (B, C, H, W) images; outside them is 0.

    Args:
        images: values 0 to 1.
        sides: pixels that each window spans, multiples of the first.
    """

    def __init__(self, images: NDArray[np.float32], sides: Sequence[int]) -> None:
        self._images = images
        self._sides = sides
        self.seen: list[Tensor] = []
        height, width = images.shape[2:]
        extents = torch.tensor([[side / height, side / width] for side in sides])
        self.extents = extents.expand(len(images), -1, -1)

    def look(self, locations: Tensor) -> Tensor:
        """(B, 2) to (B, R, C, g, g)."""
        self.seen.append(locations)
        return torch.stack(
            [
                torch.stack([self._window(image, float(y), float(x), side) for side in self._sides])
                for image, (y, x) in zip(self._images, locations.detach().numpy(), strict=True)
            ]
        )

    def _window(self, image: NDArray[np.float32], y: float, x: float, side: int) -> Tensor:
        c, height, width = image.shape
        padded = np.pad(image, ((0, 0), (side, side), (side, side)))
        top = round((y + 1) / 2 * height - side / 2) + side
        left = round((x + 1) / 2 * width - side / 2) + side
        cut = padded[:, top : top + side, left : left + side]
        g = self._sides[0]
        blocks = cut.reshape(c, g, side // g, g, side // g)
        return torch.from_numpy(np.ascontiguousarray(blocks.mean(axis=(2, 4))))
