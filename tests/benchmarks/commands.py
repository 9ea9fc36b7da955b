"""Whole commands, as a person waits for them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.benchmarks import archive
from tests.benchmarks.figure import Figure

OUT = Path("runs/bench/commands")
SLIDE = Path("../shared/data/slides/metaplasia_stomach.tif")
NUM_RUNS = 3


def figures() -> list[Figure]:
    """First row, and nine looks against the full scan."""
    slide = SLIDE if SLIDE.is_file() else Path(archive.slides(1)[0].image_path)
    first_rows = sorted(_seconds_to_first_row(slide) for _ in range(NUM_RUNS))
    nine = sorted(_seconds(slide, "--budget", "9") for _ in range(NUM_RUNS))
    scan = _seconds(slide, "--full-scan")
    return [
        Figure(
            what="seconds from `foveate classify` to the first row, no Ray up",
            value=f"{first_rows[1]:.1f} s",
            wanted="12 s, reach 5 s",
            detail=f"median of {NUM_RUNS}: " + ", ".join(f"{s:.1f}" for s in first_rows),
        ),
        Figure(
            what=f"{slide.name}, 9 looks against its full scan, whole commands (EfficientNet-B0)",
            value=f"{scan / nine[1]:.1f}x",
            wanted="5x",
            detail=f"{nine[1]:.1f} s (median of {NUM_RUNS}) against {scan:.1f} s",
        ),
    ]


def _command(slide: Path, model: str, *options: str) -> list[str]:
    shutil.rmtree(OUT, ignore_errors=True)
    arguments = ["classify", str(slide), "--model", model, "--out", str(OUT), *options]
    return [sys.executable, "-m", "jobs.cli", *arguments]


def _seconds_to_first_row(slide: Path) -> float:
    command = _command(slide, "digits", "--budget", "9")
    started = time.perf_counter()
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        while not list(OUT.glob("predictions/*.parquet")):
            if process.poll() is not None:
                raise RuntimeError(f"{command} ended without a row")
            time.sleep(0.01)
        return time.perf_counter() - started


def _seconds(slide: Path, *options: str) -> float:
    archive.model("tnet_fmow")
    best_first = ("--set", "walk.selection=best_first") if "--full-scan" not in options else ()
    depths = ("--set", "walk.depths=null")
    command = _command(slide, str(archive.HOME / "tnet_fmow"), *options, *best_first, *depths)
    started = time.perf_counter()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started
