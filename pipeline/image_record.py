"""One image of a list, as it was named; nothing of it is opened here."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.images.pyramid import PixelSize


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRecord:
    """One image to classify."""

    sample_id: str
    """Its name in all tables; unique in a run."""
    image_path: str
    """Path or URL to open."""
    label: str | None = None
    """True class, if known; carried to the tables, never shown to the model."""
    split: str | None = None
    """Name of its split, if any."""
    pixel_size: PixelSize | None = None
    """Size of a level-0 pixel; overrides what the file says."""
    mask_path: str | None = None
    """Picture whose pixels above 0 are worth looking at."""


def stem_of(path: str) -> str:
    """The id of an image that has none of its own: its file's name without what says the format."""
    name = path.rstrip("/").rsplit("/", 1)[-1]
    stem = name.rsplit(".", 1)[0] or name
    return stem[: -len(".ome")] if stem.lower().endswith(".ome") and len(stem) > 4 else stem
