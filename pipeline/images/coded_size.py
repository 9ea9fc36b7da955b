"""How large a JPEG, JPEG-LS, JPEG 2000 or PNG says it is, before it is decoded.

Their decoders allocate what the stored bytes ask for, not what the tile should be: a few damaged bytes could
take gigabytes and with them the process. The other codecs are told how much room there is.
"""

from __future__ import annotations

import struct

_JPEG_START, _JPEG_2000_START = b"\xff\xd8", b"\xff\x4f\xff\x51"
_JP2_START, _PNG_START = b"\0\0\0\x0cjP  ", b"\x89PNG\r\n\x1a\n"
_PNG_SAMPLES = {0: 1, 2: 3, 4: 2}
"""By colour type; palettes may become four."""
_NOT_FRAMES = (0xC4, 0xC8, 0xCC)
"""Markers between 0xC0 and 0xCF that start no frame: Huffman tables, reserved, arithmetic coding."""
_JPEG_LS = 0xF7
"""Starts a frame of JPEG-LS, with the same header."""
_SCAN = 0xDA


def coded_samples(stored: bytes) -> int | None:
    """Samples (rows x columns x components) that decoding makes; None where it cannot be told."""
    if stored.startswith(_JPEG_START):
        return _jpeg_samples(stored)
    if stored.startswith(_PNG_START) and len(stored) >= 26:
        width, height = struct.unpack_from(">2I", stored, 16)
        return int(width * height * _PNG_SAMPLES.get(stored[25], 4))
    if stored.startswith(_JP2_START):  # boxes, and the codestream in one of them
        return _jpeg_2000_samples(stored, stored.find(_JPEG_2000_START))
    if stored.startswith(_JPEG_2000_START):
        return _jpeg_2000_samples(stored, 0)
    return None


def _jpeg_2000_samples(stored: bytes, at: int) -> int | None:
    if at < 0 or len(stored) < at + 42:
        return None
    x_end, y_end, x, y = struct.unpack_from(">4I", stored, at + 8)
    [components] = struct.unpack_from(">H", stored, at + 40)
    return int((x_end - x) * (y_end - y) * components)


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
        if marker == _JPEG_LS or (0xC0 <= marker <= 0xCF and marker not in _NOT_FRAMES):
            height, width, components = struct.unpack_from(">HHB", stored, at + 5)
            return int(height * width * components)
        at += 2 + struct.unpack_from(">H", stored, at + 2)[0]
    return None
