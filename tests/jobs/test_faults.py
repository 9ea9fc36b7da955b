"""What goes wrong on a cluster, in mid-run, with real processes: afterwards the rows are those of a quiet run.

`make chaos` runs all of it on an archive of 300 images.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import psutil
import pytest

from pipeline.image_list import read_images
from pipeline.image_record import ImageRecord
from tests.image_files import slide
from tests.jobs.hostile_codec import HOARDS, install_codec, write_hostile
from tests.jobs.processes import (
    ENVIRONMENT,
    ROOT,
    finished,
    started,
    table,
    the_worker,
    wait_until,
    workers_of,
)
from tests.servers import ray_nodes
from tests.servers.fault import Ask, Fault, Plan, at_first, now_and_then
from tests.servers.logging_server import LoggingServer

NUM_IMAGES = int(os.environ.get("FOVEATE_CHAOS_IMAGES", "20"))
pytestmark = [
    pytest.mark.ray,
    pytest.mark.xdist_group("ray"),
    pytest.mark.timeout(600 + 10 * NUM_IMAGES),
]
LONG_S = 240 + 2 * NUM_IMAGES
TABLES = ("predictions", "glimpses")


def many(directory: Path, count: int) -> list[ImageRecord]:
    """Images that take a while: a few slides under many names."""
    originals = [slide(directory / f"original_{seed}", 1400, 1400, seed=seed) for seed in range(4)]
    for number in range(count):
        os.link(originals[number % 4], directory / f"image_{number:03d}.tif")
    return list(read_images([str(directory)]).records)


def full_scan(images: object, out: Path, *more: object) -> tuple[object, ...]:
    """A command that looks everywhere."""
    options = ("--full-scan", "--in-flight", 2, "--set", "walk.foreground=valid", *more)
    return ("jobs.cli", "classify", images, "--model", "digits", "--out", out, *options)


def num_done(out: Path) -> int:
    """Images with a prediction so far."""
    return len(list((out / "predictions").glob("*.parquet")))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of images."""
    directory = tmp_path_factory.mktemp("many")
    many(directory, NUM_IMAGES)
    return directory


@pytest.fixture(scope="module")
def expected(images: Path) -> dict[str, pd.DataFrame]:
    """Tables of a run that nobody disturbed."""
    out = images.parent / "undisturbed"
    status, said = finished(*full_scan(images, out), limit_s=LONG_S)
    assert status == 0, said
    return {name: table(out, name) for name in TABLES}


def assert_same(out: Path, expected: dict[str, pd.DataFrame]) -> None:
    """One row per image, none twice, nothing half-written, and all as without the fault."""
    for name in TABLES:
        pd.testing.assert_frame_equal(table(out, name), expected[name])
    assert not list(out.glob("**/*.tmp"))
    assert not list(out.glob("*.new"))
    assert not list(out.glob("*.old"))


class TestKills:
    def test_a_killed_driver_loses_only_what_was_in_flight(
        self, images: Path, expected: dict[str, pd.DataFrame], tmp_path: Path
    ) -> None:
        """After SIGKILL of the job the same command goes on, and ends with the rows of an undisturbed run."""
        out = tmp_path / "out"
        with started(*full_scan(images, out)) as process:
            wait_until(lambda: num_done(out) >= 6, process)
            worker = the_worker(process)
            process.kill()
            worker.wait(timeout=30)  # Ray's workers end with their driver
        num_kept = len(pd.read_parquet(out / "predictions"))
        status, said = finished(*full_scan(images, out), limit_s=LONG_S)

        assert status == 0, said
        assert 6 <= num_kept < NUM_IMAGES
        assert f"resuming: {num_kept} of {NUM_IMAGES} images are done" in said
        assert_same(out, expected)

    def test_a_worker_is_replaced_as_often_as_it_is_killed(
        self, images: Path, expected: dict[str, pd.DataFrame], tmp_path: Path
    ) -> None:
        """After SIGKILL of the worker in mid-run, twice, every image still has its one row."""
        out = tmp_path / "out"
        with started(*full_scan(images, out)) as process:
            wait_until(lambda: num_done(out) >= 6, process)
            first = the_worker(process)
            first.kill()
            wait_until(lambda: num_done(out) >= 14 and is_other(process, first), process)
            the_worker(process).kill()
            out_text, err_text = process.communicate(timeout=LONG_S)

        assert process.returncode == 0, out_text + err_text
        assert_same(out, expected)

    def test_a_killed_node_takes_nothing_with_it(
        self, images: Path, expected: dict[str, pd.DataFrame], tmp_path: Path
    ) -> None:
        """Of two nodes one is killed in mid-run: what is left of the cluster finishes the archive."""
        out = tmp_path / "out"
        with ray_nodes.running(num_cpus=1, count=2) as (nodes, members):
            command = full_scan(images, out, "--address", nodes.address)
            with started(*command) as process:
                wait_until(lambda: num_done(out) >= 6, process, limit_s=120)
                nodes.kill(members[0])
                out_text, err_text = process.communicate(timeout=LONG_S)

        assert process.returncode == 0, out_text + err_text
        assert_same(out, expected)


def is_other(process: subprocess.Popen[str], than: psutil.Process) -> bool:
    """Whether a job has one worker, and not this one."""
    return [one.pid for one in workers_of(process)] not in ([], [than.pid])


class TestMemory:
    def test_an_image_that_eats_all_memory_fails_alone(
        self, images: Path, expected: dict[str, pd.DataFrame], tmp_path: Path
    ) -> None:
        """Ray kills a worker that takes too much; the image is tried alone, then fails with its reason."""
        out, packages = tmp_path / "out", tmp_path / "packages"
        poison = write_hostile(tmp_path / "poison.zarr")
        install_codec(packages, HOARDS)
        memory = psutil.virtual_memory()
        allowed = memory.total - memory.available + 3 * 2**30
        environment = {
            **ENVIRONMENT,
            "PYTHONPATH": f"{packages}:{ROOT}",
            "HOARD_BYTES": str(5 * 2**30),
            "RAY_memory_usage_threshold": str(allowed / memory.total),
            "RAY_memory_monitor_refresh_ms": "100",
        }
        manifest = tmp_path / "list.csv"
        paths = [str(path) for path in sorted(images.glob("image_*.tif"))]
        paths.insert(len(paths) // 2, str(poison))
        manifest.write_text("\n".join(["image_path", *paths]))
        status, said = finished(
            *full_scan(manifest, out), environment=environment, limit_s=LONG_S + 120
        )

        assert status == 3, said
        rows = table(out, "predictions")
        [failed] = rows[rows["status"] == "failed"].to_dict("records")
        assert failed["image_path"] == str(poison)
        assert "give its worker more memory" in failed["error"]
        others = rows[rows["status"] != "failed"].reset_index(drop=True)
        known = expected["predictions"]
        known = known[known["sample_id"].str.startswith("image_")].reset_index(drop=True)
        pd.testing.assert_frame_equal(others, known, check_dtype=False)


class TestStore:
    def test_a_store_that_fails_and_then_hangs_costs_time_only(
        self, web: LoggingServer, tmp_path: Path
    ) -> None:
        """One read in twenty fails, then the server falls silent for a while: rows as from a server that is well."""
        originals = [slide(web.root / f"{seed}", 700, 700, seed=seed) for seed in range(4)]
        names = [f"image_{number:03d}.tif" for number in range(NUM_IMAGES)]
        for number, name in enumerate(names):
            os.link(originals[number % 4], web.root / name)
        manifest = tmp_path / "list.csv"
        manifest.write_text("\n".join(["image_path", *map(web.url, names)]))
        options = ("jobs.cli", "classify", manifest, "--model", "digits", "--budget", 9, "--out")
        status, said = finished(*options, tmp_path / "quiet", limit_s=LONG_S)
        assert status == 0, said

        web.plan = fails_then_hangs()
        status, said = finished(*options, tmp_path / "out", limit_s=LONG_S + 120)
        assert status == 0, said
        for name in TABLES:
            quiet, disturbed = table(tmp_path / "quiet", name), table(tmp_path / "out", name)
            counted = [column for column in quiet if "bytes" in column or "requests" in column]
            pd.testing.assert_frame_equal(
                disturbed.drop(columns=counted), quiet.drop(columns=counted)
            )


def fails_then_hangs() -> Plan:
    """The first try of one range in twenty gets 503; in the middle of the run first tries get no answer at all."""
    failing = now_and_then([Fault(kind="status", status=503)], one_in=20)
    silent = at_first(Fault(kind="stall", stall_s=25.0))
    first: list[int] = []

    def plan(ask: Ask) -> Fault | None:
        first[:] = first or [ask.number]
        found = failing(ask), silent(ask)  # both count every request
        return found[1] if 100 <= ask.number - first[0] < 120 else found[0]

    return plan


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own that is soon full."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", disk],
        capture_output=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    try:
        yield disk
    finally:
        subprocess.run(["/bin/umount", "-l", disk], check=True)


class TestDisk:
    def test_a_full_disk_ends_the_run_and_the_next_one_goes_on(
        self, images: Path, expected: dict[str, pd.DataFrame], small_disk: Path
    ) -> None:
        """The run ends with status 1 and says why; with room again the same command finishes it."""
        out = small_disk / "out"
        status, said = finished(*full_scan(images, out), limit_s=LONG_S)
        assert status == 1, said
        assert "No space left on device" in said
        kept = num_done(out)
        assert 0 < kept < NUM_IMAGES

        subprocess.run(["/bin/mount", "-o", "remount,size=256m", small_disk], check=True)
        status, said = finished(*full_scan(images, out), limit_s=LONG_S)
        assert status == 0, said
        assert f"resuming: {kept} of {NUM_IMAGES}" in said
        assert_same(out, expected)
