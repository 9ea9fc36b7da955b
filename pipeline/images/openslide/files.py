"""Which files are left to OpenSlide, and which belong to a slide. Needs no OpenSlide."""

from __future__ import annotations

from pathlib import Path

from pipeline.images.companions import fingerprint_of_files
from pipeline.storage.fingerprint import Fingerprint

OPENSLIDE_SUFFIXES = frozenset((".mrxs", ".vms", ".vmu", ".svslide", ".czi"))
"""Names of slides that are no TIFF."""


def is_openslide_file(path: Path) -> bool:
    """Whether a file is named like a slide that is left to OpenSlide."""
    return path.suffix.lower() in OPENSLIDE_SUFFIXES


def fingerprint_of_openslide(path: Path) -> Fingerprint:
    """Of a slide; for MIRAX with all files of its directory, for the others of the named file.

    Raises:
        OSError: if a file cannot be looked at.
    """
    beside = path.with_suffix("")
    data = sorted(beside.iterdir()) if path.suffix.lower() == ".mrxs" and beside.is_dir() else []
    return fingerprint_of_files([path, *(one for one in data if one.is_file())])
