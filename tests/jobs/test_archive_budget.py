"""One budget for all images, with real processes: never exceeded, also when they are killed; spent where it is dark."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from pipeline.budget.account import Account, account_of
from pipeline.records.store.disk_store import DiskStore
from tests.image_files import slide
from tests.jobs.processes import finished, started, table, the_worker, wait_until, workers_of
from tests.servers.logging_server import LoggingServer

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray"), pytest.mark.timeout(400)]
NUM_IMAGES = 8
MOST_LOOKS = 24


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of different slides."""
    directory = tmp_path_factory.mktemp("slides")
    for number in range(NUM_IMAGES):
        slide(directory / f"image_{number:02d}.tif", 1400, 1300, seed=number)
    return directory


def command(
    images: object, out: Path, budget: str, *more: object, most_looks: int = MOST_LOOKS
) -> tuple[object, ...]:
    """Classify within a budget."""
    walk = ("--budget", most_looks, "--set", "walk.roots=image", "--set", "walk.foreground=valid")
    model = ("--model", "digits", *walk)
    return (
        *("jobs.cli", "classify", images, *model, "--out", out),
        *("--archive-budget", budget, *more),
    )


def served(web: LoggingServer, images: Path) -> Path:
    """A manifest of the images as they lie on a server."""
    if not (web.root / "slides").exists():
        (web.root / "slides").symlink_to(images)
    manifest = images.parent / "served.csv"
    rows = [
        {"sample_id": path.stem, "image_path": web.url(f"slides/{path.name}")}
        for path in sorted(images.glob("*.tif"))
    ]
    pd.DataFrame(rows).to_csv(manifest, index=False)
    return manifest


def sent_bytes(web: LoggingServer) -> int:
    """By the server's own count; without the one byte by which a resumed run asks whether a file is the same."""
    return sum(one.body_bytes for one in web.requests() if one.range != "bytes=0-0")


def spent(out: Path) -> int:
    """As the run says."""
    found: int = json.loads((out / "run.json").read_text())["archive_budget"]["spent"]
    return found


def num_noted(out: Path) -> int:
    """Images taken up in this pass, finished or not."""
    return len(list((out / ".grants").glob("[!.]*")))


class TestLooks:
    def test_the_least_certain_are_looked_at_longer(self, images: Path, tmp_path: Path) -> None:
        """Everybody has its first share; those that went on were less certain after it than all that did not."""
        out = tmp_path / "out"
        status, said = finished(*command(images, out, "80looks"))
        rows, looks = table(out, "predictions"), table(out, "glimpses")
        each = 80 // 2 // NUM_IMAGES
        then = looks[looks["order"] == each - 1].set_index("sample_id")["confidence_so_far"]
        went_on = rows[rows["num_glimpses"] > each]["sample_id"]
        stayed = rows[rows["num_glimpses"] == each]["sample_id"]

        assert status == 0, said
        assert "80 of 80 looks spent" in said
        assert rows["num_glimpses"].sum() == len(looks) == 80
        assert len(went_on) > 0
        assert len(went_on) + len(stayed) == NUM_IMAGES
        assert then[went_on].max() <= then[stayed].min()

    def test_a_larger_budget_goes_on(self, images: Path, tmp_path: Path) -> None:
        """Run again with more, a finished run is extended; what was looked at is not looked at again."""
        out, whole = tmp_path / "out", tmp_path / "whole"
        for budget in ("60looks", "100000looks"):
            status, said = finished(*command(images, out, budget))
            assert status == 0, said
        limit = MOST_LOOKS * NUM_IMAGES
        expected_status, said = finished(*command(images, whole, f"{4 * limit}looks"))
        assert expected_status == 0, said
        columns = ["sample_id", "order", "score", "confidence_so_far", "y_px", "x_px"]

        pd.testing.assert_frame_equal(
            table(out, "glimpses")[columns], table(whole, "glimpses")[columns]
        )
        assert spent(out) == len(table(whole, "glimpses"))

    def test_too_little_for_all_is_told(self, images: Path, tmp_path: Path) -> None:
        """Five looks are five images' first; the others' rows say why; their turn is when there is more."""
        out = tmp_path / "out"
        status, said = finished(*command(images, out, "5looks"))
        rows = table(out, "predictions")
        failed = rows[rows["status"] == "failed"]

        assert status == 3, said
        assert (len(rows), len(failed)) == (NUM_IMAGES, NUM_IMAGES - 5)
        assert failed["error"].str.contains("the archive's budget of 5 looks is spent").all()
        status, said = finished(*command(images, out, "8looks"))
        assert status == 0, said
        assert set(table(out, "predictions")["num_glimpses"]) == {1}


class TestBytes:
    def test_a_killed_worker_does_not_overdraw(
        self, images: Path, web: LoggingServer, tmp_path: Path
    ) -> None:
        """Killed in mid-run, twice: by the server's count no more than the budget was sent; every image has a row."""
        manifest, out, budget = served(web, images), tmp_path / "out", 4_000_000
        with started(*command(manifest, out, f"{budget}B", "--in-flight", 4)) as process:
            for _ in range(2):
                wait_until(lambda: num_noted(out) >= 3, process, limit_s=120)
                kill_the_worker(process)
            said = "".join(process.communicate(timeout=250))
        rows = table(out, "predictions")

        assert process.returncode in (0, 3), said
        assert sorted(rows["sample_id"]) == sorted(path.stem for path in images.glob("*.tif"))
        assert 0 < sent_bytes(web) <= budget
        assert rows["bytes_read"].sum() <= spent(out) <= budget

    def test_a_killed_driver_does_not_forget(
        self, images: Path, web: LoggingServer, tmp_path: Path
    ) -> None:
        """Killed and started again, both runs together have not been sent more than the budget."""
        manifest, out, budget = served(web, images), tmp_path / "out", 4_000_000
        asked = command(manifest, out, f"{budget}B", "--in-flight", 4)
        with started(*asked) as process:
            wait_until(lambda: num_noted(out) >= 5, process, limit_s=120)
            worker = the_worker(process)
            process.kill()
            worker.wait(timeout=30)
        status, said = finished(*asked, limit_s=250)

        assert status in (0, 3), said
        assert len(table(out, "predictions")) == NUM_IMAGES
        assert sent_bytes(web) <= budget
        assert table(out, "predictions")["bytes_read"].sum() <= spent(out) <= budget

    def test_other_units_are_refused(self, images: Path, tmp_path: Path) -> None:
        """A run that counted looks cannot go on in bytes: wrong use, told before anything is touched."""
        out = tmp_path / "out"
        Account(unit="looks", lost=5).save(DiskStore(out))
        status, said = finished(*command(images, out, "12MB"))

        assert status == 2
        assert "a budget of looks, now it is one of bytes" in said
        assert account_of(DiskStore(out), "looks").lost == 5
        assert not (out / "predictions").exists()


class TestSeconds:
    def test_time_is_kept(self, images: Path, tmp_path: Path) -> None:
        """With a minute for endless work all images have a row, and the time is not over-spent."""
        out = tmp_path / "out"
        endless = ("--set", "walk.max_overlap=0.99")
        status, said = finished(*command(images, out, "60s", *endless, most_looks=100_000))

        assert status in (0, 3), said
        assert len(table(out, "predictions")) == NUM_IMAGES
        assert spent(out) <= 60


def kill_the_worker(process: subprocess.Popen[str]) -> None:
    """SIGKILL, and wait until it is gone. Between two passes there is none."""
    wait_until(lambda: len(workers_of(process)) == 1, process, limit_s=120)
    worker = the_worker(process)
    worker.kill()
    worker.wait(timeout=30)
