"""In which order images are dealt out, and how many at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from actors.dealing import HAND, calls_ahead, dealt
from pipeline.image_record import ImageRecord


def archive(directory: Path, sizes: list[int]) -> list[ImageRecord]:
    """Files of these sizes, named by their number."""
    records = []
    for number, size in enumerate(sizes):
        path = directory / f"{number}.tif"
        with path.open("wb") as file:
            file.truncate(size)
        records.append(ImageRecord(sample_id=str(number), image_path=str(path)))
    return records


class TestOrder:
    def test_large_images_are_spread(self, tmp_path: Path) -> None:
        """Wherever a worker's hand begins in the first three quarters, it holds about its share of the large ones."""
        rng = np.random.default_rng(0)
        sizes = np.where(rng.permutation(np.arange(400) % 20 == 0), 5000, 100).tolist()

        order = dealt(archive(tmp_path, sizes))

        is_large = np.array([sizes[int(one.sample_id)] == 5000 for one in order])
        assert is_large[:300].sum() == 20
        held = [is_large[first : first + 2 * HAND].sum() for first in range(300 - 2 * HAND)]
        assert max(held) <= 4  # 20 in 300 are 2.1 in 32

    def test_the_smallest_come_last(self, tmp_path: Path) -> None:
        """No image of the last quarter is larger than one before it; none is lost, none is there twice."""
        sizes = np.random.default_rng(1).integers(1, 10_000, 101).tolist()
        records = archive(tmp_path, sizes)

        order = dealt(records)

        found = [sizes[int(one.sample_id)] for one in order]
        assert sorted(found) == sorted(sizes)
        assert {one.sample_id for one in order} == {one.sample_id for one in records}
        assert max(found[-25:]) <= min(found[:-25])
        assert found[-25:] == sorted(found[-25:], reverse=True)

    def test_what_nobody_knows_counts_as_large(self, tmp_path: Path) -> None:
        """Images on servers and in directories are not left for the end; those that are not there are."""
        (tmp_path / "store.zarr").mkdir()
        records = archive(tmp_path, [10, 20, 30, 40, 50])
        records += [
            ImageRecord(sample_id=name, image_path=place)
            for name, place in (
                ("gone", str(tmp_path / "gone.tif")),
                ("far", "https://example.org/far.tif"),
                ("store", str(tmp_path / "store.zarr")),
            )
        ]

        order = [one.sample_id for one in dealt(records)]

        assert order == ["far", "store", "4", "3", "2", "1", "0", "gone"]

    def test_equal_images_stay_in_the_manifests_order(self, tmp_path: Path) -> None:
        """There is nothing to mix."""
        records = archive(tmp_path, [7] * 40)

        assert dealt(records) == records


class TestCallsAhead:
    @pytest.mark.parametrize(
        ("num_calls", "num_workers", "expected"),
        [(1, 1, 1), (30, 2, 3), (100, 2, 12), (500, 2, 32), (5000, 100, 12), (3, 8, 1)],
    )
    def test_everybody_gets_several_turns(
        self, num_calls: int, num_workers: int, expected: int
    ) -> None:
        """All workers together are never given more than a quarter at once, each at least one call."""
        found = calls_ahead(num_calls, num_workers=num_workers, at_most=32)

        assert found == expected
        assert found * num_workers <= max(num_workers, num_calls / 4)
