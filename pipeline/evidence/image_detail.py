"""What the report says of one image that it opens: looks, pictures, explanations, costs, ready for JSON."""

from __future__ import annotations

from typing import Any

from pipeline.evidence.explained import Explained
from pipeline.evidence.pictures import Pictures
from pipeline.records.coverage import Coverage
from pipeline.records.finished_image import FinishedImage

MAX_LOOKS = 400
"""Looks of an image that the page knows of: the first ones."""


def detail_of(image: FinishedImage, pictures: Pictures) -> dict[str, Any]:
    """The page's part on a pictured image."""
    explained = pictures.explained
    explanations = {} if explained is None else {"explained": _explained(explained)}
    return {
        "height_px": image.height_px,
        "width_px": image.width_px,
        "overview": pictures.overview,
        "problem": pictures.problem,
        "probabilities": image.probabilities,
        "unseen": _unseen_share(image),
        "looks": [
            [
                look.region.y,
                look.region.x,
                look.region.height,
                look.region.width,
                look.depth,
                look.level,
                look.label_so_far,
                look.confidence_so_far,
                look.bytes_so_far,
            ]
            for look in image.looks[:MAX_LOOKS]
        ],
        "num_looks": len(image.looks),
        "pictures": pictures.looks,
        "ledger": [
            [
                level.level,
                level.tiles_read,
                level.tiles_total,
                level.pixels_read,
                level.pixels_total,
                level.transferred_bytes,
                level.full_scan_bytes,
                level.requests,
            ]
            for level in image.ledger
        ],
        **explanations,
    }


def _unseen_share(image: FinishedImage) -> float | None:
    """Share of the image that was never looked at from the finest level used."""
    if image.finest_level is None:
        return None
    seen = Coverage()
    for look in image.looks:
        box = look.region.clipped(image.height_px, image.width_px)
        if look.level == image.finest_level and box is not None:
            seen.add(box)
    return 1 - seen.area / (image.height_px * image.width_px)


def _explained(found: Explained) -> dict[str, Any]:
    return {
        "remark": found.remark,
        "layers": [
            [one.method.name, one.picture, one.largest, one.unit, one.problem]
            for one in found.layers
        ],
        "windows": [[one.look, one.picture, one.maps] for one in found.windows],
        "values": {
            name: {
                look: float(f"{value:.4g}") for look, value in values.items() if look < MAX_LOOKS
            }
            for name, values in found.values.items()
        },
    }
