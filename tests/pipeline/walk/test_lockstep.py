"""Walks taken together are the walks of the reference, and what the network is shown fits what it is told."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.archive_writing import write_archive
from pipeline.benchmarks.archive import ArchivePlan
from pipeline.benchmarks.digits import read_digits
from pipeline.benchmarks.scene import SceneLaw
from pipeline.image_record import ImageRecord
from pipeline.images.augmentation import NO_AUGMENTATION, Augmentation
from pipeline.images.input_spec import InputSpec
from pipeline.images.region import Region
from pipeline.images.tile_cache import TileCache
from pipeline.manifest import read_manifest
from pipeline.walk.cell_scorer import CellScorer, LookScores
from pipeline.walk.config import WalkConfig
from pipeline.walk.episode import Episode, FailedEpisode, TrainingWalk
from pipeline.walk.exploration import ExplorationConfig, Explorer
from pipeline.walk.glimpse import Position
from pipeline.walk.lockstep import walk_together
from pipeline.walk.opening import open_image_walk
from pipeline.walk.walk import walk
from pipeline.walk.walk_plan import WalkPlan
from tests.pipeline.walk.brightness import Brightness

SPEC = InputSpec(base_px=32, bands="luminance", background=0.0)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> tuple[ImageRecord, ...]:
    """Four images of 512 px."""
    out = tmp_path_factory.mktemp("lockstep") / "archive"
    plan = ArchivePlan(
        law=SceneLaw(canvas_px=512, num_noise=10),
        num_train=4,
        num_test=0,
        validation=0,
        pad_to_px=512,
        tile_px=64,
    )
    write_archive(plan, read_digits("digits"), out)
    return read_manifest(str(out / "manifest.csv")).records


def opened(
    record: ImageRecord,
    config: WalkConfig,
    *,
    explorer: Explorer | None = None,
    augmentation: Augmentation = NO_AUGMENTATION,
    scorer: CellScorer | None = None,
) -> TrainingWalk:
    """A walk at its beginning."""
    image = open_image_walk(
        record,
        WalkPlan(spec=SPEC, walk=config),
        combine=Brightness().combine,
        cache=TileCache(1 << 24),
        explore=explorer,
    )
    return TrainingWalk(walk=image, explorer=explorer, augmentation=augmentation, scorer=scorer)


CONFIGS = (
    WalkConfig(grid=4, cell_fraction=0.25, looks_per_region=(3, 2)),
    WalkConfig(grid=4, cell_fraction=0.25, selection="best_first", budget=9),
    WalkConfig(grid=4, cell_fraction=0.25, selection="top_k_per_depth", looks_per_depth=(4, 5)),
)


class TestTogether:
    @pytest.mark.parametrize("config", CONFIGS)
    def test_each_walk_is_the_references(
        self, records: tuple[ImageRecord, ...], config: WalkConfig
    ) -> None:
        """Images walked together take the same looks, in the same order, as each alone on the page of the reference."""
        expected = []
        for record in records:
            alone = opened(record, config).walk
            walk(alone, Brightness())
            expected.append([look.glimpse for look in alone.traversal.looks])
            alone.close()

        found = walk_together([opened(record, config) for record in records], Brightness())

        assert [[look.glimpse for look in one.looks] for one in found] == expected  # type: ignore[union-attr]  # no walk failed, or the test does

    def test_looks_name_their_parents(self, records: tuple[ImageRecord, ...]) -> None:
        """A look's region is the named cell of the look that it names as its parent."""
        [episode] = walk_together([opened(records[0], CONFIGS[0])], Brightness())
        assert isinstance(episode, Episode)

        for look in episode.looks[1:]:
            parent = episode.looks[look.parent]
            side = parent.glimpse.region.height // 4
            row, col = divmod(look.cell, 4)
            assert look.glimpse.region.y == parent.glimpse.region.y + row * side
            assert look.glimpse.region.x == parent.glimpse.region.x + col * side

    def test_the_finest_looks_are_not_scored(self, records: tuple[ImageRecord, ...]) -> None:
        """Only looks with cells below them cost a pass through the network."""
        counted: list[int] = []

        class Counting(Brightness):
            def score(
                self,
                windows: Sequence[NDArray[np.float32]],
                positions: Sequence[Position],
                downsamples: Sequence[float],
            ) -> LookScores:
                counted.extend(at.depth for at in positions)
                return super().score(windows, positions, downsamples)

        walk_together([opened(records[0], CONFIGS[0])], Counting())

        assert counted == [0, 1, 1, 1]

    def test_a_walk_may_have_a_scorer_of_its_own(self, records: tuple[ImageRecord, ...]) -> None:
        """One image of a step can be scored by another than the rest."""

        class Dark(Brightness):
            def score(
                self,
                windows: Sequence[NDArray[np.float32]],
                positions: Sequence[Position],
                downsamples: Sequence[float],
            ) -> LookScores:
                scores = super().score(windows, positions, downsamples)
                return replace(scores, cells=-scores.cells)

        mixed = walk_together(
            [opened(records[0], CONFIGS[0]), opened(records[1], CONFIGS[0], scorer=Dark())],
            Brightness(),
        )
        bright = walk_together([opened(one, CONFIGS[0]) for one in records[:2]], Brightness())
        dark = walk_together([opened(one, CONFIGS[0]) for one in records[:2]], Dark())

        looks = [[look.glimpse for look in one.looks] for one in mixed]  # type: ignore[union-attr]  # no walk failed, or the test does
        assert looks[0] == [look.glimpse for look in bright[0].looks]  # type: ignore[union-attr]  # no walk failed, or the test does
        assert looks[1] == [look.glimpse for look in dark[1].looks]  # type: ignore[union-attr]  # no walk failed, or the test does


class TestMirrored:
    def test_a_mirrored_image_is_walked_like_its_mirror_image(
        self, records: tuple[ImageRecord, ...]
    ) -> None:
        """Windows, cells and places are mirrored alike; the image is read where it is bright."""
        [plain] = walk_together([opened(records[0], CONFIGS[0])], Brightness())
        [mirrored] = walk_together(
            [opened(records[0], CONFIGS[0], augmentation=Augmentation(is_mirrored=True))],
            Brightness(),
        )
        assert isinstance(plain, Episode)
        assert isinstance(mirrored, Episode)

        assert {one.glimpse.region for one in plain.looks} == {
            one.glimpse.region for one in mirrored.looks
        }
        by_region = {one.glimpse.region: one for one in plain.looks}
        for look in mirrored.looks:
            twin = by_region[look.glimpse.region]
            np.testing.assert_array_equal(look.pixels, twin.pixels[:, :, ::-1])
            assert look.position.y == twin.position.y
            assert look.position.x == 4**look.position.depth - 1 - twin.position.x
            if look.cell >= 0:
                assert look.cell // 4 == twin.cell // 4
                assert look.cell % 4 == 3 - twin.cell % 4


class TestExplored:
    def test_forced_looks_are_marked(self, records: tuple[ImageRecord, ...]) -> None:
        """Looks that chance chose are known as such, and only those."""
        explorer = Explorer(ExplorationConfig(random_cells=(2.0,)), seed=[1], base_px=32)
        [episode] = walk_together([opened(records[0], CONFIGS[0], explorer=explorer)], Brightness())
        assert isinstance(episode, Episode)

        marked = {look.glimpse.position for look in episode.looks if look.is_random}
        taken = {look.glimpse.position for look in episode.looks}
        assert marked == explorer.forced & taken
        assert marked

    def test_a_crop_stands_for_the_whole_image(self, records: tuple[ImageRecord, ...]) -> None:
        """With another beginning the first look is that region, and the middles of all others lie in it."""
        image = opened(records[0], CONFIGS[0])
        image.walk.traversal.start_within(Region(64, 32, 256, 256))
        [episode] = walk_together([image], Brightness())
        assert isinstance(episode, Episode)

        assert episode.looks[0].glimpse.region == Region(64, 32, 256, 256)
        for look in episode.looks[1:]:
            region = look.glimpse.region
            assert 64 <= region.y + region.height / 2 <= 64 + 256
            assert 32 <= region.x + region.width / 2 <= 32 + 256


class TestBadImages:
    def test_one_that_vanishes_harms_no_other(
        self, records: tuple[ImageRecord, ...], tmp_path: Path
    ) -> None:
        """An image whose tiles cannot be read ends as a failure; the others are walked as if it were not there."""
        broken = tmp_path / "broken.ome.zarr"
        shutil.copytree(records[0].image_path, broken)
        for shard in broken.glob("*/c/*/*"):
            shard.write_bytes(b"no zarr shard")
        record = ImageRecord(sample_id="broken", image_path=str(broken))

        bad, good = walk_together(
            [opened(record, CONFIGS[0]), opened(records[1], CONFIGS[0])], Brightness()
        )
        [alone] = walk_together([opened(records[1], CONFIGS[0])], Brightness())

        assert isinstance(bad, FailedEpisode)
        assert bad.record.sample_id == "broken"
        assert isinstance(good, Episode)
        assert isinstance(alone, Episode)
        assert [one.glimpse for one in good.looks] == [one.glimpse for one in alone.looks]
