"""What a network sees of an image: values about 0, by the means and deviations of its training images, or whitened.

It is part of the network, so an attack steps in the values of the image itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

PreparationKind: TypeAlias = Literal["mean_std", "zca"]
SIDE_PX = 32
"""Of the images that the networks are made for."""
_SCALE, _FILTER_BIAS = 55.0, 0.1
"""Of pylearn2's whitened CIFAR, which the authors of Learn to Pay Attention train on."""
_TINY = 1e-8


class Preparation(nn.Module, ABC):
    """Fitted to images once, then fixed."""

    @abstractmethod
    def fit(self, images: Tensor) -> None:
        """To (N, 3, 32, 32) values 0 to 1."""


class MeanStd(Preparation):
    """Each channel's mean becomes 0 and its standard deviation 1."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(3, 1, 1))
        self.register_buffer("std", torch.ones(3, 1, 1))

    def fit(self, images: Tensor) -> None:
        """To (N, 3, H, W) values 0 to 1."""
        self.mean = images.mean(dim=(0, 2, 3))[:, None, None]
        self.std = images.std(dim=(0, 2, 3), unbiased=False)[:, None, None].clamp_min(_TINY)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W), as it came."""
        return (images - self.mean) / self.std


class Whitening(Preparation):
    """Global contrast normalisation, then ZCA: an image's norm becomes 55, and values lose their correlation.

    Args:
        side_px: of the images; 3 x 32 x 32 values have a matrix of 3,072^2.
    """

    mean: Tensor
    matrix: Tensor

    def __init__(self, side_px: int = SIDE_PX) -> None:
        super().__init__()
        num_values = 3 * side_px**2
        self.register_buffer("mean", torch.zeros(num_values))
        self.register_buffer("matrix", torch.eye(num_values))

    def fit(self, images: Tensor) -> None:
        """To (N, 3, side, side) values 0 to 1."""
        rows = _contrast_normalised(images)  # (N, V)
        self.mean = rows.mean(dim=0)
        rows = rows - self.mean
        covariance = rows.T @ rows / len(rows)
        values, vectors = torch.linalg.eigh(covariance.double())
        roots = (values.clamp_min(0) + _FILTER_BIAS).rsqrt()
        self.matrix = (vectors * roots @ vectors.T).to(images.dtype)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, side, side), as it came."""
        white = (_contrast_normalised(images) - self.mean) @ self.matrix
        return white.view(images.shape)


def make_preparation(kind: PreparationKind) -> Preparation:
    """One that is not fitted yet, for images of 32 px."""
    return MeanStd() if kind == "mean_std" else Whitening()


def _contrast_normalised(images: Tensor) -> Tensor:
    """(B, 3, H, W) to (B, V) of mean 0 and norm 55; a flat image is 0."""
    rows = images.flatten(1)
    rows = rows - rows.mean(dim=1, keepdim=True)
    norms: Tensor = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return rows * (_SCALE / norms.clamp_min(_TINY))
