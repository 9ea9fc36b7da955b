"""One thread's way to the device and back: buffers that are filled again and again, and on a GPU a stream of its own.

On a GPU two lanes take turns: while one computes, the other's windows are on their way, from memory that the system may
not move. On a CPU a lane is one processor: outside the main thread OpenMP's team sleeps between layers, and two
processors in one call are no faster than one.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.walk.glimpse import Position

GPU_LANES = 2


def num_lanes(device: torch.device, num_threads: int) -> int:
    """Calls of a network that pay side by side."""
    return GPU_LANES if device.type == "cuda" else num_threads


class Lane:
    """Belongs to one thread.

    Args:
        device: where the network is.
        shape: (B, C, base, base) of a batch.
    """

    def __init__(self, device: torch.device, shape: tuple[int, int, int, int]) -> None:
        is_gpu = device.type == "cuda"
        if not is_gpu:
            torch.set_num_threads(1)  # holds for this thread and those to come
        count, bands, height, width = shape
        self._device = device
        self._stream = _new_stream(device) if is_gpu else None
        self._pixels = torch.zeros((count, height, width, bands), pin_memory=is_gpu)
        self._places = torch.zeros((count, 3), dtype=torch.int64, pin_memory=is_gpu)

    def at_work(self) -> AbstractContextManager[Any]:
        """What happens within happens on this lane."""
        return nullcontext() if self._stream is None else torch.cuda.stream(self._stream)

    def send(
        self, windows: Sequence[NDArray[np.float32]], positions: Sequence[Position]
    ) -> tuple[Tensor, Tensor]:
        """Windows, (C, base, base) each, and where they are; what is missing of a batch is zeros.

        Returns:
            (B, C, base, base) channels last, and (B, 3) y, x and depth, both on the device; until the next call.
        """
        count, pixels, places = len(windows), self._pixels.numpy(), self._places.numpy()
        np.stack([window.transpose(1, 2, 0) for window in windows], out=pixels[:count])
        places[:count] = [(at.y, at.x, at.depth) for at in positions]
        pixels[count:], places[count:] = 0, 0
        images = self._pixels.to(self._device, non_blocking=True).permute(0, 3, 1, 2)
        return images, self._places.to(self._device, non_blocking=True)

    def fetch(self, *found: Tensor) -> list[NDArray[np.float32]]:
        """What came of it, as float32 on the CPU; waits for this lane alone."""
        return [one.float().cpu().numpy() for one in found]


def _new_stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch leaves it untyped
