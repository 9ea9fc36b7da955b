"""The looks of a training step, a row each: whose they are, and which proposed which."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """M looks at N images; those of an image stand together, in the order of its walk."""

    image: Tensor
    """(M,) int64, 0 to N - 1, ascending."""
    depth: Tensor
    """(M,) int64, 0 for roots."""
    parent: Tensor
    """(M,) int64, row of the look that proposed this one; -1 for roots."""
    cell: Tensor
    """(M,) int64, which of its cells; of a root which of the image's roots, -1 where they are not chosen."""
    labels: Tensor
    """(N,) int64, class of each image."""
    is_random: Tensor
    """(M,) bool, whether chance chose the look."""

    @property
    def num_images(self) -> int:
        """N."""
        return len(self.labels)

    @property
    def chosen(self) -> Tensor:
        """(P,) int64, rows of looks that were chosen among cells: all but roots."""
        return torch.nonzero(self.parent >= 0)[:, 0]

    @property
    def order(self) -> Tensor:
        """(M,) int64, place of each look in its walk, from 0."""
        counts = torch.bincount(self.image, minlength=self.num_images)
        first = counts.cumsum(0) - counts  # (N,)
        return torch.arange(len(self.image), device=self.image.device) - first[self.image]


def mean_per_image(values: Tensor, image_of: Tensor, num_images: int) -> Tensor:
    """The mean over images of the mean over each image's values; images without any count as 0.

    Args:
        values: (P,).
        image_of: (P,) int64, which image each belongs to.
        num_images: N.
    """
    sums = values.new_zeros(num_images).index_add(0, image_of, values)
    counts = values.new_zeros(num_images).index_add(0, image_of, torch.ones_like(values))
    return (sums / counts.clamp(min=1)).mean()
