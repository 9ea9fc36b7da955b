"""Scenes are drawn as they are planned, in any region and on every level."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.benchmarks.digits import Digits, read_digits
from pipeline.benchmarks.drawing import GLOW, SceneDrawing, halved, sized
from pipeline.benchmarks.planning import plan_scenes
from pipeline.benchmarks.scene import Scene, SceneLaw
from pipeline.benchmarks.sparse_pyramid import num_levels, sparse_levels
from pipeline.images.region import Region
from pipeline.images.resample import to_size

DIGITS = read_digits("digits")
LAW = SceneLaw(canvas_px=600, num_noise=12)


def pasted(scene: Scene, digits: Digits, side: int) -> np.ndarray:
    """The whole canvas, pasted in the plain order of the law."""
    canvas = np.zeros((side, side), np.uint8)
    numerals = [
        (one.y_px, one.x_px, sized(digits.images[one.source], scene.law.digit_px))
        for one in scene.digits
    ]
    noise = [(one.y_px, one.x_px, scene.patterns[one.pattern]) for one in scene.noise]
    for y, x, picture in noise + numerals if scene.law.order == "ips" else numerals + noise:
        canvas[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
    return canvas


class TestDrawing:
    @pytest.mark.parametrize("order", ["ips", "ats"])
    def test_any_region_is_a_cut_of_the_whole(self, order: str) -> None:
        """Regions drawn by themselves equal cuts of a canvas pasted in order, digits over noise or under it."""
        law = SceneLaw(canvas_px=200, num_noise=60, order=order)  # crowded: things do overlap
        [scene] = plan_scenes(law, DIGITS.train, 1, seed=3)
        drawing = SceneDrawing(scene, DIGITS.train)
        whole = pasted(scene, DIGITS.train, 200)
        for region in (Region(0, 0, 200, 200), Region(37, 50, 61, 80), Region(120, 3, 80, 33)):
            cut = whole[region.y : region.bottom, region.x : region.right]
            np.testing.assert_array_equal(drawing.draw(region), cut)

    def test_the_order_matters(self) -> None:
        """In IPS order every digit is whole; in ATS order some noise lies over one."""
        clean = {}
        for order in ("ips", "ats"):
            law = SceneLaw(canvas_px=200, num_noise=60, order=order)
            scenes = plan_scenes(law, DIGITS.train, 20, seed=3)
            clean[order] = all(
                np.array_equal(
                    SceneDrawing(scene, DIGITS.train).draw(Region(one.y_px, one.x_px, 28, 28)),
                    sized(DIGITS.train.images[one.source], 28),
                )
                for scene in scenes
                for one in scene.digits
            )

        assert clean == {"ips": True, "ats": False}

    def test_levels_are_two_by_two_means(self) -> None:
        """Each level is the rounded mean of 2 x 2 pixels of the one below, blocks that are black left out."""
        [scene] = plan_scenes(LAW, DIGITS.train, 1, seed=2)
        expected = np.zeros((640, 640), np.uint8)
        expected[:600, :600] = pasted(scene, DIGITS.train, 600)
        for level in sparse_levels(SceneDrawing(scene, DIGITS.train), 640):
            found = level.region(Region(0, 0, level.side_px, level.side_px))
            assert found is not None
            np.testing.assert_array_equal(found, expected)
            h, w = (side // 2 for side in expected.shape)
            sums = expected.reshape(h, 2, w, 2).sum(axis=(1, 3), dtype=np.int64)
            expected = np.floor(sums / 4 + 0.5).astype(np.uint8)

    def test_grain_is_everywhere_and_fainter_than_strokes(self) -> None:
        """On grain no tile is empty, and no background pixel is as bright as a stroke."""
        law = SceneLaw(canvas_px=512, num_noise=0, background="grain")
        [scene] = plan_scenes(law, DIGITS.train, 1, seed=0)
        canvas = SceneDrawing(scene, DIGITS.train).draw(Region(0, 0, 512, 512))
        for one in scene.digits:
            canvas[one.y_px : one.y_px + 28, one.x_px : one.x_px + 28] = 0

        assert canvas.max() < 100
        assert canvas.reshape(8, 64, 8, 64).any(axis=(1, 3)).all()

    @pytest.mark.parametrize(("side", "expected"), [(1536, 5), (98_304, 11), (100, 1), (300, 3)])
    def test_levels_end_when_small_or_odd(self, side: int, expected: int) -> None:
        """1536 is halved to 96; 98,304 to 96; 100 is small already; 300 ends at 75."""
        assert num_levels(side) == expected

    @pytest.mark.parametrize("side", [28, 8, 56, 5])
    def test_digits_of_any_size(self, side: int) -> None:
        """A picture enlarged or shrunk keeps its brightness; at its own size it is untouched."""
        picture = DIGITS.train.images[3]
        found = sized(picture, side)

        assert found.shape == (side, side)
        assert abs(float(found.mean()) - float(picture.mean())) < 6
        assert side != 8 or np.array_equal(found, picture)

    def test_settlements_are_seen_from_afar_and_strokes_inside_them(self) -> None:
        """At 1/64 a settlement is brighter than all around it; at full size strokes are the brightest in it."""
        law = SceneLaw(canvas_px=4096, num_noise=0, num_settlements=6)
        [scene] = plan_scenes(law, DIGITS.train, 1, seed=0)
        drawing = SceneDrawing(scene, DIGITS.train)
        whole = drawing.draw(Region(0, 0, 4096, 4096))
        inside = np.zeros((4096, 4096), bool)
        for one in scene.settlements:
            inside[one.y : one.bottom, one.x : one.right] = True

        assert not whole[~inside].any()
        assert whole[inside].min() >= GLOW
        for one in scene.digits:
            where = Region(one.y_px, one.x_px, 28, 28)
            picture = sized(DIGITS.train.images[one.source], 28)
            strokes = picture > 150
            np.testing.assert_array_equal(drawing.draw(where)[strokes], picture[strokes])
        *_, afar = sparse_levels(drawing, 4096)  # 1/32
        coarse = afar.region(Region(0, 0, 128, 128))
        assert coarse is not None
        seen = inside.reshape(128, 32, 128, 32).all(axis=(1, 3))
        assert coarse[seen].min() > 40

    def test_levels_round_as_windows_do(self) -> None:
        """Halving equals the shrinking that windows do, to the last bit."""
        pixels = np.random.default_rng(0).integers(0, 256, (64, 96)).astype(np.uint8)

        np.testing.assert_array_equal(halved(pixels), to_size(pixels[:, :, None], 32, 48)[:, :, 0])
