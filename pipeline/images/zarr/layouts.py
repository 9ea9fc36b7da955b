"""Layouts of arrays by what their metadata say: the images of an archive mostly say the same, and zarr takes 2 ms."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache

from pipeline.images.zarr.chunks import ChunkLayout
from pipeline.images.zarr.documents import ArrayDocument

_NUM_KEPT = 256
_LONGEST = 1 << 14
"""Characters of metadata worth keeping."""


def layout_of(document: ArrayDocument, uri: str) -> ChunkLayout:
    """The layout of an array; one that was made before where its metadata are the same, to the last word.

    Raises:
        UnsupportedImageError: if its chunks are stored in a way that is not supported.
        CorruptImageError: if it contradicts itself.
        Exception: whatever zarr raises on damaged metadata.
    """
    text = json.dumps(document.content)
    if len(text) > _LONGEST:
        return ChunkLayout(document, uri)
    return _made(_Asked(name=document.name, text=text, document=document, uri=uri))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Equal to another where the array would be."""

    name: str
    """Of the document, which says what version of Zarr it is."""
    text: str
    """What it says."""
    document: ArrayDocument = field(compare=False)
    """The same, parsed."""
    uri: str = field(compare=False)
    """For messages."""


@lru_cache(maxsize=_NUM_KEPT)
def _made(asked: _Asked) -> ChunkLayout:
    return ChunkLayout(asked.document, asked.uri)
