"""The same TIFF in another order of its parts: as cloud-optimized writers lay it out, and as scanners do."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import tifffile

_OFFSETS = (273, 324)
_MARK_BYTES = 4
"""What GDAL writes before and after each tile of a COG."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tag:
    code: int
    dtype: int
    count: int
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    tags: tuple[_Tag, ...]
    segments: tuple[bytes, ...]


def relaid(source: Path, target: Path, *, index_first: bool) -> Path:
    """Write a classic little-endian TIFF again.

    Args:
        source: what tifffile wrote.
        target: the new file.
        index_first: True: all directories, then tiles, coarsest level first, with GDAL's 4 bytes on either
            side of each (COG). False: tiles, then all directories (SVS).
    """
    pages = _pages(source)
    length = len(_index(pages, 0))
    at = 8 + length if index_first else 8
    data, moved = b"", list(pages)
    for number in range(len(pages) - 1, -1, -1) if index_first else range(len(pages)):
        offsets = []
        for segment in pages[number].segments:
            mark = struct.pack("<I", len(segment)) if index_first else b""
            offsets.append(at + len(data) + len(mark))
            data += mark + segment + segment[-len(mark) :] * bool(mark)
        moved[number] = _moved(pages[number], offsets)
    data += b"\0" * (len(data) % 2)  # directories begin on even bytes
    start = 8 if index_first else 8 + len(data)
    parts = [_index(moved, start), data] if index_first else [data, _index(moved, start)]
    target.write_bytes(struct.pack("<2sHI", b"II", 42, start) + b"".join(parts))
    return target


def _pages(path: Path) -> list[_Page]:
    raw = path.read_bytes()
    with tifffile.TiffFile(path) as tiff:
        return [
            _Page(
                tags=tuple(
                    _Tag(
                        code=tag.code,
                        dtype=int(tag.dtype),
                        count=tag.count,
                        value=raw[tag.valueoffset : tag.valueoffset + tag.valuebytecount],
                    )
                    for tag in sorted(page.tags, key=lambda tag: tag.code)
                ),
                segments=tuple(
                    raw[offset : offset + count]
                    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)
                ),
            )
            for page in tiff.pages
        ]


def _moved(page: _Page, offsets: Sequence[int]) -> _Page:
    value = struct.pack(f"<{len(offsets)}I", *offsets)
    tags = tuple(
        replace(tag, value=value, dtype=4) if tag.code in _OFFSETS else tag for tag in page.tags
    )
    return replace(page, tags=tags)


def _index(pages: Sequence[_Page], start: int) -> bytes:
    """All directories, each followed by its values that are longer than 4 bytes; the first begins at `start`."""
    index = b""
    for page in pages:
        here = start + len(index)
        at = here + 2 + 12 * len(page.tags) + 4
        entries, values = b"", b""
        for tag in page.tags:
            entries += struct.pack("<HHI", tag.code, tag.dtype, tag.count)
            if len(tag.value) <= 4:
                entries += tag.value.ljust(4, b"\0")
            else:
                entries += struct.pack("<I", at + len(values))
                values += tag.value + b"\0" * (len(tag.value) % 2)
        after = 0 if page is pages[-1] else at + len(values)
        index += struct.pack("<H", len(page.tags)) + entries + struct.pack("<I", after) + values
    return index
