"""Coloured digits follow the laws of PAN's generator."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.benchmarks.coloured.backgrounds import Backgrounds, bundled_photographs
from pipeline.benchmarks.coloured.dataset import (
    ColouredData,
    ColouredPlan,
    make_data,
    read_data,
    read_law,
    write_data,
)
from pipeline.benchmarks.coloured.drawing import ColouredScene, draw_scene
from pipeline.benchmarks.coloured.law import COLOUR_NAMES, COLOURS, ColouredLaw
from pipeline.benchmarks.digits import Digits
from pipeline.errors import UsageError

MREF = ColouredLaw()


def sources() -> Digits:
    """Discs and rings in the place of handwriting: as much ink, and nothing to read."""
    y, x = np.mgrid[:28, :28]
    far = np.hypot(y - 13.5, x - 13.5)
    pictures = [((far < 6 + k / 2) & (far > k / 2)) * np.uint8(255) for k in range(10)]
    return Digits(images=np.stack(pictures), labels=np.arange(10))


def scenes(law: ColouredLaw, count: int) -> list[ColouredScene]:
    """Scenes of one seed."""
    rng = np.random.default_rng(3)
    backgrounds = Backgrounds(law, [np.full((300, 400, 3), 90, np.uint8)])
    return [draw_scene(law, sources(), backgrounds.draw(rng), rng) for _ in range(count)]


def data(law: ColouredLaw = MREF, **counts: int) -> ColouredData:
    """A small data set."""
    pairs = {"train": 60, "validation": 25, "test": 25} | counts
    return make_data(
        ColouredPlan(law=law, num_pairs=pairs, seed=1), sources(), Backgrounds(law, [])
    )


class TestScenes:
    def test_five_to_nine_digits_no_class_twice(self) -> None:
        """Counts are uniform on 5 to 9, classes of a scene differ, and colours may repeat."""
        made = scenes(MREF, 600)
        counts = np.bincount([len(one.digits) for one in made], minlength=10)

        assert counts[:5].sum() == 0
        assert (np.abs(counts[5:10] - 120) < 4 * np.sqrt(120)).all()
        assert all(len({d.digit for d in one.digits}) == len(one.digits) for one in made)
        assert any(len({d.colour for d in one.digits}) < len(one.digits) for one in made)

    @pytest.mark.parametrize(
        ("side", "shares"), [(100, (68, 19, 6, 4, 3)), (224, (29, 24, 19, 16, 12))]
    )
    def test_small_digits_are_frequent(self, side: int, shares: tuple[int, ...]) -> None:
        """Drawing scale and place again until a digit fits gives the scale shares measured for the published law."""
        made = scenes(replace(MREF, canvas_px=side), 800)
        scales = [digit.scale for one in made for digit in one.digits]
        found = np.histogram(scales, bins=np.arange(0.5, 3.01, 0.5))[0] / len(scales) * 100

        np.testing.assert_allclose(found, shares, atol=3.5)

    def test_ink_has_the_colour_and_counts_twice(self) -> None:
        """Full ink has its colour within the brightness draw, half ink a quarter of it."""
        solid = sources()
        grey = Digits(images=np.minimum(solid.images, 128), labels=solid.labels)
        rng = np.random.default_rng(0)
        ratios = []
        for _ in range(60):
            scene = draw_scene(MREF, grey, np.zeros((100, 100, 3), np.uint8), rng)
            for index, digit in enumerate(scene.digits):
                seen = np.median(scene.image[scene.owners == index + 1], axis=0)
                ratios.append(seen / np.array(COLOURS[COLOUR_NAMES[digit.colour]]))
        bright = np.array(ratios)[:, :].max(axis=1)

        assert abs(np.median(bright) - (128 / 255) ** 2) < 0.03

    def test_boxes_hold_no_ink_of_earlier_digits(self) -> None:
        """When a digit is placed, nothing of those before it lies in its box."""
        for scene in scenes(MREF, 100):
            for index, digit in enumerate(scene.digits):
                box = scene.owners[
                    digit.y_px : digit.y_px + digit.side_px, digit.x_px : digit.x_px + digit.side_px
                ]
                assert not ((box > 0) & (box < index + 1)).any()

    def test_distractors_and_backgrounds_lie_below(self) -> None:
        """MREF is black beside its digits, MDIST is not, MBG shows the photograph."""
        black, distracted, noisy, behind = (
            scenes(replace(MREF, kind=kind), 3)[2]
            for kind in ("mref", "mdist", "mdist_gaussian", "mbg_like")
        )

        assert not black.image[black.owners == 0].any()
        assert 0 < distracted.image[distracted.owners == 0].any(axis=1).mean() < 0.5
        assert noisy.image[noisy.owners == 0].any(axis=1).mean() > 0.8
        assert (behind.image[behind.owners == 0] == 90).all()

    def test_a_scene_without_room_begins_anew(self) -> None:
        """Where solid squares leave no place for another digit, drawing does not hang."""
        solid = Digits(images=np.full((10, 28, 28), 255, np.uint8), labels=np.arange(10))
        rng = np.random.default_rng(0)
        canvas = np.zeros((100, 100, 3), np.uint8)

        made = [draw_scene(MREF, solid, canvas, rng) for _ in range(3)]

        assert all(5 <= len(scene.digits) <= 9 for scene in made)
        assert not canvas.any()

    def test_photographs_come_with_the_dependencies(self) -> None:
        """There are six or more colour photographs to cut backgrounds from, without a network."""
        found = bundled_photographs()

        assert len(found) >= 6
        assert all(one.ndim == 3 and one.shape[2] == 3 and one.dtype == np.uint8 for one in found)


class TestData:
    def test_pairs_are_counted_and_no_image_is_in_two_splits(self) -> None:
        """Each split has exactly its pairs, of images of its own."""
        made = data()
        images = {
            split: {pair.image for pair in made.pairs if pair.split == split}
            for split in ("train", "validation", "test")
        }

        assert [sum(pair.split == split for pair in made.pairs) for split in images] == [60, 25, 25]
        assert sum(map(len, images.values())) == len(set.union(*images.values()))
        assert len(made.images) < 110

    def test_a_pair_points_at_the_ink_in_question(self) -> None:
        """The owner's ink lies inside the box of the pair and touches no other."""
        made = data()
        for pair in made.pairs:
            rows, cols = np.nonzero(made.owners[pair.image] == pair.owner)
            assert pair.y_px <= rows.min() <= rows.max() < pair.y_px + pair.side_px
            assert pair.x_px <= cols.min() <= cols.max() < pair.x_px + pair.side_px

    def test_inverse_questions_have_one_answer(self) -> None:
        """A colour is asked for only where it occurs once in its image."""
        law = replace(MREF, is_inverse=True)
        plain, inverse = data(), data(law)
        asked = [(pair.image, pair.query) for pair in inverse.pairs]

        assert len(asked) == len(set(asked))
        assert max(pair.query for pair in inverse.pairs) <= 4 < max(p.query for p in plain.pairs)
        for pair in inverse.pairs:
            same = [p for p in inverse.pairs if (p.image, p.query) == (pair.image, pair.query)]
            assert len(same) == 1

    def test_the_seed_decides(self, tmp_path: Path) -> None:
        """The same plan gives the same files, and they read back as they were."""
        one, same = data(), data()
        plan = ColouredPlan(law=MREF, num_pairs={"train": 60, "validation": 25, "test": 25}, seed=1)
        write_data(one, plan, tmp_path)
        back = read_data(tmp_path)

        np.testing.assert_array_equal(one.images, same.images)
        np.testing.assert_array_equal(back.images, one.images)
        np.testing.assert_array_equal(back.owners, one.owners)
        assert back.pairs == one.pairs == same.pairs
        assert read_law(tmp_path) == MREF

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        """The error says how to make it."""
        with pytest.raises(UsageError, match=r"no images.npy; make the data set with"):
            read_data(tmp_path)

    def test_bad_plans_are_refused(self) -> None:
        """A canvas that the largest digit does not fit, and a split without pairs."""
        with pytest.raises(UsageError, match="--canvas 80"):
            ColouredLaw(canvas_px=80)
        with pytest.raises(UsageError, match="0 test pairs"):
            data(test=0)
