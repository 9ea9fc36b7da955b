"""Everything that is known of a slide once its files were opened, read and closed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import CorruptImageError, ImageError
from pipeline.images.dicom.series import Contents, find_series, read_contents
from pipeline.images.dicom.structure import DicomStructure, read_structure
from pipeline.storage.acquisition import Acquisition
from pipeline.storage.byte_range import total
from pipeline.storage.fingerprint import Fingerprint


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OpenedSlide:
    """A slide, as plain values."""

    structure: DicomStructure
    """Its pyramid, and where its tiles lie."""
    directory: Path
    """Of its files."""
    fingerprint: Fingerprint
    """Of all its files."""
    cost: Acquisition
    """What opening it cost."""


def open_slide(uri: str, path: Path) -> OpenedSlide:
    """Read the headers and indexes of a slide.

    Args:
        uri: the path, as the user gave it.
        path: a directory that holds one slide, or one of its files.

    Raises:
        UnsupportedImageError: if it is no whole slide, or in a form that is not supported.
        CorruptImageError: if a file of it is broken.
        StorageError, OSError: if one cannot be read.
    """
    costs: list[Acquisition] = []
    try:
        series = find_series(path, costs)
        contents = read_contents(series.levels, costs)
        structure = _structure(uri, contents, series.metadata)
    except ImageError as error:
        error.cost = total(costs)
        raise
    return OpenedSlide(
        structure=structure,
        directory=series.directory,
        fingerprint=series.fingerprint,
        cost=total(costs),
    )


def _structure(
    uri: str, contents: Contents, metadata: tuple[tuple[str, str], ...]
) -> DicomStructure:
    try:
        return read_structure(uri, contents.parts, contents.names, metadata)
    except ImageError:
        raise
    except Exception as error:
        raise CorruptImageError(
            f"{uri}: its files do not make a slide: {type(error).__name__}: {error}; copy it again from where it came"
        ) from error
