"""Aperio's own JPEG 2000 (compression 33003): luma and chroma are stored as they are, and nothing in the file says so.

The codestream has no colour transform of its own (OpenSlide, "Aperio format"), so a decoder gives YCbCr, often with
chroma at half the width. Shown as RGB such slides are pink and green; here they become RGB.
"""

from __future__ import annotations

import io

import cv2
import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

APERIO_YCBCR = 33003
"""TIFF compression."""
_CODING_STYLE = b"\xff\x52"
"""Marker of the segment that says whether components were transformed; in the main header."""


def decode_ycbcr(stored: bytes) -> NDArray[np.generic]:
    """(h, w, 3) RGB of one tile.

    Raises:
        Exception: whatever the codec raises on damaged data.
    """
    try:
        samples = np.asarray(imagecodecs.jpeg2k_decode(stored))
    except NotImplementedError:  # chroma at half the width: Pillow spreads it
        with Image.open(io.BytesIO(stored)) as image:
            samples = np.asarray(image)
    if samples.ndim != 3 or samples.shape[2] != 3 or _has_transform(stored):
        return samples
    return cv2.cvtColor(np.ascontiguousarray(samples[:, :, [0, 2, 1]]), cv2.COLOR_YCrCb2RGB)


def _has_transform(stored: bytes) -> bool:
    """Whether the decoder has undone a transform already: then the samples are RGB."""
    at = stored.find(_CODING_STYLE, 0, 4096)
    return at >= 0 and len(stored) > at + 8 and stored[at + 8] == 1
