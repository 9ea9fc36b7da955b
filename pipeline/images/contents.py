"""Which kind of image an object is, by how it starts; and a clear word when it is none."""

from __future__ import annotations

from pipeline.errors import (
    CorruptImageError,
    ImageAccessError,
    ImageError,
    StorageError,
    UnsupportedImageError,
)
from pipeline.images.source import Source
from pipeline.storage.byte_range import ByteRange, Piece
from pipeline.storage.place import shown
from pipeline.storage.storage import Storage

START_BYTES = 132
"""Tell what kind of file it is; DICOM says it last, at byte 128."""
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"IIN1")
_OTHER_KINDS = {
    b"GIF8": "a GIF picture",
    b"BM": "a BMP picture",
    b"\x89HDF": "an HDF5 file",
    b"PK": "a ZIP archive",
    b"%PDF": "a PDF document",
}


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
