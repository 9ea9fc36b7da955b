"""Everything that a run does to an image before the model sees it, on a file that may be anything."""

from __future__ import annotations

from pathlib import Path
from random import Random

from pipeline.errors import FoveateError, ImageError
from pipeline.images.canvas import Canvas
from pipeline.images.foreground import find_foreground
from pipeline.images.input_spec import BandFit
from pipeline.images.opening import fingerprint_of, open_source
from pipeline.images.pyramid import Level
from pipeline.images.region import Region
from pipeline.images.source import Source
from pipeline.images.tile import TileKey
from pipeline.images.tile_cache import TileCache
from pipeline.images.tile_reader import TileReader
from pipeline.images.window import WindowReader
from pipeline.images.window_plan import plan_window

BASE_PX = 64
MAX_PIXELS = 2048 * 2048
"""A box is read when it is no larger; huge images are slow for good reasons."""
MAX_BANDS = 4
"""Shown to the model, of however many."""


def visit(path: Path, chance: Random) -> str:
    """Open and read it; how it ended: `read`, `damaged` (tiles failed) or `refused`.

    Raises:
        Exception: whatever is not ours; that is a mistake of ours.
    """
    fingerprint_of(str(path))
    try:
        source = open_source(str(path))
    except ImageError as error:
        _check_message(error, path)
        return "refused"
    try:
        return _read(source, chance)
    except FoveateError as error:
        _check_message(error, path)
        return "refused"
    finally:
        source.close()


def _read(source: Source, chance: Random) -> str:
    pyramid = source.pyramid
    tiles = TileReader(source, TileCache(2**25))
    fit = BandFit(
        indices=tuple(range(len(pyramid.bands)))[:MAX_BANDS],
        is_mixed=False,
        alpha=None,
        low=0,
        high=255,
    )
    for index, level in enumerate(pyramid.levels):
        source.scan_bytes(index)
        list(tiles.tiles(_some_tiles(index, level, chance)))
        if level.height * level.width <= MAX_PIXELS:
            Canvas.read(tiles, index, Region(0, 0, level.height, level.width), fit)
    _look(tiles, fit, chance)
    return "damaged" if tiles.failures else "read"


def _some_tiles(index: int, level: Level, chance: Random) -> list[TileKey]:
    """The corners, and some in between."""
    last_row, last_col = level.num_rows - 1, level.num_cols - 1
    keys = {TileKey(index, row, col) for row in (0, last_row) for col in (0, last_col)}
    for _ in range(4):
        row, col = chance.randint(0, last_row), chance.randint(0, last_col)
        keys.add(TileKey(index, row, col))
    return sorted(keys)


def _look(tiles: TileReader, fit: BandFit, chance: Random) -> None:
    """Windows of the whole and of a part, and the tissue."""
    pyramid = tiles.source.pyramid
    windows = WindowReader(tiles=tiles, fit=fit, base_px=BASE_PX, background=0.5)
    y, x = chance.randint(0, pyramid.height - 1), chance.randint(0, pyramid.width - 1)
    regions = (Region(0, 0, pyramid.height, pyramid.width), Region(y - 40, x - 40, 100, 100))
    for region in regions:
        if region.area <= MAX_PIXELS:
            plan_window(pyramid, region, BASE_PX)
            windows.read(region)
    if pyramid.height * pyramid.width <= MAX_PIXELS:
        find_foreground(tiles, fit, "tissue")


def _check_message(error: FoveateError, path: Path) -> None:
    """Every message names the file, or one that belongs to it, and says more than that."""
    text = str(error)
    if str(path.parent) not in text or len(text) < len(path.name) + 20:
        raise AssertionError(f"a message without the file or without a way out: {text!r}")
