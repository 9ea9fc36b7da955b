"""DRAM's glimpses, read from files: of each image only the windows around a location."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from actors.baselines.open_image import OpenImage
from models.dram.spacing import Spacing, window_sides
from pipeline.images.region import Region


class FileFovea:
    """Shows glimpses of open images.

    What of a window lies outside the image shows the background, as everywhere here; the authors repeat the border.

    Args:
        images: B of them, whose windows are g px.
        num_resolutions: R windows of a glimpse.
        spacing: of their sizes.
        device: where windows are wanted.
    """

    def __init__(
        self,
        images: Sequence[OpenImage],
        *,
        num_resolutions: int,
        spacing: Spacing,
        device: torch.device,
    ) -> None:
        self._images = images
        self._device = device
        self._sides = [
            glimpse_sides(
                image.shape_px,
                glimpse_px=image.windows.base_px,
                num_resolutions=num_resolutions,
                spacing=spacing,
            )
            for image in images
        ]
        shares = [
            [(h / image.shape_px[0], w / image.shape_px[1]) for h, w in sides]
            for image, sides in zip(images, self._sides, strict=True)
        ]
        self.extents = torch.tensor(shares, dtype=torch.float32, device=device)  # (B, R, 2)

    def look(self, locations: Tensor) -> Tensor:
        """(B, 2) locations from -1 to 1 to (B, R, C, g, g) windows, values 0 to 1."""
        stacks = [
            np.stack([image.window(one) for one in regions_at((y, x), image.shape_px, sides)])
            for image, sides, (y, x) in zip(
                self._images, self._sides, locations.tolist(), strict=True
            )
        ]
        return torch.from_numpy(np.stack(stacks)).to(self._device)


def glimpse_sides(
    shape_px: tuple[int, int], *, glimpse_px: int, num_resolutions: int, spacing: Spacing
) -> tuple[tuple[int, int], ...]:
    """Height and width that each window of a glimpse spans, the finest first, in level-0 pixels."""
    heights, widths = (
        window_sides(side, glimpse_px=glimpse_px, num_resolutions=num_resolutions, spacing=spacing)
        for side in shape_px
    )
    return tuple(zip(heights, widths, strict=True))


def regions_at(
    location: tuple[float, float],
    shape_px: tuple[int, int],
    sides: Sequence[tuple[int, int]],
) -> tuple[Region, ...]:
    """Level-0 pixels of each window around a location: y, x, of which -1 and 1 are the image's edges."""
    y, x = ((at + 1) / 2 * side for at, side in zip(location, shape_px, strict=True))
    return tuple(
        Region(round(y - height / 2), round(x - width / 2), height, width)
        for height, width in sides
    )
