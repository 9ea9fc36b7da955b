"""Two Gaussians per position become one (AttentionRNN, equation 11 and the text after it)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SMALLEST_STD = 1e-4
"""Standard deviations are a softplus plus this: the paper says nothing of how they stay above 0."""


class Gaussian(NamedTuple):
    """One normal distribution for every position."""

    mean: Tensor
    """(N,)."""
    std: Tensor
    """(N,), above 0."""


def gaussian_of(raw: Tensor) -> Gaussian:
    """(2, N) any numbers to mean and standard deviation."""
    return Gaussian(raw[0], F.softplus(raw[1]) + SMALLEST_STD)


class JointCombination(nn.Module):
    """A small network per position, 4 to 2: the left and the right view may depend on each other (ARNN).

    Args:
        hidden_channels: its width; the paper does not give it.
    """

    def __init__(self, hidden_channels: int = 16) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(4, hidden_channels, 1), nn.ReLU(), nn.Conv1d(hidden_channels, 2, 1)
        )

    def forward(self, left: Gaussian, right: Gaussian) -> Gaussian:
        """Both views to one."""
        return gaussian_of(self.layers(torch.stack([*left, *right])))  # of (4, N)


class IndependentCombination(nn.Module):
    """Left and right as independent measurements, weighted by their precision (ARNN_ind)."""

    def forward(self, left: Gaussian, right: Gaussian) -> Gaussian:
        """1 / s^2 = 1 / sl^2 + 1 / sr^2; mean = s^2 (ml / sl^2 + mr / sr^2)."""
        precise_left, precise_right = left.std**-2, right.std**-2
        variance = 1 / (precise_left + precise_right)
        mean = variance * (precise_left * left.mean + precise_right * right.mean)
        return Gaussian(mean, variance.sqrt())
