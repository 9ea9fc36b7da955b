"""Good files that are to be damaged: small ones of many kinds, as bytes in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
import zarr.codecs

from tests.conftest import SHARED, picture
from tests.dicom_files import JPEG, Slide, write_slide
from tests.image_files import halves, slide, write_ome_zarr, write_pyramid_tiff
from tests.mirax_files import write_mirax
from tests.pipeline.images.test_deepzoom import write_deepzoom

MAX_SMALL_BYTES = 60_000
"""Larger files are damaged in the long run only."""
MAX_BYTES = 4_000_000
"""And these never: a few changes among so many bytes hit nothing."""
SUFFIXES = frozenset(
    (
        ".tif",
        ".tiff",
        ".svs",
        ".ndpi",
        ".scn",
        ".bif",
        ".btf",
        ".tf2",
        ".tf8",
        ".qptiff",
        ".jp2",
        ".j2k",
        ".dcm",
    )
)


@dataclass(frozen=True, slots=True)
class Original:
    """A good image: one file, one and what lies beside it, or the files of a Zarr store."""

    name: str
    """What it is called."""
    files: Mapping[str, bytes]
    """Content by path."""
    opened: str
    """Path of what is opened."""

    @property
    def is_made(self) -> bool:
        """Whether it was made here; the real ones are named after their folder."""
        return "/" not in self.name

    @property
    def num_bytes(self) -> int:
        """All of it."""
        return sum(map(len, self.files.values()))

    def write(self, directory: Path) -> Path:
        """Put it on disk; returns what is to be opened."""
        for path, content in self.files.items():
            target = directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return directory / self.opened


def originals(*, with_large: bool) -> list[Original]:
    """All of them, in a fixed order; the real ones only where they are there."""
    limit = MAX_BYTES if with_large else MAX_SMALL_BYTES
    return [*_made(), *(one for one in _real() if one.num_bytes <= limit)]


def _real() -> Iterator[Original]:
    for folder in ("microscopy", "odd_files", "satellite"):
        for path in sorted((SHARED / folder).rglob("*")):
            if path.suffix.lower() in SUFFIXES and path.stat().st_size <= MAX_BYTES:
                name = str(path.relative_to(SHARED))
                yield Original(name, {path.name: path.read_bytes()}, path.name)


def _made() -> Iterator[Original]:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        for path in (*_tiffs(directory), *_zarrs(directory), *_pictures(directory)):
            yield _read(directory, path, [path])
        for path in _with_others(directory):
            yield _read(directory, path, [path.parent])


def _read(directory: Path, opened: Path, parts: list[Path]) -> Original:
    found = [one for part in parts for one in ([part] if part.is_file() else part.rglob("*"))]
    files = {str(one.relative_to(directory)): one for one in sorted(found) if one.is_file()}
    return Original(
        opened.name,
        {name: one.read_bytes() for name, one in files.items()},
        str(opened.relative_to(directory)),
    )


def _tiffs(directory: Path) -> Iterator[Path]:
    yield slide(directory / "slide.tif", 150, 200)
    levels = halves(picture(150, 200), 2)
    kinds: dict[str, dict[str, Any]] = {
        "cog_deflate": {"compression": "deflate", "predictor": True, "tile": (64, 64)},
        "cog_lzw_big": {"compression": "lzw", "tile": (64, 64), "bigtiff": True},
        "zstd_strips": {"compression": "zstd", "rowsperstrip": 32},
        "jpeg_2000": {"compression": "jpeg2000", "tile": (64, 64)},
    }
    for name, options in kinds.items():
        path = directory / f"{name}.tif"
        yield write_pyramid_tiff(path, levels, photometric="rgb", **options)
    big_endian = directory / "big_endian.tif"
    with tifffile.TiffWriter(big_endian, byteorder=">") as file:
        for index, level in enumerate(levels):
            file.write(level, subfiletype=min(1, index), metadata=None, tile=(64, 64))
    yield big_endian
    planes = [np.moveaxis(level, 2, 0) for level in levels]  # (C, H, W)
    options = {"photometric": "rgb", "planarconfig": "separate", "tile": (64, 64)}
    yield write_pyramid_tiff(directory / "planes.tif", planes, **options)


def _zarrs(directory: Path) -> Iterator[Path]:
    levels = [np.moveaxis(one, 2, 0) for one in halves(picture(150, 200), 2)]  # (C, H, W)
    blosc = zarr.codecs.BloscCodec(cname="lz4")
    kinds: dict[str, dict[str, Any]] = {
        "zstd": {},
        "gzip": {"compressors": zarr.codecs.GzipCodec()},
        "blosc": {"compressors": blosc},
        "format_2": {"zarr_format": 2},
        "shards": {"chunk": (3, 32, 32), "shards": (3, 64, 64)},
        "plain_shards": {"chunk": (3, 32, 32), "shards": (3, 64, 64), "compressors": None},
    }
    for name, options in kinds.items():
        yield write_ome_zarr(directory / f"{name}.zarr", levels, **options)


def _pictures(directory: Path) -> Iterator[Path]:
    for suffix in ("png", "jpg", "jp2", "webp"):
        path = directory / f"picture.{suffix}"
        cv2.imwrite(str(path), picture(150, 200))
        yield path


def _with_others(directory: Path) -> Iterator[Path]:
    """Images that are more than one file."""
    (directory / "masked").mkdir()
    masked = slide(directory / "masked" / "a.tif", 150, 200)
    mask = np.full((150, 200), 255, np.uint8)
    tifffile.imwrite(f"{masked}.msk", mask, photometric="minisblack", compression="deflate")
    yield masked
    (directory / "deepzoom").mkdir()
    yield write_deepzoom(directory / "deepzoom", overlap=1)[0]
    (directory / "mirax").mkdir()
    write_mirax(directory / "mirax" / "a.mrxs", picture(256, 256))
    yield directory / "mirax" / "a.mrxs"
    levels = halves(picture(150, 200), 2)
    for name, slide_form in (("plain", Slide()), ("jpeg_sparse", Slide(form=JPEG, is_full=False))):
        yield write_slide(directory / name, levels, slide_form)[0]
