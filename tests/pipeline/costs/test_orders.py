"""Orders against every possible grouping of a few looks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import pytest

from pipeline.costs.models import PerArea
from pipeline.costs.orders import (
    Box,
    best_grouping,
    charged,
    good_grouping,
    order_of,
    pack,
)


def rules(**changes: float) -> PerArea:
    """25 km2 and 2 km at least, as a seller might want."""
    numbers = {"min_area_km2": 25.0, "min_width_km": 2.0} | changes
    return PerArea(
        kind="per_km2", name="n", as_of=date(2026, 1, 1), currency="EUR", price=10.0, **numbers
    )


def partitions(items: list[Box]) -> Iterator[list[tuple[Box, ...]]]:
    """All groupings."""
    if not items:
        yield []
        return
    first, rest = items[0], items[1:]
    for smaller in partitions(rest):
        yield [(first,), *smaller]
        for index, group in enumerate(smaller):
            yield [*smaller[:index], (first, *group), *smaller[index + 1 :]]


def scattered(seed: int, count: int, extent: float) -> list[Box]:
    """Small squares in a scene."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, extent, (count, 2))
    return [Box(y, x, y + 0.3, x + 0.3) for y, x in corners.tolist()]


class TestPacking:
    @pytest.mark.parametrize("extent", [8.0, 20.0, 60.0])
    def test_few_looks_are_packed_as_cheaply_as_can_be(self, extent: float) -> None:
        """Of all groupings of six looks, tried one by one, none is cheaper."""
        for seed in range(40):
            boxes = scattered(seed, 6, extent)
            found = sum(order.charged_km2 for order in pack(boxes, rules()))
            best = min(charged(groups, rules()) for groups in partitions(boxes))

            assert found == pytest.approx(best)

    def test_many_looks_are_packed_well(self) -> None:
        """The search for many looks, tried on eight, finds the cheapest in nine cases of ten."""
        ratios = []
        for seed in range(30):
            for extent in (8.0, 20.0, 60.0):
                boxes = tuple(scattered(seed, 8, extent))
                good = charged(good_grouping(boxes, rules()), rules())
                ratios.append(good / charged(best_grouping(boxes, rules()), rules()))

        assert min(ratios) > 1 - 1e-9
        assert np.mean(np.array(ratios) < 1 + 1e-9) > 0.9
        assert max(ratios) < 4 / 3

    @pytest.mark.parametrize("extent", [5.0, 40.0])
    def test_every_look_lies_in_an_order_that_the_rules_allow(self, extent: float) -> None:
        """Orders have the minimum width and area, and each look is inside one of them."""
        boxes = scattered(7, 30, extent)
        orders = pack(boxes, rules())

        for order in orders:
            assert order.box.bottom - order.box.top >= 2 - 1e-9
            assert order.box.right - order.box.left >= 2 - 1e-9
            assert order.box.area >= 25 - 1e-9
            assert order.charged_km2 == pytest.approx(order.box.area)
        for box in boxes:
            assert any(
                order.box.top <= box.top + 1e-9
                and order.box.left <= box.left + 1e-9
                and order.box.bottom >= box.bottom - 1e-9
                and order.box.right >= box.right - 1e-9
                for order in orders
            )

    def test_near_looks_share_an_order_and_far_ones_do_not(self) -> None:
        """Two looks a kilometre apart are one order, two looks 100 km apart are two."""
        near = [Box(0, 0, 0.1, 0.1), Box(1, 1, 1.1, 1.1)]
        far = [Box(0, 0, 0.1, 0.1), Box(100, 100, 100.1, 100.1)]

        assert [order.charged_km2 for order in pack(near, rules())] == [25]
        assert [order.charged_km2 for order in pack(far, rules())] == [25, 25]

    def test_without_rules_every_look_is_paid_by_itself(self) -> None:
        """Where there is no minimum, nothing but the looks is charged."""
        boxes = scattered(1, 5, 1000)
        found = pack(boxes, rules(min_area_km2=0, min_width_km=0))

        assert sum(order.charged_km2 for order in found) == pytest.approx(5 * 0.09)

    def test_a_box_grows_about_its_centre(self) -> None:
        """A square of 1 km becomes one of 5 km with the same centre."""
        order = order_of(Box(10, 10, 11, 11), rules())

        assert (order.box.top, order.box.left) == pytest.approx((8, 8))
        assert order.box.area == pytest.approx(25)
