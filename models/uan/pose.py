"""Where a camera stood and how it was turned: seven numbers, and the loss that weighs them (equation 4)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Pose(NamedTuple):
    """Of some cameras."""

    position: Tensor
    """(B, 3), in metres."""
    rotation: Tensor
    """(B, 4), quaternions of length 1."""


def pose_of(outputs: Tensor) -> Pose:
    """(B, 7) of a network's head to poses."""
    return Pose(outputs[:, :3], F.normalize(outputs[:, 3:], dim=1))


def pose_loss(outputs: Tensor, truth: Pose, *, beta: float) -> Tensor:
    """Mean of |x - x'| + beta |q - q' / |q'||.

    Args:
        outputs: (B, 7) of a network's head.
        truth: of B cameras.
        beta: weight of the rotation; the paper has 250 to 2000 outdoors, 120 to 750 indoors.
    """
    found = pose_of(outputs)
    position = torch.linalg.vector_norm(truth.position - found.position, dim=1)
    rotation = torch.linalg.vector_norm(truth.rotation - found.rotation, dim=1)
    loss: Tensor = (position + beta * rotation).mean()
    return loss


def rotation_error_degrees(one: Tensor, other: Tensor) -> Tensor:
    """(B,) angles between (B, 4) quaternions of length 1; q and -q are the same rotation."""
    products = (one * other).sum(dim=1).abs().clamp(max=1)
    return torch.rad2deg(2 * torch.acos(products))
