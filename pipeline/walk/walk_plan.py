"""What is the same for all images of a run, and what it makes of one image's structure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipeline.errors import ImageMismatchError
from pipeline.image_record import ImageRecord
from pipeline.images.input_spec import InputSpec, finest_side
from pipeline.images.pyramid import Pyramid
from pipeline.storage.allowed_places import EVERYWHERE, AllowedPlaces
from pipeline.walk.config import WalkConfig
from pipeline.walk.geometry import Geometry
from pipeline.walk.grid import Grid


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkPlan:
    """What is the same for all images of a run."""

    spec: InputSpec
    """What the model wants to be shown."""
    walk: WalkConfig
    """How it walks."""
    places: AllowedPlaces = EVERYWHERE
    """Where its images may lie."""


def described(pyramid: Pyramid, record: ImageRecord) -> Pyramid:
    """The pyramid with the pixel size that the manifest gives, if it gives one."""
    return replace(pyramid, pixel_size=record.pixel_size or pyramid.pixel_size)


def geometry_of(pyramid: Pyramid, plan: WalkPlan) -> Geometry:
    """The tree of looks of one image.

    Raises:
        ImageMismatchError: if the image is smaller than one look, or its pixel size does not fit.
    """
    finest_height, finest_width = finest_side(plan.spec, pyramid)
    if pyramid.height < finest_height or pyramid.width < finest_width:
        raise ImageMismatchError(
            f"{pyramid.uri}: the image is {pyramid.height} x {pyramid.width} px, smaller than one "
            f"look of the model, {finest_height} x {finest_width} px; there is nothing to zoom "
            "into: use a model with a smaller base_px, or enlarge the image"
        )
    return Geometry(
        height=pyramid.height,
        width=pyramid.width,
        finest_height=finest_height,
        finest_width=finest_width,
        grid=Grid(plan.walk.grid, plan.walk.cell_fraction),
        depths=plan.walk.depths,
    )
