"""A picture of pictures: a row per image, a headed column per way of showing it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pipeline.errors import UsageError

CELL_PX = 96
"""Side of a picture on the sheet."""
_GAP_PX, _HEAD_PX = 6, 18
_PAPER, _INK = 255, 0


def heat_picture(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(H, W) values 0 to 1 to (H, W, 3): dark blue is 0, yellow is 1."""
    grey = np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(cv2.applyColorMap(grey, cv2.COLORMAP_VIRIDIS)[..., ::-1])


def cut_out(image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """(H, W, 3) with everything black that (H, W) leaves out."""
    return np.where(mask[..., None], image, 0).astype(np.uint8)


def contact_sheet(
    heads: Sequence[str], rows: Sequence[Sequence[NDArray[np.uint8]]]
) -> NDArray[np.uint8]:
    """One picture.

    Args:
        heads: of the columns.
        rows: as many pictures in each as there are heads, (h, w, 3); they are shown at 96 x 96 px, pixels as squares.

    Returns:
        (H, W, 3).
    """
    step = CELL_PX + _GAP_PX
    height = _HEAD_PX + len(rows) * step
    sheet = np.full((height, len(heads) * step + _GAP_PX, 3), _PAPER, np.uint8)
    for row, pictures in enumerate(rows):
        for col, picture in enumerate(pictures):
            shown = cv2.resize(picture, (CELL_PX, CELL_PX), interpolation=cv2.INTER_NEAREST)
            y, x = _HEAD_PX + row * step, _GAP_PX + col * step
            sheet[y : y + CELL_PX, x : x + CELL_PX] = shown
    headed = Image.fromarray(sheet)
    pen = ImageDraw.Draw(headed)
    for col, head in enumerate(heads):
        pen.text((_GAP_PX + col * step, 3), head, fill=(_INK, _INK, _INK))
    return np.asarray(headed)


def write_sheet(path: Path, sheet: NDArray[np.uint8]) -> None:
    """A PNG, whole or not there.

    Raises:
        UsageError: if it cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        Image.fromarray(sheet).save(partial, "PNG")
        partial.replace(path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error}") from error
