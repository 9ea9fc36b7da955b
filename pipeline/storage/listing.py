"""Images below a prefix of a bucket, as a directory would be searched."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from posixpath import splitext
from typing import Any
from urllib.parse import urlsplit

import obstore

from pipeline.storage.clients import client_for
from pipeline.storage.place import is_signed, shown
from pipeline.storage.remote_errors import told
from pipeline.storage.remote_limits import REMOTE_LIMITS


def list_images(url: str, suffixes: Collection[str]) -> Iterator[str]:
    """URLs of all objects with such a suffix, and of all Zarr stores (`.zarr`), in the order of their names.

    A store is not searched: it may hold millions of chunks.

    Raises:
        StorageError: if the server does not say.
    """
    parts = urlsplit(url)
    client = client_for(f"{parts.scheme}://{parts.netloc}/x", REMOTE_LIMITS)
    root = f"{parts.scheme}://{parts.netloc}"
    try:
        for key in _keys(client.store, parts.path.lstrip("/"), frozenset(suffixes)):
            yield f"{root}/{key}"
    except Exception as error:  # obstore's tree has many roots
        raise told(error, shown(url), is_signed=is_signed(url)) from error


def _keys(store: Any, prefix: str, suffixes: Collection[str]) -> Iterator[str]:
    found = obstore.list_with_delimiter(store, prefix)
    here = [one["path"] for one in found["objects"]]
    images = [path for path in here if splitext(path)[1].lower() in suffixes]
    below = [str(path).rstrip("/") for path in found["common_prefixes"]]
    for path in sorted([*images, *below]):
        if path in images or path.lower().endswith(".zarr"):
            yield path
        else:
            yield from _keys(store, f"{path}/", suffixes)
