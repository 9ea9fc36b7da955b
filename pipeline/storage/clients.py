"""One client per server or bucket, for all images on it: connections stay open from image to image."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from obstore.store import AzureStore, HTTPStore, from_url

from pipeline.storage.place import HTTP_SCHEMES, server_parts, shown
from pipeline.storage.remote_errors import told
from pipeline.storage.remote_limits import RemoteLimits

MAX_CLIENTS = 256
"""Those used last; each holds a few connections."""
_SHARED_SCHEMES = ("s3", "s3a", "gs")
_PLAIN_PATH = re.compile(r"(/[A-Za-z0-9_~.-]*[A-Za-z0-9_~-][A-Za-z0-9_~.-]*)+")
"""A path that obstore writes into a request just as it is."""


@dataclass(frozen=True, slots=True, eq=False)
class Client:
    """Reads objects below a root."""

    store: Any
    """obstore's."""
    prefix: str
    """Key of the root within the store; empty where the store is the root."""

    @property
    def has_suffixes(self) -> bool:
        """Whether it can be asked for the last bytes of an object; Azure knows ranges from the start only."""
        return not isinstance(self.store, AzureStore)

    def key(self, key: str) -> str:
        """Key within the store of an object below the root."""
        return f"{self.prefix}/{key}".strip("/") if self.prefix else key


def client_for(url: str, limits: RemoteLimits) -> Client:
    """A client whose root is `url`.

    A web address with parameters, or with characters that may be written in several ways, has a client of its own,
    so that it is asked for exactly as it was given.

    Raises:
        StorageError: if none can be made.
        UnsupportedImageError, ImageAccessError: if the URL cannot be read.
    """
    parts = server_parts(url)
    scheme = parts.scheme.lower()
    is_plain = (
        scheme in HTTP_SCHEMES and not parts.query and _PLAIN_PATH.fullmatch(parts.path.rstrip("/"))
    )
    if is_plain or (scheme in _SHARED_SCHEMES and not parts.query and not parts.fragment):
        return Client(_store(f"{parts.scheme}://{parts.netloc}", limits), parts.path.strip("/"))
    return Client(_made(url, limits), "")


@lru_cache(maxsize=MAX_CLIENTS)
def _store(root: str, limits: RemoteLimits) -> Any:
    return _made(root, limits)


def _made(url: str, limits: RemoteLimits) -> Any:
    once: Any = {"max_retries": 0}
    try:
        if url.lower().startswith(HTTP_SCHEMES):
            options: Any = {
                "timeout": f"{limits.read_timeout_s}s",
                "connect_timeout": f"{limits.connect_timeout_s}s",
                "allow_http": True,
            }
            return HTTPStore.from_url(url, client_options=options, retry_config=once)
        # Options given here would put aside those of the environment, such as AWS_ALLOW_HTTP; `RemoteStorage`
        # keeps the time itself.
        return from_url(url, retry_config=once)
    except Exception as error:  # obstore's tree has many roots
        raise told(error, shown(url), is_signed=False) from error
