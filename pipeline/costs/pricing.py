"""What an image costs by a price list, as it was looked at and in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.costs.models import (
    BYTES_PER_GB,
    SECONDS_PER_HOUR,
    CostModel,
    GpuTime,
    PerArea,
    PerByte,
    PerScene,
    Scanner,
)
from pipeline.costs.orders import Box, Order, pack
from pipeline.errors import UsageError
from pipeline.images.region import Region


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What was taken of an image."""

    sample_id: str
    """Which image."""
    height_px: int
    """Level-0 rows."""
    width_px: int
    """Level-0 columns."""
    pixel_km: tuple[float, float] | None
    """Height and width of a level-0 pixel on the ground; None where nobody says."""
    looks: tuple[Region, ...]
    """Regions looked at, level-0 pixels."""
    finest: tuple[Region, ...]
    """Those of them that were read from the finest level used."""
    bytes_read: int
    """Bytes transferred."""
    requests: int
    """Reads."""
    seconds: float
    """Of the run, shared out over its images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FullScan:
    """What a full scan of it would take."""

    bytes_read: int | None
    """Bytes; None where no index says it."""
    requests: int | None
    """Reads: tiles of the finest level."""
    seconds: float | None
    """Time; None where none was run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Of one image by one list."""

    sample_id: str
    """Which image."""
    model: str
    """Name of the list."""
    attended: float
    """What was looked at costs."""
    whole: float | None
    """The whole image costs; None where that is not known."""
    orders: tuple[Order, ...] = ()
    """What would be ordered, by area."""

    @property
    def is_dearer(self) -> bool:
        """Whether looking costs more than taking everything."""
        return self.whole is not None and self.attended > self.whole


def price(model: CostModel, usage: Usage, scan: FullScan) -> Price:
    """What an image costs.

    Raises:
        UsageError: if the list charges area and the image has no pixel size.
    """
    if isinstance(model, PerArea):
        return _by_area(model, usage)
    attended, whole = _amounts(model, usage, scan)
    return Price(sample_id=usage.sample_id, model=model.name, attended=attended, whole=whole)


def _amounts(
    model: PerScene | PerByte | Scanner | GpuTime, usage: Usage, scan: FullScan
) -> tuple[float, float | None]:
    if isinstance(model, PerScene):
        return model.price, model.price
    if isinstance(model, PerByte):
        everything = None
        if scan.bytes_read is not None and scan.requests is not None:
            everything = _transfer(model, scan.bytes_read, scan.requests)
        return _transfer(model, usage.bytes_read, usage.requests), everything
    if isinstance(model, Scanner):
        whole = Region(0, 0, usage.height_px, usage.width_px)
        return _visits(model, usage.finest), _visits(model, [whole])
    hourly = model.price_per_hour / SECONDS_PER_HOUR
    return usage.seconds * hourly, None if scan.seconds is None else scan.seconds * hourly


def _transfer(model: PerByte, num_bytes: int, requests: int) -> float:
    return num_bytes / BYTES_PER_GB * model.price + requests / 1000 * model.price_per_1000_requests


def _visits(model: Scanner, regions: Sequence[Region]) -> float:
    """Different fields that the regions touch, each moved to and exposed."""
    side = model.field_px
    fields = {
        (row, col)
        for region in regions
        for row in range(region.y // side, -(-region.bottom // side))
        for col in range(region.x // side, -(-region.right // side))
    }
    seconds = len(fields) * (model.move_s + model.exposure_s)
    return seconds * model.price_per_hour / SECONDS_PER_HOUR


def _by_area(model: PerArea, usage: Usage) -> Price:
    if usage.pixel_km is None:
        raise UsageError(
            f"{usage.sample_id}: the image has no pixel size, and {model.name!r} charges by km2; "
            "give its pixel_size_m (or mpp) in the manifest, or leave that cost file out"
        )
    y_km, x_km = usage.pixel_km
    scene = _box(Region(0, 0, usage.height_px, usage.width_px), y_km, x_km)
    ordered = usage.looks if model.overview == "paid" else usage.finest
    orders = pack([_box(region, y_km, x_km) for region in ordered], model)
    [whole] = pack([scene], model)
    return Price(
        sample_id=usage.sample_id,
        model=model.name,
        attended=model.price * sum(order.charged_km2 for order in orders),
        whole=model.price * whole.charged_km2,
        orders=tuple(orders),
    )


def _box(region: Region, y_km: float, x_km: float) -> Box:
    return Box(region.y * y_km, region.x * x_km, region.bottom * y_km, region.right * x_km)
