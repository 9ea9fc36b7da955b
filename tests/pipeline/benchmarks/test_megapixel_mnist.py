"""Megapixel-MNIST follows its law: by counting, by brute force, and by reading files back with other readers."""

from __future__ import annotations

import csv
import gzip
import struct
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile
import zarr
from scipy.stats import chisquare

from jobs.make_benchmark import write_archive
from pipeline.benchmarks.archive import ArchivePlan, plan_archive
from pipeline.benchmarks.digits import Digits, DigitSplits, read_digits
from pipeline.benchmarks.drawing import SceneDrawing, sized
from pipeline.benchmarks.scene import Scene, SceneLaw, plan_scenes
from pipeline.benchmarks.sparse_pyramid import num_levels, sparse_levels
from pipeline.errors import ResumeError, UsageError
from pipeline.images.opening import open_source
from pipeline.images.region import Region

DIGITS = read_digits("digits")
LAW = SceneLaw(canvas_px=600, num_noise=12)


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    """Three hundred scenes of one law."""
    return plan_scenes(LAW, DIGITS.train, 300, seed=1)


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
        """A pattern lights at most 2 x 56 pixels, at 0.8 to 1.0 of white, in at most two brightnesses."""
        for scene in scenes[:50]:
            for pattern in scene.patterns:
                lit = pattern[pattern > 0]
                assert 0 < len(lit) <= 112
                assert lit.min() >= int(0.8 * 255)
                assert len(np.unique(lit)) <= 2


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


def rows_of(manifest: Path) -> list[dict[str, str]]:
    """The rows of a CSV table."""
    return list(csv.DictReader(manifest.read_text().splitlines()))


class TestArchive:
    PLAN = ArchivePlan(law=LAW, num_train=10, num_test=4, validation=0.2, pad_to_px=640, tile_px=64)

    @pytest.mark.parametrize("kind", ["zarr", "tiff"])
    def test_files_hold_what_was_drawn(self, tmp_path: Path, kind: str) -> None:
        """zarr-python or tifffile, and our own reader, give back every level of the drawing."""
        plan = ArchivePlan(
            law=LAW, num_train=2, num_test=0, validation=0, pad_to_px=640, tile_px=64, format=kind
        )
        write_archive(plan, DIGITS, tmp_path / "a")
        [row, _] = rows_of(tmp_path / "a/manifest.csv")
        path = tmp_path / "a" / row["image_path"]
        [image, _] = plan_archive(plan, DIGITS)
        source = open_source(str(path))
        assert source.pyramid.bands == ("gray",)
        for index, level in enumerate(sparse_levels(SceneDrawing(image.scene, DIGITS.train), 640)):
            side = level.side_px
            expected = level.region(Region(0, 0, side, side))
            if kind == "zarr":
                found = zarr.open_array(str(path / str(index)), mode="r")[:]
            else:
                found = tifffile.imread(path, series=0, level=index)
            np.testing.assert_array_equal(found, expected)
            assert (source.pyramid.levels[index].height, source.pyramid.levels[index].width) == (
                side,
                side,
            )
        source.close()

    def test_the_tables_say_what_was_planned(self, tmp_path: Path) -> None:
        """manifest.csv has all four labels and the splits; truth.parquet a row per digit."""
        write_archive(self.PLAN, DIGITS, tmp_path / "a")
        rows = rows_of(tmp_path / "a/manifest.csv")
        truth = pq.read_table(tmp_path / "a/truth.parquet").to_pylist()
        images = plan_archive(self.PLAN, DIGITS)

        assert Counter(row["split"] for row in rows) == {"train": 8, "validation": 2, "test": 4}
        for row, image in zip(rows, images, strict=True):
            assert row["label"] == row["label_majority"] == image.scene.label("majority")
            assert row["label_multi"] == image.scene.label("multi")
            mine = [one for one in truth if one["sample_id"] == row["sample_id"]]
            assert [(one["y_px"], one["x_px"], one["digit"]) for one in mine] == [
                (one.y_px, one.x_px, one.digit) for one in image.scene.digits
            ]

    def test_test_digits_were_never_trained_on(self) -> None:
        """The pictures of the two splits are different ones of scikit-learn's 1,797."""
        seen = {image.tobytes() for image in DIGITS.train.images}

        assert len(DIGITS.train.images) + len(DIGITS.test.images) == 1797
        assert not any(image.tobytes() in seen for image in DIGITS.test.images)

    def test_going_on_keeps_what_is_there(self, tmp_path: Path) -> None:
        """A second run writes only what is missing; other settings are refused by name."""
        write_archive(self.PLAN, DIGITS, tmp_path / "a")
        paths = sorted((tmp_path / "a/images").rglob("zarr.json"))
        before = {path: path.stat().st_mtime_ns for path in paths}
        write_archive(self.PLAN, DIGITS, tmp_path / "a")

        assert {path: path.stat().st_mtime_ns for path in paths} == before
        other = ArchivePlan(law=LAW, num_train=10, num_test=5, validation=0.2, pad_to_px=640)
        with pytest.raises(ResumeError, match="num_test: 4 there, 5 wanted"):
            write_archive(other, DIGITS, tmp_path / "a")

    def test_a_directory_of_something_else_is_refused(self, tmp_path: Path) -> None:
        """Nothing is written beside files that are no archive."""
        (tmp_path / "thesis.docx").write_text("mine")

        with pytest.raises(UsageError, match="holds no archive"):
            write_archive(self.PLAN, DIGITS, tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["thesis.docx"]

    def test_a_huge_canvas_costs_what_is_on_it(self, tmp_path: Path) -> None:
        """98,304 x 98,304 pixels with five digits are eleven levels in less than a megabyte."""
        plan = ArchivePlan(
            law=SceneLaw(canvas_px=98_304, num_noise=0),
            num_train=0,
            num_test=1,
            pad_to_px=98_304,
        )
        write_archive(plan, DIGITS, tmp_path / "a")
        [path] = (tmp_path / "a/images/test").iterdir()

        source = open_source(str(path))
        assert [level.height for level in source.pyramid.levels] == [98_304 >> i for i in range(11)]
        assert sum(one.stat().st_size for one in path.rglob("*") if one.is_file()) < 1 << 20
        source.close()


def idx(values: np.ndarray) -> bytes:
    """The bytes of an idx file of unsigned bytes."""
    header = struct.pack(f">I{values.ndim}I", 0x0800 + values.ndim, *values.shape)
    return header + values.tobytes()


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    """A directory with four small idx files, one of them gzipped."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 40), ("t10k", 20)):
        images = rng.integers(0, 256, (count, 28, 28)).astype(np.uint8)
        (tmp_path / f"{split}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        labels = (np.arange(count) % 10).astype(np.uint8)
        (tmp_path / f"{split}-labels-idx1-ubyte").write_bytes(idx(labels))
    return tmp_path


class TestDigits:
    def test_idx_files_gzipped_or_not(self, mnist: Path) -> None:
        """Training digits come from train-*, test digits from t10k*."""
        splits: DigitSplits = read_digits(f"mnist:{mnist}")

        assert splits.train.images.shape == (40, 28, 28)
        assert splits.test.labels.tolist() == [*range(10), *range(10)]

    @pytest.mark.parametrize(
        ("damage", "message"),
        [
            ("missing", "wanted one file train-labels"),
            ("cut", "the file is cut"),
            ("other", "not an idx file of 1 dimensions"),
            ("unequal", "39 labels"),
        ],
    )
    def test_damaged_files_are_named(self, mnist: Path, damage: str, message: str) -> None:
        """A missing, cut or foreign file, or one of another set, is refused by name."""
        path = mnist / "train-labels-idx1-ubyte"
        good = path.read_bytes()
        if damage == "missing":
            path.unlink()
        else:
            labels = np.zeros(39, np.uint8)
            bad = {"cut": good[:-3], "other": b"PNG" + good, "unequal": idx(labels)}
            path.write_bytes(bad[damage])

        with pytest.raises(UsageError, match=message):
            read_digits(f"mnist:{mnist}")

    @pytest.mark.parametrize("source", ["mnist", "cifar:here", "mnists:x"])
    def test_other_sources_are_refused(self, source: str) -> None:
        """Only `digits` and mnist:DIR are known."""
        with pytest.raises(UsageError, match="give `digits`, or `mnist:DIR`"):
            read_digits(source)


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

    @pytest.mark.parametrize(
        ("numbers", "message"),
        [
            ({"pad_to_px": 500}, "--pad-to 500"),
            ({"num_train": 0, "num_test": 0}, "nothing to make"),
            ({"validation": 1.0}, "--validation"),
            ({"tile_px": 100}, "--tile 100"),
        ],
    )
    def test_bad_archives_too(self, numbers: dict[str, float], message: str) -> None:
        """So is an archive of nothing, or of tiles that do not divide blocks."""
        with pytest.raises(UsageError, match=message):
            ArchivePlan(**{"law": LAW, **numbers})
