"""The name of an image's own files in the store of a run: an id may hold anything, a file's name may not."""

from __future__ import annotations

import hashlib


def image_name(sample_id: str) -> str:
    """24 characters that are always the same for an id, and never for two."""
    return hashlib.sha256(sample_id.encode()).hexdigest()[:24]
