"""From a URL to an open image, in as few requests as can be."""

from __future__ import annotations

from pipeline.errors import AllowanceSpentError, ImageAccessError
from pipeline.images.contents import open_object, open_store
from pipeline.images.source import Source
from pipeline.storage.allowed_places import AllowedPlaces
from pipeline.storage.byte_range import ByteRange
from pipeline.storage.fingerprint import Fingerprint
from pipeline.storage.header_file import FIRST_BLOCK_BYTES
from pipeline.storage.metered_storage import MeteredStorage, metered
from pipeline.storage.opening import Opened, open_remote
from pipeline.storage.place import server_parts, shown
from pipeline.storage.purse import Purse

_START = ByteRange(count=FIRST_BLOCK_BYTES, is_clipped=True)
_DOCUMENT = ByteRange(key="zarr.json")
_DOCUMENT_START = ByteRange(key="zarr.json", count=FIRST_BLOCK_BYTES, is_clipped=True)
"""All of nearly every document, and no more than is known beforehand."""


def open_far(url: str, places: AllowedPlaces, purse: Purse) -> Source:
    """Open an image on a server.

    A name with `.zarr` in its last part or a slash at its end is tried as a store first, others as one object first.

    Raises:
        ImageError: whatever is wrong with it.
        StorageError: if the server does not give it.
    """
    if _looks_like_store(url):
        return _open_store(url, places, purse)
    opened = _opened(url, _START, places, purse)
    if opened.piece.data is None and opened.piece.error is None:
        opened.storage.close()
        error = ImageAccessError(
            f"{shown(url)}: not there (status 404); check the address (a Zarr store ends in .zarr or /)"
        )
        error.cost = opened.piece.as_index
        raise error
    return open_object(url, metered(opened.storage, purse), opened.piece)


def fingerprint_far(url: str, places: AllowedPlaces) -> Fingerprint | None:
    """Identity of an image on a server, in one request for a byte or a document; None when it cannot be told."""
    if _looks_like_store(url):
        source = _open_store(url, places, Purse())
        source.close()
        return source.fingerprint
    opened = open_remote(url, ByteRange(count=1, is_clipped=True), places)
    opened.storage.close()
    return opened.piece.fingerprint


def _looks_like_store(url: str) -> bool:
    path = server_parts(url).path
    return path.endswith("/") or ".zarr" in path.rsplit("/", 1)[-1].lower()


def _open_store(url: str, places: AllowedPlaces, purse: Purse) -> Source:
    if purse.is_endless:
        opened = open_remote(url, _DOCUMENT, places)
        return open_store(url, opened.storage, opened.piece)
    opened = _opened(url, _DOCUMENT_START, places, purse)
    storage = MeteredStorage(opened.storage, purse)
    return open_store(url, storage, storage.completed(_DOCUMENT, opened.piece))


def _opened(url: str, first: ByteRange, places: AllowedPlaces, purse: Purse) -> Opened:
    """A storage and the first bytes, which are paid for as all others are."""
    count = first.count or 0
    if not purse.take(count):
        raise AllowanceSpentError(
            f"{shown(url)}: up to {count} bytes are wanted to open it, {purse.num_left} are left of its share of the "
            "archive's budget; give the archive more, or fewer images"
        )
    opened = open_remote(url, first, places)
    if opened.piece.error is None:
        purse.give_back(count - opened.piece.transferred_bytes)
    return opened
