"""Where a walk that went to its end could have stopped: there, and only there, where one that may stop does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.image_record import ImageRecord
from pipeline.images.input_spec import InputSpec
from pipeline.images.pyramid import PixelSize
from pipeline.records.finished_image import FinishedImage
from pipeline.records.finished_run import open_run
from pipeline.savings.stop_calibration import first_stop
from pipeline.savings.walks import known_walk
from pipeline.walk.config import WalkConfig
from pipeline.walk.stop_rule import StopRule
from pipeline.walk.walk_plan import WalkPlan
from tests.image_files import slide
from tests.pixel_model import PixelModel
from tests.walked_run import write_walked_run

SPEC = InputSpec(base_px=32, value_ranges={"uint8": (0.0, 255.0)})
WALKS = {
    "one at a time": WalkConfig(grid=3, cell_fraction=0.5, selection="best_first", budget=9),
    "in waves": WalkConfig(grid=3, cell_fraction=0.5, selection="best_first", budget=11, wave=4),
    "many roots": WalkConfig(
        grid=3, cell_fraction=0.5, selection="best_first", roots="grid", budget=24, wave=2
    ),
    "to the end": WalkConfig(grid=3, cell_fraction=0.5, looks_per_region=(2, 2), depths=3),
}


def walked(directory: Path, config: WalkConfig, seed: int) -> FinishedImage:
    """One labelled image, walked, written and read back."""
    path = slide(directory / f"{seed}.tif", 256, 256, seed=seed)
    size = PixelSize(0.5, 0.5, "um")
    record = ImageRecord(sample_id="a", image_path=str(path), pixel_size=size, label="x")
    plan = WalkPlan(spec=SPEC, walk=config)
    run = directory / f"run_{seed}_{config.stop_at}"
    write_walked_run(run, [record], plan, PixelModel(), class_names=("x", "y"), settings={})
    [image] = open_run(run).images()
    return image


@pytest.mark.parametrize("name", WALKS)
@pytest.mark.parametrize("target", [0.6, 0.8, 0.95])
def test_stops_are_those_of_walks(tmp_path: Path, name: str, target: float) -> None:
    """A walk told to stop at a confidence stops after the look that is found for it, or where none is, not at all."""
    rule = StopRule(targets=(target,), looks=(1,), confidences=((target,),), num_images=1)
    num_stopped = 0
    for seed in range(6):
        known = known_walk(walked(tmp_path, WALKS[name], seed))
        assert known is not None
        found = first_stop(known, rule, target)
        stopping = walked(tmp_path, replace(WALKS[name], stop_at=target), seed)

        assert (stopping.stop_reason == "confident") == (found is not None)
        if found is not None:
            assert len(stopping.looks) == found + 1
            num_stopped += 1
    assert num_stopped or target > 0.6


def test_runs_that_do_not_say_their_waves(tmp_path: Path) -> None:
    """Of an earlier version's run each look may have been the last of its wave."""
    image = walked(tmp_path, WALKS["to the end"], 0)
    looks = tuple(replace(look, wave=None) for look in image.looks)
    known = known_walk(replace(image, looks=looks))

    assert known is not None
    assert known.may_stop.tolist() == [True] * len(looks)
    assert np.isfinite(known.confidences).all()
