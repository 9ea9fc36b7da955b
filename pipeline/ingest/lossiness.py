"""Whether an image is stored in a codec that loses something, so that a lossy copy of it is no worse in kind."""

from __future__ import annotations

from pathlib import Path

import tifffile

from pipeline.storage.place import is_far, local_path

_LOSSY = frozenset((6, 7, 22610, 33003, 33004, 33005, 34712, 34892, 50001, 50002, 52546))
"""TIFF compressions: JPEG, JPEG 2000, JPEG XR, WebP, JPEG XL. Some can be lossless; slides hardly ever are."""
_LOSSY_STARTS = (b"\xff\xd8\xff", b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51", b"RIFF")
"""Of files that are one picture: JPEG, JPEG 2000, WebP."""
_TIFF_STARTS = (b"II", b"MM")


def is_stored_lossy(uri: str) -> bool:
    """By the codec of a file on this machine; False for what is far or a directory: there nobody said so."""
    if is_far(uri) or not (path := Path(local_path(uri))).is_file():
        return False
    with path.open("rb") as file:
        start = file.read(12)
    if not start.startswith(_TIFF_STARTS):
        return start.startswith(_LOSSY_STARTS)
    try:
        with tifffile.TiffFile(path) as tiff:
            return int(tiff.series[0].keyframe.compression) in _LOSSY
    except Exception:  # noqa: BLE001  # an odd file that opens all the same; tifffile raises whatever it likes
        return False
