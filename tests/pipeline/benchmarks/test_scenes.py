"""Scenes follow the law: by counting, by brute force, and against what the published generators drew."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from hashlib import sha256
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import chisquare

from pipeline.benchmarks.digits import Digits, read_digits
from pipeline.benchmarks.drawing import SceneDrawing
from pipeline.benchmarks.planning import plan_scenes
from pipeline.benchmarks.scene import Scene, SceneLaw
from pipeline.errors import UsageError
from pipeline.images.region import Region
from tests.conftest import SHARED

DIGITS = read_digits("digits")
LAW = SceneLaw(canvas_px=600, num_noise=12)
SETTLED = SceneLaw(canvas_px=3000, num_noise=30, num_settlements=9)


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    """Three hundred scenes of one law."""
    return plan_scenes(LAW, DIGITS.train, 300, seed=1)


@pytest.fixture(scope="module")
def settled() -> list[Scene]:
    """Forty scenes with nine settlements each."""
    return plan_scenes(SETTLED, DIGITS.train, 40, seed=1)


class TestLaw:
    def test_three_of_five_digits_are_of_one_class(self, scenes: list[Scene]) -> None:
        """The majority class occurs exactly three times among five."""
        for scene in scenes:
            counts = Counter(one.digit for one in scene.digits)
            assert sum(counts.values()) == 5
            assert counts.most_common(1)[0][1] == 3

    def test_sources_are_of_the_class_they_are_placed_as(self, scenes: list[Scene]) -> None:
        """Each pasted picture is labelled with the class that the scene says."""
        for scene in scenes:
            for one in scene.digits:
                assert DIGITS.train.labels[one.source] == one.digit

    def test_digits_never_overlap(self, scenes: list[Scene]) -> None:
        """Any two are at least a digit apart on some axis, and inside the canvas."""
        for scene in scenes:
            for one, two in combinations(scene.digits, 2):
                assert max(abs(one.y_px - two.y_px), abs(one.x_px - two.x_px)) >= 28
            for one in scene.digits:
                assert 0 <= min(one.y_px, one.x_px) <= max(one.y_px, one.x_px) <= 600 - 28

    def test_noise_is_as_much_as_patterns_and_keeps_off_the_border(
        self, scenes: list[Scene]
    ) -> None:
        """Twelve placements of twelve patterns, a pattern's side away from the border."""
        for scene in scenes:
            assert len(scene.noise) == len(scene.patterns) == 12
            for one in scene.noise:
                assert 28 <= min(one.y_px, one.x_px) <= max(one.y_px, one.x_px) < 600 - 28

    def test_classes_are_uniform(self, scenes: list[Scene]) -> None:
        """Every class is the majority as often as any other."""
        counts = Counter(scene.label("majority") for scene in scenes)

        assert chisquare([counts[str(digit)] for digit in range(10)]).pvalue > 1e-3

    def test_labels_by_brute_force(self, scenes: list[Scene]) -> None:
        """Majority, largest, topmost and all digits, told in other words."""
        for scene in scenes:
            classes = [one.digit for one in scene.digits]
            rows = [one.y_px for one in scene.digits]
            assert classes.count(int(scene.label("majority"))) == 3
            assert all(one <= int(scene.label("max")) for one in classes)
            assert int(scene.label("top")) == classes[rows.index(min(rows))]
            assert scene.label("multi") == ";".join(map(str, sorted(set(classes))))

    def test_the_seed_is_the_archive(self) -> None:
        """The same seed gives the same scenes, another one others."""
        one, two, other = (plan_scenes(LAW, DIGITS.train, 3, seed) for seed in (5, 5, 6))

        assert [scene.digits for scene in one] == [scene.digits for scene in two]
        assert [scene.digits for scene in one] != [scene.digits for scene in other]

    def test_patterns_are_two_bright_lines(self, scenes: list[Scene]) -> None:
        """A pattern lights at most 2 x 56 pixels, each at 0.8 to 1.0 of white."""
        for pattern in scenes[0].patterns:
            lit = pattern[pattern > 0]
            assert 0 < len(lit) <= 112
            assert lit.min() >= int(0.8 * 255)

    def test_all_scenes_share_their_patterns(self, scenes: list[Scene]) -> None:
        """A split has as many patterns as a scene has placements, whatever the number of scenes."""
        assert all(scene.patterns is scenes[0].patterns for scene in scenes)

    def test_a_law_needs_every_class(self) -> None:
        """Digits that lack a class are refused, and the class is named."""
        lacking = Digits(images=DIGITS.train.images[:0], labels=np.arange(9))

        with pytest.raises(UsageError, match="the digits lack 9"):
            plan_scenes(LAW, lacking, 1, seed=0)


def fingerprint(values: object) -> str:
    """Of integers."""
    return sha256(np.asarray(values, "<i8").tobytes()).hexdigest()[:16]


class TestPublishedStream:
    """Fingerprints of what the published generators themselves drew, in a run of both, aside."""

    def test_every_draw_is_the_published_one(self) -> None:
        """The same labels and seed give the digits, places and noise of the published generators."""
        labels = np.arange(50) * 7 % 10
        scenes = plan_scenes(
            SceneLaw(canvas_px=300, num_noise=8),
            Digits(images=np.zeros((50, 28, 28), np.uint8), labels=labels),
            20,
            seed=3,
        )

        drawn = {
            "digits": [[one.source for one in scene.digits] for scene in scenes],
            "places": [[(one.y_px, one.x_px) for one in scene.digits] for scene in scenes],
            "patterns": scenes[0].patterns,
            "noise": [[one.pattern for one in scene.noise] for scene in scenes],
            "noise places": [[(one.y_px, one.x_px) for one in scene.noise] for scene in scenes],
        }
        assert {name: fingerprint(values) for name, values in drawn.items()} == {
            "digits": "3388b0cdfa32cefb",
            "places": "9d1316167a0def4d",
            "patterns": "41f860f382c52c14",
            "noise": "f177c7837f5defc9",
            "noise places": "dfadbf0b39b195cd",
        }

    @pytest.mark.shared
    @pytest.mark.parametrize(
        ("order", "expected"), [("ips", "ea05a848e1aecc24"), ("ats", "733b84d5e6d10f06")]
    )
    def test_the_last_training_image_is_the_published_one(self, order: str, expected: str) -> None:
        """With MNIST the 5,000th image is that of ATS or IPS, pixel by pixel; so are all draws before it."""
        digits = read_digits(f"mnist:{SHARED / 'mnist'}").train
        last = plan_scenes(SceneLaw(order=order), digits, 5000, seed=1)[-1]

        canvas = SceneDrawing(last, digits).draw(Region(0, 0, 1500, 1500))
        assert sha256(canvas.tobytes()).hexdigest()[:16] == expected


class TestSettlements:
    def test_they_lie_apart_and_inside(self, settled: list[Scene]) -> None:
        """Nine squares of three scales, no two of which touch, none beyond the canvas."""
        for scene in settled:
            assert len(scene.settlements) == 9
            for one, two in combinations(scene.settlements, 2):
                assert one.intersection(two) is None
            assert all(one.clipped(3000, 3000) == one for one in scene.settlements)
        assert {one.height for scene in settled for one in scene.settlements} == {112, 224, 448}

    def test_digits_lie_in_every_second_one_and_noise_in_all(self, settled: list[Scene]) -> None:
        """A settlement may hold all digits or none; lines give nothing away."""
        noisy = 0
        for scene in settled:
            for one in scene.digits:
                box = Region(one.y_px, one.x_px, 28, 28)
                assert any(box.intersection(where) == box for where in scene.settlements[::2])
            for line in scene.noise:
                box = Region(line.y_px, line.x_px, 28, 28)
                assert any(box.intersection(where) == box for where in scene.settlements)
                noisy += any(box.intersection(where) == box for where in scene.settlements[1::2])
        assert 0.3 < noisy / (40 * 30) < 0.6

    def test_digits_never_overlap_there_either(self, settled: list[Scene]) -> None:
        """Any two are at least a digit apart on some axis."""
        for scene in settled:
            for one, two in combinations(scene.digits, 2):
                assert max(abs(one.y_px - two.y_px), abs(one.x_px - two.x_px)) >= 28

    def test_labels_and_digits_stay_those_of_the_seed(self, settled: list[Scene]) -> None:
        """Settlements move things, and change nothing else of the scene."""
        plain = plan_scenes(replace(SETTLED, num_settlements=0), DIGITS.train, 40, seed=1)

        assert [[one.source for one in scene.digits] for scene in settled] == [
            [one.source for one in scene.digits] for scene in plain
        ]

    def test_too_many_are_refused(self) -> None:
        """Where they find no room, the option to change is named."""
        crowded = SceneLaw(canvas_px=600, num_settlements=60)

        with pytest.raises(UsageError, match="--settlements 60: no room"):
            plan_scenes(crowded, DIGITS.train, 1, seed=0)


class TestBadLaws:
    @pytest.mark.parametrize(
        ("numbers", "message"),
        [
            ({"canvas_px": 60}, "do not fit"),
            ({"num_majority": 6}, "from 1 to the number of digits, 5"),
            ({"num_majority": 2}, "is no majority"),
            ({"digit_px": 2}, "at least 4"),
            ({"canvas_px": 50, "num_digits": 1, "num_majority": 1, "digit_px": 8}, "too small"),
        ],
    )
    def test_each_says_what_to_change(self, numbers: dict[str, int], message: str) -> None:
        """What cannot be placed, or has no majority, is refused with the option to change."""
        with pytest.raises(UsageError, match=message):
            SceneLaw(**numbers)
