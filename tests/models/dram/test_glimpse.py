"""What a glimpse shows: the sides of its windows, where their pixels lie, and how far it may go."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.dram.glimpse import coordinates, reach_of, veiled
from models.dram.spacing import window_sides
from models.errors import ModelError


class TestSpacing:
    @pytest.mark.parametrize(
        ("side", "spacing", "expected"),
        [
            (224, "linear", (77, 150, 224)),
            (1536, "linear", (77, 806, 1536)),
            (1232, "geometric", (77, 308, 1232)),
            (60, "linear", (77, 77, 77)),
        ],
    )
    def test_sides(self, side: int, spacing: str, expected: tuple[int, ...]) -> None:
        """From the window's own side to the image's, in equal steps or equal ratios."""
        found = window_sides(side, glimpse_px=77, num_resolutions=3, spacing=spacing)  # type: ignore[arg-type]  # a spacing by name

        assert found == expected

    def test_no_window_is_refused(self) -> None:
        """The message says what was asked for."""
        with pytest.raises(ModelError, match="0 resolutions of 77 px"):
            window_sides(224, glimpse_px=77, num_resolutions=0)


class TestGlimpse:
    def test_coordinates_are_those_of_the_pixels(self) -> None:
        """Each equals the mean of the pixels' own coordinates in an image of 32 x 48 px; outside it is the edge's."""
        location = torch.tensor([[0.25, -0.5]])  # 20, 12 px
        extents = torch.tensor([[[8 / 32, 8 / 48], [16 / 32, 16 / 48], [1.0, 32 / 48]]])
        found = coordinates(location, extents, 8)
        for window, side in enumerate((8, 16)):
            rows = np.arange(20 - side // 2, 20 + side // 2).reshape(8, -1).mean(axis=1)
            cols = np.arange(12 - side // 2, 12 + side // 2).reshape(8, -1).mean(axis=1)
            y, x = (rows + 0.5) / 32 * 2 - 1, (cols + 0.5) / 48 * 2 - 1

            np.testing.assert_allclose(found[0, window, 0], np.tile(y[:, None], (1, 8)), atol=1e-6)
            np.testing.assert_allclose(found[0, window, 1], np.tile(x, (8, 1)), atol=1e-6)
        assert found[0, 2, 0, -1, 0] == 1  # 4 to 36 of 32 rows

    def test_veiled_leaves_the_finest(self) -> None:
        """The others become the mean of each of their channels."""
        windows = torch.rand(2, 3, 4, 5, 5)
        found = veiled(windows)

        assert torch.equal(found[:, 0], windows[:, 0])
        for window in (1, 2):
            for channel in range(4):
                mean = windows[1, window, channel].mean()
                torch.testing.assert_close(found[1, window, channel], mean.expand(5, 5))

    def test_reach_keeps_the_finest_window_inside(self) -> None:
        """77 of 224 px leave 1 - 77 / 224 on either side of the middle; a window larger than the image none."""
        extents = torch.tensor([[[77 / 224, 77 / 60], [1.0, 1.0]]])

        torch.testing.assert_close(reach_of(extents), torch.tensor([[1 - 77 / 224, 0.0]]))
