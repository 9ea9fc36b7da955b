"""A labelled archive of scenes on disk: what is in it, and the files of one image."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.benchmarks.digits import DigitSplits
from pipeline.benchmarks.drawing import SceneDrawing
from pipeline.benchmarks.image_files import write_ome_zarr, write_tiff
from pipeline.benchmarks.scene import TASKS, Scene, SceneLaw, Task, plan_scenes
from pipeline.benchmarks.sparse_pyramid import sparse_levels
from pipeline.errors import ResumeError, UsageError

MANIFEST, TRUTH, RECORD = "manifest.csv", "truth.parquet", "benchmark.json"


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
        if self.pad_to_px < self.law.canvas_px:
            raise UsageError(
                f"--pad-to {self.pad_to_px} is less than --canvas {self.law.canvas_px}; give at least that"
            )
        if self.num_train < 0 or self.num_test < 0 or not self.num_train + self.num_test:
            raise UsageError(f"--train {self.num_train} --test {self.num_test}: nothing to make")
        if not 0 <= self.validation < 1:
            raise UsageError(f"--validation {self.validation}: a share, from 0 to below 1")
        if self.tile_px < 16 or 256 % self.tile_px:
            raise UsageError(f"--tile {self.tile_px}: 16, 32, 64, 128 or 256")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlannedImage:
    """One image of the archive."""

    sample_id: str
    """Its name."""
    split: str
    """train, validation or test."""
    scene: Scene
    """What it shows."""


def plan_archive(plan: ArchivePlan, digits: DigitSplits) -> list[PlannedImage]:
    """All images, training ones first; which of them validate is drawn from the seed."""
    train = plan_scenes(plan.law, digits.train, plan.num_train, plan.seed + 1)
    test = plan_scenes(plan.law, digits.test, plan.num_test, plan.seed)
    order = np.random.default_rng(plan.seed).permutation(plan.num_train)
    held = set(order[: round(plan.num_train * plan.validation)].tolist())
    return [
        *(
            PlannedImage(
                sample_id=f"train_{index:05}",
                split="validation" if index in held else "train",
                scene=scene,
            )
            for index, scene in enumerate(train)
        ),
        *(
            PlannedImage(sample_id=f"test_{index:05}", split="test", scene=scene)
            for index, scene in enumerate(test)
        ),
    ]


def image_path(image: PlannedImage, plan: ArchivePlan) -> Path:
    """Relative to the archive."""
    suffix = ".ome.zarr" if plan.format == "zarr" else ".tif"
    return Path("images") / image.split / f"{image.sample_id}{suffix}"


def write_image(
    image: PlannedImage, plan: ArchivePlan, digits: DigitSplits, directory: Path
) -> int:
    """Write one image, unless it is there; bytes on disk."""
    path = directory / image_path(image, plan)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        source = digits.test if image.split == "test" else digits.train
        levels = list(sparse_levels(SceneDrawing(image.scene, source), plan.pad_to_px))
        if plan.format == "zarr":
            write_ome_zarr(path, levels, tile_px=plan.tile_px, name=image.sample_id)
        else:
            write_tiff(path, levels, tile_px=plan.tile_px)
    return _size(path)


def write_tables(images: Sequence[PlannedImage], plan: ArchivePlan, directory: Path) -> None:
    """manifest.csv, and truth.parquet with a row per pasted digit."""
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
    pq.write_table(pa.Table.from_pylist(list(_truth(images))), directory / TRUTH)
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


def claim(directory: Path, plan: ArchivePlan, source: str) -> bool:
    """Note down what the directory is for; whether it was for the same before.

    Raises:
        UsageError: if it holds something else.
        ResumeError: if it holds an archive of other settings, naming those.
    """
    wanted = json.loads(json.dumps({"digits": source, **asdict(plan)}))
    path = directory / RECORD
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        names = [name for name in wanted if found.get(name) != wanted[name]]
        if names:
            listed = ", ".join(
                f"{name}: {found.get(name)} there, {wanted[name]} wanted" for name in names
            )
            raise ResumeError(f"{directory} holds another archive ({listed}); give another --out")
        return True
    if directory.exists() and any(directory.iterdir()):
        raise UsageError(f"--out {directory} is there and holds no archive; give a new directory")
    directory.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(wanted, indent=2) + "\n", encoding="utf-8")
    return False


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(
        (Path(parent) / name).stat().st_size for parent, _, names in os.walk(path) for name in names
    )
