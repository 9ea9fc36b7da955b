"""The chain of directories of a TIFF, before tifffile follows it: a damaged one can go in a circle for ever."""

from __future__ import annotations

import struct

import tifffile

from pipeline.errors import CorruptImageError

MAX_TAGS = 2**20
"""In all directories together; tifffile takes some 10 us for each."""
MAX_CIRCLE_START = 90
"""tifffile sees a circle, and cuts it, when it begins this early."""


def check_directories(file: tifffile.TiffFile, uri: str) -> None:
    """Refuse a chain of directories that would keep tifffile busy for ever, or for very long.

    Raises:
        CorruptImageError: if it does.
    """
    seen: set[int] = set()
    num_tags, offset = 0, int(file.pages.first.offset)
    while offset and offset not in seen:
        seen.add(offset)
        count, offset = _follow(file, offset)
        num_tags += count
        if num_tags > MAX_TAGS:
            raise CorruptImageError(
                f"{uri}: its directories hold {num_tags} tags and more, at most {MAX_TAGS} are read; the "
                "file is damaged, or write the image to look at to a file of its own"
            )
    if not offset:
        return
    if len(seen) > MAX_CIRCLE_START:
        raise CorruptImageError(
            f"{uri}: its directories go in a circle; the file is damaged, copy it again from where it came"
        )
    len(file.pages)  # looks for circles; taking one page after the other does not


def _follow(file: tifffile.TiffFile, offset: int) -> tuple[int, int]:
    """Tags of the directory at `offset`, and where the next one lies; 0: nowhere."""
    form, handle = file.tiff, file.filehandle
    try:
        handle.seek(offset)
        [count] = struct.unpack(form.tagnoformat, handle.read(form.tagnosize))
        handle.seek(offset + form.tagnosize + count * form.tagsize)
        [following] = struct.unpack(form.offsetformat, handle.read(form.offsetsize))
    except struct.error:  # the file ends here, and with it the chain
        return 1, 0
    return max(1, count), following if following < handle.size else 0
