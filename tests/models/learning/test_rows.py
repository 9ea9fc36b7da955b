"""Means over the looks of images that have different numbers of them."""

from __future__ import annotations

import torch

from models.learning.rows import mean_per_image


class TestMeanPerImage:
    def test_images_count_alike_whatever_their_looks(self) -> None:
        """The mean of 1, 2, 3 and of 10 is (2 + 10) / 2."""
        values, image_of = torch.tensor([1.0, 2, 3, 10]), torch.tensor([0, 0, 0, 1])

        assert float(mean_per_image(values, image_of, 2)) == 6
