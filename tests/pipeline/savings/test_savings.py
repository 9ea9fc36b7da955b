"""Budgets, intervals, samples and the table of what attention saved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile
from scipy import stats

from pipeline.errors import UsageError
from pipeline.image_record import ImageRecord
from pipeline.images.input_spec import InputSpec
from pipeline.images.opening import open_source
from pipeline.images.pyramid import PixelSize
from pipeline.images.tile import TileKey
from pipeline.savings.audit import audit, disagreement, sample_of
from pipeline.savings.budgets import parse_budgets, parse_share
from pipeline.savings.measure import Measure
from pipeline.savings.page import render_savings
from pipeline.savings.summary import mean, share, summarise
from pipeline.savings.tables import write_savings
from pipeline.savings.unread import count_unread
from pipeline.savings.walked import WorkPerLook
from pipeline.walk.config import WalkConfig
from pipeline.walk.walk_plan import WalkPlan
from tests.image_files import slide

WORK = WorkPerLook(per_look=100, per_image=7)


def measure(sample_id: str, *, budget: int | None = 4, **more: object) -> Measure:
    """A measure of the attention."""
    return replace(
        Measure(sample_id=sample_id, way="attention", budget=budget, is_run=True),
        **more,  # type: ignore[arg-type]  # fields by name
    )


class TestBudgets:
    def test_numbers_upwards(self) -> None:
        """Any order is taken, and spaces do no harm."""
        assert parse_budgets("8, 1,4") == (1, 4, 8)

    @pytest.mark.parametrize(
        ("text", "wanted"),
        [("0,1", "'0' is not"), ("1,,2", "'nothing'"), ("2,2", "2 comes twice"), ("a", "'a' is")],
    )
    def test_what_is_no_budget_is_named(self, text: str, wanted: str) -> None:
        """Zero, nothing, words and repeats are refused with what was found."""
        with pytest.raises(UsageError, match=wanted):
            parse_budgets(text)

    @pytest.mark.parametrize(("text", "wanted"), [("5%", 0.05), ("0.2", 0.2), ("100%", 1.0)])
    def test_shares(self, text: str, wanted: float) -> None:
        """Per cent or a fraction."""
        assert parse_share(text) == pytest.approx(wanted)

    @pytest.mark.parametrize("text", ["0%", "-1", "120%", "some", "5%%"])
    def test_what_is_no_share_is_refused(self, text: str) -> None:
        """Nothing, too much and words."""
        with pytest.raises(UsageError, match="wanted a share"):
            parse_share(text)


class TestIntervals:
    def test_wilson_covers(self) -> None:
        """Of many samples with a known share, about 95 % of the intervals hold it."""
        hits = np.random.default_rng(0).binomial(40, 0.85, 2000)
        found = [share(int(count), 40) for count in hits]
        covered = np.mean([one.low <= 0.85 <= one.high for one in found])

        assert 0.93 < covered < 0.98

    def test_students_interval_covers(self) -> None:
        """The same for means of few values."""
        draws = np.random.default_rng(0).normal(3, 2, (2000, 6))
        covered = np.mean([one.low <= 3 <= one.high for one in map(mean, draws.tolist())])

        assert 0.935 < covered < 0.965
        assert stats.sem(draws[0]) > 0

    def test_one_value_is_itself(self) -> None:
        """A mean of one image has no width."""
        assert (mean([4.0]).low, mean([4.0]).high) == (4.0, 4.0)

    def test_no_amount_is_below_nothing(self) -> None:
        """Two images far from each other: the interval ends at 0 bytes, not below."""
        found = mean([400_000.0, 800_000.0])

        assert found.low == 0
        assert found.high - found.value == pytest.approx(200_000 * stats.t.ppf(0.975, 1))


class TestSummary:
    def test_a_line_per_way_and_budget(self) -> None:
        """Images of a group are averaged; what one of them does not know is left out."""
        lines = summarise(
            [
                measure("a", is_right=True, looks=4, bytes_read=10, requests=3),
                measure("b", is_right=False, looks=2, bytes_read=30, agrees=True),
                measure("a", budget=8, looks=8),
                replace(measure("a", budget=None), way="full_scan", is_run=False, bytes_read=100),
            ]
        )

        assert [(line.way, line.budget) for line in lines] == [
            ("attention", 4),
            ("attention", 8),
            ("full_scan", None),
        ]
        assert lines[0].accuracy == share(1, 2)
        assert lines[0].agreement == share(1, 1)
        assert lines[0].amounts["bytes_read"].value == 20
        assert "requests" not in lines[0].amounts

    def test_tables_and_page(self, tmp_path: Path) -> None:
        """The tables read back, and the page says the share of a full scan and every miss."""
        measures = [
            measure("a", bytes_read=10, looks=4),
            replace(
                measure("a", budget=None), way="full_scan", is_run=False, bytes_read=200, looks=99
            ),
        ]
        audited = audit({"a": ("x", 0.9, None), "b": ("y", 0.5, "y")}, {"a": ("z", 0.8)})
        lines = summarise(measures)
        write_savings(tmp_path, measures, lines, audited)
        page = render_savings(lines, audited)

        assert pq.read_table(tmp_path / "savings")["bytes_read"].to_pylist() == [10, 200]
        assert pq.read_table(tmp_path / "savings_summary")["looks"].to_pylist() == [4, 99]
        assert pq.read_table(tmp_path / "audit")["scan_label"].to_pylist() == ["z"]
        assert "5.00%" in page
        assert "| a | x (0.90) | z (0.80) |" in page

    def test_an_id_is_one_cell_of_the_page(self) -> None:
        """Whatever it holds: a bar in it begins no other cell."""
        page = render_savings([], audit({"a|b": ("x", 0.9, None)}, {"a|b": ("z", 0.8)}))

        assert "| a\\|b | x (0.90) | z (0.80) |" in page


class TestAudit:
    def test_the_sample_is_drawn_once_and_in_order(self) -> None:
        """The same seed takes the same images, at least as many as asked for, never one twice."""
        everything = list(range(100))
        one = sample_of(everything, share_of_all=0.05, at_least=1, seed=3)

        assert one == sample_of(everything, share_of_all=0.05, at_least=1, seed=3)
        assert len(one) == len(set(one)) == 5
        assert one == sorted(one)
        assert len(sample_of(everything, share_of_all=0, at_least=2, seed=3)) == 2
        with pytest.raises(UsageError, match="no image to scan"):
            sample_of([], share_of_all=0.5, at_least=1, seed=0)

    def test_disagreement(self) -> None:
        """One of two scanned images differs; one that was not scanned does not count."""
        walked = {"a": ("x", 0.9, None), "b": ("y", 0.5, None), "c": ("y", 0.5, None)}
        rows = audit(walked, {"a": ("x", 1.0), "b": ("z", 1.0)})

        assert disagreement(rows) == share(1, 2)
        assert disagreement([]) is None


class TestUnread:
    def plan(self) -> WalkPlan:
        spec = InputSpec(base_px=64, bands="rgb", value_ranges={"uint8": (0, 255)}, background=1.0)
        return WalkPlan(spec=spec, walk=WalkConfig(grid=3, cell_fraction=0.5))

    def test_everything_is_the_bytes_in_the_index(self, tmp_path: Path) -> None:
        """Tiles, pixels and bytes are tifffile's; looks are the windows side by side."""
        path = slide(tmp_path / "s.tif", 600, 500)
        record = ImageRecord(sample_id="s", image_path=str(path))
        found = count_unread(record, self.plan(), kind="none", work=WORK)
        with tifffile.TiffFile(path) as file:
            page = file.pages[0]
            stored, count = sum(page.databytecounts), len(page.databytecounts)  # type: ignore[union-attr]  # a page, not a frame

        assert found.foreground is None
        assert found.everything.requested_bytes == stored
        assert found.everything.tiles == count
        assert found.everything.pixels == 600 * 500
        assert found.everything.looks == 10 * 8
        assert found.everything.multiplications == 80 * 100 + 7

    def test_the_level_is_the_one_that_the_model_s_full_scan_reads(self, tmp_path: Path) -> None:
        """A model of pixels twice as large reads level 1, however far walks within a budget came."""
        path = slide(tmp_path / "s.tif", 600, 500)
        record = ImageRecord(
            sample_id="s", image_path=str(path), pixel_size=PixelSize(0.25, 0.25, "um")
        )
        plan = self.plan()
        coarser = replace(plan, spec=replace(plan.spec, pixel_size_um=0.5))
        found = count_unread(record, coarser, kind="none", work=WORK).everything
        with tifffile.TiffFile(path) as file:
            stored = sum(file.series[0].levels[1].keyframe.databytecounts)

        assert found.requested_bytes == stored
        assert found.native_pixels == 0
        assert found.looks == 5 * 4

    @pytest.mark.parametrize("kind", ["none", "valid", "mask"])
    def test_no_byte_counts_twice(self, tmp_path: Path, kind: str) -> None:
        """Reading all there is to see takes the header once, and what finding it took beside the tiles themselves."""
        pixels = np.zeros((256, 256), np.uint8)
        pixels[:128] = np.random.default_rng(0).integers(1, 255, (128, 256), np.uint8)
        path, mask = tmp_path / "s.tif", tmp_path / "mask.tif"
        options = {"tile": (64, 64), "photometric": "minisblack", "metadata": None}
        tifffile.imwrite(path, pixels, extratags=[(42113, "s", 0, "0", True)], **options)
        tifffile.imwrite(mask, np.full((16, 16), 255, np.uint8))
        record = ImageRecord(
            sample_id="s", image_path=str(path), mask_path=str(mask) if kind == "mask" else None
        )
        spec = InputSpec(base_px=64, bands="luminance", value_ranges={"uint8": (0.0, 255.0)})
        plan = replace(self.plan(), spec=spec)
        found = count_unread(record, plan, kind="none" if kind == "mask" else kind, work=WORK)
        source = open_source(str(path))
        header, stored = source.header.transferred_bytes, source.scan_bytes(0)
        source.close()

        assert found.everything.bytes_read == header + stored
        if kind == "none":
            assert found.foreground is None
            return
        assert found.foreground is not None
        assert found.foreground.tiles == (16 if kind == "mask" else 8)
        # Looking for valid pixels reads every tile: there is nothing left to read.
        assert found.foreground.bytes_read == header + stored

    def test_tissue_tiles_are_those_that_hold_tissue(self, tmp_path: Path) -> None:
        """Bytes of the tiles under a mask are the sum of their sizes in the file."""
        path = slide(tmp_path / "s.tif", 600, 500)
        mask = np.zeros((60, 50), np.uint8)
        mask[:20, :10] = 255
        import cv2

        cv2.imwrite(str(tmp_path / "mask.png"), mask)
        record = ImageRecord(
            sample_id="s", image_path=str(path), mask_path=str(tmp_path / "mask.png")
        )
        found = count_unread(record, self.plan(), kind="none", work=WORK).foreground
        source = open_source(str(path))
        level = source.pyramid.levels[0]
        keys = [
            TileKey(0, row, col)
            for row in range(level.num_rows)
            for col in range(level.num_cols)
            if row * level.tile_height < 200 and col * level.tile_width < 100
        ]
        with tifffile.TiffFile(path) as file:
            sizes = file.pages[0].databytecounts  # type: ignore[union-attr]  # a page, not a frame
        source.close()

        assert found is not None
        assert found.tiles == len(keys)
        assert found.requested_bytes == sum(sizes[k.row * level.num_cols + k.col] for k in keys)
