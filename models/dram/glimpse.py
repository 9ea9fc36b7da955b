"""What DRAM is shown, and how it is told where that is (authors' code of Saccader, which has DRAM beside it).

A glimpse is a stack of windows of one size around one location: the finest shows pixels as they are, the coarsest
has the sides of the whole image. Locations are y, x from -1 (top, left edge) to 1.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class Fovea(Protocol):
    """Shows glimpses of a batch of images, wherever their pixels are."""

    @property
    def extents(self) -> Tensor:
        """(B, R, 2) height and width of each window as shares of the image's, the finest first."""

    def look(self, locations: Tensor) -> Tensor:
        """(B, 2) locations of the centres to (B, R, C, g, g) windows, values 0 to 1."""


def coordinates(locations: Tensor, extents: Tensor, side_px: int) -> Tensor:
    """Where the pixels of windows lie: two more channels, without which a glimpse would not know its place.

    Args:
        locations: (B, 2) of the centres.
        extents: (B, R, 2) of the windows.
        side_px: g.

    Returns:
        (B, R, 2, g, g) y and x of each pixel's centre, cut to -1 and 1 outside the image.
    """
    places = torch.arange(side_px, device=locations.device, dtype=locations.dtype)
    across = (2 * places + 1) / side_px - 1  # (g,) centres of pixels in a window from -1 to 1
    lines = locations[:, None, :, None] + extents[..., None] * across  # (B, R, 2, g)
    y, x = lines.clamp(-1, 1).unbind(dim=2)  # (B, R, g) each
    shape = (*y.shape, side_px)
    return torch.stack([y[..., None].expand(shape), x[..., None, :].expand(shape)], dim=2)


def veiled(windows: Tensor) -> Tensor:
    """(B, R, C, g, g) with every window but the finest replaced by the mean of each of its channels."""
    finest, others = windows[:, :1], windows[:, 1:]
    means = others.mean(dim=(3, 4), keepdim=True).expand_as(others)
    return torch.cat([finest, means], dim=1)


def reach_of(extents: Tensor) -> Tensor:
    """(B, R, 2) extents to (B, 2): how far from 0 a location may be with the finest window inside the image."""
    return (1 - extents[:, 0]).clamp(min=0)
