"""TensorBoard: the curves of a run, and pictures of what was attended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from torch.utils.tensorboard import SummaryWriter

from actors.training.figures import EpochFigures
from pipeline.walk.episode import Episode

_SCALE = 6
"""Enlargement of the coarsest look, so that boxes on it can be told apart."""
_COLOURS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (204, 121, 167))
"""Of boxes by depth, from 1 on; told apart also by the colour-blind (Okabe and Ito)."""
_NUM_CLOSE = 8
"""Finest looks shown beside the overview."""


class Board:
    """Writes one run's events; taken up again, it goes on where the run goes on."""

    def __init__(self, directory: Path, *, from_epoch: int) -> None:
        self._writer = SummaryWriter(str(directory / "tensorboard"), purge_step=from_epoch)

    def show(self, figures: EpochFigures) -> None:
        """The curves of an epoch."""
        for name, value in asdict(figures).items():
            if name in ("epoch", "stage", "losses", "is_best"):
                continue
            group = "validation" if name.startswith("validation_") else "train"
            self._writer.add_scalar(
                f"{group}/{name.removeprefix('validation_')}", value, figures.epoch
            )
        for name, value in figures.losses.items():
            self._writer.add_scalar(f"losses/{name}", value, figures.epoch)
        self._writer.flush()

    def show_looks(self, episodes: Sequence[Episode], epoch: int) -> None:
        """Pictures of some walks."""
        for episode in episodes:
            picture = attended(episode)  # (H, W, 3)
            self._writer.add_image(
                f"looks/{episode.record.sample_id}", picture, epoch, dataformats="HWC"
            )
        self._writer.flush()

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()


def attended(episode: Episode) -> NDArray[np.uint8]:
    """(H, W, 3) the first look with the boxes of all others on it, and below it the finest looks as they were seen."""
    first = episode.looks[0]
    overview = cv2.resize(
        _rgb(first.pixels), None, fx=_SCALE, fy=_SCALE, interpolation=cv2.INTER_NEAREST
    )
    height, width = overview.shape[:2]
    root = first.glimpse.region
    for look in episode.looks[1:]:
        region, depth = look.glimpse.region, look.glimpse.position.depth
        y0, x0 = ((region.y - root.y) / root.height, (region.x - root.x) / root.width)
        y1, x1 = (y0 + region.height / root.height, x0 + region.width / root.width)
        first_corner = (round(x0 * width), round(y0 * height))
        last_corner = (round(x1 * width), round(y1 * height))
        colour = _COLOURS[(depth - 1) % len(_COLOURS)]
        cv2.rectangle(overview, first_corner, last_corner, colour, 1)
    return np.concatenate([overview, _strip(episode, width)])


def _strip(episode: Episode, width: int) -> NDArray[np.uint8]:
    """(width / 8, width, 3) the finest looks side by side, black where there are fewer."""
    side = width // _NUM_CLOSE
    finest = max(look.glimpse.position.depth for look in episode.looks)
    close = [look for look in episode.looks if look.glimpse.position.depth == finest]
    strip = np.zeros((side, width, 3), np.uint8)
    for index, look in enumerate(close[:_NUM_CLOSE]):
        shown = cv2.resize(_rgb(look.pixels), (side, side), interpolation=cv2.INTER_AREA)
        strip[:, index * side : (index + 1) * side] = shown
    return strip


def _rgb(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(C, H, W) values 0 to 1 to (H, W, 3) bytes; other numbers of bands show their first."""
    bands = pixels if len(pixels) == 3 else np.repeat(pixels[:1], 3, axis=0)
    return np.ascontiguousarray(np.moveaxis(bands * 255, 0, 2)).astype(np.uint8)
