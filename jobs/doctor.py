"""foveate doctor: opens every image of an archive without reading a pixel, and says what is there and what is wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from typing import Annotated

import typer
from rich.table import Table

from actors.model_directory import ModelConfig, open_model
from jobs.console import OK, SOME_FAILED, counted, err, out, run_alone, told_plainly
from pipeline.errors import ImageError
from pipeline.image_list import read_images
from pipeline.image_record import ImageRecord
from pipeline.images.input_spec import fit_bands
from pipeline.images.opening import open_source
from pipeline.images.pyramid import Pyramid
from pipeline.images.source import Source
from pipeline.records.summary import readable_bytes
from pipeline.storage.allowed_places import EVERYWHERE, AllowedPlaces, parse_places
from pipeline.walk.walk_plan import described, geometry_of

NUM_READERS = 32
"""Images looked at at once; those on servers mostly wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is known of an image without its pixels."""

    sample_id: str
    """Which image."""
    image_path: str
    """Where it is."""
    format: str | None = None
    """Of the file."""
    height_px: int | None = None
    """Level-0 rows."""
    width_px: int | None = None
    """Level-0 columns."""
    num_levels: int | None = None
    """Stored resolutions."""
    tile: str | None = None
    """HEIGHTxWIDTH of a stored tile of the finest level."""
    dtype: str | None = None
    """Of the samples."""
    bands: str | None = None
    """Names of the bands."""
    pixel_size: str | None = None
    """Of level 0, with its unit."""
    crs: str | None = None
    """Coordinate reference system, of a map."""
    full_scan_bytes: int | None = None
    """Encoded bytes of the finest level; None where no index says it."""
    header_bytes: int | None = None
    """Bytes that opening it took."""
    header_requests: int | None = None
    """Reads that opening it took."""
    problem: str | None = None
    """Why it cannot be classified; None: nothing is wrong."""


def doctor(
    images: Annotated[
        list[str],
        typer.Argument(help="Files, globs, directories, or one manifest (CSV or Parquet)."),
    ],
    model: Annotated[
        str | None, typer.Option(help="Also check that every image fits this model.")
    ] = None,
    allow_hosts: Annotated[
        str | None, typer.Option(help="Read only from these; as in `foveate classify`.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """Look over an archive before a run. Exit status 3 if an image cannot be classified."""
    with told_plainly():
        config = open_model(model).config if model else None
        manifest = read_images(images)
        examined = partial(examine, config=config, places=parse_places(allow_hosts))
        with ThreadPoolExecutor(NUM_READERS) as pool:
            findings = list(pool.map(examined, manifest.records))
    if as_json:
        for finding in findings:
            print(json.dumps(asdict(finding), ensure_ascii=False))
    else:
        _show(findings)
    sys.exit(SOME_FAILED if any(finding.problem for finding in findings) else OK)


def examine(
    record: ImageRecord, config: ModelConfig | None, places: AllowedPlaces = EVERYWHERE
) -> Finding:
    """Open one image and close it again."""
    try:
        source = open_source(record.image_path, places)
    except ImageError as error:
        return Finding(sample_id=record.sample_id, image_path=record.image_path, problem=str(error))
    try:
        pyramid = described(source.pyramid, record)
        return _finding(record, pyramid, source, config)
    finally:
        source.close()


def _finding(
    record: ImageRecord, pyramid: Pyramid, source: Source, config: ModelConfig | None
) -> Finding:
    size = pyramid.pixel_size
    finest = pyramid.levels[0]
    return Finding(
        sample_id=record.sample_id,
        image_path=record.image_path,
        format=pyramid.format,
        height_px=pyramid.height,
        width_px=pyramid.width,
        num_levels=len(pyramid.levels),
        tile=f"{finest.tile_height}x{finest.tile_width}",
        dtype=pyramid.dtype,
        bands=_shortened(pyramid.bands),
        pixel_size=f"{size.y:.4g} {size.unit}" if size else None,
        crs=pyramid.crs,
        full_scan_bytes=source.scan_bytes(0),
        header_bytes=source.header.transferred_bytes,
        header_requests=source.header.num_requests,
        problem=_misfit(pyramid, config),
    )


def _misfit(pyramid: Pyramid, config: ModelConfig | None) -> str | None:
    if config is None:
        return None
    try:
        fit_bands(config.input, pyramid)
        geometry_of(pyramid, config.plan)
    except ImageError as error:
        return str(error)
    return None


def _show(findings: list[Finding]) -> None:
    table = Table("image", "format", "size", "levels", "tile", "samples", "pixel", "full scan")
    for found in findings:
        if found.format is None:
            continue
        table.add_row(
            found.sample_id,
            found.format,
            f"{found.height_px}x{found.width_px}",
            str(found.num_levels),
            found.tile,
            f"{found.dtype} {found.bands}",
            found.pixel_size or "?",
            "?" if found.full_scan_bytes is None else readable_bytes(found.full_scan_bytes),
        )
    out.print(table)
    for found in findings:
        if found.problem is not None:
            err.print(f"{found.sample_id}: {found.problem}", markup=False, style="red")
    out.print(total_of(findings))


def total_of(findings: Sequence[Finding]) -> str:
    """How many images there are, and what reading all of them takes."""
    opened = [found for found in findings if found.format is not None]
    known = [found.full_scan_bytes for found in opened if found.full_scan_bytes is not None]
    unknown = len(opened) - len(known)
    broken = sum(found.problem is not None for found in findings)
    return (
        f"{counted(len(findings), 'image')}, {broken} with problems; a full scan reads "
        f"{sum(known):,} bytes ({readable_bytes(sum(known))})"
        + (f", and what {counted(unknown, 'image')} of unknown size take" if unknown else "")
    )


def _shortened(bands: tuple[str, ...]) -> str:
    colours = {("red", "green", "blue"): "RGB", ("red", "green", "blue", "alpha"): "RGBA"}
    if bands in colours:
        return colours[bands]
    return " ".join(bands) if len(bands) <= 4 else f"{len(bands)} bands"


if __name__ == "__main__":
    run_alone(doctor)
