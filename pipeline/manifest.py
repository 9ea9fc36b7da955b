"""A table with a row per image: which to open, by what name, and what is known of them.

Ids are text: leading zeros stay. A problem with the table itself is found here, before any image is opened; a
problem with one image is not looked for here and becomes that image's row.
"""

from __future__ import annotations

import csv
import difflib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import ManifestError, StorageError
from pipeline.image_record import ImageRecord, stem_of
from pipeline.images.pyramid import PixelSize
from pipeline.storage.place import beside, is_far, is_url, local_path, shown
from pipeline.storage.whole_object import read_whole

ALIASES: Mapping[str, tuple[str, ...]] = {
    "image_path": ("wsi", "wsi_path", "filename", "slide_path", "path", "location"),
    "sample_id": ("slide_id", "case_id", "slide", "image_id"),
    "label": (),
    "split": (),
    "mpp": ("spacing_at_level_0",),
    "pixel_size_m": ("gsd", "gsd_m"),
    "mask_path": ("mask",),
}
"""Columns that are understood, and the names that other tools give them."""
_BEYOND = "\0"
"""Where cells lie that are under no column; no column can be called so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The images of a run, in order."""

    records: tuple[ImageRecord, ...]
    """One per image; ids are unique."""
    ignored_columns: tuple[str, ...] = ()
    """Columns that have no meaning here."""


def is_manifest(place: str) -> bool:
    """Whether a path or URL names a table."""
    return _suffix(place) in (".csv", ".parquet")


def read_manifest(place: str) -> Manifest:
    """A CSV or Parquet file with a row per image, at a path or a URL. Relative paths are relative to it.

    Raises:
        ManifestError: if it cannot be read, lacks `image_path`, or repeats an id.
    """
    path = shown(place)
    try:
        content = read_whole(place)
    except StorageError as error:
        raise ManifestError(str(error)) from error
    if content is None:
        raise ManifestError(f"{path}: there is no such table; check the name")
    read = _read_parquet if _suffix(place) == ".parquet" else _read_csv
    header, rows = read(content, path)
    columns = _columns(header, path)
    records = tuple(
        _record(row, columns, place, number) for number, row in enumerate(rows, start=1)
    )
    if not records:
        raise ManifestError(f"{path}: no rows below the header; list at least one image")
    _refuse_repeats(records, path)
    used = set(columns.values())
    return Manifest(records=records, ignored_columns=tuple(n for n in header if n not in used))


def _read_csv(content: bytes, path: str) -> tuple[list[str], list[dict[str, str]]]:
    try:
        reader = csv.DictReader(StringIO(content.decode("utf-8-sig"), newline=""), restkey=_BEYOND)
        header = [name.strip() for name in reader.fieldnames or []]
        reader.fieldnames = header
        return header, [_cells(row, path, number) for number, row in enumerate(reader, start=1)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(
            f"{path}: cannot be read as a CSV table: {error}; write it as UTF-8 text, comma separated"
        ) from error


def _cells(row: dict[str, Any], path: str, number: int) -> dict[str, str]:
    """By the column's name; a name with an unquoted comma would else lose its end, and move all cells behind it."""
    beyond = [cell for cell in row.pop(_BEYOND, ()) if cell.strip()]
    if beyond:
        raise ManifestError(
            f"{path}: row {number} has more cells than the header has columns; {beyond[0]!r} belongs to none. Put text "
            "with commas in it between double quotes"
        )
    return {name: value or "" for name, value in row.items() if name}


def _read_parquet(content: bytes, path: str) -> tuple[list[str], list[dict[str, str]]]:
    try:
        table = pq.read_table(BytesIO(content))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ManifestError(
            f"{path}: cannot be read as a Parquet table: {error}; write it again, or give a CSV table"
        ) from error
    rows = [{name: _text(value) for name, value in row.items()} for row in table.to_pylist()]
    return list(table.column_names), rows


def _text(value: object) -> str:
    """As a CSV table would have it. Whole numbers beside empty cells are floats to pandas: class 3 is not class 3.0."""
    if value is None or value != value:  # noqa: PLR0124  # NaN alone
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _columns(header: Sequence[str], path: str) -> dict[str, str]:
    """Meaning to column name, own names before aliases."""
    by_lower = {name.lower(): name for name in header}
    found = {}
    for meaning, aliases in ALIASES.items():
        if meaning in by_lower:
            found[meaning] = by_lower[meaning]
            continue
        candidates = [by_lower[alias] for alias in aliases if alias in by_lower]
        if candidates:
            found[meaning] = candidates[0]
    if "image_path" not in found:
        near = difflib.get_close_matches("image_path", list(by_lower), n=1, cutoff=0.6)
        hint = f"; is {by_lower[near[0]]!r} meant? Rename it" if near else ""
        listed = ", ".join(header) or "nothing"
        raise ManifestError(f"{path}: no column 'image_path'{hint}. Found: {listed}")
    return found


def _record(
    row: Mapping[str, str], columns: Mapping[str, str], place: str, number: int
) -> ImageRecord:
    path = shown(place)
    cells = {meaning: (row.get(name) or "").strip() for meaning, name in columns.items()}
    if not cells["image_path"]:
        raise ManifestError(f"{path}: row {number} has no image_path; fill it in or drop the row")
    mask = cells.get("mask_path")
    return ImageRecord(
        sample_id=cells.get("sample_id") or stem_of(cells["image_path"]),
        image_path=_resolved(cells["image_path"], place),
        label=cells.get("label") or None,
        split=cells.get("split") or None,
        pixel_size=_pixel_size(cells, path, number),
        mask_path=_resolved(mask, place) if mask else None,
    )


def _pixel_size(cells: Mapping[str, str], path: str, number: int) -> PixelSize | None:
    given = {name: cells[name] for name in ("mpp", "pixel_size_m") if cells.get(name)}
    if not given:
        return None
    if len(given) == 2:
        raise ManifestError(f"{path}: row {number} has both mpp and pixel_size_m; give one")
    [(name, text)] = given.items()
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise ManifestError(f"{path}: row {number}: {name} is {text!r}; give a number above 0")
    return PixelSize(value, value, "um" if name == "mpp" else "m")


def _refuse_repeats(records: Iterable[ImageRecord], path: str) -> None:
    counts = Counter(record.sample_id for record in records)
    repeated = [f"{name!r} ({count} times)" for name, count in counts.items() if count > 1]
    if repeated:
        shown = ", ".join(repeated[:5]) + (", ..." if len(repeated) > 5 else "")
        raise ManifestError(
            f"{path}: {len(repeated)} sample_id repeat: {shown}; an id names one row of every "
            "table, so make them unique"
        )


def _resolved(path: str, manifest: str) -> str:
    """Of a path or URL in a manifest; relative ones lie beside it."""
    if is_url(path) or Path(path).is_absolute():
        return path
    if is_far(manifest):
        return beside(manifest, path)
    return str((local_path(manifest).parent / path).absolute())


def _suffix(place: str) -> str:
    """`.csv` of a path, or of a URL whatever its parameters."""
    return Path(urlsplit(place).path if is_far(place) else place).suffix.lower()
