"""Which files are DICOM. Needs no DICOM library. Four bytes of a file tell; they are not counted as read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

MAGIC_OFFSET, MAGIC = 128, b"DICM"


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM by its start, or a directory holds files that are.

    Raises:
        OSError: if it cannot be looked at.
    """
    return (
        any(_is_dicom_file(one) for one in _files(path)) if path.is_dir() else _is_dicom_file(path)
    )


def dicom_files(directory: Path) -> list[Path]:
    """All DICOM files of a directory, not those of directories in it; sorted by name.

    Raises:
        OSError: if it cannot be looked at.
    """
    return [one for one in _files(directory) if _is_dicom_file(one)]


def _files(directory: Path) -> list[Path]:
    """Those named .dcm first: they are most likely to be some."""
    return sorted(directory.iterdir(), key=lambda one: (one.suffix.lower() != ".dcm", one.name))


def _is_dicom_file(path: Path) -> bool:
    # Non-blocking and regular only: opening a pipe would wait for a writer.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return False
        return os.pread(descriptor, len(MAGIC), MAGIC_OFFSET) == MAGIC
    finally:
        os.close(descriptor)
