"""Looks found again from the tables alone, against the walk that took them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import ImageChangedError
from pipeline.evidence.retrace import RetracedLook, retrace
from pipeline.image_record import ImageRecord
from pipeline.images.input_spec import InputSpec, fit_bands
from pipeline.images.opening import open_source
from pipeline.images.pyramid import PixelSize
from pipeline.images.tile_cache import TileCache
from pipeline.images.tile_reader import TileReader
from pipeline.images.window import WindowReader
from pipeline.records.finished_image import FinishedImage
from pipeline.records.finished_run import open_run
from pipeline.walk.config import WalkConfig
from pipeline.walk.glimpse import Glimpse
from pipeline.walk.walk_plan import WalkPlan
from tests.image_files import slide
from tests.pixel_model import PixelModel
from tests.walked_run import write_walked_run

SPEC = InputSpec(base_px=32, pixel_size_um=0.5)
BEST_FIRST = WalkConfig(
    grid=3, cell_fraction=0.5, selection="best_first", budget=60, max_overlap=None
)
WALKS = {
    "image": BEST_FIRST,
    "grid": replace(BEST_FIRST, roots="grid", root_downsample=5),
    "scan": replace(BEST_FIRST, roots="scan", root_downsample=5, score="cell"),
    "top_k": WalkConfig(grid=3, cell_fraction=0.5, looks_per_region=(3, 2)),
    "random": replace(BEST_FIRST, proposals="random"),
    "full_scan": replace(BEST_FIRST, selection="full_scan", budget=None),
}


class ChoosingModel(PixelModel):
    """One that says how deep to look next, too."""

    num_levels = 3


def walked(
    directory: Path, config: WalkConfig, model: type[PixelModel] = PixelModel
) -> tuple[WalkPlan, FinishedImage, list[Glimpse]]:
    """One image, walked and read back."""
    path = slide(directory / "a.tif", 256, 256)
    record = ImageRecord(sample_id="a", image_path=str(path), pixel_size=PixelSize(0.5, 0.5, "um"))
    plan = WalkPlan(spec=SPEC, walk=config)
    glimpses = write_walked_run(
        directory / "run", [record], plan, model(), class_names=("x", "y"), settings={}
    )
    [image] = open_run(directory / "run").images()
    return plan, image, glimpses["a"]


def retraced(
    image: FinishedImage, plan: WalkPlan, model: type[PixelModel] = PixelModel
) -> list[RetracedLook]:
    """With the model that walked."""
    source = open_source(image.image_path)
    tiles = TileReader(source, TileCache(2**24))
    windows = WindowReader(
        tiles=tiles,
        fit=fit_bands(plan.spec, source.pyramid),
        base_px=plan.spec.base_px,
        background=plan.spec.background,
    )
    try:
        return retrace(image, windows, plan, model().look, batch_size=4)
    finally:
        tiles.close()


class TestRetrace:
    @pytest.mark.parametrize("name", WALKS)
    def test_finds_the_looks_of_the_walk(self, tmp_path: Path, name: str) -> None:
        """Every look is the cell that it was, and says what it said: the prediction is the run's."""
        plan, image, glimpses = walked(tmp_path, WALKS[name])
        found = retraced(image, plan)

        assert [one.glimpse.position for one in found] == [one.position for one in glimpses]
        assert [one.glimpse.region for one in found] == [one.region for one in glimpses]
        assert [one.glimpse.parent for one in found] == [one.parent for one in glimpses]
        kept = np.stack([one.observation.kept for one in found])
        now = PixelModel().combine(kept)[-1].tolist()
        assert now == [image.probabilities["x"], image.probabilities["y"]]

    def test_finds_looks_that_skipped_a_depth(self, tmp_path: Path) -> None:
        """Where the network chose how deep to look next, its looks are found at the depth that it chose."""
        plan, image, glimpses = walked(tmp_path, WALKS["top_k"], ChoosingModel)
        found = retraced(image, plan, ChoosingModel)

        assert [one.glimpse.position for one in found] == [one.position for one in glimpses]
        assert [one.glimpse.region for one in found] == [one.region for one in glimpses]
        steps = [
            one.position.depth - one.parent.depth for one in glimpses if one.parent is not None
        ]
        assert max(steps) > 1
        assert {len(one.cells) for one in found} == {0, 9}

    def test_cells_that_coincide_are_told_apart(self, tmp_path: Path) -> None:
        """Some looks of the walk lie where cells of several looks do; otherwise the test above shows little."""
        plan, image, _ = walked(tmp_path, WALKS["image"])
        found = retraced(image, plan)
        offered = Counter(cell for one in found for cell in one.cells)
        regions = Counter((position.depth, region) for position, region in offered)
        taken = [(one.glimpse.position.depth, one.glimpse.region) for one in found]

        assert sum(regions[one] > 1 for one in taken) >= 3

    def test_another_image_is_refused(self, tmp_path: Path) -> None:
        """Of another size: the error says both."""
        plan, image, _ = walked(tmp_path, WALKS["image"])
        slide(Path(image.image_path), 266, 256)
        with pytest.raises(ImageChangedError, match="266 x 256 px now and had 256 x 256"):
            retraced(image, plan)

    def test_looks_of_another_walk_are_refused(self, tmp_path: Path) -> None:
        """A look that no cell of this walk could be is not guessed at."""
        plan, image, _ = walked(tmp_path, WALKS["image"])
        other = replace(plan, walk=replace(plan.walk, cell_fraction=0.6))
        with pytest.raises(ImageChangedError, match="lies where this model's walk has no cell"):
            retraced(image, other)
