"""Painted maps against a loop over every square, and their pictures against the numbers."""

from __future__ import annotations

import base64
import io
import math
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.evidence.heat_map import MIN_SIDE, painted
from pipeline.evidence.layer import Layer, Patch
from pipeline.evidence.methods import METHODS
from pipeline.evidence.palette import colours, drawn, legend
from pipeline.images.region import Region

HEIGHT, WIDTH = 1000, 700
ROWS, COLS = 40, 28
"""A square of the grid is 25 x 25 pixels."""


def patches(count: int, *, shape: tuple[int, int] = (1, 1)) -> list[Patch]:
    """Some over the image, at its borders, and beyond; most of no whole number of squares."""
    rng = np.random.default_rng(3)
    found = []
    for look in range(count):
        y, x = int(rng.integers(-60, 1000)), int(rng.integers(-60, 700))
        height, width = (int(side) for side in rng.integers(1, 400, 2))
        values = rng.normal(size=shape).astype(np.float32)
        depth = int(rng.integers(0, 3))
        found.append(
            Patch(look=look, region=Region(y, x, height, width), depth=depth, values=values)
        )
    return found


def axis(start: int, side: int, limit: int, squares: int) -> set[int]:
    """Squares along one axis that a stretch touches; at least three about its centre."""
    first, last = max(0, start), min(limit, start + side)
    touched = {
        s
        for s in range(squares)
        if Fraction(s * limit, squares) < last and Fraction((s + 1) * limit, squares) > first
    }
    if 0 < len(touched) < MIN_SIDE:
        centre = (first + last) / 2 * squares / limit
        start_square = min(max(math.floor(centre - 1), 0), squares - MIN_SIDE)
        touched = set(range(start_square, start_square + MIN_SIDE))
    return touched


def value_at(patch: Patch, row: int, col: int) -> float:
    """The patch's value under the centre of a square."""
    m, n = patch.values.shape
    y = ((row + 0.5) * HEIGHT / ROWS - patch.region.y) / patch.region.height * m
    x = ((col + 0.5) * WIDTH / COLS - patch.region.x) / patch.region.width * n
    return float(patch.values[min(max(math.floor(y), 0), m - 1), min(max(math.floor(x), 0), n - 1)])


def by_hand(layer: Layer) -> NDArray[np.float64]:
    """Every square asked by itself."""
    expected = np.full((ROWS, COLS), np.nan)
    for row in range(ROWS):
        for col in range(COLS):
            there = [
                one
                for one in layer.patches
                if row in axis(one.region.y, one.region.height, HEIGHT, ROWS)
                and col in axis(one.region.x, one.region.width, WIDTH, COLS)
            ]
            if there and layer.method.rule == "sum":
                expected[row, col] = sum(value_at(one, row, col) for one in there)
            elif there:
                deepest = max(one.depth for one in there)
                expected[row, col] = max(
                    value_at(one, row, col) for one in there if one.depth == deepest
                )
    return expected


class TestPainting:
    @pytest.mark.parametrize("name", ["evidence", "cells"])
    @pytest.mark.parametrize("shape", [(1, 1), (7, 5)])
    def test_equals_a_loop(self, name: str, shape: tuple[int, int]) -> None:
        """Sums, or the deepest patches, of every square; nothing where no patch lies."""
        layer = Layer(method=METHODS[name], patches=tuple(patches(12, shape=shape)))
        found = painted(layer, HEIGHT, WIDTH, longest=ROWS).values

        assert np.isnan(found).any()
        np.testing.assert_allclose(found, by_hand(layer), rtol=1e-5, atol=1e-6)

    def test_order_changes_nothing(self) -> None:
        """Patches may come in any order."""
        some = patches(12)
        for name in ("weights", "looks"):
            one = painted(Layer(method=METHODS[name], patches=tuple(some)), HEIGHT, WIDTH)
            other = painted(Layer(method=METHODS[name], patches=tuple(some[::-1])), HEIGHT, WIDTH)

            np.testing.assert_allclose(one.values, other.values, rtol=1e-5, atol=1e-6)

    def test_without_a_look_its_place_changes_by_what_it_said(self) -> None:
        """A map of sums is the map of the others and the patch itself."""
        some = patches(12)
        evidence = METHODS["evidence"]
        whole, others, alone = (
            np.nan_to_num(
                painted(Layer(method=evidence, patches=tuple(part)), HEIGHT, WIDTH).values
            )
            for part in (some, some[:4] + some[5:], [some[4]])
        )

        np.testing.assert_allclose(whole - others, alone, atol=1e-6)
        assert alone.any()

    def test_a_speck_can_be_seen(self) -> None:
        """A look at the finest pixels of a large image covers three squares a side, about its centre."""
        speck = Patch(
            look=0,
            region=Region(50_000, 99_990, 96, 96),
            depth=2,
            values=np.ones((1, 1), np.float32),
        )
        found = painted(Layer(method=METHODS["weights"], patches=(speck,)), 100_000, 100_000)
        rows, cols = np.nonzero(~np.isnan(found.values))

        assert (rows.min(), rows.max()) == (111, 113)
        assert (cols.min(), cols.max()) == (221, 223)


class TestPicture:
    @pytest.mark.parametrize("is_signed", [False, True])
    def test_shows_the_numbers(self, is_signed: bool) -> None:
        """Each pixel has the colour of its value's step; what is not said cannot be seen."""
        largest = 4.0
        values = np.linspace(-largest if is_signed else 0, largest, 255, dtype=np.float32)
        values = np.append(values, np.float32(np.nan)).reshape(16, 16)
        url = drawn(values, largest, is_signed=is_signed)
        picture = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGBA")
        expected = np.roll(colours(is_signed=is_signed), -1, axis=0).reshape(16, 16, 4)

        np.testing.assert_array_equal(np.asarray(picture), expected)
        assert np.asarray(picture)[15, 15, 3] == 0

    def test_signs_differ_in_colour_and_zero_is_faint(self) -> None:
        """Below 0 blue, above it orange, at 0 next to nothing."""
        table = colours(is_signed=True).astype(int)

        assert table[1, 2] > table[1, 0] + 100
        assert table[255, 0] > table[255, 2] + 100
        assert table[128, 3] == 0
        assert len(legend(is_signed=True)) == 9

    def test_larger_is_lighter(self) -> None:
        """The order of values can be seen without telling colours apart."""
        table = colours(is_signed=False)[1:].astype(float)
        luma = table[:, :3] @ [0.299, 0.587, 0.114]

        assert (np.diff(luma) > -0.6).all()  # colours are whole numbers
        assert luma[-1] > luma[0] + 150
        assert (np.diff(table[:, 3]) >= 0).all()

    def test_a_flat_map_of_nothing_is_drawn(self) -> None:
        """All values 0: no division by it."""
        assert drawn(np.zeros((2, 2), np.float32), 0.0, is_signed=True).startswith("data:image/png")
