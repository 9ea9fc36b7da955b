"""Where an image lies: a path, or a URL with a scheme that is known; and how it is named without its secrets."""

from __future__ import annotations

import posixpath
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit, urlunsplit

from pipeline.errors import ImageAccessError, UnsupportedImageError

HTTP_SCHEMES = ("http", "https")
BUCKET_SCHEMES = ("s3", "s3a", "gs", "az", "adl", "abfs", "abfss", "azure")
_SIGNATURES = ("x-amz-signature", "x-goog-signature", "signature", "sig", "token", "md5")
"""Parameters by which a server knows that a link is allowed, and for how long."""


def is_url(uri: str) -> bool:
    """Whether a name is a URL; `file://` is one too."""
    return "://" in uri


def is_far(uri: str) -> bool:
    """Whether a name is a URL of a server."""
    return is_url(uri) and not uri.lower().startswith("file://")


def is_bucket_prefix(uri: str) -> bool:
    """Whether a name stands for all images below it: of a bucket, with a slash at its end. Web servers have no list."""
    parts = _split(uri)
    is_store = ".zarr" in parts.path.rstrip("/").rsplit("/", 1)[-1].lower()
    return parts.scheme.lower() in ("s3", "s3a", "gs") and uri.endswith("/") and not is_store


def shown(uri: str) -> str:
    """The name as it may be printed: without user, password, and what follows the question mark."""
    if not is_url(uri):
        return uri
    parts = _split(uri)
    host = parts.netloc.rsplit("@", 1)[-1]
    return f"{parts.scheme}://{host}{parts.path}"


def is_signed(uri: str) -> bool:
    """Whether a URL carries its own permission, which ends some day."""
    names = {name.lower() for name, _ in parse_qsl(_split(uri).query)}
    return bool(names & set(_SIGNATURES))


def server_parts(uri: str) -> SplitResult:
    """Parts of the URL of a server.

    Raises:
        UnsupportedImageError: if its scheme is not known.
        ImageAccessError: if it names no server, or holds a password.
    """
    parts = _split(uri)
    if parts.scheme.lower() not in HTTP_SCHEMES + BUCKET_SCHEMES:
        raise UnsupportedImageError(
            f"{shown(uri)}: images behind {parts.scheme}:// cannot be read; wanted http, https, s3, gs "
            "or az, or a copy on a disk"
        )
    if not parts.netloc or not parts.path.strip("/"):
        raise ImageAccessError(
            f"{shown(uri)}: names no object; wanted {parts.scheme}://SERVER/PATH; check the list of images"
        )
    if "@" in parts.netloc and parts.scheme.lower() not in ("abfs", "abfss"):
        raise ImageAccessError(
            f"{shown(uri)}: holds a user name or password; credentials come from the environment only: "
            "take it out of the list of images"
        )
    return parts


def written(url: str) -> str:
    """The URL with what may not stand in a request written in percent; what is so already stays."""
    parts = _split(url)
    path, query = (quote(part, safe="/%!$&'()*+,;=:@~?") for part in (parts.path, parts.query))
    return urlunsplit(parts._replace(path=path, query=query))


def beside(url: str, name: str) -> str:
    """URL of what a relative path names, from where an object lies."""
    parts = _split(url)
    path = posixpath.normpath(f"{posixpath.dirname(parts.path)}/{name}")
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def local_path(uri: str) -> Path:
    """The path that a name or a `file://` URL stands for.

    Raises:
        ImageAccessError: if no path can be of that name.
    """
    if "\0" in uri:
        raise ImageAccessError(f"{uri!r}: a path cannot hold a zero byte; check the list of images")
    if not is_url(uri):
        return Path(uri)
    parts = _split(uri)
    if parts.netloc not in ("", "localhost"):
        raise ImageAccessError(
            f"{uri}: file:// of another machine; wanted file:///PATH on this one, or an http or s3 URL"
        )
    return Path(unquote(parts.path))


def _split(uri: str) -> SplitResult:
    try:
        parts = urlsplit(uri)
        _ = parts.port  # looked at when it is asked for
    except ValueError as error:
        raise ImageAccessError(
            f"{uri.split('?', maxsplit=1)[0]!r}: not a URL: {error}; check the list of images"
        ) from error
    return parts
