"""A small file read whole, wherever it lies: a manifest, or a model's."""

from __future__ import annotations

from pipeline.errors import FoveateError, StorageError
from pipeline.storage.byte_range import ByteRange
from pipeline.storage.opening import open_remote
from pipeline.storage.place import is_far, local_path, shown


def read_whole(place: str) -> bytes | None:
    """What a path or a URL holds; None where there is nothing.

    Raises:
        StorageError: if it cannot be read.
    """
    if not is_far(place):
        return _on_disk(place)
    try:
        opened = open_remote(place, ByteRange())
        try:
            return opened.piece.checked()
        finally:
            opened.storage.close()
    except StorageError:
        raise
    except FoveateError as error:  # of an image, which this is none
        raise StorageError(str(error)) from error


def _on_disk(place: str) -> bytes | None:
    try:
        return local_path(place).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StorageError(f"{shown(place)}: cannot be read: {error}") from error
