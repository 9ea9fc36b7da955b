"""From which image, and how, a result was made: kept in the result, so that two ingests can be told apart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.images.pyramid import PixelSize
from pipeline.ingest.plan import CHUNK_PX, IngestPlan
from pipeline.ingest.settings import IngestSettings
from pipeline.storage.fingerprint import Fingerprint

FORMAT = 2
"""Counts up when the same settings would write something else."""


def origin_of(
    fingerprint: Fingerprint,
    plan: IngestPlan,
    settings: IngestSettings,
    pixel_size: PixelSize | None,
) -> dict[str, Any]:
    """Plain JSON values."""
    return {
        "format": FORMAT,
        "source_bytes": fingerprint.size_bytes,
        "source_modified_ns": fingerprint.modified_ns,
        "source_etag": fingerprint.etag,
        "codec": settings.codec,
        "quality": settings.quality if settings.is_lossy else None,
        "pixel_size": None if pixel_size is None else asdict(pixel_size),
        "chunk_px": CHUNK_PX,
        "shard_px": [plan.levels[0].shard_height, plan.levels[0].shard_width],
    }


def read_origin(store: Path) -> Mapping[str, Any] | None:
    """Of a store that an ingest made; None where there is none, or one of another maker."""
    try:
        document = json.loads((store / "zarr.json").read_text())
        found = document["attributes"]["foveate"]["ingest"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return found if isinstance(found, Mapping) else None


def refuse_other(store: Path, found: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> None:
    """Do not take a finished result for another one.

    Raises:
        UsageError: if it was made of another image, in another way, or by something else.
    """
    if found is None:
        raise UsageError(
            f"{store}: exists, and no ingest made it; name another --out, or --overwrite it"
        )
    other = [name for name in wanted if found.get(name) != wanted[name]]
    if other:
        told = "; ".join(f"{name} is {found.get(name)}, now {wanted[name]}" for name in other)
        raise UsageError(
            f"{store}: holds another ingest: {told}. Name another --out, or --overwrite it"
        )
