"""A small MIRAX slide on disk: the three kinds of files that OpenSlide asks for, with JPEG tiles.

No free program writes MIRAX; this follows what OpenSlide says of the format (openslide.org/formats/mirax).
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray

SLIDE_ID = "0123456789ABCDEF0123456789ABCDEF"
VERSION = "01.02"

Picture = NDArray[np.uint8]


def write_mirax(
    path: Path,
    finest: Picture,
    *,
    num_levels: int = 3,
    image_px: int = 64,
    holes: Collection[tuple[int, int]] = (),
) -> list[Picture]:
    """Write `path` (.mrxs) and its directory.

    Args:
        path: where to.
        finest: (H, W, 3), whole images of `image_px` and divisible by 2 ** (num_levels - 1) images.
        num_levels: each half as large as the one before.
        image_px: side of the JPEG images, the same on every level.
        holes: (row, col) of images of the finest level that were not scanned.

    Returns:
        (H, W, 3) levels, as decoded from the JPEG images; black where nothing was scanned.
    """
    path.write_bytes(b"\xff\xd8")  # OpenSlide looks at the name only
    folder = path.with_suffix("")
    folder.mkdir()
    rows, cols = finest.shape[0] // image_px, finest.shape[1] // image_px
    data = b""
    pages: list[list[tuple[int, int, int, int]]] = []
    seen: list[Picture] = []
    for level in reversed(range(num_levels)):  # OpenSlide reads the coarsest to open a slide
        step = 2**level
        shrunk = np.ascontiguousarray(finest[::step, ::step])
        pages.insert(0, [])
        seen.insert(0, np.zeros_like(shrunk))
        for row, col in _images(shrunk, image_px):
            if level == 0 and (row, col) in holes:
                continue
            y, x = row * image_px, col * image_px
            box = np.s_[y : y + image_px, x : x + image_px]
            stored = imagecodecs.jpeg8_encode(np.ascontiguousarray(shrunk[box]), level=95)
            seen[0][box] = imagecodecs.jpeg8_decode(stored)
            pages[0].append(((row * cols + col) * step, len(data), len(stored), 0))
            data += stored
    (folder / "Data0000.dat").write_bytes(data)
    (folder / "Index.dat").write_bytes(_index(pages))
    (folder / "Slidedat.ini").write_text(_slidedat(rows, cols, num_levels, image_px))
    return seen


def _images(level: Picture, image_px: int) -> Iterator[tuple[int, int]]:
    for row in range(level.shape[0] // image_px):
        for col in range(level.shape[1] // image_px):
            yield row, col


def _index(levels: list[list[tuple[int, int, int, int]]]) -> bytes:
    """Pointers to one page of images per level; each pointer first leads to a zero and the page's address."""
    start = (VERSION + SLIDE_ID).encode()
    roots = len(start)  # of the hierarchy, and of what is outside it
    at = roots + 8 + 4 * len(levels)
    pointers, pages = [], b""
    for images in levels:
        pointers.append(at + len(pages))
        pages += struct.pack("<ii", 0, at + len(pages) + 8)
        pages += struct.pack("<ii", len(images), 0)
        pages += b"".join(struct.pack("<iiii", *image) for image in images)
    return start + struct.pack(f"<ii{len(levels)}i", roots + 8, 0, *pointers) + pages


def _slidedat(rows: int, cols: int, num_levels: int, image_px: int) -> str:
    names = "".join(f"HIER_0_VAL_{i}_SECTION = LEVEL_{i}\n" for i in range(num_levels))
    levels = "".join(
        f"[LEVEL_{i}]\nIMAGE_CONCAT_FACTOR = {1 if i else 0}\nOVERLAP_X = 0\nOVERLAP_Y = 0\n"
        f"MICROMETER_PER_PIXEL_X = {0.25 * 2**i}\nMICROMETER_PER_PIXEL_Y = {0.5 * 2**i}\n"
        f"IMAGE_FORMAT = JPEG\nIMAGE_FILL_COLOR_BGR = 0\nDIGITIZER_WIDTH = {image_px}\n"
        f"DIGITIZER_HEIGHT = {image_px}\n"
        for i in range(num_levels)
    )
    return (
        f"[GENERAL]\nSLIDE_VERSION = 01.02\nSLIDE_ID = {SLIDE_ID}\nIMAGENUMBER_X = {cols}\n"
        f"IMAGENUMBER_Y = {rows}\nOBJECTIVE_MAGNIFICATION = 20\n"
        f"[HIERARCHICAL]\nHIER_COUNT = 1\nNONHIER_COUNT = 0\nINDEXFILE = Index.dat\n"
        f"HIER_0_NAME = Slide zoom level\nHIER_0_COUNT = {num_levels}\n{names}"
        f"[DATAFILE]\nFILE_COUNT = 1\nFILE_0 = Data0000.dat\n{levels}"
    )
