"""What an OME-Zarr (0.4, 0.5) says of itself: levels, axes, channels, pixel size. Plain JSON, no array is read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import CorruptImageError, UnsupportedImageError
from pipeline.images.pixel_size import UM_PER_UNIT
from pipeline.images.pyramid import PixelSize
from pipeline.images.zarr.documents import dataset_paths

_COLOURS = {"FF0000": "red", "00FF00": "green", "0000FF": "blue"}
_SHORT = {"r": "red", "g": "green", "b": "blue"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiscale:
    """The first image of an OME-Zarr group."""

    version: str
    """Of the metadata, e.g. `0.5`."""
    axes: tuple[str, ...]
    """Names of the dimensions, y and x last."""
    paths: tuple[str, ...]
    """Array of each level, as listed; finest first, if the writer kept to the rules."""
    channels: tuple[Mapping[str, Any], ...]
    """What `omero` says of each channel, if anything."""
    pixel_sizes: tuple[PixelSize | None, ...]
    """Of each level, None where it is not said."""


def read_multiscale(attributes: Mapping[str, Any], uri: str) -> Multiscale:
    """From the attributes of a group.

    Raises:
        UnsupportedImageError: if it is no OME-Zarr image.
        CorruptImageError: if the metadata contradicts itself.
    """
    ome = attributes.get("ome", attributes)
    if not isinstance(ome, Mapping):
        raise CorruptImageError(f"{uri}: its OME metadata is no JSON object; write it again")
    if not ome.get("multiscales"):
        raise UnsupportedImageError(f"{uri}: {_what_it_is(ome)}")
    image = ome["multiscales"][0]
    datasets = image["datasets"]
    if not datasets:
        raise CorruptImageError(f"{uri}: its multiscales list no datasets; write it again")
    axes = tuple(_axis_name(axis) for axis in image.get("axes", ()))
    if axes[-2:] != ("y", "x"):
        raise UnsupportedImageError(
            f"{uri}: its axes are {', '.join(axes) or 'not listed'}; wanted y, x last. Write it as "
            "OME-Zarr 0.4 or 0.5 with axes t, c, z, y, x or fewer"
        )
    return Multiscale(
        version=str(ome.get("version", image.get("version", "0.4"))),
        axes=axes,
        paths=dataset_paths(attributes, uri),
        channels=tuple((ome.get("omero") or {}).get("channels") or ()),
        pixel_sizes=tuple(_pixel_size(image, dataset) for dataset in datasets),
    )


def channel_names(multiscale: Multiscale, num_channels: int) -> tuple[str, ...]:
    """A name per band: colours where the channels are the three colours, labels where there are any."""
    labels = [str(channel.get("label") or "") for channel in multiscale.channels]
    if num_channels == 1:
        return ("gray",)
    if len(labels) != num_channels:
        return tuple(f"band_{index}" for index in range(num_channels))
    if num_channels == 3:
        for names in (_lower(labels), _by_colour(multiscale.channels)):
            if sorted(names) == ["blue", "green", "red"]:
                return tuple(names)
    is_usable = all(labels) and len(set(labels)) == len(labels)
    return tuple(labels) if is_usable else tuple(f"band_{i}" for i in range(num_channels))


def _lower(labels: Sequence[str]) -> list[str]:
    return [_SHORT.get(label.lower(), label.lower()) for label in labels]


def _by_colour(channels: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        _COLOURS.get(str(channel.get("color", "")).lstrip("#").upper(), "") for channel in channels
    ]


def _axis_name(axis: Any) -> str:
    return str(axis["name"] if isinstance(axis, Mapping) else axis).lower()


def _pixel_size(image: Mapping[str, Any], dataset: Mapping[str, Any]) -> PixelSize | None:
    """The scales of the level and of the whole image, multiplied, in the unit of the x axis."""
    axis = image["axes"][-1]
    um = UM_PER_UNIT.get(str(axis.get("unit", ""))) if isinstance(axis, Mapping) else None
    scales = [
        transform["scale"]
        for holder in (dataset, image)
        for transform in holder.get("coordinateTransformations") or ()
        if transform.get("type") == "scale" and "scale" in transform
    ]
    if um is None or not scales:
        return None
    y, x = (math.prod(float(scale[at]) for scale in scales) for at in (-2, -1))
    if not (0 < y < math.inf and 0 < x < math.inf):
        return None
    is_map = um >= UM_PER_UNIT["m"]
    return PixelSize(y, x, "m") if is_map else PixelSize(y * um, x * um, "um")


def _what_it_is(ome: Mapping[str, Any]) -> str:
    if "plate" in ome:
        return "a plate of many images; give the path of one of its fields, such as A/1/0"
    if "bioformats2raw.layout" in ome:
        return "a collection of images; give the path of one of them, such as 0"
    if "well" in ome:
        return "a well of many images; give the path of one of its fields, such as 0"
    return (
        "a Zarr group without OME metadata ('multiscales'); write it as OME-Zarr 0.4 or 0.5, or give "
        "the path of the image within it"
    )
