"""Rules that hold wherever a run keeps its files: on a disk, and on a real S3 server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.errors import ImageError, StorageError, UsageError
from pipeline.image_list import read_images
from pipeline.image_record import ImageRecord
from pipeline.records.attempts import MAX_DEATHS_ALONE, Attempts
from pipeline.records.output import Output
from pipeline.records.schemas import TABLES
from pipeline.records.store.bucket_store import BucketStore
from pipeline.records.store.disk_store import DiskStore
from pipeline.records.store.opening import directory_at, store_at
from pipeline.records.store.run_store import RunStore
from tests.pipeline.records.test_output import CLASSES, result
from tests.servers.moto import Moto

IMAGE = ImageRecord(sample_id="a/b", image_path="slides/a.tif")


@pytest.fixture(params=["disk", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> RunStore:
    """An empty store of either kind."""
    if request.param == "disk":
        return store_at(str(tmp_path / "run"))
    return BucketStore(f"{new_bucket(request.getfixturevalue('s3'), tmp_path)}/results/one")


def new_bucket(server: Moto, tmp_path: Path) -> str:
    """URL of an empty bucket that is named after the test."""
    name = tmp_path.name.replace("_", "-").lower()[-50:].strip("-")
    return server.upload(tmp_path, name, names=())


class TestRunStore:
    def test_is_a_map_of_names_to_bytes(self, store: RunStore) -> None:
        """What is put is got, what is removed is gone, and removing nothing is no error."""
        assert store.get("run.json") is None
        store.put("run.json", b"first")
        store.put("run.json", b"second")
        store.put("deep/er/file", b"x")

        assert store.get("run.json") == b"second"
        store.remove("run.json")
        store.remove("run.json")
        store.clear("deep")
        store.clear("deep")
        assert store.get("run.json") is None
        assert store.get("deep/er/file") is None

    def test_tables_live_through_commit_drop_and_compaction(self, store: RunStore) -> None:
        """Rows are committed once each, overwritten by id, dropped by id, and compaction changes none."""
        output = Output(store, CLASSES)
        output.prepare()
        for name in "cab":
            output.commit(result(name))
        output.commit(result("c", looks=5, label=0))
        output.drop({"b"})
        before = {table: output.read(table).sort_by("sample_id") for table in TABLES}
        output.compact()

        assert before["predictions"]["label"].to_pylist() == ["dog", "cat"]
        assert len(before["glimpses"]) == 2 + 5
        for table, rows in before.items():
            assert output.read(table).sort_by("sample_id") == rows
            assert len(store.keys(table)) == 1

    def test_marks_are_found_by_other_processes(self, store: RunStore) -> None:
        """A mark outlives its process: tries are bounded wherever marks are kept."""
        for name in range(MAX_DEATHS_ALONE):
            assert Attempts(store, str(name)).begin(IMAGE, True)
        with pytest.raises(ImageError, match="killed its process"):
            Attempts(store, "last").begin(IMAGE, True)


class TestBucketStore:
    @pytest.fixture
    def bucket(self, s3: Moto, tmp_path: Path) -> BucketStore:
        """A prefix in a bucket of its own."""
        return BucketStore(f"{new_bucket(s3, tmp_path)}/run")

    @pytest.mark.parametrize("reached", ["the note", "the new object", "half of the old ones"])
    def test_a_killed_compaction_neither_loses_nor_doubles(
        self, bucket: BucketStore, reached: str
    ) -> None:
        """Wherever a compaction was killed, the next run finds every row once."""
        output = Output(bucket, CLASSES)
        for name in "abc":
            output.commit(result(name))
        rows = output.read("predictions").sort_by("sample_id")
        old = bucket.keys("predictions")
        whole = Output(BucketStore(f"{bucket.url}-aside"), CLASSES)
        for name in "abc":
            whole.commit(result(name))
        whole.compact()
        [made] = whole.store.keys("predictions")
        new = "predictions/rows-1.parquet"
        bucket.put(".replacing/predictions.json", json.dumps({"new": new, "old": old}).encode())
        if reached != "the note":
            bucket.put(new, whole.store.get(made) or b"")
        if reached == "half of the old ones":
            bucket.remove(old[0])
        output.prepare()

        assert output.read("predictions").sort_by("sample_id") == rows
        assert bucket.get(".replacing/predictions.json") is None

    def test_a_bucket_that_is_not_there_is_an_error(self, s3: Moto) -> None:  # noqa: ARG002  # its address
        """The message names the place and the way out; nothing hangs."""
        with pytest.raises(StorageError, match=r"s3://no-such-bucket/run: .*404"):
            BucketStore("s3://no-such-bucket/run").put("a", b"")


class TestOpening:
    @pytest.mark.parametrize(
        "place", ["https://host/dir", "s3://", "ftp://host/x", "s3://b/x?sig=1"]
    )
    def test_refuses_where_nothing_can_be_written(self, place: str) -> None:
        """Web servers take no files, and a bucket needs a prefix."""
        with pytest.raises(UsageError, match="cannot be written to"):
            store_at(place)

    def test_pages_are_made_on_disks(self) -> None:
        """A command that writes pictures beside the tables says how to bring the tables to it."""
        with pytest.raises(UsageError, match=r"aws s3 sync"):
            directory_at("s3://bucket/run", "report")

    def test_a_path_is_a_directory(self, tmp_path: Path) -> None:
        """Paths and file URLs are directories."""
        assert store_at(str(tmp_path)) == DiskStore(tmp_path)
        assert store_at(tmp_path.as_uri()) == DiskStore(tmp_path)


class TestManifestInABucket:
    def test_is_read_with_its_paths(self, s3: Moto, tmp_path: Path) -> None:
        """Relative paths in a manifest on a server are relative to it; URLs and absolute paths stay."""
        rows = [
            "image_path,label",
            "images/a.tif,x",
            "../b.tif,y",
            "s3://other/c.tif,x",
            "/mnt/d.tif,y",
        ]
        (tmp_path / "lists").mkdir()
        (tmp_path / "lists/list.csv").write_text("\n".join(rows))
        root = s3.upload(tmp_path, "manifests")
        found = read_images([f"{root}/lists/list.csv"]).records

        assert [one.image_path for one in found] == [
            f"{root}/lists/images/a.tif",
            f"{root}/b.tif",
            "s3://other/c.tif",
            "/mnt/d.tif",
        ]
        assert [one.label for one in found] == ["x", "y", "x", "y"]
