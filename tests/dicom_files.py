"""Small DICOM slides on disk, in many forms, written with pydicom; their frames are encoded by imagecodecs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
    VLWholeSlideMicroscopyImageStorage,
    generate_uid,
)

Samples = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Form:
    """How frames are stored."""

    syntax: UID
    encode: Callable[[Samples], bytes]
    """(h, w) or (h, w, 3) to bytes."""
    colours: str = "RGB"
    is_lossless: bool = True


def _rle(tile: Samples) -> bytes:
    """A segment per sample and byte, the high byte first."""
    planes = np.moveaxis(np.atleast_3d(tile), 2, 0)  # (S, h, w)
    big = planes.astype(planes.dtype.newbyteorder(">"))
    segments = []
    for plane in big:
        of_bytes = np.ascontiguousarray(plane).view(np.uint8).reshape(*plane.shape, -1)  # (h, w, b)
        for byte in range(of_bytes.shape[2]):
            stored = imagecodecs.packbits_encode(np.ascontiguousarray(of_bytes[:, :, byte]))
            segments.append(stored + bytes(len(stored) % 2))
    offsets = np.cumsum([64, *(len(one) for one in segments)])[:-1]
    head = np.zeros(16, "<u4")
    head[0] = len(segments)
    head[1 : 1 + len(segments)] = offsets
    return head.tobytes() + b"".join(segments)


PLAIN = Form(syntax=ExplicitVRLittleEndian, encode=lambda tile: tile.tobytes())
JPEG = Form(
    syntax=JPEGBaseline8Bit,
    encode=lambda tile: imagecodecs.jpeg8_encode(tile, level=95),
    colours="YBR_FULL_422",
    is_lossless=False,
)
JPEG_RGB = Form(
    syntax=JPEGBaseline8Bit,
    encode=lambda tile: imagecodecs.jpeg8_encode(
        tile, level=95, colorspace="RGB", outcolorspace="RGB"
    ),
    is_lossless=False,
)
JPEG_2000 = Form(
    syntax=JPEG2000Lossless,
    encode=lambda tile: imagecodecs.jpeg2k_encode(tile, level=0, codecformat="j2k"),
    colours="YBR_RCT",
)
JPEG_LS = Form(syntax=JPEGLSLossless, encode=imagecodecs.jpegls_encode)
RLE = Form(syntax=RLELossless, encode=_rle)


def new_series() -> str:
    """An identifier, short enough to be made longer."""
    return str(generate_uid())[:56]


@dataclass(frozen=True, kw_only=True)
class Slide:
    """What all files of a slide share."""

    form: Form = PLAIN
    tile: tuple[int, int] = (32, 48)
    """Rows and columns."""
    is_full: bool = True
    """True: TILED_FULL."""
    table: str = "basic"
    """Of where frames lie: `basic`, `extended` or `none`."""
    spacing_mm: tuple[float, float] | None = (0.0005, 0.00025)
    """Of a pixel of the finest level: down, across."""
    paths: Mapping[str, str] | None = None
    """Optical paths, by identifier, with what they are called."""
    series: str = ""
    """Identifier; empty: a new one."""


def write_slide(
    folder: Path, levels: Sequence[Samples], slide: Slide, **options: Any
) -> list[Path]:
    """One file per level, (H, W) or (H, W, 3) or (paths, H, W), finest first."""
    folder.mkdir(exist_ok=True)
    series = slide.series or new_series()
    return [
        write_level(folder / f"level{index}.dcm", level, levels[0], slide, series=series, **options)
        for index, level in enumerate(levels)
    ]


def write_level(
    path: Path,
    level: Samples,
    finest: Samples,
    slide: Slide,
    *,
    series: str,
    holes: Collection[tuple[int, int]] = (),
    frames: slice | None = None,
    **elements: Any,
) -> Path:
    """One file.

    Args:
        path: where to.
        level: (H, W), (H, W, 3) or (paths, H, W).
        finest: the finest level, for the size of pixels.
        slide: how.
        series: identifier of the slide.
        holes: (row, col) of tiles that are not stored; only of sparse slides.
        frames: which of all frames are in this file, as part of a concatenation.
        elements: more elements, by name.
    """
    planes = level if slide.paths else level[None]  # (paths, H, W) or (1, H, W, ...)
    height, width = planes.shape[1:3]
    places = [place for place in _places(planes, slide.tile) if place[1:] not in holes]
    stored = [slide.form.encode(_tile(planes[p], row, col, slide.tile)) for p, row, col in places]
    found = _dataset(path, planes, slide, series)
    found.TotalPixelMatrixRows, found.TotalPixelMatrixColumns = height, width
    if slide.spacing_mm is not None:
        scale = finest.shape[-2] / width if slide.paths else finest.shape[1] / width
        measures = Dataset()
        measures.PixelSpacing = [float(f"{one * scale:.9g}") for one in slide.spacing_mm]
        shared = Dataset()
        shared.PixelMeasuresSequence = [measures]
        found.SharedFunctionalGroupsSequence = [shared]
        found.ImagedVolumeHeight = height * slide.spacing_mm[0] * scale
        found.ImagedVolumeWidth = width * slide.spacing_mm[1] * scale
        found.ImagedVolumeDepth = 1.0
    if frames is not None:
        found.SOPInstanceUIDOfConcatenationSource = f"{series}.1"
        found.ConcatenationUID = f"{series}.2"
        found.ConcatenationFrameOffsetNumber = frames.start
        stored, places = stored[frames], places[frames]
    if not slide.is_full:
        ids = list(slide.paths or {"0": ""})
        found.PerFrameFunctionalGroupsSequence = [
            _position(ids[p], row * slide.tile[0], col * slide.tile[1]) for p, row, col in places
        ]
    found.NumberOfFrames = len(stored)
    _add_frames(found, stored, slide)
    for name, value in elements.items():
        setattr(found, name, value)
    found.save_as(path, enforce_file_format=True)
    return path


def _places(planes: Samples, tile: tuple[int, int]) -> Iterator[tuple[int, int, int]]:
    """Optical path, row and column of each tile, in the order of TILED_FULL."""
    for path in range(planes.shape[0]):
        for row in range(-(-planes.shape[1] // tile[0])):
            for col in range(-(-planes.shape[2] // tile[1])):
                yield path, row, col


def _tile(plane: Samples, row: int, col: int, tile: tuple[int, int]) -> Samples:
    """Whole, also at the edge: the rest repeats the last pixels."""
    y, x = row * tile[0], col * tile[1]
    part = plane[y : y + tile[0], x : x + tile[1]]
    missing = [(0, tile[0] - part.shape[0]), (0, tile[1] - part.shape[1])]
    missing += [(0, 0)] * (part.ndim - 2)
    return np.ascontiguousarray(np.pad(part, missing, mode="edge"))


def _dataset(path: Path, planes: Samples, slide: Slide, series: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = VLWholeSlideMicroscopyImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = slide.form.syntax
    found = FileDataset(str(path), {}, file_meta=meta, preamble=bytes(128))
    found.SOPClassUID = meta.MediaStorageSOPClassUID
    found.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    found.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    found.Modality, found.Manufacturer, found.PatientName = "SM", "foveate tests", "Nobody^Anna"
    found.StudyInstanceUID, found.SeriesInstanceUID = f"{series}.9", series
    found.FrameOfReferenceUID = f"{series}.8"
    found.Rows, found.Columns = slide.tile
    found.SamplesPerPixel = 3 if planes.ndim == 4 else 1
    found.PhotometricInterpretation = slide.form.colours if planes.ndim == 4 else "MONOCHROME2"
    if planes.ndim == 4:
        found.PlanarConfiguration = 0
    bits = planes.dtype.itemsize * 8
    found.BitsAllocated, found.BitsStored, found.HighBit = bits, bits, bits - 1
    found.PixelRepresentation = 0
    found.DimensionOrganizationType = "TILED_FULL" if slide.is_full else "TILED_SPARSE"
    found.TotalPixelMatrixFocalPlanes = 1
    found.NumberOfOpticalPaths = planes.shape[0]
    found.OpticalPathSequence = [_path(*one) for one in (slide.paths or {"0": ""}).items()]
    return found


def _path(identifier: str, called: str) -> Dataset:
    found = Dataset()
    found.OpticalPathIdentifier = identifier
    if called:
        found.OpticalPathDescription = called
    return found


def _position(path: str, y: int, x: int) -> Dataset:
    place, identification, group = Dataset(), Dataset(), Dataset()
    place.RowPositionInTotalImagePixelMatrix = y + 1
    place.ColumnPositionInTotalImagePixelMatrix = x + 1
    identification.OpticalPathIdentifier = path
    group.PlanePositionSlideSequence = [place]
    group.OpticalPathIdentificationSequence = [identification]
    return group


def _add_frames(found: FileDataset, stored: list[bytes], slide: Slide) -> None:
    if not slide.form.syntax.is_encapsulated:
        data = b"".join(stored)
        found.PixelData = data + bytes(len(data) % 2)
        found["PixelData"].VR = "OB" if found.BitsAllocated == 8 else "OW"
        return
    if slide.table == "extended":
        data, offsets, lengths = encapsulate_extended(stored)
        found.PixelData = data
        found.ExtendedOffsetTable, found.ExtendedOffsetTableLengths = offsets, lengths
    else:
        found.PixelData = encapsulate(stored, has_bot=slide.table == "basic")
    found["PixelData"].VR = "OB"
