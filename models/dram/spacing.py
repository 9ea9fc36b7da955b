"""How large the windows of a glimpse are. Pure, imports no torch."""

from __future__ import annotations

from typing import Literal, TypeAlias

from models.errors import ModelError

Spacing: TypeAlias = Literal["linear", "geometric"]


def window_sides(
    side_px: int, *, glimpse_px: int, num_resolutions: int, spacing: Spacing = "linear"
) -> tuple[int, ...]:
    """Level-0 pixels that the windows of a glimpse span along one axis, the finest first.

    `linear` is the authors' spacing, made for images of 224 px; on large images it leaves nothing between the finest
    window and half of the image, where `geometric` has equal ratios.

    Args:
        side_px: of the image along that axis; the coarsest window spans all of it.
        glimpse_px: side of a window as the network sees it; the finest spans as many level-0 pixels.
        num_resolutions: R, at least 1.
        spacing: of the sides between.

    Raises:
        ModelError: if there is no window, or it has no pixels.
    """
    if num_resolutions < 1 or glimpse_px < 1:
        raise ModelError(
            f"{num_resolutions} resolutions of {glimpse_px} px; both must be at least 1"
        )
    widest = max(side_px, glimpse_px)
    steps = [index / max(num_resolutions - 1, 1) for index in range(num_resolutions)]
    if spacing == "linear":
        sides = [glimpse_px + step * (widest - glimpse_px) for step in steps]
    else:
        sides = [glimpse_px * (widest / glimpse_px) ** step for step in steps]
    return tuple(int(side + 1e-6) for side in sides)  # cut, as the authors do
