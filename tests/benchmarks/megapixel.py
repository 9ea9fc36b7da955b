"""A trained model on the test split of megapixel-MNIST, beside chance, a full scan and a full-image network.

    python -m tests.benchmarks.megapixel ARCHIVE MODEL --out DIR [--budget 25] [--full-image MODEL] [--only model]

Each row is a run of `foveate classify` as a person would start it; what it came to is read from its tables.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from actors.model_directory import open_model
from actors.training.calibration import expected_calibration_error
from models.counts import look_cost
from tests.benchmarks.megapixel_result import (
    Point,
    WalkedImage,
    budget_curve,
    class_probabilities,
    point,
    read_run,
    stop_curve,
)

BUDGETS = (1, 2, 4, 8, 12, 16, 20, 25, 32)
STOPS = (0.8, 0.9, 0.95, 0.99)
ROWS = ("model", "random", "exhaustive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One run over the test split."""

    name: str
    """What looked where."""
    images: list[WalkedImage]
    """Its walks."""
    point: Point
    """What they came to."""
    multiplications: float
    """Per image."""
    ms_per_image: float
    """Wall time of the whole command, start-up included."""
    peak_mb: float
    """Of all its processes together, shared pages counted in each."""


def main() -> None:
    """Run what was asked for and print tables for BENCHMARKS.md."""
    asked = _arguments()
    manifest = _manifest(asked)
    options = {
        "model": (
            *("--budget", str(max(asked.budget, BUDGETS[-1]))),
            *(part for change in asked.set for part in ("--set", change)),
        ),
        "random": ("--budget", str(asked.budget), "--set", "walk.proposals=random"),
        "exhaustive": ("--full-scan",),
    }
    rows = [
        _row(name, asked, manifest, asked.model, *options[name]) for name in asked.only.split(",")
    ]
    if asked.full_image:
        rows.append(_row("full_image", asked, manifest, asked.full_image))
    print("\n".join(_table(rows)))
    for row in rows:
        if row.name == "model":
            print("\n".join(_curves(row, asked)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("archive", type=Path)
    parser.add_argument("model")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--budget", type=int, default=25)
    parser.add_argument("--full-image")
    parser.add_argument("--only", default=",".join(ROWS))
    parser.add_argument("--split", default="test", help="validation, to choose by")
    parser.add_argument("--limit", type=int, help="first so many images")
    parser.add_argument("--set", action="append", default=[], help="as of classify, for `model`")
    return parser.parse_args()


def _manifest(asked: argparse.Namespace) -> Path:
    """The rows of one split alone, with absolute paths."""
    archive: Path = asked.archive
    asked.out.mkdir(parents=True, exist_ok=True)
    rows = list(csv.DictReader((archive / "manifest.csv").read_text().splitlines()))
    chosen = [row for row in rows if row["split"] == asked.split][: asked.limit]
    path: Path = asked.out / f"{asked.split}.csv"
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, ["sample_id", "image_path", "label"], extrasaction="ignore")
        table.writeheader()
        table.writerows(
            {**row, "image_path": str((archive / row["image_path"]).absolute())} for row in chosen
        )
    return path


def _row(name: str, asked: argparse.Namespace, manifest: Path, model: str, *options: str) -> Row:
    out = asked.out / name
    command = [sys.executable, "-m", "jobs.cli", "classify", str(manifest), "--model", model]
    peak_mb = _run([*command, "--out", str(out), *options], out / "peak.json")
    images = read_run(out, asked.archive / "truth.parquet")
    config = open_model(model).config
    budget = asked.budget if name in ("model", "random") else 1 << 30
    ends = [image.last(budget) for image in images]
    cost = look_cost(
        config.architecture,
        num_classes=len(config.class_names),
        num_bands=config.input.num_bands,
        input_px=config.input.base_px,
    )
    scored = [
        int(np.sum(image.levels[: end + 1] > 0)) for image, end in zip(images, ends, strict=True)
    ]
    seconds = json.loads((out / "run.json").read_text())["seconds"]
    return Row(
        name=name,
        images=images,
        point=point(images, ends, config.input.base_px),
        multiplications=float(
            np.mean([cost.of_walk(end + 1, at) for end, at in zip(ends, scored, strict=True)])
        ),
        ms_per_image=1e3 * seconds / len(images),
        peak_mb=peak_mb,
    )


def _run(command: list[str], note: Path) -> float:
    """Run a command to its end unless it was run before; the peak memory of its processes in megabytes."""
    if note.exists():
        return float(json.loads(note.read_text()))
    peak = 0.0
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak = max(peak, _memory_mb(process.pid))
            time.sleep(0.5)
        if process.returncode:
            raise RuntimeError(f"{command} ended with {process.returncode}")
    note.write_text(json.dumps(peak))
    return peak


def _memory_mb(pid: int) -> float:
    """Of the processes that look: the job and its workers, without Ray's own."""
    total = 0
    try:
        for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
            line = " ".join(process.cmdline())
            if process.pid == pid or "MapWorker" in line:
                total += process.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total / 1e6


def _table(rows: list[Row]) -> Iterator[str]:
    yield (
        "| looks by | accuracy (95 %) | digit recall | looks | native pixels | pixels of all looks | bytes | "
        "multiplications | ms/image | peak memory |"
    )
    yield "|---" * 10 + "|"
    for row in rows:
        at = row.point
        yield (
            f"| {row.name} | {at.score} | {at.digit_recall:.3f} | {at.looks:.1f} | {at.native_share:.1%} | "
            f"{at.look_share:.1%} | {at.byte_share:.1%} | {row.multiplications / 1e6:.0f} M | "
            f"{row.ms_per_image:.0f} | {row.peak_mb:.0f} MB |"
        )


def _curves(row: Row, asked: argparse.Namespace) -> Iterator[str]:
    config = open_model(asked.model).config
    base = config.input.base_px
    yield "\n| budget | accuracy | digit recall | native pixels | bytes |\n|---|---|---|---|---|"
    for budget, at in budget_curve(row.images, BUDGETS, base):
        yield f"| {budget} | {at.score} | {at.digit_recall:.3f} | {at.native_share:.1%} | {at.byte_share:.1%} |"
    yield "\n| stop at | accuracy | looks |\n|---|---|---|"
    for level, at in stop_curve(row.images, STOPS, base):
        yield f"| {level} | {at.score} | {at.looks:.1f} |"
    scaled, labels = class_probabilities(asked.out / "model")
    raw = np.maximum(scaled, 1e-300) ** config.temperature
    raw /= raw.sum(axis=1, keepdims=True)
    yield (
        f"\nECE {expected_calibration_error(raw, labels):.4f} as trained, "
        f"{expected_calibration_error(scaled, labels):.4f} with temperature {config.temperature:.2f}"
    )


if __name__ == "__main__":
    main()
