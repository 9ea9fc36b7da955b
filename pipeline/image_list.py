"""Which images a command is told to take: files, globs, directories, or one manifest."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.errors import ManifestError, StorageError
from pipeline.image_record import ImageRecord, stem_of
from pipeline.images.near_opening import IMAGE_SUFFIXES, is_image_directory
from pipeline.manifest import Manifest, is_manifest, read_manifest
from pipeline.storage.place import is_bucket_prefix, is_url


def read_images(arguments: Sequence[str]) -> Manifest:
    """What the arguments of a command name: one manifest, or any mix of files, directories and globs.

    Raises:
        ManifestError: if a manifest is not usable, or nothing is found.
    """
    manifests = [name for name in arguments if is_manifest(name)]
    if manifests and len(arguments) > 1:
        raise ManifestError(
            f"{manifests[0]} is a manifest; give it alone, or give images, not both"
        )
    if manifests:
        return read_manifest(manifests[0])
    unique: dict[str, str] = {}
    for argument in arguments:
        for found in _expand(argument):
            unique.setdefault(_absolute(found), found)  # a.tif and ./a.tif are one image
    return Manifest(records=_named(list(unique.values())))


def _expand(argument: str) -> list[str]:
    """Images that one argument names; a name that is none of them is kept, and fails as its own row."""
    if is_url(argument):
        return _list(argument) if is_bucket_prefix(argument) else [argument]
    path = Path(argument)
    try:
        if path.is_file() or (path.is_dir() and is_image_directory(path)):
            return [argument]
        is_directory = path.is_dir()
    except OSError:  # no name that a disk may have, or behind a directory that is closed
        return [argument]
    if is_directory:
        return _scan(path)
    if glob.has_magic(argument):
        found = sorted(glob.glob(argument, recursive=True))  # noqa: PTH207  # Path has no absolute patterns
        if not found:
            raise ManifestError(f"{argument}: no file matches; check the pattern (and quote it)")
        return [name for match in found for name in _expand(match)]
    return [argument]


def _list(url: str) -> list[str]:
    from pipeline.storage.listing import list_images  # not above: few need a network

    try:
        found = list(list_images(url, IMAGE_SUFFIXES))
    except StorageError as error:
        raise ManifestError(str(error)) from error
    if not found:
        raise ManifestError(
            f"{url}: no image below it; looked for {', '.join(sorted(IMAGE_SUFFIXES))} and .zarr stores"
        )
    return found


def _scan(directory: Path) -> list[str]:
    try:
        found = [str(path) for path in _walk(directory)]
    except OSError as error:
        raise ManifestError(
            f"{directory}: cannot be searched: {error}; see to its permissions, or name the images in it"
        ) from error
    if not found:
        suffixes = ", ".join(sorted(IMAGE_SUFFIXES))
        raise ManifestError(
            f"{directory}: no image in it or below; looked for {suffixes}, Zarr stores and DICOM slides"
        )
    return found


def _walk(directory: Path, above: tuple[Path, ...] = ()) -> Iterable[Path]:
    here = directory.resolve()
    if here in above:  # a link back up: everything below it was found already
        return
    for path in sorted(directory.iterdir()):
        if path.is_dir():
            if is_image_directory(path):
                yield path
            else:
                yield from _walk(path, (*above, here))
        elif path.suffix.lower() in IMAGE_SUFFIXES:
            yield path


def _named(paths: Sequence[str]) -> tuple[ImageRecord, ...]:
    """Ids from file names; where two agree, or one is another's path, from the whole paths."""
    counts = Counter([*map(stem_of, paths), *paths])
    return tuple(
        ImageRecord(
            sample_id=stem_of(path) if counts[stem_of(path)] == 1 else path,
            image_path=_absolute(path),
        )
        for path in paths
    )


def _absolute(path: str) -> str:
    return path if "://" in path else str(Path(path).absolute())
