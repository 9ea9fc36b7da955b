"""Archives in buckets are searched as directories are."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ManifestError
from pipeline.image_list import read_images
from pipeline.images.opening import open_source
from tests.image_files import slide
from tests.servers.moto import Moto


@pytest.fixture
def bucket(tmp_path: Path, s3: Moto) -> str:
    """Two slides, one of them deep down with a space in its name, a store, and what is no image."""
    slide(tmp_path / "top.tif")
    (tmp_path / "a b" / "deep").mkdir(parents=True)
    slide(tmp_path / "a b" / "deep" / "second one.svs")
    (tmp_path / "map.zarr" / "0" / "c" / "0").mkdir(parents=True)
    (tmp_path / "map.zarr" / "zarr.json").write_text("{}")
    (tmp_path / "map.zarr" / "0" / "c" / "0" / "0.tif").write_text("no image of its own")
    (tmp_path / "notes.txt").write_text("no image")
    return s3.upload(tmp_path, f"listing-{tmp_path.name.replace('_', '-')}".lower()[:60])


class TestListing:
    def test_prefixes_are_searched(self, bucket: str) -> None:
        """All images below a prefix, in the order of their names; stores are not looked into."""
        found = [record.image_path for record in read_images([f"{bucket}/"]).records]

        assert found == [
            f"{bucket}/a b/deep/second one.svs",
            f"{bucket}/map.zarr",
            f"{bucket}/top.tif",
        ]
        assert open_source(found[0]).pyramid.height == 700

    def test_part_of_a_bucket(self, bucket: str) -> None:
        """A prefix below the root finds what is below it."""
        [record] = read_images([f"{bucket}/a b/"]).records

        assert record.image_path == f"{bucket}/a b/deep/second one.svs"

    def test_nothing_there(self, bucket: str) -> None:
        """A prefix without an image is wrong use, as an empty directory is."""
        with pytest.raises(ManifestError, match="no image below it"):
            read_images([f"{bucket}/nowhere/"])

    def test_no_bucket(self, s3: Moto) -> None:
        """A bucket that is not there is told as what it is."""
        assert s3.port
        with pytest.raises(ManifestError, match="s3://no-such-bucket-here"):
            read_images(["s3://no-such-bucket-here/"])
