"""Pictures for the report: the image as a whole, each look as the model saw it, and what made the model say so."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.errors import ImageChangedError, ImageError, TileReadError
from pipeline.evidence.explained import Explained, ExplanationPlan, explain
from pipeline.images.input_spec import InputSpec, fit_bands
from pipeline.images.opening import open_source
from pipeline.images.pyramid import Pyramid
from pipeline.images.region import Region
from pipeline.images.tile_cache import TileCache
from pipeline.images.tile_reader import TileReader
from pipeline.images.window import WindowReader
from pipeline.records.finished_image import FinishedImage

OVERVIEW_PX = 448
"""Longer side of the overview."""
LOOK_PX = 96
"""Largest side of a look."""
WINDOW_PX = 160
"""Largest side of a look that is shown with maps of what is inside it."""
MAX_PICTURES = 40
"""Looks of an image that are pictured: those that the walk chose before its roots, earlier ones first."""
_QUALITY = 70
_CACHE_BYTES = 32 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """Of one image, as data URLs."""

    overview: str | None
    """The whole image; None where it cannot be read any more."""
    looks: Mapping[int, str]
    """By the place of the look in the walk; what cannot be read is missing."""
    problem: str | None
    """Why there are none."""
    explained: Explained | None = None
    """What made the model say so, where that was asked for and the image can be read."""

    @property
    def size_bytes(self) -> int:
        """In the page."""
        maps = 0 if self.explained is None else self.explained.size_bytes
        return len(self.overview or "") + sum(map(len, self.looks.values())) + maps


def take_pictures(
    image: FinishedImage, spec: InputSpec, plan: ExplanationPlan | None = None
) -> Pictures:
    """Read an image once more, and explain it where there is a plan to. What that costs is in no ledger."""
    try:
        source = open_source(image.image_path)
    except ImageError as error:
        return Pictures(overview=None, looks={}, problem=str(error))
    tiles = TileReader(source, TileCache(_CACHE_BYTES))
    try:
        _refuse_another(image, source.pyramid)
        fit = fit_bands(spec, source.pyramid)
        whole = WindowReader(tiles=tiles, fit=fit, base_px=OVERVIEW_PX, background=spec.background)
        near = WindowReader(
            tiles=tiles, fit=fit, base_px=min(LOOK_PX, spec.base_px), background=spec.background
        )
        overview = _picture(whole, Region(0, 0, image.height_px, image.width_px))
        shown = {index: _look(near, image.looks[index].region) for index in pictured(image)}
        looks = {index: text for index, text in shown.items() if text is not None}
        return Pictures(
            overview=overview,
            looks=looks,
            problem=None,
            explained=None if plan is None else _explained(image, plan, near, spec),
        )
    except (ImageError, TileReadError) as error:
        return Pictures(overview=None, looks={}, problem=str(error))
    finally:
        tiles.close()


def pictured(image: FinishedImage) -> list[int]:
    """Places of the looks to show, in the order of the walk."""
    order = sorted(range(len(image.looks)), key=lambda index: image.looks[index].depth == 0)
    return sorted(order[:MAX_PICTURES])


def _refuse_another(image: FinishedImage, pyramid: Pyramid) -> None:
    if (pyramid.height, pyramid.width) != (image.height_px, image.width_px):
        raise ImageChangedError(
            f"{image.image_path}: the image has {pyramid.height} x {pyramid.width} px now and had "
            f"{image.height_px} x {image.width_px} in the run; it is another one"
        )


def _explained(
    image: FinishedImage, plan: ExplanationPlan, near: WindowReader, spec: InputSpec
) -> Explained:
    """With windows as the walk read them."""
    larger = replace(near, base_px=min(WINDOW_PX, spec.base_px))
    return explain(image, plan, replace(near, base_px=spec.base_px), partial(_look, larger))


def _look(windows: WindowReader, region: Region) -> str | None:
    try:
        return _picture(windows, region)
    except TileReadError:
        return None


def _picture(windows: WindowReader, region: Region) -> str:
    pixels = windows.read(region).pixels  # (C, base, base) 0 to 1, whatever the region's shape
    picture = Image.fromarray(_displayed(pixels))
    longest = max(region.height, region.width)
    side = pixels.shape[1]
    size = (
        max(1, round(side * region.width / longest)),
        max(1, round(side * region.height / longest)),
    )
    file = io.BytesIO()
    picture.resize(size, Image.Resampling.LANCZOS).save(file, "WEBP", quality=_QUALITY)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()


def _displayed(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(C, h, w) to (h, w, 3): the first three bands, or the first as gray."""
    shown = pixels[:3] if len(pixels) >= 3 else np.repeat(pixels[:1], 3, axis=0)
    scaled = np.clip(np.round(shown * 255), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.moveaxis(scaled, 0, 2))
