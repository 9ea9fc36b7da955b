"""What a baseline came to: the rows that tests/benchmarks/megapixel.py writes of TNet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from actors.baselines.open_image import Reading
from pipeline.benchmarks.score import Score


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineResult:
    """On the test split."""

    num_images: int
    """Images of it."""
    accuracy: float
    """Share of right answers."""
    interval: tuple[float, float]
    """95 % (Wilson)."""
    locations: int
    """Chosen per image."""
    looks: float
    """Windows shown to the network, per image: DRAM's glimpses have several, Saccader sees one that is the image."""
    native_share: float
    """Different level-0 pixels read at full resolution, of all."""
    look_share: float
    """Pixels of all windows together, of those of level 0."""
    byte_share: float | None
    """Bytes read, of those of a full scan of level 0 (summed over images); None where no index says that."""
    num_parameters: int
    """Of the network, moving statistics included."""
    multiplications: int
    """For the first image."""
    ms_per_image: float
    """Reading included, in batches, start-up not."""
    best_epoch: int
    """Which epoch was tested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """A pass over a split, image by image."""

    score: Score
    """Right answers."""
    readings: Sequence[Reading]
    """What was read of each."""
    seconds: float
    """Wall time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the network is, whatever it answers."""

    locations: int
    """Chosen per image."""
    num_parameters: int
    """Moving statistics included."""
    multiplications: int
    """For one image."""


def result_of(tested: Tested, cost: Cost, best_epoch: int) -> BaselineResult:
    """Means over the images."""
    readings = tested.readings
    return BaselineResult(
        num_images=len(readings),
        accuracy=tested.score.accuracy,
        interval=tested.score.interval,
        locations=cost.locations,
        looks=float(np.mean([one.looks for one in readings])),
        native_share=float(np.mean([one.native_px / one.image_px for one in readings])),
        look_share=float(np.mean([one.shown_px / one.image_px for one in readings])),
        byte_share=_byte_share(readings),
        num_parameters=cost.num_parameters,
        multiplications=cost.multiplications,
        ms_per_image=1e3 * tested.seconds / len(readings),
        best_epoch=best_epoch,
    )


def _byte_share(readings: Sequence[Reading]) -> float | None:
    full = [one.full_scan_bytes for one in readings]
    known = [one for one in full if one]
    if len(known) < len(full):
        return None
    return sum(one.bytes_read for one in readings) / sum(known)
