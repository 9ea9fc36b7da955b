"""In which order images are dealt out."""

from __future__ import annotations

from pathlib import Path

from actors.distribution import largest_first
from pipeline.manifest import ImageRecord


class TestLargestFirst:
    def test_order(self, tmp_path: Path) -> None:
        """What may be large comes first, then files by their sizes, what is not there last; equals as they were."""
        sizes = {"small.tif": 10, "large.tif": 1000, "equal.tif": 10}
        for name, size in sizes.items():
            (tmp_path / name).write_bytes(bytes(size))
        (tmp_path / "store.zarr").mkdir()
        places = [
            *(str(tmp_path / name) for name in ("small.tif", "gone.tif", "large.tif", "equal.tif")),
            "https://example.org/far.tif",
            str(tmp_path / "store.zarr"),
        ]
        records = [ImageRecord(sample_id=str(n), image_path=one) for n, one in enumerate(places)]

        assert [one.sample_id for one in largest_first(records)] == ["4", "5", "2", "0", "3", "1"]
