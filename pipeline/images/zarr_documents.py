"""The JSON documents of a Zarr store in a directory: read, counted and told apart, before zarr itself looks at any.

zarr would open whatever bears the right name, a pipe too, and wait for it for ever.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.errors import CorruptImageError, ImageAccessError, ImageError
from pipeline.images.disk_file import read_range
from pipeline.images.source import Fingerprint

DOCUMENT_NAMES = ("zarr.json", ".zarray", ".zattrs", ".zgroup")
MAX_DOCUMENT_BYTES = 64 * 2**20
"""More than this is no metadata."""


def read_attributes(directory: Path) -> Mapping[str, Any]:
    """Attributes of a group of either format.

    Raises:
        ImageAccessError: if a document is no regular file.
        CorruptImageError: if one is not JSON as it should be.
    """
    check_documents(directory)
    document = read_document(directory / "zarr.json")
    found = read_document(directory / ".zattrs") if document is None else document.get("attributes")
    return {} if found is None else _mapping(found, directory)


def read_document(path: Path) -> Mapping[str, Any] | None:
    """One document, None where there is none.

    Raises:
        CorruptImageError: if it is not a JSON object.
    """
    stored = read_range(path, 0, None)
    if stored is None:
        return None
    try:
        return _mapping(json.loads(stored), path)
    except (ValueError, RecursionError) as error:
        raise CorruptImageError(
            f"{path}: not JSON: {error}; the file is damaged, copy it again from where it came"
        ) from error


def check_documents(directory: Path) -> None:
    """Refuse documents that could not be read to their end.

    Raises:
        ImageAccessError: if one is no regular file.
        CorruptImageError: if one is far too large.
    """
    for path, status in _documents(directory):
        if not stat.S_ISREG(status.st_mode):
            raise ImageAccessError(f"{path}: not a regular file; copy the image again")
        if status.st_size > MAX_DOCUMENT_BYTES:
            raise CorruptImageError(
                f"{path}: {status.st_size} bytes of metadata, at most {MAX_DOCUMENT_BYTES} are read; "
                "the file is damaged, copy it again from where it came"
            )


def document_sizes(directory: Path) -> list[int]:
    """Bytes of each document that opening a group or an array reads."""
    return [status.st_size for path, status in _documents(directory) if path.name != ".zgroup"]


def fingerprint_of_zarr(path: Path) -> Fingerprint:
    """Of the documents of an image and its levels: writing a level anew renews one of them.

    Raises:
        OSError: if the directory cannot be read.
    """
    try:
        names = dataset_paths(read_attributes(path), str(path))
    except ImageError:
        names = ()  # opening will say what is wrong; until then the group itself must do
    found = [
        status for place in (path, *map(path.joinpath, names)) for _, status in _documents(place)
    ]
    if not found:
        raise FileNotFoundError(path)
    newest = max(status.st_mtime_ns for status in found)
    return Fingerprint(sum(status.st_size for status in found), newest)


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


def _documents(directory: Path) -> Sequence[tuple[Path, os.stat_result]]:
    found = []
    for name in DOCUMENT_NAMES:
        try:
            found.append((directory / name, (directory / name).stat()))
        except FileNotFoundError:
            continue
    return found


def _mapping(found: Any, path: Path) -> Mapping[str, Any]:
    if not isinstance(found, Mapping):
        raise CorruptImageError(f"{path}: {type(found).__name__} where a JSON object should be")
    return found
