"""What is asked about a view: the loss to learn by, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from models.uan.pose import Pose, pose_loss, pose_of, rotation_error_degrees
from pipeline.benchmarks.rooms import Views

TaskName = Literal["pose", "room"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomResult:
    """On the views of the test."""

    num_views: int
    """Views."""
    position_m: float | None = None
    """Median error of the camera's position; None: it was not asked for."""
    rotation_deg: float | None = None
    """Median error of its rotation."""
    accuracy: float | None = None
    """Share of views whose room was told rightly."""
    guess_position_m: float | None = None
    """What the training views' mean position comes to, without looking."""
    guess_rotation_deg: float | None = None
    """What their mean rotation comes to."""
    guess_accuracy: float | None = None
    """What their most frequent room comes to."""
    frequencies: tuple[tuple[float, ...], ...] = ()
    """Per step the share of the views that look at each layer, the shallowest first."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PoseTask:
    """Where the camera stands and how it is turned (section 3.3.1)."""

    beta: float
    """Weight of the rotation in equation 4."""

    def num_outputs(self, _views: Views) -> int:
        """Position and quaternion."""
        return 7

    def loss(self, outputs: Tensor, views: Views) -> Tensor:
        """Of (B, 7)."""
        return pose_loss(outputs, _truth(views), beta=self.beta)

    def result(self, outputs: Tensor, views: Views, known: Views) -> RoomResult:
        """Of (N, 7), beside a guess from `known`."""
        truth, found = _truth(views), pose_of(outputs)
        mean = pose_of(
            torch.cat([_truth(known).position, _truth(known).rotation], dim=1).mean(0)[None]
        )
        return RoomResult(
            num_views=len(views.rooms),
            position_m=_median_away(found.position, truth.position),
            rotation_deg=float(rotation_error_degrees(found.rotation, truth.rotation).median()),
            guess_position_m=_median_away(mean.position, truth.position),
            guess_rotation_deg=float(
                rotation_error_degrees(mean.rotation, truth.rotation).median()
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RoomTask:
    """Which room it is (section 3.3.2)."""

    num_rooms: int
    """Classes."""

    def num_outputs(self, _views: Views) -> int:
        """Logits."""
        return self.num_rooms

    def loss(self, outputs: Tensor, views: Views) -> Tensor:
        """Of (B, K)."""
        return F.cross_entropy(outputs, torch.from_numpy(views.rooms))

    def result(self, outputs: Tensor, views: Views, known: Views) -> RoomResult:
        """Of (N, K), beside a guess from `known`."""
        rooms = torch.from_numpy(views.rooms)
        guess = torch.from_numpy(known.rooms).mode().values
        return RoomResult(
            num_views=len(rooms),
            accuracy=float((outputs.argmax(dim=1) == rooms).float().mean()),
            guess_accuracy=float((rooms == guess).float().mean()),
        )


def _truth(views: Views) -> Pose:
    return Pose(
        torch.from_numpy(views.positions_m).to(torch.float32),
        torch.from_numpy(views.rotations).to(torch.float32),
    )


def _median_away(one: Tensor, other: Tensor) -> float:
    return float(torch.linalg.vector_norm(one - other, dim=1).median())
