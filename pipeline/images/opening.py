"""From a path or URL to an open image."""

from __future__ import annotations

from pipeline.errors import FoveateError, ImageAccessError, StorageError
from pipeline.images.near_opening import fingerprint_near, open_near
from pipeline.images.source import Source
from pipeline.storage.allowed_places import EVERYWHERE, AllowedPlaces
from pipeline.storage.fingerprint import Fingerprint
from pipeline.storage.place import is_far, local_path, shown
from pipeline.storage.purse import Purse


def open_source(uri: str, places: AllowedPlaces = EVERYWHERE, purse: Purse | None = None) -> Source:
    """Open an image, near or far. Close it when done.

    Args:
        uri: a path, `file://`, `http(s)://`, `s3://`, `gs://` or `az://`.
        places: what may be read.
        purse: how much; without one, no end.

    Raises:
        AllowanceSpentError: if the purse does not hold enough to open it; later, to read it.
        ImageAccessError: if it is missing, may not be read, or is not a regular file.
        UnsupportedImageError: if it is an image of a kind that is not supported.
        CorruptImageError: if it is no image, or a broken one.
    """
    places.check(uri)
    purse = purse or Purse()
    try:
        if is_far(uri):
            from pipeline.images.far_opening import open_far  # not above: few need a network

            return open_far(uri, places, purse)
        return open_near(local_path(uri), purse)
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
        return fingerprint_near(local_path(uri))
    except (OSError, FoveateError):
        return None
