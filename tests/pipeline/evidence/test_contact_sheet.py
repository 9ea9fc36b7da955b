"""A sheet of pictures, pixel by pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.errors import UsageError
from pipeline.evidence.contact_sheet import contact_sheet, cut_out, heat_picture, write_sheet


class TestContactSheet:
    def test_pictures_lie_in_rows_under_their_heads(self) -> None:
        """96 px each with 6 px between, on white; a smaller picture's pixels become squares; heads are written."""
        rng = np.random.default_rng(0)
        rows = [[rng.integers(0, 255, (2, 2, 3), np.uint8) for _ in range(3)] for _ in range(2)]
        sheet = contact_sheet(["a", "b", "c"], rows)

        assert sheet.shape == (18 + 2 * 102, 6 + 3 * 102, 3)
        expected = sheet.copy()
        expected[18:] = 255
        for row in range(2):
            for col in range(3):
                y, x = 18 + 102 * row, 6 + 102 * col
                large = rows[row][col].repeat(48, axis=0).repeat(48, axis=1)
                expected[y : y + 96, x : x + 96] = large
        np.testing.assert_array_equal(sheet, expected)
        for col in range(3):
            assert sheet[:18, 6 + 102 * col :][:, :20].min() < 100

    def test_heat_goes_from_dark_to_bright(self) -> None:
        """0 is viridis' dark blue, 1 its yellow; what lies outside is cut."""
        found = heat_picture(np.array([[0, 1, -3, 7]], np.float32))

        np.testing.assert_allclose(found[0, :2], [[68, 1, 84], [253, 231, 37]], atol=2)
        np.testing.assert_array_equal(found[0, :2], found[0, 2:])

    def test_what_is_cut_out_stays(self) -> None:
        """Everything else is black."""
        image = np.full((2, 2, 3), 9, np.uint8)
        found = cut_out(image, np.array([[True, False], [False, True]]))

        assert found[..., 0].tolist() == [[9, 0], [0, 9]]

    def test_is_written_whole_or_not(self, tmp_path: Path) -> None:
        """As a PNG that reads back the same; a place that cannot be written to is named."""
        sheet = contact_sheet(["a"], [[np.full((1, 1, 3), 7, np.uint8)]])
        write_sheet(tmp_path / "sheet.png", sheet)

        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "sheet.png")), sheet)
        assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]
        with pytest.raises(UsageError, match=r"x\.png: cannot be written"):
            write_sheet(tmp_path / "gone" / "x.png", sheet)
