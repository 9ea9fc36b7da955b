"""A DRAM so small that a test can train it, and images for it that only a look from near can tell apart."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.dram.network import Dram

SIDES = (12, 36)
"""Pixels of the two windows of a glimpse in images of 36 px."""


class TinyGlimpseNetwork(nn.Module):
    """Two convolutions over stacks of two 12 px windows of one band."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Conv2d(6, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(32 * 9, 64), nn.ReLU()),
        )
        self.stacks: list[Tensor] = []

    def forward(self, stacks: Tensor, *, is_context: bool) -> Tensor:
        """(B, 6, 12, 12) to (B, 64)."""
        del is_context
        self.stacks.append(stacks.detach())
        found: Tensor = self.layers(stacks)
        return found


def tiny(*, sees_around: bool = False, seed: int = 0) -> Dram:
    """Two classes."""
    torch.manual_seed(seed)
    return Dram(TinyGlimpseNetwork(), 64, 2, hidden=64, sees_around=sees_around, input_mean=0.0)


def lines(count: int) -> tuple[Tensor, Tensor]:
    """(B, 1, 36, 36) black but for one square of 9 px with rows or columns of light; and which.

    Means over 3 x 3 px, which is what the coarse window shows, are the same for both: only a look from near can tell.
    """
    labels = torch.randint(2, (count,))
    images = torch.zeros(count, 1, 36, 36)
    line = (torch.arange(9) % 3 == 0).float()
    for image, label in zip(images, labels.tolist(), strict=True):
        top, left = (3 * torch.randint(10, (2,))).tolist()
        image[0, top : top + 9, left : left + 9] = line if label else line[:, None]
    return images, labels
