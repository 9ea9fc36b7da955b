"""From the files of a slide to its pyramid, and where every tile lies."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.errors import UnsupportedImageError
from pipeline.images.dicom.frame_plane import FramePlane
from pipeline.images.dicom.instance import Instance
from pipeline.images.dicom.part import Part
from pipeline.images.pyramid import Level, PixelSize, Pyramid

_RGB = ("red", "green", "blue")
_NEAR_MM = 0.02
"""Images whose corners lie further apart on the slide show different places of it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DicomStructure:
    """A slide, as plain values."""

    pyramid: Pyramid
    """Its structure."""
    planes: tuple[tuple[FramePlane, ...], ...]
    """Per level: one for all colours, or one per optical path."""


def read_structure(
    uri: str,
    parts: Sequence[Part],
    names: Mapping[str, str],
    metadata: tuple[tuple[str, str], ...],
) -> DicomStructure:
    """Of the files of one slide.

    Args:
        uri: path of the slide, as the user gave it.
        parts: its files that hold tiles; at least one.
        names: of optical paths, by their identifiers.
        metadata: how it was made.

    Raises:
        UnsupportedImageError: if its frames cannot be decoded.
        Exception: whatever wsidicom raises on a broken file.
    """
    instances = sorted(_instances(uri, parts), key=_by_size)
    base = instances[0]
    alike = [one for one in instances if _is_level_of(one, base)]
    paths = _paths(one for one in alike if _size(one) == _size(base))
    is_colour = base.decoder.shape[2] > 1
    chosen = paths[:1] if is_colour else paths
    depth = _middle([z for one in alike if _size(one) == _size(base) for _, z in one.planes])
    levels, planes = [], []
    for size in dict.fromkeys(_size(one) for one in alike):
        found = _level_planes([one for one in alike if _size(one) == size], chosen, depth)
        if found is not None:
            first = next(one for one in alike if _size(one) == size)
            levels.append(_level(first, base))
            planes.append(found)
    if not levels or levels[0].downsample_y != 1.0:
        raise UnsupportedImageError(
            f"{uri}: optical paths of the finest level are tiled differently; write it as OME-Zarr"
        )
    pyramid = Pyramid(
        uri=uri,
        format="dicom",
        levels=tuple(levels),
        dtype=base.decoder.dtype.name,
        bands=_RGB if is_colour else _band_names(chosen, names),
        pixel_size=_pixel_size(base),
        metadata=metadata,
    )
    return DicomStructure(pyramid=pyramid, planes=tuple(planes))


def _instances(uri: str, parts: Sequence[Part]) -> list[Instance]:
    """Files of a concatenation are one image."""
    groups: dict[str, list[Part]] = {}
    for part in parts:
        groups.setdefault(str(part.dataset.uids.identifier), []).append(part)
    return [Instance(group, uri) for group in groups.values()]


def _by_size(one: Instance) -> tuple[int, str]:
    return -one.height * one.width, one.name


def _size(one: Instance) -> tuple[int, int]:
    return one.height, one.width


def _is_level_of(one: Instance, base: Instance) -> bool:
    """Whether it shows the same as the base, as large or smaller, in the same samples."""
    if (one.decoder.dtype, one.decoder.shape[2]) != (base.decoder.dtype, base.decoder.shape[2]):
        return False
    own, other = one.dataset.image_coordinate_system, base.dataset.image_coordinate_system
    if not (own is None or other is None or own.origin_and_rotation_match(other, _NEAR_MM)):
        return False
    scale = math.sqrt(base.height * base.width / (one.height * one.width))
    sides = ((one.height, base.height), (one.width, base.width))
    if any(abs(small * scale - large) > 2 * scale + 0.01 * large for small, large in sides):
        return False
    sizes = one.dataset.pixel_spacing, base.dataset.pixel_spacing
    if sizes[0] is None or sizes[1] is None:
        return True
    # A part of the slide at full resolution has its form too; the size of its pixels tells.
    return bool(abs(sizes[0].width / sizes[1].width / scale - 1) < 0.1)


def _paths(instances: Iterable[Instance]) -> list[str]:
    """Identifiers of all optical paths; "10" follows "9"."""
    found = {path for one in instances for path, _ in one.planes}
    return sorted(found, key=lambda path: (len(path), path))


def _middle(depths: Sequence[float]) -> float:
    """The focal plane in the middle."""
    middle = (min(depths) + max(depths)) / 2
    return min(sorted(depths), key=lambda z: abs(z - middle))


def _level_planes(
    instances: Sequence[Instance], paths: Sequence[str], depth: float
) -> tuple[FramePlane, ...] | None:
    """One per optical path, at the focal plane nearest to the wanted one; None if one is not there."""
    tile = instances[0].tile_height, instances[0].tile_width
    planes = []
    for path in paths:
        found = [
            (abs(z - depth), number, z)
            for number, one in enumerate(instances)
            for own, z in one.planes
            if own == path and (one.tile_height, one.tile_width) == tile
        ]
        if not found:
            return None
        _, number, z = min(found)
        planes.append(instances[number].plane(path, z))
    return tuple(planes)


def _level(one: Instance, base: Instance) -> Level:
    return Level(
        one.height,
        one.width,
        one.tile_height,
        one.tile_width,
        base.height / one.height,
        base.width / one.width,
    )


def _band_names(paths: Sequence[str], names: Mapping[str, str]) -> tuple[str, ...]:
    if len(paths) == 1:
        return ("gray",)
    called = [names.get(path, f"path_{path}") for path in paths]
    return tuple(
        f"{name} ({path})" if called.count(name) > 1 else name
        for path, name in zip(paths, called, strict=True)
    )


def _pixel_size(base: Instance) -> PixelSize | None:
    spacing = base.dataset.pixel_spacing  # millimetres
    if spacing is None:
        return None
    return PixelSize(float(spacing.height) * 1000, float(spacing.width) * 1000, "um")
