"""From a URL to an open image, in as few requests as can be."""

from __future__ import annotations

from pipeline.errors import ImageAccessError
from pipeline.images.contents import open_object, open_store
from pipeline.images.source import Source
from pipeline.storage.allowed_places import AllowedPlaces
from pipeline.storage.byte_range import ByteRange
from pipeline.storage.fingerprint import Fingerprint
from pipeline.storage.header_file import FIRST_BLOCK_BYTES
from pipeline.storage.opening import open_remote
from pipeline.storage.place import server_parts, shown

_START = ByteRange(count=FIRST_BLOCK_BYTES, is_clipped=True)


def open_far(url: str, places: AllowedPlaces) -> Source:
    """Open an image on a server.

    A name with `.zarr` in its last part or a slash at its end is tried as a store first, others as one object first.

    Raises:
        ImageError: whatever is wrong with it.
        StorageError: if the server does not give it.
    """
    if _looks_like_store(url):
        return _open_store(url, places)
    opened = open_remote(url, _START, places)
    if opened.piece.data is None and opened.piece.error is None:
        opened.storage.close()
        error = ImageAccessError(
            f"{shown(url)}: not there (status 404); check the address (a Zarr store ends in .zarr or /)"
        )
        error.cost = opened.piece.as_index
        raise error
    return open_object(url, opened.storage, opened.piece)


def fingerprint_far(url: str, places: AllowedPlaces) -> Fingerprint | None:
    """Identity of an image on a server, in one request for a byte or a document; None when it cannot be told."""
    if _looks_like_store(url):
        source = _open_store(url, places)
        source.close()
        return source.fingerprint
    opened = open_remote(url, ByteRange(count=1, is_clipped=True), places)
    opened.storage.close()
    return opened.piece.fingerprint


def _looks_like_store(url: str) -> bool:
    path = server_parts(url).path
    return path.endswith("/") or ".zarr" in path.rsplit("/", 1)[-1].lower()


def _open_store(url: str, places: AllowedPlaces) -> Source:
    opened = open_remote(url, ByteRange(key="zarr.json"), places)
    return open_store(url, opened.storage, opened.piece)
