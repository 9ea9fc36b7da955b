"""From a path to an open image: which format it is, and a clear word when it is none."""

from __future__ import annotations

import stat
from pathlib import Path

from pipeline.errors import (
    CorruptImageError,
    FoveateError,
    ImageAccessError,
    ImageError,
    StorageError,
    UnsupportedImageError,
)
from pipeline.images.companions import companions, fingerprint_of_files, with_companions
from pipeline.images.source import Source
from pipeline.storage.allowed_places import EVERYWHERE, AllowedPlaces
from pipeline.storage.byte_range import ByteRange, Piece
from pipeline.storage.disk import DiskStorage
from pipeline.storage.fingerprint import Fingerprint
from pipeline.storage.place import is_far, local_path, shown
from pipeline.storage.storage import Storage

IMAGE_SUFFIXES = frozenset(
    (
        *(".svs", ".tif", ".tiff", ".btf", ".tf2", ".tf8", ".ndpi", ".scn", ".bif", ".qptiff"),
        *(".png", ".jpg", ".jpeg", ".jp2", ".j2k", ".webp", ".dzi"),
    )
)
"""Names that are picked up when a directory is searched."""
START_BYTES = 132
"""Tell what kind of file it is; DICOM says it last, at byte 128."""
_ZARR_DOCUMENTS = ("zarr.json", ".zgroup", ".zattrs")
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"IIN1")
_OTHER_KINDS = {
    b"GIF8": "a GIF picture",
    b"BM": "a BMP picture",
    b"\x89HDF": "an HDF5 file",
    b"PK": "a ZIP archive",
    b"%PDF": "a PDF document",
}


def open_source(uri: str, places: AllowedPlaces = EVERYWHERE) -> Source:
    """Open an image, near or far. Close it when done.

    Args:
        uri: a path, `file://`, `http(s)://`, `s3://`, `gs://` or `az://`.
        places: what may be read.

    Raises:
        ImageAccessError: if it is missing, may not be read, or is not a regular file.
        UnsupportedImageError: if it is an image of a kind that is not supported.
        CorruptImageError: if it is no image, or a broken one.
    """
    places.check(uri)
    try:
        if is_far(uri):
            from pipeline.images.far_opening import open_far  # not above: few need a network

            return open_far(uri, places)
        path = local_path(uri)
        return _open_directory(path) if path.is_dir() else _open_file(path)
    except StorageError as error:
        own = ImageAccessError(str(error))
        own.cost = error.cost
        raise own from error
    except OSError as error:
        raise ImageAccessError(
            f"{shown(uri)}: cannot be read: {error.strerror or error}; check the path and its permissions"
        ) from error


def fingerprint_of(uri: str, places: AllowedPlaces = EVERYWHERE) -> Fingerprint | None:
    """Identity of the stored image as it is now, without opening it; None when it cannot be told."""
    try:
        places.check(uri)
        if is_far(uri):
            from pipeline.images.far_opening import fingerprint_far

            return fingerprint_far(uri, places)
        path = local_path(uri)
        if path.is_dir():
            return _fingerprint_directory(path)
        return fingerprint_of_files([path, *companions(path)])
    except (OSError, FoveateError):
        return None


def is_zarr_directory(path: Path) -> bool:
    """Whether a directory is a Zarr store."""
    return any((path / name).exists() for name in _ZARR_DOCUMENTS)


def _fingerprint_directory(path: Path) -> Fingerprint:
    from pipeline.images.zarr.documents import fingerprint_of_zarr

    return fingerprint_of_zarr(DiskStorage(path))


def _open_directory(path: Path) -> Source:
    if not is_zarr_directory(path):
        raise UnsupportedImageError(
            f"{path}: a directory that is not a Zarr store ({', '.join(_ZARR_DOCUMENTS)} are not in "
            "it); give the images in it, or a glob"
        )
    return open_store(str(path), DiskStorage(path))


def _open_file(path: Path) -> Source:
    # Looked at before it is opened: opening a pipe or a device could wait for ever.
    if not stat.S_ISREG(path.stat().st_mode):
        raise ImageAccessError(f"{path}: not a regular file; give an image file")
    storage = DiskStorage(path)
    [start] = storage.fetch([ByteRange(count=START_BYTES, is_clipped=True)])
    return with_companions(open_object(str(path), storage, start), path)


def open_object(uri: str, storage: Storage, start: Piece) -> Source:
    """An image in one object, by how it starts. The storage is closed with it, or when this fails.

    Raises:
        ImageError: as `open_source`.
        StorageError: if storage fails.
    """
    try:
        return _by_start(uri, storage, start)
    except BaseException as error:
        storage.close()
        if isinstance(error, ImageError | StorageError) and not error.cost.num_requests:
            error.cost = start.as_index
        raise


def open_store(uri: str, storage: Storage, start: Piece | None = None) -> Source:
    """An OME-Zarr image in many objects. Else as `open_object`."""
    from pipeline.images.zarr.source import ZarrSource  # not above: TIFF users never pay for zarr

    try:
        return ZarrSource(uri, storage, start)
    except BaseException:
        storage.close()
        raise


def _by_start(uri: str, storage: Storage, start: Piece) -> Source:
    name, data = shown(uri), start.checked()
    if data is None:
        raise ImageAccessError(f"{name}: not there; check the path")
    if not data:
        raise CorruptImageError(f"{name}: the file is empty; copy it again from where it came")
    # Not above: a driver opens no image.
    if data.startswith(_TIFF_STARTS):
        from pipeline.images.tiff.source import TiffSource

        return TiffSource(uri, storage, start)
    if b"schemas.microsoft.com/deepzoom" in data:
        from pipeline.images.picture.deepzoom import DeepZoomSource

        return DeepZoomSource(uri, storage, storage.fetch([ByteRange()])[0])
    from pipeline.images.picture.codec import kind_of

    if kind_of(data) is None:
        raise _not_an_image(name, data)
    from pipeline.images.picture.source import PictureSource

    return PictureSource(uri, storage, start)


def _not_an_image(name: str, start: bytes) -> ImageError:
    kinds = [kind for magic, kind in _OTHER_KINDS.items() if start.startswith(magic)]
    if start[128:132] == b"DICM":
        kinds = ["a DICOM file"]
    if kinds:
        return UnsupportedImageError(
            f"{name}: {kinds[0]}; wanted a TIFF, an OME-Zarr or a picture: write it as a pyramidal TIFF or OME-Zarr"
        )
    return CorruptImageError(
        f"{name}: not an image that is known here (it starts with {start[:8]!r}); wanted a TIFF, "
        "an OME-Zarr, a DeepZoom, or a picture (PNG, JPEG, JPEG 2000, WebP); check the file"
    )
