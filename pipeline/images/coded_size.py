"""How large a JPEG or JPEG 2000 says it is, before it is decoded.

Their decoders allocate what the stored bytes ask for, not what the tile should be: a few damaged bytes could
take gigabytes and with them the process. The other codecs are told how much room there is.
"""

from __future__ import annotations

import struct

_JPEG_START, _JPEG_2000_START = b"\xff\xd8", b"\xff\x4f\xff\x51"
_NOT_FRAMES = (0xC4, 0xC8, 0xCC)
"""Markers between 0xC0 and 0xCF that start no frame: Huffman tables, reserved, arithmetic coding."""
_SCAN = 0xDA


def coded_samples(stored: bytes) -> int | None:
    """Samples (rows x columns x components) that decoding makes; None where it cannot be told."""
    if stored.startswith(_JPEG_START):
        return _jpeg_samples(stored)
    if stored.startswith(_JPEG_2000_START) and len(stored) >= 42:
        x_end, y_end, x, y = struct.unpack_from(">4I", stored, 8)
        [components] = struct.unpack_from(">H", stored, 40)
        return int((x_end - x) * (y_end - y) * components)
    return None


def _jpeg_samples(stored: bytes) -> int | None:
    """Walk the segments up to the frame header, which stands before the coded data."""
    at = len(_JPEG_START)
    while at + 10 <= len(stored) and stored[at] == 0xFF:
        marker = stored[at + 1]
        if marker == 0xFF:  # padding
            at += 1
            continue
        if marker == _SCAN:
            return None
        if 0xC0 <= marker <= 0xCF and marker not in _NOT_FRAMES:
            height, width, components = struct.unpack_from(">HHB", stored, at + 5)
            return int(height * width * components)
        at += 2 + struct.unpack_from(">H", stored, at + 2)[0]
    return None
