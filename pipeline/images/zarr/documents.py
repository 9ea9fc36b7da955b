"""The JSON documents of a Zarr store: read, counted and told apart, before zarr itself looks at any.

zarr would open whatever bears the right name, a pipe too, and wait for it for ever; and what it reads is not counted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import CorruptImageError, StorageError
from pipeline.storage.acquisition import Acquisition
from pipeline.storage.byte_range import ByteRange, Piece, total
from pipeline.storage.fingerprint import Fingerprint, together
from pipeline.storage.storage import Storage

GROUP_V3, GROUP_V2 = "zarr.json", ".zattrs"
ARRAY_V3, ARRAY_V2 = "zarr.json", ".zarray"
MAX_DOCUMENT_BYTES = 64 * 2**20
"""More than this is no metadata."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayDocument:
    """Metadata of one array."""

    path: str
    """Where the array lies within the image."""
    name: str
    """Of the document: `zarr.json` or `.zarray`."""
    content: Mapping[str, Any]
    """What it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZarrDocuments:
    """All metadata of an image and its levels."""

    attributes: Mapping[str, Any]
    """Of the group."""
    arrays: tuple[ArrayDocument, ...]
    """Of its levels, as listed."""
    cost: Acquisition
    """What reading them cost."""
    fingerprint: Fingerprint
    """Of all of them: writing a level anew renews one."""


def read_documents(storage: Storage, start: Piece | None = None) -> ZarrDocuments:
    """Read the metadata of an OME-Zarr image. `start` is its `zarr.json`, where that was read already.

    Raises:
        StorageError: if storage fails.
        CorruptImageError: if a document is not as it should be, or a level is missing.
    """
    pieces: list[Piece] = []
    try:
        return _read(storage, start, pieces)
    except (CorruptImageError, StorageError) as error:
        error.cost = total(piece.as_index for piece in pieces)
        raise


def _read(storage: Storage, start: Piece | None, pieces: list[Piece]) -> ZarrDocuments:
    """All that is fetched is added to `pieces`, so that it is counted whatever comes."""
    pieces.append(start or storage.fetch([ByteRange(key=GROUP_V3)])[0])
    group = _document(pieces[0], storage.child(GROUP_V3))
    if group is not None:
        attributes = _mapping(group.get("attributes", {}), storage.child(GROUP_V3))
    else:
        pieces += storage.fetch([ByteRange(key=GROUP_V2)])
        attributes = _document(pieces[1], storage.child(GROUP_V2)) or {}
    paths = dataset_paths(attributes, storage.uri) if _lists_levels(attributes) else ()
    arrays = _consolidated(group, paths) if group is not None and storage.is_far else None
    if arrays is None:
        name = ARRAY_V2 if group is None else ARRAY_V3
        found = storage.fetch([ByteRange(key=f"{path}/{name}") for path in paths])
        pieces += found
        arrays = tuple(
            _array(path, name, piece, storage) for path, piece in zip(paths, found, strict=True)
        )
    return ZarrDocuments(
        attributes=attributes,
        arrays=arrays,
        cost=total(piece.as_index for piece in pieces),
        fingerprint=_fingerprint(pieces, storage),
    )


def fingerprint_of_zarr(storage: Storage) -> Fingerprint:
    """Of the documents of an image and its levels.

    Raises:
        FoveateError: if they cannot be read.
    """
    return read_documents(storage).fingerprint


def dataset_paths(attributes: Mapping[str, Any], uri: str) -> tuple[str, ...]:
    """Where the levels lie within an image, as its metadata lists them.

    Raises:
        CorruptImageError: if they lie outside.
    """
    try:
        listed = attributes.get("ome", attributes)["multiscales"][0]["datasets"]
        paths = tuple(str(dataset["path"]).strip("/") for dataset in listed)
    except (AttributeError, LookupError, TypeError) as error:
        raise CorruptImageError(
            f"{uri}: its multiscales list no datasets; write it again"
        ) from error
    for path in paths:
        if any(part in ("", ".", "..") for part in path.split("/")):
            raise CorruptImageError(
                f"{uri}: a level at {path!r} lies outside the image; write it again"
            )
    return paths


def _lists_levels(attributes: Mapping[str, Any]) -> bool:
    """Whether there are levels; what else it is, `read_multiscale` tells."""
    ome = attributes.get("ome", attributes)
    return isinstance(ome, Mapping) and bool(ome.get("multiscales"))


def _consolidated(
    group: Mapping[str, Any], paths: Sequence[str]
) -> tuple[ArrayDocument, ...] | None:
    """The levels' metadata, where the group holds it; None where it does not hold all."""
    held = group.get("consolidated_metadata")
    known = held.get("metadata") if isinstance(held, Mapping) else None
    if not isinstance(known, Mapping):
        return None
    contents = [known.get(path) for path in paths]
    if not all(isinstance(one, Mapping) for one in contents):
        return None
    return tuple(
        ArrayDocument(path=path, name=ARRAY_V3, content=content)
        for path, content in zip(paths, contents, strict=True)
        if content is not None
    )


def _array(path: str, name: str, piece: Piece, storage: Storage) -> ArrayDocument:
    content = _document(piece, storage.child(f"{path}/{name}"))
    if content is None:
        raise CorruptImageError(
            f"{storage.uri}: its level {path} is not there; copy the image again from where it came"
        )
    return ArrayDocument(path=path, name=name, content=content)


def _document(piece: Piece, name: str) -> Mapping[str, Any] | None:
    stored = piece.checked()
    if stored is None:
        return None
    if len(stored) > MAX_DOCUMENT_BYTES:
        raise CorruptImageError(
            f"{name}: {len(stored)} bytes of metadata, at most {MAX_DOCUMENT_BYTES} are read; "
            "the file is damaged, copy it again from where it came"
        )
    try:
        return _mapping(json.loads(stored), name)
    except (ValueError, RecursionError) as error:
        raise CorruptImageError(
            f"{name}: not JSON: {error}; the file is damaged, copy it again from where it came"
        ) from error


def _mapping(found: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(found, Mapping):
        raise CorruptImageError(
            f"{name}: {type(found).__name__} where a JSON object should be; write the image again"
        )
    return found


def _fingerprint(pieces: Sequence[Piece], storage: Storage) -> Fingerprint:
    found = [piece.fingerprint for piece in pieces if piece.fingerprint is not None]
    if not found:
        raise StorageError(f"{storage.uri}: no Zarr store there; check the path")
    return together(*found)
