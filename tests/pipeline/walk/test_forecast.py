"""What a walk reads at most, held against what walks read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.image_record import ImageRecord
from pipeline.images.input_spec import InputSpec
from pipeline.images.opening import open_source
from pipeline.walk.config import WalkConfig
from pipeline.walk.forecast import Forecast, forecast
from pipeline.walk.walk_plan import WalkPlan
from tests.conftest import picture
from tests.image_files import halves, write_pyramid_tiff
from tests.pixel_model import PixelModel
from tests.reference_walk import reference

PLAN = WalkPlan(
    spec=InputSpec(base_px=32),
    walk=WalkConfig(grid=3, cell_fraction=0.5, selection="best_first", budget=6),
)


def image(directory: Path, levels: int, side: int = 700) -> ImageRecord:
    """Not compressed: every tile is as large as the mean one."""
    path = write_pyramid_tiff(
        directory / f"{levels}.tif",
        halves(picture(side, side), levels),
        tile=(64, 64),
        photometric="rgb",
    )
    return ImageRecord(sample_id="a", image_path=str(path))


def foreseen(record: ImageRecord, plan: WalkPlan) -> Forecast:
    """Without a look at it."""
    source = open_source(record.image_path)
    try:
        return forecast(source, source.pyramid, plan)
    finally:
        source.close()


@pytest.mark.parametrize("levels", [1, 2, 5])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"budget": 1},
        {"budget": 200},
        {"selection": "top_k", "looks_per_region": (2, 1), "budget": None},
        {"selection": "full_scan", "budget": None},
        {"roots": "grid", "root_downsample": 4.0},
        {"roots": "scan", "root_downsample": 4.0, "overview_px": 4},
        {"foreground": "tissue", "roots": "grid", "root_downsample": 4.0},
    ],
    ids=str,
)
def test_no_walk_reads_more(tmp_path: Path, levels: int, changes: dict[str, Any]) -> None:
    """Whatever the rules of the walk, and without a pyramid, where a coarse look reads all of the image."""
    record = image(tmp_path, levels)
    plan = replace(PLAN, walk=replace(PLAN.walk, **changes))
    most = foreseen(record, plan)
    result = reference(record, plan, PixelModel())
    read = [cost.acquisition for cost in result.ledger]

    assert len(result.glimpses) <= most.looks
    assert sum(one.num_requests for one in read) <= most.requests
    assert most.bytes_read is not None
    assert sum(one.transferred_bytes for one in read) <= most.bytes_read


def test_a_pyramid_is_worth_it(tmp_path: Path) -> None:
    """Of a large image with a pyramid a few looks read little, and one without all of it."""
    flat, pyramid = (foreseen(image(tmp_path, levels, 2048), PLAN) for levels in (1, 6))

    assert flat.bytes_read is not None
    assert pyramid.bytes_read is not None
    assert flat.bytes_read >= 2048 * 2048 * 3
    assert pyramid.bytes_read < flat.bytes_read / 20
