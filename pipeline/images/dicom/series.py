"""The files of one slide among the files of a directory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wsidicom.errors import WsiDicomNotSupportedError

from pipeline.errors import CorruptImageError, ImageError, StorageError, UnsupportedImageError
from pipeline.images.companions import fingerprint_of_files
from pipeline.images.dicom.files import dicom_files
from pipeline.images.dicom.header import Header, OpenFile, optical_path_names, read_header
from pipeline.images.dicom.part import Part, read_part
from pipeline.storage.acquisition import Acquisition
from pipeline.storage.fingerprint import Fingerprint

_WAY_OUT = "wanted the levels of a whole-slide image; write other images as TIFF or OME-Zarr"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """The files of a slide."""

    directory: Path
    """Where they are."""
    files: tuple[Path, ...]
    """All of them, also label and overview."""
    levels: tuple[Path, ...]
    """Those that hold tiles; at least one."""
    metadata: tuple[tuple[str, str], ...]
    """How it was made: names and values, sorted."""

    @property
    def fingerprint(self) -> Fingerprint:
        """Of all files.

        Raises:
            OSError: if one cannot be looked at.
        """
        return fingerprint_of_files(self.files)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contents:
    """What the files that hold tiles say."""

    parts: tuple[Part, ...]
    """One per file."""
    names: dict[str, str]
    """Of optical paths, by their identifiers; of gray images only."""


def find_series(path: Path, costs: list[Acquisition]) -> Series:
    """The slide in a directory, or the one that a file belongs to. Reads the start of every file beside it.

    Args:
        path: of the directory or the file.
        costs: what the reads cost is added to these.

    Raises:
        UnsupportedImageError: if there is no whole-slide image, or more than one.
        CorruptImageError: if a file is broken.
        StorageError, OSError: if one cannot be read.
    """
    directory = path if path.is_dir() else path.parent
    headers: dict[Path, Header] = {}
    for one in dicom_files(directory):
        try:
            headers[one] = _header(one, costs)
        except CorruptImageError:
            if path.is_dir() or one == path:
                raise
            # A broken neighbour does not say whose it is; it shall not harm all others.
    series = _the_series(path, headers)
    files = [one for one, header in headers.items() if header.series == series]
    levels = [one for one in files if headers[one].is_level]
    return Series(
        directory=directory,
        files=tuple(files),
        levels=tuple(levels),
        metadata=headers[levels[0]].metadata,
    )


def read_contents(levels: Sequence[Path], costs: list[Acquisition]) -> Contents:
    """What files say that hold tiles of one slide.

    Args:
        levels: the files.
        costs: what the reads cost is added to these.

    Raises:
        UnsupportedImageError: if one is in a form that is not supported.
        CorruptImageError: if one is broken.
        StorageError, OSError: if one cannot be read.
    """
    names: dict[str, str] = {}
    parts = []
    for one in levels:
        with _reading(one, costs) as file:
            parts.append(read_part(file))
            if parts[-1].dataset.samples_per_pixel == 1:
                names |= optical_path_names(file)
    return Contents(parts=tuple(parts), names=names)


def fingerprint_of_dicom(path: Path) -> Fingerprint:
    """Of the slide in a directory, or the one that a file belongs to.

    Raises:
        As `find_series`.
    """
    return find_series(path, []).fingerprint


def _header(path: Path, costs: list[Acquisition]) -> Header:
    with _reading(path, costs) as file:
        return read_header(file)


@contextmanager
def _reading(path: Path, costs: list[Acquisition]) -> Iterator[OpenFile]:
    """The boundary: whatever pydicom and wsidicom raise on a hostile file becomes our own error, here and once."""
    with OpenFile(path) as file:
        try:
            yield file
        except (ImageError, StorageError):
            raise
        except WsiDicomNotSupportedError as error:
            raise UnsupportedImageError(f"{path}: {error}; {_WAY_OUT}") from error
        except Exception as error:
            raise CorruptImageError(
                f"{path}: a DICOM file that cannot be understood: {type(error).__name__}: {error}; copy it again from "
                "where it came, or write it again"
            ) from error
        finally:
            costs.append(file.cost)


def _the_series(path: Path, headers: dict[Path, Header]) -> str:
    """Identifier of the one slide that is meant."""
    candidates = [headers[path]] if path in headers else list(headers.values())
    if not candidates:
        raise UnsupportedImageError(f"{path}: holds no DICOM files; {_WAY_OUT}")
    with_levels = {header.series for header in headers.values() if header.is_level}
    found = sorted({header.series for header in candidates} & with_levels)
    if not found:
        kinds = ", ".join(sorted({header.kind for header in candidates}))
        raise UnsupportedImageError(f"{path}: DICOM, but no level of a slide ({kinds}); {_WAY_OUT}")
    if len(found) > 1:
        raise UnsupportedImageError(
            f"{path}: holds {len(found)} slides; give one file of each, or put each in a directory of its own"
        )
    return found[0]
