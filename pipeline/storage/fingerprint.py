"""What tells that a stored object is the same one as last time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Size and time, and the server's own mark where there is one."""

    size_bytes: int
    """Size of the file (of its metadata documents, for a directory store)."""
    modified_ns: int
    """Modification time, nanoseconds since 1970; 0 where a server does not say."""
    etag: str | None = None
    """The mark that a server gives this version of the object; None on a disk."""


def together(*parts: Fingerprint) -> Fingerprint:
    """Of an image in several files: it changes when any of them does."""
    etags = [part.etag for part in parts if part.etag is not None]
    return Fingerprint(
        sum(part.size_bytes for part in parts),
        max(part.modified_ns for part in parts),
        hashlib.sha256(",".join(etags).encode()).hexdigest()[:32] if etags else None,
    )
