"""Ingest of a real slide against ngff-zarr, in turns, each run in a process of its own."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from tests.benchmarks import archive
from tests.benchmarks.figure import Figure

OUT = Path("runs/bench/ingest")
SLIDE = Path("../shared/data/slides/metaplasia_stomach.tif")
NUM_RUNS = 3
MEGABYTE = 2**20


def figures() -> list[Figure]:
    """The ratio of rates, the peak memory, and how good the word about the size was."""
    slide = SLIDE if SLIDE.is_file() else Path(archive.slides(1)[0].image_path)
    runs = [(_measured("ours", slide), _measured("theirs", slide)) for _ in range(NUM_RUNS)]
    ours, theirs = (statistics.median(run[i]["rate"] for run in runs) for i in (0, 1))
    ratios = [one["rate"] / other["rate"] for one, other in runs]
    last = runs[-1][0]
    return [
        Figure(
            what=f"ingest of {slide.name}, rate against ngff-zarr's fastest way (lossless, 2 x 2 means)",
            value=f"{statistics.median(ratios):.1f}x",
            wanted="1.5x, reach 3x",
            detail=f"{ours:.0f} against {theirs:.0f} megapixels/s, median of {NUM_RUNS}; ratios "
            + ", ".join(f"{ratio:.1f}" for ratio in ratios),
        ),
        Figure(
            what=f"peak memory of that ingest (ngff-zarr {runs[-1][1]['peak_mb']:.0f} MB)",
            value=f"{max(run[0]['peak_mb'] for run in runs):.0f} MB",
            wanted="under 1 GB at any image size",
            detail=", ".join(f"{run[0]['peak_mb']:.0f}" for run in runs),
        ),
        Figure(
            what="size of the result as said beforehand against what it was",
            value=f"{last['estimate'] / last['bytes']:.2f}x",
            wanted="near 1",
            detail=f"{last['estimate'] / 1e6:.0f} MB said, {last['bytes'] / 1e6:.0f} MB written",
        ),
    ]


def _measured(whose: str, slide: Path) -> dict[str, float]:
    command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.ingest", whose, str(slide)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _ours(slide: Path) -> dict[str, float]:
    from pipeline.ingest.ingest import IngestTask, ingest
    from pipeline.ingest.settings import IngestSettings
    from pipeline.ingest.survey import survey

    task = IngestTask(
        uri=str(slide), final=OUT.absolute() / "a.ome.zarr", settings=IngestSettings()
    )
    said = survey(task, with_pyramids=True)
    done = ingest(task)
    return {
        "rate": done.num_pixels / 1e6 / done.seconds,
        "bytes": done.num_bytes,
        "estimate": said.result_bytes or 0,
    }


def _theirs(slide: Path) -> dict[str, float]:
    """Of its ways (two methods of means, lazy or not, with and without shards) the fastest."""
    import ngff_zarr
    from ngff_zarr.tiff_to_ngff_image import tiff_file_to_ngff_images

    started = time.perf_counter()
    image = tiff_file_to_ngff_images(str(slide), series=0)[0][1]
    multiscales = ngff_zarr.to_multiscales(
        image,
        scale_factors=[2, 4, 8, 16, 32],
        method=ngff_zarr.Methods.DASK_BIN_SHRINK,
        chunks={"y": 256, "x": 256, "c": 3},
    )
    ngff_zarr.to_ngff_zarr(str(OUT / "b.ome.zarr"), multiscales, version="0.5")
    seconds = time.perf_counter() - started
    return {"rate": image.data.shape[0] * image.data.shape[1] / 1e6 / seconds}


def _main(whose: str, slide: Path) -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    found = _ours(slide) if whose == "ours" else _theirs(slide)
    # Not ru_maxrss: that starts with what the parent had.
    peak_kb = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
    print(json.dumps({**found, "peak_mb": peak_kb * 1024 / MEGABYTE}))
    shutil.rmtree(OUT)


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]))
