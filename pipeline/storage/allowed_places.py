"""Which places a list of images that came from elsewhere may make us read."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from pipeline.errors import ImageAccessError
from pipeline.storage.place import HTTP_SCHEMES, is_far, server_parts, shown

PUBLIC = "public"
"""Stands for every web server whose addresses all are public. Buckets are named one by one: they are read
with this machine's credentials, which the writer of a list may not have."""
LOCAL = "local"
"""Stands for paths and `file://` URLs."""


@dataclass(frozen=True, slots=True)
class AllowedPlaces:
    """Hosts, buckets (`s3://name`), patterns of either (`*.example.org`), `public`, `local`; None: everything.

    With a list, everything that is not on it is refused, paths on this machine too: a list of images could
    otherwise have files read, or servers asked, that only this machine can reach. A name that is on the list
    is trusted wherever it leads; `public` looks at the addresses that the name has at that moment.
    """

    names: tuple[str, ...] | None = None
    """What is allowed."""

    def check(self, uri: str) -> None:
        """Refuse a path or URL that is not allowed.

        Raises:
            ImageAccessError: if it is not.
        """
        if self.names is None or self._allows(uri):
            return
        raise ImageAccessError(
            f"{shown(uri)}: not among the places that may be read ({', '.join(self.names)}); add its host "
            "or bucket to --allow-hosts if it is meant to be"
        )

    def _allows(self, uri: str) -> bool:
        names = self.names or ()
        if not is_far(uri):
            return LOCAL in names
        parts = server_parts(uri)
        scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
        if scheme not in HTTP_SCHEMES:
            bucket = f"{scheme}://{parts.netloc}"
            return any(fnmatchcase(bucket, name) for name in names)
        named = any(fnmatchcase(host, name.lower()) for name in names)
        return named or (PUBLIC in names and _is_public(host))


EVERYWHERE = AllowedPlaces()
"""No limit: the list of images is the user's own."""


def _is_public(host: str) -> bool:
    """Whether all addresses of a host can be reached by everybody. A name without addresses is not."""
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(one.split("%")[0]).is_global for one in found)


def parse_places(text: str | None) -> AllowedPlaces:
    """From the comma-separated list of a command's option; None: everything."""
    if text is None:
        return EVERYWHERE
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    return AllowedPlaces(tuple(urlsplit(n).netloc if n.startswith("http") else n for n in names))
