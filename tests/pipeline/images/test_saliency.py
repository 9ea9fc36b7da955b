"""Blobs against brute force."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.images.saliency import blob_scores


def brute(window: np.ndarray, n: int, cell: int, side: int) -> np.ndarray:
    """The largest mean of a side x side box wholly inside each cell."""
    gray = window.mean(axis=0)
    firsts = np.round(np.linspace(0, len(gray) - cell, n)).astype(int)
    best = [
        max(
            gray[y : y + side, x : x + side].mean()
            for y in range(top, top + cell - side + 1)
            for x in range(left, left + cell - side + 1)
        )
        for top in firsts
        for left in firsts
    ]
    return (np.array(best) - np.mean(best)) / np.std(best)


class TestBlobScores:
    @pytest.mark.parametrize("side", [1, 3, 7])
    @pytest.mark.parametrize("bands", [1, 3])
    def test_the_brightest_box_of_each_cell(self, side: int, bands: int) -> None:
        """Boxes of odd sides: the scores are those of trying every box in every cell."""
        window = np.random.default_rng(side).random((bands, 48, 48)).astype(np.float32)

        found = blob_scores(window, num_per_side=7, cell_fraction=0.25, blob_px=side)

        np.testing.assert_allclose(found, brute(window, 7, 12, side), atol=1e-3)

    def test_a_spot_is_found_in_every_cell_that_holds_it(self) -> None:
        """One bright 4 x 4 spot: the cells around it score above all others."""
        window = np.zeros((1, 96, 96), np.float32)
        window[0, 50:54, 30:34] = 1.0

        scores = blob_scores(window, num_per_side=7, cell_fraction=0.25, blob_px=4).reshape(7, 7)

        assert {tuple(at) for at in np.argwhere(scores > 1)} == {(3, 1), (3, 2), (4, 1), (4, 2)}

    def test_all_alike_says_nothing(self) -> None:
        """A uniform window scores 0 everywhere."""
        scores = blob_scores(
            np.full((3, 96, 96), 0.5, np.float32), num_per_side=7, cell_fraction=0.25, blob_px=7
        )

        np.testing.assert_allclose(scores, 0, atol=1e-3)

    def test_a_blob_larger_than_a_cell_is_still_scored(self) -> None:
        """Where an object is larger than a cell, the middle of each cell is what counts."""
        window = np.zeros((1, 96, 96), np.float32)
        window[0, :48] = 1.0

        scores = blob_scores(window, num_per_side=7, cell_fraction=0.25, blob_px=40).reshape(7, 7)

        assert (scores[0] > scores[6]).all()
