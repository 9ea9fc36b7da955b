"""How an image is cut into work, and what is left of it after a kill."""

from __future__ import annotations

from collections import Counter
from itertools import chain, pairwise
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import UnsupportedImageError
from pipeline.images.pyramid import Level, Pyramid
from pipeline.ingest.plan import CHUNK_PX, BlockKey, IngestPlan
from pipeline.ingest.planning import MAX_SHARD_BYTES, plan_ingest
from pipeline.ingest.steps import Step, batches, remaining_steps


def image(
    height: int, width: int, tile: tuple[int, int] = (256, 256), bands: int = 3, **more: object
) -> Pyramid:
    """An image of one level."""
    level = Level(height, width, *tile, downsample_y=1.0, downsample_x=1.0)
    names = tuple(f"band_{index}" for index in range(bands))
    known = {"dtype": "uint8", **more}
    return Pyramid(uri="x.tif", format="tiff", levels=(level,), bands=names, **known)  # type: ignore[arg-type]  # fields by name


PLANS = [
    plan_ingest(image(9000, 13000)),
    plan_ingest(image(3000, 30_000, (8, 30_000))),
    plan_ingest(image(300, 100)),
    plan_ingest(image(5000, 9000, bands=40)),
]


def shards_of(plan: IngestPlan) -> set[tuple[int, int, int]]:
    """All of them."""
    return {plan.shard_of(step.block) for step in remaining_steps(plan, ())}


class TestPlan:
    @given(height=st.integers(1, 300_000), width=st.integers(1, 300_000))
    @settings(max_examples=50, deadline=None)
    def test_levels_halve_until_one_chunk_is_left(self, height: int, width: int) -> None:
        """Each level is half of the one before, rounded up, and the last is one chunk."""
        levels = plan_ingest(image(height, width)).levels

        assert (levels[0].height, levels[0].width) == (height, width)
        for finer, coarser in pairwise(levels):
            assert coarser.height == ceil(finer.height / 2)
            assert coarser.width == ceil(finer.width / 2)
            assert max(finer.height, finer.width) > CHUNK_PX
        assert max(levels[-1].height, levels[-1].width) <= CHUNK_PX

    @pytest.mark.parametrize("tile", [(256, 256), (1, 200_000), (64, 200_000)])
    @pytest.mark.parametrize(("bands", "dtype"), [(1, "uint8"), (3, "uint8"), (12, "float32")])
    def test_shards_are_bounded_and_whole_chunks(
        self, tile: tuple[int, int], bands: int, dtype: str
    ) -> None:
        """No shard holds more samples than the bound, and each is a multiple of the chunk."""
        plan = plan_ingest(image(50_000, 200_000, tile, bands, dtype=dtype))
        item_bytes = {"uint8": 1, "float32": 4}[dtype]
        for level in plan.levels:
            assert level.shard_height % CHUNK_PX == level.shard_width % CHUNK_PX == 0
            num_bytes = level.shard_height * level.shard_width * bands * item_bytes
            assert num_bytes <= MAX_SHARD_BYTES

    @pytest.mark.parametrize("dtype", ["complex64", "int64", "bool"])
    def test_refuses_samples_without_means(self, dtype: str) -> None:
        """What cannot be averaged exactly is refused, with the way out."""
        with pytest.raises(UnsupportedImageError, match=r"x\.tif.*write it as"):
            plan_ingest(image(10, 10, dtype=dtype))

    @pytest.mark.parametrize(
        ("nodata", "dtype", "kept"),
        [
            (0.0, "uint8", 0.0),
            (-9999.0, "uint8", None),
            (0.5, "int16", None),
            (1e39, "float32", None),
        ],
    )
    def test_forgets_no_data_that_no_sample_can_be(
        self, nodata: float, dtype: str, kept: float | None
    ) -> None:
        """Some writers declare values that the dtype does not have."""
        assert plan_ingest(image(10, 10, dtype=dtype, nodata=nodata)).nodata == kept


class TestSteps:
    @pytest.mark.parametrize("plan", PLANS)
    def test_every_block_is_made_once_after_its_children(self, plan: IngestPlan) -> None:
        """Nothing is left out, nothing is made twice, and what a block is made of is there."""
        seen: set[BlockKey] = set()
        for step in remaining_steps(plan, ()):
            assert step.block not in seen
            assert step.origin == ("children" if step.block.level else "source")
            if step.block.level:
                assert set(plan.children(step.block)) <= seen
            seen.add(step.block)
        for level in range(len(plan.levels)):
            rows, cols = plan.grid(level)
            assert sum(block.level == level for block in seen) == rows * cols

    @pytest.mark.parametrize("plan", PLANS)
    def test_shards_end_after_those_below(self, plan: IngestPlan) -> None:
        """A finished shard means that all under it are finished: a resumed ingest relies on it."""
        last = {plan.shard_of(s.block): n for n, s in enumerate(remaining_steps(plan, ()))}
        for step in remaining_steps(plan, ()):
            if step.block.level < len(plan.levels) - 1:
                assert last[plan.shard_of(step.block)] < last[plan.shard_of(step.block.parent)]

    @pytest.mark.parametrize("plan", PLANS)
    def test_blocks_of_a_shard_are_those_that_lie_in_it(self, plan: IngestPlan) -> None:
        """The shard of a block lists it, and shards do not share blocks."""
        counts = Counter(chain.from_iterable(plan.blocks_of(shard) for shard in shards_of(plan)))

        assert set(counts) == {step.block for step in remaining_steps(plan, ())}
        assert set(counts.values()) == {1}

    @pytest.mark.parametrize("plan", PLANS)
    def test_any_killed_ingest_is_completed(self, plan: IngestPlan) -> None:
        """Whatever shards were finished in order: what is left makes all others, from what is at hand."""
        order = list(dict.fromkeys(plan.shard_of(step.block) for step in _by_end(plan)))
        for count in range(len(order) + 1):
            finished = set(order[:count])
            at_hand: set[BlockKey] = set()
            written: Counter[tuple[int, int, int]] = Counter()
            for step in remaining_steps(plan, finished):
                shard = plan.shard_of(step.block)
                if step.origin == "store":
                    assert shard in finished
                else:
                    assert shard not in finished
                    written[shard] += 1
                if step.origin == "children":
                    assert set(plan.children(step.block)) <= at_hand
                if step.is_wanted:
                    at_hand.add(step.block)
            assert written == {s: len(plan.blocks_of(s)) for s in order[count:]}

    def test_little_is_pending_at_any_size(self) -> None:
        """In quads, quarters that wait for their neighbours are a few per level, however large the image."""
        most = 0
        plan = plan_ingest(image(60_000, 60_000))
        pending: set[BlockKey] = set()
        for step in remaining_steps(plan, ()):
            pending -= set(plan.children(step.block)) if step.block.level else set()
            pending.add(step.block)
            most = max(most, len(pending))

        assert most <= 4 * len(plan.levels)

    def test_batches_keep_the_order(self) -> None:
        """Batches are the steps, cut."""
        plan = PLANS[0]
        cut = list(batches(remaining_steps(plan, ()), reads=10))

        assert list(chain.from_iterable(cut)) == list(remaining_steps(plan, ()))
        assert all(sum(s.origin == "source" for s in batch) <= 10 for batch in cut)


def _by_end(plan: IngestPlan) -> list[Step]:
    """A step per shard, in the order in which shards are finished."""
    last = {plan.shard_of(step.block): step for step in remaining_steps(plan, ())}
    order = {step: number for number, step in enumerate(remaining_steps(plan, ()))}
    return sorted(last.values(), key=order.__getitem__)
