"""Everything of a run in buckets: a real S3 server, real Ray processes, a real SIGKILL."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from actors.model_directory import SHIPPED
from pipeline.records.schemas import TABLES
from pipeline.records.store.bucket_store import BucketStore
from tests.image_files import slide
from tests.jobs.processes import ENVIRONMENT, finished, started, table, wait_until
from tests.servers.moto import Moto

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray"), pytest.mark.timeout(240)]

NUM_IMAGES = 10


def brought(store: BucketStore, out: Path) -> Path:
    """The tables of a run, copied to a disk as `aws s3 sync` would."""
    for name in TABLES:
        (out / name).mkdir(parents=True)
        for key in store.keys(name):
            (out / key).write_bytes(store.get(key) or b"")
    return out


class TestBuckets:
    def test_a_run_in_buckets_is_a_run(self, s3: Moto, tmp_path: Path) -> None:
        """Manifest, model and tables on a server, the job killed and run again: the rows of a run on disks."""
        here = tmp_path / "archive"
        for number in range(NUM_IMAGES):
            slide(here / "images" / f"{number:02d}.tif", 900, 900, seed=number)
        lines = ["image_path", *(f"images/{number:02d}.tif" for number in range(NUM_IMAGES))]
        (here / "list.csv").write_text("\n".join(lines))
        for path in (SHIPPED / "digits").iterdir():
            (here / "model").mkdir(exist_ok=True)
            (here / "model" / path.name).write_bytes(path.read_bytes())
        root = s3.upload(here, "archive")
        s3.upload(here, "results", names=())
        environment = {**ENVIRONMENT, **s3.environment}
        options = ("--budget", 25, "--in-flight", 1)
        far = (
            f"{root}/list.csv",
            "--model",
            f"{root}/model",
            "--out",
            "s3://results/one",
            *options,
        )
        near = (here / "list.csv", "--model", here / "model", "--out", tmp_path / "near", *options)

        store = BucketStore("s3://results/one")
        with started("jobs.cli", "classify", *far, environment=environment) as process:
            wait_until(lambda: len(store.keys("predictions")) >= 2, process)
        kept = len(store.keys("predictions"))
        status, said = finished("jobs.cli", "classify", *far, environment=environment)
        assert status == 0, said
        assert f"resuming: {kept} of {NUM_IMAGES} images are done" in said
        assert "tables and summary: s3://results/one" in said
        status, said = finished("jobs.cli", "classify", *near)
        assert status == 0, said

        copied, moved = (
            brought(store, tmp_path / "far"),
            ["image_path", "source_modified_ns", "source_etag"],
        )
        assert len(store.keys("predictions")) == 1
        for name in ("predictions", "glimpses"):
            columns = [
                one
                for one in table(copied, name)
                if one not in (*moved, "bytes_read", "bytes_so_far")
            ]
            shown = [one for one in columns if not one.startswith("requests")]
            pd.testing.assert_frame_equal(
                table(copied, name)[shown], table(tmp_path / "near", name)[shown]
            )
        assert store.get("summary.md") is not None
