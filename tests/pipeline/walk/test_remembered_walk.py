"""A walk that was broken off and taken up again is the walk that was not, and reads nothing twice."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
import tifffile
import torch

from actors.model_directory import ModelDirectory, open_model
from actors.model_loading import load_runner
from actors.model_runner import ModelRunner
from models.build import build_model
from pipeline.image_record import ImageRecord
from pipeline.images.tile import TileKey
from pipeline.images.tile_cache import TileCache
from pipeline.records.result import ImageResult, Prediction, conclude
from pipeline.records.walk_memory import decoded, encoded
from pipeline.walk.allowance import ENDLESS, Allowance
from pipeline.walk.opening import open_image_walk
from pipeline.walk.remembered_walk import RememberedWalk, go_on
from pipeline.walk.walk import walk
from tests.image_files import slide

CHANGES = {
    "best_first": {"walk.budget": 12},
    "top_k": {"walk.selection": "top_k", "walk.looks_per_region": [3, 2, 1], "walk.budget": None},
    "tissue": {
        "walk.roots": "grid",
        "walk.root_downsample": 3,
        "walk.foreground": "tissue",
        "walk.budget": 12,
    },
}


@pytest.fixture(scope="module")
def model() -> ModelDirectory:
    """The model that ships."""
    return open_model("digits")


@pytest.fixture(scope="module")
def runner(model: ModelDirectory) -> ModelRunner:
    """Its network."""
    return load_runner(model, num_threads=1)


@pytest.fixture
def record(tmp_path: Path) -> ImageRecord:
    """A slide of a few levels."""
    return ImageRecord(sample_id="s", image_path=str(slide(tmp_path / "s.tif", 1400, 1300)))


class Walker:
    """Walks one image as often as is asked."""

    def __init__(self, record: ImageRecord, model: ModelDirectory, runner: ModelRunner) -> None:
        self.record, self.runner = record, runner
        self.plan = model.config.plan

    def __call__(
        self, allowance: Allowance = ENDLESS, earlier: RememberedWalk | None = None
    ) -> ImageResult:
        """Its result."""
        image = open_image_walk(
            self.record,
            self.plan,
            combine=self.runner.combine,
            cache=TileCache(2**24),
            allowance=allowance,
        )
        if earlier is not None:
            go_on(image, earlier)
        walk(image, self.runner)
        result = conclude(image, self.runner, time.perf_counter())
        image.close()
        return result


def stored(walk: RememberedWalk | None) -> RememberedWalk:
    """As it comes back from a file."""
    assert walk is not None
    return decoded(encoded(walk))


def prediction(result: ImageResult) -> Prediction:
    """Of an image that was classified."""
    assert isinstance(result.outcome, Prediction)
    return result.outcome


class TestGoingOn:
    @pytest.mark.parametrize("changes", CHANGES)
    @pytest.mark.parametrize("looks", [1, 3, 7])
    def test_equals_the_walk_in_one_go(
        self,
        record: ImageRecord,
        model: ModelDirectory,
        runner: ModelRunner,
        changes: str,
        looks: int,
    ) -> None:
        """Looks, scores, confidences and the prediction are equal to the last bit; only opening is paid for twice."""
        walker = Walker(record, model.with_changes(CHANGES[changes]), runner)
        whole = walker()
        first = walker(Allowance(looks=looks, granted=looks))
        second = walker(Allowance(granted=1), stored(first.walk))

        assert prediction(first).stop_reason == "archive_budget"
        assert prediction(first).num_glimpses == looks
        assert prediction(second).probabilities.tolist() == prediction(whole).probabilities.tolist()
        assert prediction(second).stop_reason == prediction(whole).stop_reason
        assert [replace(one, cost_so_far=None) for one in second.glimpses] == [  # type: ignore[arg-type]  # the field may be None only here
            replace(one, cost_so_far=None)  # type: ignore[arg-type]  # the field may be None only here
            for one in whole.glimpses
        ]
        assert [one.pixels_read for one in second.ledger] == [
            one.pixels_read for one in whole.ledger
        ]

    def test_the_depth_that_was_chosen_is_remembered(
        self, record: ImageRecord, model: ModelDirectory
    ) -> None:
        """A network that says how deep to look next is not asked again about looks that were taken."""
        options = replace(model.config.network, levels=2)
        network = build_model("tnet_small", num_classes=10, num_bands=1, network=options)
        assert network.level_choice is not None
        with torch.no_grad():
            network.level_choice.bias.copy_(torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]]))
        choosing = ModelRunner(network, num_classes=10, device=torch.device("cpu"), batch_size=4)
        walker = Walker(record, model.with_changes({"walk.budget": 12}), choosing)
        whole, first = walker(), walker(Allowance(looks=5, granted=5))

        second = walker(Allowance(granted=1), stored(first.walk))

        depths = [row.glimpse.position.depth for row in whole.glimpses]
        assert set(depths[1:5]) == {2}
        assert [row.glimpse for row in second.glimpses] == [row.glimpse for row in whole.glimpses]

    def test_costs_add_up(
        self, record: ImageRecord, model: ModelDirectory, runner: ModelRunner
    ) -> None:
        """The ledger of the second walk is what the first cost, and what the second read by itself."""
        walker = Walker(record, model.with_changes(CHANGES["best_first"]), runner)
        first = walker(Allowance(looks=5, granted=5))
        again = walker(Allowance(looks=5, granted=5), stored(first.walk))
        header = next(one for one in first.ledger if one.level is None).acquisition

        # Nothing was looked at anew: the image was opened, and that is all.
        both = prediction(again).bytes_read
        assert both == prediction(first).bytes_read + header.transferred_bytes
        assert again.glimpses[-1].cost_so_far.transferred_bytes == both

    def test_of_another_file_nothing_is_known(
        self, record: ImageRecord, model: ModelDirectory, runner: ModelRunner
    ) -> None:
        """An image that was replaced meanwhile is walked from its beginning; what the old one cost is not forgotten."""
        walker = Walker(record, model.with_changes(CHANGES["best_first"]), runner)
        first = walker(Allowance(looks=5, granted=5))
        earlier = stored(first.walk)
        slide(Path(record.image_path), 1400, 1300, seed=8)
        expected, found = walker(), walker(Allowance(granted=1), earlier)

        both = prediction(expected).bytes_read + prediction(first).bytes_read
        assert prediction(found).bytes_read == both
        assert (
            prediction(found).probabilities.tolist() == prediction(expected).probabilities.tolist()
        )

    def test_a_broken_tile_stays_broken(
        self, record: ImageRecord, model: ModelDirectory, runner: ModelRunner
    ) -> None:
        """What could not be read is remembered: the image is still degraded, and nobody asks for that tile again."""
        walker = Walker(record, model.with_changes(CHANGES["best_first"]), runner)
        with tifffile.TiffFile(record.image_path) as tiff:
            coarsest = tiff.pages[2]
            start, count = coarsest.dataoffsets[0], coarsest.databytecounts[0]
        with Path(record.image_path).open("r+b") as file:
            file.seek(start)
            file.write(bytes(count))
        first = walker(Allowance(looks=4, granted=4))
        second = walker(Allowance(granted=1), stored(first.walk))

        assert first.walk is not None
        assert first.walk.failed_tiles
        assert [prediction(one).status for one in (first, second)] == ["degraded", "degraded"]
        broken = TileKey(2, 0, 0)
        assert second.walk is None
        assert prediction(second).error == prediction(first).error
        assert first.walk.failed_tiles.keys() == {broken}

    def test_bytes_end_a_walk_where_they_end(
        self, record: ImageRecord, model: ModelDirectory, runner: ModelRunner
    ) -> None:
        """With half the bytes of a walk it stops early, within them; with enough it goes on to the same prediction."""
        walker = Walker(record, model.with_changes(CHANGES["best_first"]), runner)
        whole = walker()
        means = prediction(whole).bytes_read // 2
        first = walker(Allowance(num_bytes=means, granted=means))
        second = walker(Allowance(num_bytes=10**9, granted=10**9), stored(first.walk))

        assert prediction(first).stop_reason == "archive_budget"
        assert 0 < prediction(first).bytes_read <= means
        assert 0 < prediction(first).num_glimpses < prediction(whole).num_glimpses
        assert prediction(second).probabilities.tolist() == prediction(whole).probabilities.tolist()

    def test_time_ends_a_walk(
        self, record: ImageRecord, model: ModelDirectory, runner: ModelRunner
    ) -> None:
        """When its time is over before the first look, the image has a row that says so."""
        result = Walker(record, model, runner)(Allowance(until_s=time.time() - 1))

        assert not isinstance(result.outcome, Prediction)
        assert result.outcome.stop_reason == "archive_budget"
        assert "the archive's budget was spent" in result.outcome.error
