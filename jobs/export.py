"""foveate export: the looks of a run for QuPath, GIS programs, spreadsheets and OME-Zarr viewers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from jobs.console import err, out, run_alone, told_plainly
from pipeline.errors import UsageError
from pipeline.exports.forms import geojson, looks_csv, qupath, write_geoparquet
from pipeline.exports.ground import on_maps
from pipeline.records.finished_image import FinishedImage
from pipeline.records.finished_run import open_run
from pipeline.records.run import write_text
from pipeline.records.store.opening import directory_at

_MAX_NAME_BYTES = 180
"""Disks take 255, with ending, mark and what marks a file half written; an id may be a long path."""


class Form(StrEnum):
    """What to write."""

    qupath = "qupath"
    geojson = "geojson"
    geoparquet = "geoparquet"
    csv = "csv"
    ome_zarr = "ome-zarr"


def export(
    place: Annotated[
        str, typer.Argument(metavar="RUN", help="Directory of foveate classify or savings.")
    ],
    form: Annotated[Form, typer.Option("--to", help="What to write.")],
    destination: Annotated[
        Path,
        typer.Option("--out", help="A file; for qupath and ome-zarr a directory, one per image."),
    ],
) -> None:
    """Write where the walk looked.

    qupath: annotations in pixels. geojson, geoparquet: degrees, of images that are maps. csv: pixels, um and map
    units. ome-zarr: a label of how deep the walk looked.
    """
    with told_plainly():
        run = directory_at(place, "export")
        images = [image for image in open_run(run).images() if image.looks]
        if not images:
            raise UsageError(f"{run}: no image of this run was looked at")
        try:
            _WRITERS[form](images, destination)
        except OSError as error:
            raise UsageError(
                f"--out {destination}: cannot be written to: {error}; {_WANTED[form]} in a directory that is there"
            ) from error
        out.print(f"{form.value}: {destination}")


def write_overlays(images: Sequence[FinishedImage], directory: Path) -> None:
    """A GeoJSON for QuPath per image."""
    directory.mkdir(parents=True, exist_ok=True)
    for image in images:
        text = json.dumps(qupath(image), allow_nan=False)
        write_text(directory / f"{_file_name(image)}.geojson", text)


def _geojson(images: Sequence[FinishedImage], path: Path) -> None:
    write_text(path, json.dumps(geojson(_maps(images)), allow_nan=False))


def _geoparquet(images: Sequence[FinishedImage], path: Path) -> None:
    write_geoparquet(_maps(images), path)


def _csv(images: Sequence[FinishedImage], path: Path) -> None:
    write_text(path, looks_csv(images))


def _ome_zarr(images: Sequence[FinishedImage], directory: Path) -> None:
    from pipeline.exports.labels import holds_another, write_label  # not above: it loads zarr

    places = [directory / f"{_file_name(image)}.ome.zarr" for image in images]
    for (
        place
    ) in places:  # an image `a.ome.zarr` has the id `a`, and so its label the image's own name
        if holds_another(place):
            raise UsageError(
                f"{place}: something else lies there already, maybe the image itself; give another --out: a directory "
                "for the labels alone"
            )
    directory.mkdir(parents=True, exist_ok=True)
    for image, place in zip(images, places, strict=True):
        write_label(image, place)


def _maps(images: Sequence[FinishedImage]) -> list[FinishedImage]:
    found, reasons = on_maps(images)
    for reason in reasons:
        err.print(f"left out: {reason}", markup=False)
    return found


def _file_name(image: FinishedImage) -> str:
    """Ids may hold anything, file names may not; an id that had to be changed gets a mark of its own."""
    plain = "".join(char if char.isalnum() or char in "-_." else "_" for char in image.sample_id)
    short = plain.encode()[:_MAX_NAME_BYTES].decode(errors="ignore")
    if short == image.sample_id:
        return short
    return f"{short}-{hashlib.sha256(image.sample_id.encode()).hexdigest()[:8]}"


_WANTED: dict[Form, str] = dict.fromkeys(Form, "give the name of a file") | dict.fromkeys(
    (Form.qupath, Form.ome_zarr), "give the name of a directory"
)
_WRITERS: dict[Form, Callable[[Sequence[FinishedImage], Path], None]] = {
    Form.qupath: write_overlays,
    Form.geojson: _geojson,
    Form.geoparquet: _geoparquet,
    Form.csv: _csv,
    Form.ome_zarr: _ome_zarr,
}


if __name__ == "__main__":
    run_alone(export)
