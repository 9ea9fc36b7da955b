"""A whole picture file to its samples. No more memory is taken than one stored tile may have."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.images.coded_size import coded_samples
from pipeline.images.tiff.plane import MAX_TILE_BYTES

KINDS: Mapping[bytes, str] = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpeg",
    b"\0\0\0\x0cjP  ": "jp2",
    b"\xff\x4f\xff\x51": "j2k",
    b"RIFF": "webp",
}
"""How files of each kind start."""
_DECODERS: Mapping[str, Callable[[bytes], Any]] = {
    "png": imagecodecs.png_decode,
    "jpeg": imagecodecs.jpeg_decode,
    "jp2": imagecodecs.jpeg2k_decode,
    "j2k": imagecodecs.jpeg2k_decode,
    "webp": imagecodecs.webp_decode,
}
_BANDS = {
    1: ("gray",),
    2: ("gray", "alpha"),
    3: ("red", "green", "blue"),
    4: ("red", "green", "blue", "alpha"),
}
_CMYK = ("cyan", "magenta", "yellow", "black")


def kind_of(start: bytes) -> str | None:
    """Which kind of picture a file is, by its first bytes; None: none of these."""
    return next((kind for magic, kind in KINDS.items() if start.startswith(magic)), None)


def decode_picture(stored: bytes) -> NDArray[np.generic]:
    """(h, w, C) samples, as stored: no rotation by EXIF, no colour profile. Palettes become their colours.

    Raises:
        ValueError: if it is no picture, or too large for one tile.
        Exception: whatever the codec raises on damaged data.
    """
    kind = kind_of(stored)
    if kind is None:
        raise ValueError(f"no picture that is known here (it starts with {stored[:8]!r})")
    claimed = coded_samples(stored)
    if claimed is not None and claimed > MAX_TILE_BYTES:
        raise ValueError(
            f"it says that it holds {claimed} samples; at most {MAX_TILE_BYTES} bytes are decoded at once: "
            "write it as a tiled TIFF or OME-Zarr"
        )
    try:
        samples = np.asarray(_DECODERS[kind](stored))
    except NotImplementedError:  # colours stored at half size: only Pillow spreads them
        with Image.open(io.BytesIO(stored)) as image:
            samples = np.asarray(image)
    if samples.ndim not in (2, 3) or min(samples.shape) < 1:
        raise ValueError(f"it decodes to an array of shape {samples.shape}")
    return samples.reshape(*samples.shape[:2], -1)  # (h, w, C)


def bands_of(samples: NDArray[np.generic], kind: str) -> tuple[str, ...]:
    """What the bands of a decoded picture are."""
    count = samples.shape[2]
    if kind == "jpeg" and count == 4:
        return _CMYK
    return _BANDS.get(count) or tuple(f"band_{number}" for number in range(count))
