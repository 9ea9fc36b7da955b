"""From a URL to a storage and the first bytes of one of its objects, in one request."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from pipeline.errors import ImageAccessError
from pipeline.storage.allowed_places import EVERYWHERE, AllowedPlaces
from pipeline.storage.byte_range import ByteRange, Piece
from pipeline.storage.place import HTTP_SCHEMES, server_parts, shown, written
from pipeline.storage.remote import RemoteStorage
from pipeline.storage.remote_limits import REMOTE_LIMITS, RemoteLimits
from pipeline.storage.web_start import start_at


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Opened:
    """A storage, and what was asked of it first."""

    storage: RemoteStorage
    """Reads on."""
    piece: Piece
    """The answer to the first range."""


def open_remote(
    url: str,
    first: ByteRange,
    places: AllowedPlaces = EVERYWHERE,
    limits: RemoteLimits = REMOTE_LIMITS,
) -> Opened:
    """A storage whose root is `url`, and the piece `first` of it.

    Raises:
        UnsupportedImageError: if the scheme is not known.
        ImageAccessError: if the place may not be read, or is none.
        StorageError: if no client can be made.
    """
    places.check(url)
    if server_parts(url).scheme.lower() not in HTTP_SCHEMES:
        storage = RemoteStorage(url, limits)
        return Opened(storage=storage, piece=storage.fetch([first])[0])
    url = written(url)
    start = start_at(below(url, first.key), first, places, limits)
    root = _without(start.url, first.key)
    if root is None and places.names is not None:
        raise ImageAccessError(
            f"{shown(url)}: its objects are redirected one by one, so that places cannot be checked; give the "
            "address where it really is, or leave out --allow-hosts"
        )
    return Opened(storage=RemoteStorage(root or url, limits), piece=start.piece)


def below(url: str, key: str) -> str:
    """URL of an object below a root; parameters of the root go with it."""
    if not key:
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{key}"))


def _without(url: str, key: str) -> str | None:
    """The root that an object's URL lies below; None where a redirect led to another name."""
    if not key:
        return url
    parts = urlsplit(url)
    if not parts.path.endswith(f"/{key}"):
        return None
    return urlunsplit(parts._replace(path=parts.path[: -len(key) - 1]))
