"""Labelled pictures in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledImages:
    """Of one split."""

    images: NDArray[np.uint8]
    """(N, h, w, 3)."""
    labels: NDArray[np.int64]
    """(N,) indices of class names."""

    def taken(self, order: NDArray[np.int64]) -> LabelledImages:
        """Those at some places."""
        return LabelledImages(images=self.images[order], labels=self.labels[order])

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageSet:
    """A set as its authors publish it."""

    name: str
    """What it was read from, such as `CIFAR-10, binary`."""
    class_names: tuple[str, ...]
    """In the order of the labels."""
    train: LabelledImages
    """To learn from."""
    test: LabelledImages | None
    """To test on; None: there are none."""

    def digest(self) -> str:
        """The same for the same pictures and labels: 16 hexadecimal digits."""
        found = hashlib.sha256()
        for part in (self.train, self.test):
            if part is not None:
                found.update(part.images.tobytes())
                found.update(part.labels.tobytes())
        return found.hexdigest()[:16]
