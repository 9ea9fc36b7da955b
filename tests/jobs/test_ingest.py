"""The ingest command: what it says, its exit status, real kills, real Ray workers, and its memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
import zarr

from tests.conftest import picture
from tests.image_files import slide
from tests.jobs.processes import finished, started, wait_until

GIGABYTE = 2**30


def encoded_tiles(count: int) -> Iterator[bytes]:
    """JPEG tiles of 256 px, four in turn: a large image that is quickly written."""
    pixels = picture(512, 512)
    parts = [pixels[y : y + 256, x : x + 256] for y in (0, 256) for x in (0, 256)]
    encoded = [
        imagecodecs.jpeg8_encode(part, level=80, colorspace="RGB", outcolorspace="YCBCR")
        for part in map(np.ascontiguousarray, parts)
    ]
    for index in range(count):
        yield encoded[index % 4]


def large(path: Path, side: int) -> Path:
    """`side` x `side` RGB pixels without a pyramid."""
    tifffile.imwrite(
        path,
        encoded_tiles((-(-side // 256)) ** 2),
        shape=(side, side, 3),
        dtype=np.uint8,
        tile=(256, 256),
        photometric="ycbcr",
        subsampling=(2, 2),
        compression="jpeg",
        metadata=None,
    )
    return path


def files(store: Path) -> dict[str, bytes]:
    """Contents of a result."""
    return {
        str(path.relative_to(store)): path.read_bytes()
        for path in sorted(store.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """A small JPEG image without a pyramid."""
    return large(tmp_path / "flat.tif", 700)


class TestIngest:
    def test_says_sizes_and_writes(self, flat: Path, tmp_path: Path) -> None:
        """Beforehand: the size now and after, the lossy way, and that classify needs none of it."""
        out = tmp_path / "out"
        status, said = finished("jobs.cli", "ingest", flat, "--out", out)

        assert status == 0, said
        assert "flat: 0.5 megapixels" in said
        assert " now; about " in said
        assert "--codec jpeg makes it about" in said
        assert "classify reads it where it lies without this" in said
        assert "1 image: 1 ingested, 0 left alone, 0 already there, 0 failed" in said
        assert zarr.open_group(str(out / "flat.ome.zarr"), mode="r")["0"].shape == (3, 700, 700)
        assert sorted(path.name for path in out.iterdir()) == ["flat.ome.zarr"]

    def test_leaves_pyramids_alone(self, tmp_path: Path) -> None:
        """What has a pyramid is left alone, and said so; --all ingests it too."""
        path = slide(tmp_path / "slide.tif")
        out = tmp_path / "out"
        status, said = finished("jobs.ingest", path, "--out", out)

        assert status == 0, said
        assert "has a pyramid (3 levels): left alone, classify reads it where it lies" in said
        assert not out.exists()
        status, said = finished("jobs.ingest", path, "--out", out, "--all")
        assert status == 0, said
        assert (out / "slide.ome.zarr").is_dir()

    def test_a_dry_run_writes_nothing(self, flat: Path, tmp_path: Path) -> None:
        """It only says what it would do."""
        out = tmp_path / "out"
        status, said = finished("jobs.ingest", flat, "--out", out, "--dry-run")

        assert status == 0, said
        assert "1 image: 1 to ingest, about" in said
        assert not out.exists()

    def test_a_bad_image_harms_no_other(self, flat: Path, tmp_path: Path) -> None:
        """Each failure is told with its error; the others are done; the status is 3."""
        bad = tmp_path / "bad.tif"
        bad.write_bytes(b"nothing")
        gone = tmp_path / "gone.tif"
        out = tmp_path / "out"
        status, said = finished("jobs.ingest", bad, flat, gone, "--out", out)

        assert status == 3, said
        assert f"bad: {bad}: not an image" in said
        assert f"gone: {gone}: cannot be read" in said
        assert "3 images: 1 ingested, 0 left alone, 0 already there, 2 failed" in said
        assert (out / "flat.ome.zarr").is_dir()

    @pytest.mark.parametrize("options", [("--codec", "gzip"), ("--quality", "0")])
    def test_wrong_use_ends_with_2(
        self, flat: Path, tmp_path: Path, options: tuple[str, str]
    ) -> None:
        """Wrong use is told before anything is written."""
        status, said = finished("jobs.cli", "ingest", flat, "--out", tmp_path / "out", *options)

        assert status == 2, said
        assert not (tmp_path / "out").exists()

    def test_another_result_ends_with_2(self, flat: Path, tmp_path: Path) -> None:
        """A result with other settings is not replaced unasked; the same is found again."""
        out = tmp_path / "out"
        assert finished("jobs.ingest", flat, "--out", out)[0] == 0
        before = files(out)
        status, said = finished("jobs.ingest", flat, "--out", out, "--codec", "zstd")
        assert status == 2, said
        assert "codec is blosc, now zstd" in said
        status, said = finished("jobs.ingest", flat, "--out", out)

        assert status == 0, said
        assert "already there" in said
        assert files(out) == before
        assert finished("jobs.ingest", flat, "--out", out, "--codec", "zstd", "--overwrite")[0] == 0
        assert files(out) != before


class TestKills:
    def test_a_killed_ingest_is_finished_by_the_next(self, tmp_path: Path) -> None:
        """After SIGKILL nothing bears the final name; the next call reuses shards, and ends the same."""
        path = large(tmp_path / "large.tif", 11_000)
        undisturbed, out = tmp_path / "undisturbed", tmp_path / "out"
        assert finished("jobs.ingest", path, "--out", undisturbed)[0] == 0
        with started("jobs.ingest", path, "--out", out) as process:
            wait_until(lambda: len(list(out.glob(".*.partial/0/c/0/*/*"))) >= 2, process)
            process.kill()
            process.wait(timeout=30)
        num_kept = len([p for p in out.glob(".*.partial/*/c/0/*/*") if p.is_file()])
        assert not (out / "large.ome.zarr").exists()
        status, said = finished("jobs.ingest", path, "--out", out)

        assert status == 0, said
        assert f"{num_kept} of " in said
        assert "shards were there" in said
        assert files(out / "large.ome.zarr") == files(undisturbed / "large.ome.zarr")
        assert sorted(path.name for path in out.iterdir()) == ["large.ome.zarr"]


class TestMemory:
    @pytest.mark.parametrize("is_strips", [False, True], ids=["tiles", "strips"])
    def test_is_bounded(self, tmp_path: Path, is_strips: bool) -> None:
        """A large image takes less than 1 GB at its peak, in tiles and in strips of its full width."""
        path = tmp_path / "large.tif"
        if is_strips:
            rows = np.random.default_rng(0).integers(0, 255, (64, 24_000, 3), dtype=np.uint8)
            strips = (rows for _ in range(8000 // 64))
            shape = {"shape": (8000, 24_000, 3), "dtype": np.uint8, "rowsperstrip": 64}
            tifffile.imwrite(path, strips, photometric="rgb", metadata=None, **shape)  # type: ignore[arg-type]  # options by name
        else:
            large(path, 14_000)
        command = [sys.executable, "-c", _MEASURED, str(path), str(tmp_path / "out.ome.zarr")]
        done = subprocess.run(command, check=True, capture_output=True, text=True)

        assert json.loads(done.stdout) * 1024 < GIGABYTE


_MEASURED = """
import sys
from pathlib import Path

from pipeline.ingest.ingest import IngestTask, ingest
from pipeline.ingest.settings import IngestSettings
ingest(IngestTask(uri=sys.argv[1], final=Path(sys.argv[2]), settings=IngestSettings()))
found = Path("/proc/self/status").read_text()
print(found.split("VmHWM:")[1].split()[0])
"""


@pytest.mark.ray
@pytest.mark.xdist_group("ray")
class TestWorkers:
    def test_many_at_once_equal_one_by_one(self, tmp_path: Path) -> None:
        """Ray workers write what one process writes, and a bad image harms no other."""
        images = tmp_path / "images"
        images.mkdir()
        for number in range(3):
            os.link(large(tmp_path / f"{number}.tif", 600 + number), images / f"{number}.tif")
        (images / "bad.tif").write_bytes(b"nothing")
        alone, many = tmp_path / "alone", tmp_path / "many"
        assert finished("jobs.ingest", images, "--out", alone)[0] == 3
        status, said = finished("jobs.ingest", images, "--out", many, "--workers", 2)

        assert status == 3, said
        assert "4 images: 3 ingested, 0 left alone, 0 already there, 1 failed" in said
        assert files(many) == files(alone)
