"""The answer to a search."""

from __future__ import annotations

import csv
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np

from pipeline.images.region import Region
from pipeline.records.image_name import image_name
from pipeline.records.matches import best_matches, matches_csv
from pipeline.records.output import Output
from pipeline.records.result import ImageResult
from pipeline.records.store.disk_store import DiskStore
from tests.pipeline.records.test_output import result

CLASSES = ("like", "unlike")


def image(name: str, likes: list[float]) -> ImageResult:
    """An image whose looks are so much alike, each at a place of its own."""
    made = result(name, looks=len(likes), label=0)
    rows = tuple(
        replace(
            row,
            glimpse=replace(row.glimpse, region=Region(10 * order, 0, 5, 5)),
            class_index_alone=0 if like >= 0.5 else 1,
            confidence_alone=max(like, 1 - like),
        )
        for order, (row, like) in enumerate(zip(made.glimpses, likes, strict=True))
    )
    return replace(made, glimpses=rows)


def test_the_most_alike_of_all_images(tmp_path: Path) -> None:
    """As sorting all looks says, whichever class each look takes for its own; what is nothing like it is left out."""
    generator = np.random.default_rng(0)
    likes = {name: generator.random(6).tolist() for name in ("b", "a", "c")}
    likes["c"][0] = 1e-6
    output = Output(DiskStore(tmp_path), CLASSES)
    output.prepare()
    for name, values in likes.items():
        output.commit(image(name, values))
    every = sorted(
        ((like, name, 10 * i) for name, values in likes.items() for i, like in enumerate(values)),
        reverse=True,
    )

    found = best_matches(output, 7)

    assert [(one.sample_id, one.region.y) for one in found] == [one[1:] for one in every[:7]]
    np.testing.assert_allclose([one.likeness for one in found], [one[0] for one in every[:7]])
    assert len(best_matches(output, 100)) == 17
    rows = list(csv.DictReader(StringIO(matches_csv(found))))
    assert [(row["sample_id"], int(row["y_px"])) for row in rows] == [one[1:] for one in every[:7]]


def test_an_image_under_way_does_not_count(tmp_path: Path) -> None:
    """Looks that a killed process left without their prediction are no matches."""
    output = Output(DiskStore(tmp_path), CLASSES)
    output.prepare()
    for name in ("a", "b"):
        output.commit(image(name, [0.9]))
    for part in (tmp_path / "predictions").glob(f"*{image_name('b')}*"):
        part.unlink()

    assert [one.sample_id for one in best_matches(output, 7)] == ["a"]
