"""A labelled archive of scenes on disk: what is in it, and the files of one image."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.benchmarks.digits import Digits, DigitSplits
from pipeline.benchmarks.drawing import SceneDrawing
from pipeline.benchmarks.image_files import write_ome_zarr, write_tiff
from pipeline.benchmarks.planning import plan_scenes
from pipeline.benchmarks.scene import TASKS, Scene, SceneLaw, Task
from pipeline.benchmarks.sparse_pyramid import num_levels, sparse_levels
from pipeline.errors import UsageError

MANIFEST, TRUTH = "manifest.csv", "truth.parquet"
LARGEST_TILE_PX = 256
LARGEST_GRAIN_PX = 16384
"""Grain fills a canvas, which is held in memory; black and settlements are not bound by it."""
MAX_SEED = 2**32 - 2
"""Training has the next one, and NumPy's legacy generator takes no more than 32 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivePlan:
    """Everything that decides what is written."""

    law: SceneLaw
    """Of every scene."""
    task: Task = "majority"
    """Which of the labels is `label` in the manifest."""
    num_train: int = 5000
    """Scenes from the training digits."""
    validation: float = 0.1
    """Share of them that are the validation split."""
    num_test: int = 1000
    """Scenes from the test digits."""
    pad_to_px: int = 1536
    """Side of an image; black is added at the right and at the bottom."""
    tile_px: int = 128
    """Side of a stored tile."""
    format: Literal["zarr", "tiff"] = "zarr"
    """Of the files."""
    seed: int = 0
    """Of the test scenes; training scenes have the next one (as published: 0 and 1)."""

    def __post_init__(self) -> None:
        self._refuse_bad_counts()
        self._refuse_bad_sides()

    def _refuse_bad_sides(self) -> None:
        if self.pad_to_px < self.law.canvas_px:
            raise UsageError(
                f"--pad-to {self.pad_to_px} is less than --canvas {self.law.canvas_px}; give at least that"
            )
        coarsest_px = self.pad_to_px >> (num_levels(self.pad_to_px) - 1)
        if coarsest_px > LARGEST_TILE_PX:
            raise UsageError(
                f"--pad-to {self.pad_to_px}: halves evenly down to {coarsest_px} px only, "
                f"wanted {LARGEST_TILE_PX} or less; give a multiple of a larger power of 2, such as 1536 for 1500"
            )
        if self.law.background == "grain" and self.pad_to_px > LARGEST_GRAIN_PX:
            raise UsageError(
                f"--background grain: {self.pad_to_px} px is more than {LARGEST_GRAIN_PX}; "
                "larger canvases need --background black, with --settlements where something is to be seen"
            )
        if self.tile_px < 16 or LARGEST_TILE_PX % self.tile_px:
            raise UsageError(f"--tile {self.tile_px}: 16, 32, 64, 128 or 256")

    def _refuse_bad_counts(self) -> None:
        if self.num_train < 0 or self.num_test < 0 or not self.num_train + self.num_test:
            raise UsageError(f"--train {self.num_train} --test {self.num_test}: nothing to make")
        if not 0 <= self.validation < 1:
            raise UsageError(f"--validation {self.validation}: a share, from 0 to below 1")
        if not 0 <= self.seed <= MAX_SEED:
            raise UsageError(f"--seed {self.seed}: from 0 to {MAX_SEED}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlannedImage:
    """One image of the archive."""

    sample_id: str
    """Its name."""
    split: str
    """train, validation or test."""
    scene: Scene
    """What it shows."""
    drawing: SceneDrawing
    """The same, with the digits it is drawn from, and no others: it travels to other processes."""


def plan_archive(plan: ArchivePlan, digits: DigitSplits) -> list[PlannedImage]:
    """All images, training ones first; which of them validate is drawn from the seed."""
    order = np.random.default_rng(plan.seed).permutation(plan.num_train)
    held = set(order[: round(plan.num_train * plan.validation)].tolist())
    splits = ["validation" if index in held else "train" for index in range(plan.num_train)]
    return [
        *_planned("train", splits, plan.law, digits.train, plan.seed + 1),
        *_planned("test", ["test"] * plan.num_test, plan.law, digits.test, plan.seed),
    ]


def _planned(
    name: str, splits: Sequence[str], law: SceneLaw, digits: Digits, seed: int
) -> Iterator[PlannedImage]:
    scenes = plan_scenes(law, digits, len(splits), seed)
    for index, (split, scene) in enumerate(zip(splits, scenes, strict=True)):
        yield PlannedImage(
            sample_id=f"{name}_{index:05}",
            split=split,
            scene=scene,
            drawing=SceneDrawing(scene, digits),
        )


def image_path(image: PlannedImage, plan: ArchivePlan) -> Path:
    """Relative to the archive."""
    suffix = ".ome.zarr" if plan.format == "zarr" else ".tif"
    return Path("images") / image.split / f"{image.sample_id}{suffix}"


def write_image(image: PlannedImage, plan: ArchivePlan, directory: Path) -> int:
    """Write one image, unless it is there; bytes on disk."""
    path = directory / image_path(image, plan)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        levels = list(sparse_levels(image.drawing, plan.pad_to_px))
        if plan.format == "zarr":
            write_ome_zarr(path, levels, tile_px=plan.tile_px, name=image.sample_id)
        else:
            write_tiff(path, levels, tile_px=plan.tile_px)
    return _size(path)


def write_tables(images: Sequence[PlannedImage], plan: ArchivePlan, directory: Path) -> None:
    """truth.parquet with a row per pasted digit, and manifest.csv: where it is, all the rest is, too."""
    partial = directory / f".{TRUTH}.partial"
    pq.write_table(pa.Table.from_pylist(list(_truth(images))), partial)
    partial.replace(directory / TRUTH)
    partial = directory / f".{MANIFEST}.partial"
    with partial.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(
            ["sample_id", "image_path", "label", "split", *(f"label_{task}" for task in TASKS)]
        )
        for image in images:
            labels = [image.scene.label(task) for task in TASKS]
            path = image_path(image, plan)
            rows.writerow(
                [image.sample_id, path, labels[TASKS.index(plan.task)], image.split, *labels]
            )
    partial.replace(directory / MANIFEST)


def _truth(images: Sequence[PlannedImage]) -> Iterator[dict[str, str | int]]:
    for image in images:
        for digit in image.scene.digits:
            yield {
                "sample_id": image.sample_id,
                "digit": digit.digit,
                "y_px": digit.y_px,
                "x_px": digit.x_px,
                "side_px": image.scene.law.digit_px,
            }


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(
        (Path(parent) / name).stat().st_size for parent, _, names in os.walk(path) for name in names
    )
