"""From a path on a disk to an open image, be it a file or a directory."""

from __future__ import annotations

import stat
from pathlib import Path

from pipeline.errors import ImageAccessError, UnsupportedImageError
from pipeline.images.companions import companions, fingerprint_of_files, with_companions
from pipeline.images.contents import START_BYTES, open_object, open_store
from pipeline.images.dicom.files import is_dicom
from pipeline.images.openslide.files import (
    OPENSLIDE_SUFFIXES,
    fingerprint_of_openslide,
    is_openslide_file,
)
from pipeline.images.source import Source
from pipeline.storage.byte_range import ByteRange
from pipeline.storage.disk import DiskStorage
from pipeline.storage.fingerprint import Fingerprint
from pipeline.storage.metered_storage import metered
from pipeline.storage.purse import Purse

IMAGE_SUFFIXES = frozenset(
    (
        *(".svs", ".tif", ".tiff", ".btf", ".tf2", ".tf8", ".ndpi", ".scn", ".bif", ".qptiff"),
        *(".png", ".jpg", ".jpeg", ".jp2", ".j2k", ".webp", ".dzi"),
        *OPENSLIDE_SUFFIXES,
    )
)
"""Names that are picked up when a directory is searched."""
_ZARR_DOCUMENTS = ("zarr.json", ".zgroup", ".zattrs")


def open_near(path: Path, purse: Purse) -> Source:
    """Open an image on a disk.

    Raises:
        ImageError: whatever is wrong with it, and where the purse does not suffice.
        OSError, StorageError: if the disk fails.
    """
    return _open_directory(path, purse) if path.is_dir() else _open_file(path, purse)


def fingerprint_near(path: Path) -> Fingerprint:
    """Identity of an image on a disk as it is now, without opening it.

    Raises:
        FoveateError, OSError: if it cannot be told.
    """
    if is_openslide_file(path):
        return fingerprint_of_openslide(path)
    if is_zarr_directory(path):
        from pipeline.images.zarr.documents import fingerprint_of_zarr

        return fingerprint_of_zarr(DiskStorage(path))
    if is_dicom(path):
        from pipeline.images.dicom.series import fingerprint_of_dicom

        return fingerprint_of_dicom(path)
    return fingerprint_of_files([path, *companions(path)])


def is_image_directory(path: Path) -> bool:
    """Whether a directory is one image: a Zarr store, or the files of a DICOM slide."""
    return is_zarr_directory(path) or any(path.glob("*.dcm"))


def is_zarr_directory(path: Path) -> bool:
    """Whether a directory is a Zarr store."""
    return any((path / name).exists() for name in _ZARR_DOCUMENTS)


def _open_directory(path: Path, purse: Purse) -> Source:
    if is_zarr_directory(path):
        return open_store(str(path), metered(DiskStorage(path), purse))
    if is_dicom(path):
        return _open_dicom(path, purse)
    raise UnsupportedImageError(
        f"{path}: a directory that is neither a Zarr store ({', '.join(_ZARR_DOCUMENTS)} are not in "
        "it) nor a DICOM slide; give the images in it, or a glob"
    )


def _open_file(path: Path, purse: Purse) -> Source:
    # Looked at before it is opened: opening a pipe or a device could wait for ever.
    if not stat.S_ISREG(path.stat().st_mode):
        raise ImageAccessError(f"{path}: not a regular file; give an image file")
    if is_openslide_file(path):
        _refuse_unmetered(path, purse, "OpenSlide")
        from pipeline.images.openslide.source import OpenSlideSource  # not above: an extra

        return OpenSlideSource(str(path))
    storage = metered(DiskStorage(path), purse)
    [start] = storage.fetch([ByteRange(count=START_BYTES, is_clipped=True)])
    if (start.data or b"").endswith(b"DICM"):
        storage.close()  # the slide is in many files
        return _open_dicom(path, purse)
    return with_companions(open_object(str(path), storage, start), path, purse)


def _open_dicom(path: Path, purse: Purse) -> Source:
    _refuse_unmetered(path, purse, "DICOM")
    from pipeline.images.dicom.source import DicomSource  # not above: an extra

    return DicomSource(str(path))


def _refuse_unmetered(path: Path, purse: Purse, what: str) -> None:
    """A budget of bytes that cannot be kept is none."""
    if not purse.is_endless:
        raise UnsupportedImageError(
            f"{path}: what {what} will read is known only afterwards, so a budget of bytes cannot be kept; give the "
            "archive's budget in looks or in seconds, or write the image as OME-Zarr (foveate ingest)"
        )
