"""Every image of a run by every price list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.costs.models import CostModel
from pipeline.costs.pricing import FullScan, Price, Usage, price
from pipeline.images.region import Region
from pipeline.records.finished_image import FinishedImage

_KM = {"m": 1e-3, "um": 1e-9}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTotal:
    """One price list over a run."""

    model: str
    """Name of the list."""
    attended: float
    """What was looked at costs, over all images."""
    whole: float | None
    """All of them in full; None where that is not known of one."""
    num_images: int
    """Images priced."""
    num_dearer: int
    """Those of them where looking costs more than taking everything."""


def priced(
    images: Sequence[FinishedImage],
    models: Sequence[CostModel],
    *,
    seconds_per_image: float,
    scan_seconds: float | None = None,
) -> Iterator[Price]:
    """Image by image, list by list; images that failed cost nothing and are left out.

    Args:
        images: of a run.
        models: price lists.
        seconds_per_image: of the run.
        scan_seconds: of a full scan, per image, where one was run.

    Raises:
        UsageError: naming the image that lacks a pixel size.
    """
    for image in images:
        if image.finest_level is None:
            continue
        usage, scan = _usage(image, seconds_per_image), _scan(image, scan_seconds)
        for model in models:
            yield price(model, usage, scan)


def totals(prices: Sequence[Price], models: Sequence[CostModel]) -> list[ListTotal]:
    """One line per list."""
    lines = []
    for model in models:
        own = [one for one in prices if one.model == model.name]
        wholes = [one.whole for one in own]
        lines.append(
            ListTotal(
                model=model.name,
                attended=sum(one.attended for one in own),
                whole=None if None in wholes else sum(one for one in wholes if one is not None),
                num_images=len(own),
                num_dearer=sum(one.is_dearer for one in own),
            )
        )
    return lines


def _usage(image: FinishedImage, seconds: float) -> Usage:
    inside = [
        (look, part)
        for look in image.looks
        if look.level is not None
        and (part := look.region.clipped(image.height_px, image.width_px)) is not None
    ]
    finest: list[Region] = [part for look, part in inside if look.level == image.finest_level]
    size, unit = image.pixel_size, image.pixel_size_unit
    return Usage(
        sample_id=image.sample_id,
        height_px=image.height_px,
        width_px=image.width_px,
        pixel_km=None
        if size is None or unit is None
        else (size[0] * _KM[unit], size[1] * _KM[unit]),
        looks=tuple(part for _, part in inside),
        finest=tuple(finest),
        bytes_read=image.bytes_read,
        requests=sum(level.requests for level in image.ledger),
        seconds=seconds,
    )


def _scan(image: FinishedImage, seconds: float | None) -> FullScan:
    header = next((one for one in image.ledger if one.level is None), None)
    finest = next((one for one in image.ledger if one.level == image.finest_level), None)
    if finest is None or finest.full_scan_bytes is None or header is None:
        return FullScan(bytes_read=None, requests=None, seconds=seconds)
    return FullScan(
        bytes_read=finest.full_scan_bytes + header.transferred_bytes,
        requests=finest.tiles_total + header.requests,
        seconds=seconds,
    )
