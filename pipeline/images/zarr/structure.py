"""What an OME-Zarr holds: its levels, finest first, and the pyramid they make. No chunk is read."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.errors import CorruptImageError, UnsupportedImageError
from pipeline.images.pyramid import PixelSize, Pyramid
from pipeline.images.zarr.documents import ZarrDocuments
from pipeline.images.zarr.georeference import read_georeference
from pipeline.images.zarr.layouts import layout_of
from pipeline.images.zarr.level import ZarrLevel
from pipeline.images.zarr.multiscale import Multiscale, channel_names, read_multiscale


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ZarrStructure:
    """All that reading tiles needs."""

    pyramid: Pyramid
    """Levels, bands, sizes."""
    levels: tuple[ZarrLevel, ...]
    """Arrays, in the same order."""


def read_structure(documents: ZarrDocuments, uri: str) -> ZarrStructure:
    """Plan an OME-Zarr.

    Raises:
        UnsupportedImageError: if it is a form that is not supported.
        CorruptImageError: if it contradicts itself.
        Exception: whatever zarr raises on damaged metadata.
    """
    multiscale = read_multiscale(documents.attributes, uri)
    sizes = _pixel_sizes(documents, multiscale, uri)
    levels = _shrinking(list(sizes))
    finest = levels[0]
    _check_length(multiscale, finest, uri)
    place = read_georeference(documents.attributes)
    pyramid = Pyramid(
        uri=uri,
        format=f"ome-zarr-{multiscale.version}",
        levels=tuple(level.plan(finest, uri) for level in levels),
        dtype=finest.dtype.name,
        bands=channel_names(multiscale, finest.num_bands),
        pixel_size=sizes[finest],
        nodata=place.nodata,
        crs=place.crs,
        transform=place.transform,
        metadata=place.metadata,
    )
    return ZarrStructure(pyramid=pyramid, levels=levels)


def _pixel_sizes(
    documents: ZarrDocuments, multiscale: Multiscale, uri: str
) -> dict[ZarrLevel, PixelSize | None]:
    """Of every level, as listed."""
    axes = multiscale.axes
    found = {}
    for document, size in zip(documents.arrays, multiscale.pixel_sizes, strict=True):
        layout = layout_of(document, uri)
        if len(layout.shape) != len(axes):
            raise CorruptImageError(
                f"{uri}: level {document.path} has shape {layout.shape}, its axes are {', '.join(axes)}; "
                "write the image again"
            )
        axis = axes.index("c") if "c" in axes else None
        level = ZarrLevel(
            path=document.path, document=document.name, layout=layout, channel_axis=axis
        )
        found[level] = size
    return found


def _check_length(multiscale: Multiscale, finest: ZarrLevel, uri: str) -> None:
    for name, side in zip(multiscale.axes[:-2], finest.layout.shape[:-2], strict=True):
        if name != "c" and side > 1:
            raise UnsupportedImageError(
                f"{uri}: axis {name} is {side} long; wanted one focal plane and one time: write the "
                "one to look at as an image of its own"
            )


def _shrinking(levels: list[ZarrLevel]) -> tuple[ZarrLevel, ...]:
    """Finest first, each level smaller than the one before."""
    ordered = sorted(
        levels, key=lambda one: one.layout.shape[-2] * one.layout.shape[-1], reverse=True
    )
    kept = ordered[:1]
    for level in ordered[1:]:
        sides, before = level.layout.shape[-2:], kept[-1].layout.shape[-2:]
        if sides != before and sides[0] <= before[0] and sides[1] <= before[1]:
            kept.append(level)
    return tuple(kept)
