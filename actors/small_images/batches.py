"""Images on their way to the network: as they are, or mirrored and shifted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.benchmarks.small_images.dataset import LabelledImages

CropKind: TypeAlias = Literal["none", "zeros", "reflected"]
MARGIN_PX = 4
"""Around an image that is shifted."""


class Batch(NamedTuple):
    """On the device."""

    images: Tensor
    """(B, 3, H, W) values 0 to 1."""
    labels: Tensor
    """(B,)."""


def batches_of(images: LabelledImages, size: int, device: torch.device) -> Iterator[Batch]:
    """All of them, in their order; the last one may be smaller."""
    for start in range(0, len(images), size):
        part = slice(start, start + size)
        yield _batch(images.images[part], images.labels[part], device)


def varied_batches(
    images: LabelledImages, size: int, crop: CropKind, seed: tuple[int, int], device: torch.device
) -> Iterator[Batch]:
    """One epoch: drawn order, half of each batch mirrored, all shifted if wanted; whole batches only.

    Args:
        images: to learn from.
        size: of a batch.
        crop: what lies around an image before it is shifted.
        seed: all that is drawn depends on it.
        device: where to.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(images))
    for start in range(0, len(images) - size + 1, size):
        part = order[start : start + size]
        pixels = mirrored(images.images[part], rng)
        if crop != "none":
            pixels = shifted(pixels, crop, rng)
        yield _batch(pixels, images.labels[part], device)


def mirrored(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """(B, H, W, 3), of which a drawn half has left and right exchanged, as Learn to Pay Attention's code does."""
    chosen = rng.permutation(len(pixels))[: len(pixels) // 2]
    changed = pixels.copy()
    changed[chosen] = pixels[chosen, :, ::-1]
    return changed


def shifted(
    pixels: NDArray[np.uint8], crop: Literal["zeros", "reflected"], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """(B, H, W, 3), each moved by up to 4 px."""
    count, height, width, _ = pixels.shape
    margins = ((0, 0), (MARGIN_PX, MARGIN_PX), (MARGIN_PX, MARGIN_PX), (0, 0))
    padded = np.pad(pixels, margins, mode="constant" if crop == "zeros" else "reflect")
    tops, lefts = rng.integers(0, 2 * MARGIN_PX + 1, (2, count))
    windows = [
        one[top : top + height, left : left + width]
        for one, top, left in zip(padded, tops, lefts, strict=True)
    ]
    return np.stack(windows)


def _batch(pixels: NDArray[np.uint8], labels: NDArray[np.int64], device: torch.device) -> Batch:
    planes = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2)  # (B, 3, H, W)
    return Batch(planes.to(torch.float32) / 255, torch.from_numpy(labels).to(device))
