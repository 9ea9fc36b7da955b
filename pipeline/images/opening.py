"""From a path to an open image: which format it is, and a clear word when it is none."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pipeline.errors import (
    CorruptImageError,
    ImageAccessError,
    ImageError,
    UnsupportedImageError,
)
from pipeline.images.source import Fingerprint, Source

IMAGE_SUFFIXES = frozenset(
    (".svs", ".tif", ".tiff", ".btf", ".tf2", ".tf8", ".ndpi", ".scn", ".bif", ".qptiff")
)
"""Names that are picked up when a directory is searched."""
_ZARR_DOCUMENTS = ("zarr.json", ".zgroup", ".zattrs")
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"IIN1")
_OTHER_KINDS = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"\0\0\0\x0cjP  ": "a JPEG 2000 picture",
    b"\xff\x4f\xff\x51": "a JPEG 2000 codestream",
    b"RIFF": "a WebP picture",
    b"GIF8": "a GIF picture",
    b"BM": "a BMP picture",
    b"\x89HDF": "an HDF5 file",
    b"PK": "a ZIP archive",
    b"%PDF": "a PDF document",
}


def open_source(uri: str) -> Source:
    """Open an image. Close it when done.

    Raises:
        ImageAccessError: if it is missing, may not be read, or is not a regular file.
        UnsupportedImageError: if it is an image of a kind that is not supported.
        CorruptImageError: if it is no image, or a broken one.
    """
    path = local_path(uri)
    if "\0" in uri:
        raise ImageAccessError(f"{uri!r}: a path cannot hold a zero byte; check the list of images")
    try:
        return _open_directory(path) if path.is_dir() else _open_file(path)
    except ImageError:
        raise
    except OSError as error:
        raise ImageAccessError(
            f"{path}: cannot be read: {error.strerror or error}; check the path and its permissions"
        ) from error


def fingerprint_of(uri: str) -> Fingerprint | None:
    """Identity of the stored image as it is now, without opening it; None when it cannot be told."""
    try:
        path = local_path(uri)
        if path.is_dir():
            from pipeline.images.zarr_documents import fingerprint_of_zarr

            return fingerprint_of_zarr(path)
        status = path.stat()
    except (OSError, ImageError):
        return None
    return Fingerprint(status.st_size, status.st_mtime_ns)


def is_zarr_directory(path: Path) -> bool:
    """Whether a directory is a Zarr store."""
    return any((path / name).exists() for name in _ZARR_DOCUMENTS)


def local_path(uri: str) -> Path:
    """The path that a name or a `file://` URL stands for.

    Raises:
        UnsupportedImageError: for other URLs.
    """
    if "://" not in uri:
        return Path(uri)
    parts = urlsplit(uri)
    if parts.scheme != "file":
        raise UnsupportedImageError(
            f"{uri}: images behind {parts.scheme}:// cannot be read yet; copy it to a disk"
        )
    return Path(unquote(parts.path))


def _open_directory(path: Path) -> Source:
    if not is_zarr_directory(path):
        raise UnsupportedImageError(
            f"{path}: a directory that is not a Zarr store ({', '.join(_ZARR_DOCUMENTS)} are not in "
            "it); give the images in it, or a glob"
        )
    from pipeline.images.zarr_source import ZarrSource  # not above: TIFF users never pay for zarr

    return ZarrSource(str(path))


def _open_file(path: Path) -> Source:
    # Looked at before it is opened: opening a pipe or a device could wait for ever.
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ImageAccessError(f"{path}: not a regular file; give an image file")
    if status.st_size == 0:
        raise CorruptImageError(f"{path}: the file is empty; copy it again from where it came")
    start = _first_bytes(path)
    if not start.startswith(_TIFF_STARTS):
        raise _not_a_tiff(path, start)
    from pipeline.images.tiff_source import TiffSource  # not above: a driver opens no image

    return TiffSource(str(path))


def _first_bytes(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return os.pread(descriptor, 132, 0)
    finally:
        os.close(descriptor)


def _not_a_tiff(path: Path, start: bytes) -> ImageError:
    kinds = [kind for magic, kind in _OTHER_KINDS.items() if start.startswith(magic)]
    if start[128:132] == b"DICM":
        kinds = ["a DICOM file"]
    if kinds:
        return UnsupportedImageError(
            f"{path}: {kinds[0]}; wanted a TIFF or an OME-Zarr: write it as a pyramidal TIFF or OME-Zarr"
        )
    return CorruptImageError(
        f"{path}: not an image that is known here (it starts with {start[:8]!r}); wanted a TIFF or an "
        "OME-Zarr"
    )
