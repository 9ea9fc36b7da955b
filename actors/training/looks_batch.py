"""The looks of a step as tensors: what the gradient pass takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.learning.rows import Rows
from pipeline.images.input_spec import InputSpec
from pipeline.walk.episode import Episode, SeenLook


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LooksBatch:
    """M looks at N images."""

    images: Tensor
    """(M, C, base, base) float32, values 0 to 1."""
    positions: Tensor
    """(M, 3) int64, y, x and depth in the tree of looks."""
    rows: Rows
    """Whose looks they are, and which proposed which."""
    level_noise: Tensor
    """(M, J) what each drew the depth of its next looks with, -inf where nothing lies so deep; (M, 0): none drew."""
    overviews: tuple[Tensor, ...] = ()
    """(R, Q, C, p, p) of each image, where roots are chosen from overviews."""

    @classmethod
    def blank(cls, spec: InputSpec, label: int, device: torch.device) -> LooksBatch:
        """One look at nothing, for a worker that has no images of its own in a step."""
        side = spec.base_px
        images = torch.full((1, spec.num_bands, side, side), spec.background)
        nowhere = torch.full((1,), -1)
        rows = Rows(
            image=torch.zeros(1, dtype=torch.int64, device=device),
            depth=torch.zeros(1, dtype=torch.int64, device=device),
            parent=nowhere.to(device),
            cell=nowhere.to(device),
            labels=torch.tensor([label], device=device),
            is_random=torch.zeros(1, dtype=torch.bool, device=device),
        )
        return cls(
            images=images.to(device, memory_format=torch.channels_last),
            positions=torch.zeros((1, 3), dtype=torch.int64, device=device),
            rows=rows,
            level_noise=torch.zeros((1, 0), device=device),
        )


def batch_of(
    episodes: Sequence[Episode], labels: Sequence[int], device: torch.device
) -> LooksBatch:
    """Stack the looks of some walks, image after image, each in the order of its walk.

    Args:
        episodes: at least one, each with at least one look.
        labels: class index of each.
        device: where the gradient pass runs.
    """
    looks = [look for episode in episodes for look in episode.looks]
    counts = [len(episode.looks) for episode in episodes]
    first_row = np.repeat(np.cumsum([0, *counts[:-1]]), counts)  # (M,)
    parent = np.array([look.parent for look in looks])  # (M,) within the walk
    pixels = torch.from_numpy(np.stack([look.pixels for look in looks]))  # (M, C, b, b)
    yxd = np.array([(look.position.y, look.position.x, look.position.depth) for look in looks])
    rows = Rows(
        image=_tensor(np.repeat(np.arange(len(episodes)), counts), device),
        depth=_tensor(yxd[:, 2], device),
        parent=_tensor(np.where(parent < 0, -1, parent + first_row), device),
        cell=_tensor(np.array([look.cell for look in looks]), device),
        labels=_tensor(np.array(labels), device),
        is_random=torch.tensor([look.is_random for look in looks], device=device),
    )
    return LooksBatch(
        images=pixels.to(device, memory_format=torch.channels_last, non_blocking=True),
        positions=_tensor(yxd, device),
        rows=rows,
        level_noise=_level_noise(looks).to(device),
        overviews=tuple(
            torch.from_numpy(episode.overviews).to(device)
            for episode in episodes
            if episode.overviews is not None
        ),
    )


def _level_noise(looks: Sequence[SeenLook]) -> Tensor:
    """(M, J), J being the most depths that any look had to choose from."""
    counts = [len(look.level_noise) for look in looks]
    noise = torch.full((len(looks), max(counts)), -torch.inf)
    for row, look in enumerate(looks):
        noise[row, : counts[row]] = torch.from_numpy(look.level_noise)
    return noise


def _tensor(values: NDArray[np.int64], device: torch.device) -> Tensor:
    return torch.from_numpy(values.astype(np.int64)).to(device)
