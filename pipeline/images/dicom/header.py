"""What a DICOM file says first: which slide it belongs to, and whether it holds a level of it. By pydicom."""

from __future__ import annotations

import io
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self, cast

import pydicom
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag
from pydicom.uid import VLWholeSlideMicroscopyImageStorage

from pipeline.images.tiff.metadata import MAX_TEXT
from pipeline.storage.acquisition import Acquisition
from pipeline.storage.byte_range import ByteRange
from pipeline.storage.disk import DiskStorage
from pipeline.storage.fingerprint import Fingerprint
from pipeline.storage.header_file import HeaderFile

# Values that break DICOM's rules are common and mostly harmless; each would print two lines. What matters is raised.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
logging.getLogger("pydicom").addHandler(logging.NullHandler())
warnings.filterwarnings("ignore", category=UserWarning, module=r"pydicom\.")

_BUFFER_BYTES = 4096
"""Elements are read a few bytes at a time; frames without a table are stepped over, so not much more than that."""
_SERIES_INSTANCE_UID = 0x0020000E
_OPTICAL_PATH_SEQUENCE = 0x00480105
_HOW_MADE = {
    "Manufacturer": "make",
    "ManufacturerModelName": "model",
    "DeviceSerialNumber": "scanner",
    "SoftwareVersions": "software",
    "AcquisitionDateTime": "acquired",
}
"""Of instruments and settings only, never of people or cases."""


class _NamedReader(io.BufferedReader):
    """Pydicom asks every buffered file for its name."""

    @property
    def name(self) -> str:
        return ""


class OpenFile:
    """A DICOM file that is read from its start by one thread, every byte counted. A context manager.

    Raises:
        OSError: if it cannot be opened.
        StorageError: if it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._storage = DiskStorage(path)
        [start] = self._storage.fetch([ByteRange(count=132, is_clipped=True)])
        self._file = HeaderFile(self._storage, start)
        self.stream = cast(
            "BinaryIO", _NamedReader(cast("io.RawIOBase", self._file), _BUFFER_BYTES)
        )
        """For libraries."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()
        self._storage.close()

    @property
    def fingerprint(self) -> Fingerprint:
        """Of the file."""
        return self._file.fingerprint

    @property
    def cost(self) -> Acquisition:
        """What was read so far."""
        return self._file.cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first elements of a file."""

    kind: str
    """What it holds, in words: `VL Whole Slide Microscopy Image Storage`, `CT Image Storage`, ..."""
    series: str
    """Identifier of the slide that it belongs to."""
    is_level: bool
    """True: tiles of the slide; False: its label, an overview, annotations, or no slide at all."""
    metadata: tuple[tuple[str, str], ...]
    """How it was made: names and values, sorted."""


def read_header(file: OpenFile) -> Header:
    """Read up to the series.

    Raises:
        StorageError: if the file cannot be read.
        Exception: whatever pydicom raises on a broken file.
    """
    found = _read_until(file, _SERIES_INSTANCE_UID)
    kind = found.get("SOPClassUID") or found.file_meta.get("MediaStorageSOPClassUID")
    image_type = [str(part) for part in found.get("ImageType") or ()]
    stated = {name: _text(found.get(key)) for key, name in _HOW_MADE.items()}
    return Header(
        kind="DICOM" if kind is None else kind.name,
        series=str(found.get("SeriesInstanceUID", "")),
        is_level=kind == VLWholeSlideMicroscopyImageStorage and image_type[2:3] == ["VOLUME"],
        metadata=tuple(sorted((name, text) for name, text in stated.items() if text)),
    )


def optical_path_names(file: OpenFile) -> dict[str, str]:
    """What the file calls its optical paths, by their identifiers.

    Raises:
        StorageError: if the file cannot be read.
        Exception: whatever pydicom raises on a broken file.
    """
    found = _read_until(file, _OPTICAL_PATH_SEQUENCE)
    paths = found.get("OpticalPathSequence") or ()
    return {str(one.OpticalPathIdentifier): _path_name(one) for one in paths}


def _path_name(path: pydicom.Dataset) -> str:
    if path.get("OpticalPathDescription"):
        return _text(path.OpticalPathDescription)
    codes = path.get("ChannelDescriptionCodeSequence") or ()
    if codes and codes[0].get("CodeMeaning"):
        return _text(codes[0].CodeMeaning)
    if path.get("IlluminationWaveLength"):
        return f"{float(path.IlluminationWaveLength):g} nm"
    return f"path_{path.OpticalPathIdentifier}"


def _read_until(file: OpenFile, last: int) -> pydicom.FileDataset:
    def is_behind(tag: BaseTag, _vr: str | None, _length: int) -> bool:
        return int(tag) > last

    file.stream.seek(0)
    return read_partial(file.stream, is_behind)


def _text(value: object) -> str:
    if value is None:
        return ""
    parts = [value] if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)
    return ", ".join(str(part).strip() for part in parts)[:MAX_TEXT]
