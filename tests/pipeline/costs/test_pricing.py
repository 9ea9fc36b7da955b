"""Prices by hand, and price lists that are refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from pipeline.costs.models import GpuTime, PerArea, PerByte, PerScene, Scanner, read_cost_models
from pipeline.costs.pricing import FullScan, Usage, price
from pipeline.errors import ConfigError, UsageError
from pipeline.images.region import Region

DAY = date(2026, 1, 1)
USAGE = Usage(
    sample_id="a",
    height_px=20_000,
    width_px=10_000,
    pixel_km=(0.0005, 0.0005),
    looks=(Region(0, 0, 20_000, 10_000), Region(0, 0, 200, 200), Region(19_000, 9_000, 200, 200)),
    finest=(Region(0, 0, 200, 200), Region(19_000, 9_000, 200, 200)),
    bytes_read=5 * 10**8,
    requests=3000,
    seconds=36.0,
)
SCAN = FullScan(bytes_read=10**10, requests=50_000, seconds=7200.0)


def per_area(**numbers: float) -> PerArea:
    """Ten a square kilometre."""
    return PerArea(kind="per_km2", name="area", as_of=DAY, currency="EUR", price=10, **numbers)


class TestPrices:
    def test_area(self) -> None:
        """Two looks of 0.1 km are two orders of 25 km2 at 10 each; the scene of 10 x 5 km is 50 km2."""
        found = price(per_area(min_area_km2=20), USAGE, SCAN)

        assert found.attended == pytest.approx(400)
        assert found.whole == pytest.approx(500)
        assert len(found.orders) == 2
        assert not found.is_dearer

    def test_scattered_looks_can_cost_more_than_the_scene(self) -> None:
        """With a minimum of 30 km2 two orders are 60 km2, or one around both 45: the price says which."""
        scattered = replace(
            USAGE, finest=(*USAGE.finest, Region(0, 9_800, 200, 200), Region(19_800, 0, 200, 200))
        )
        found = price(per_area(min_area_km2=49, min_width_km=6), scattered, SCAN)

        assert found.attended >= found.whole  # type: ignore[operator]  # neither is None at these prices
        dear = price(per_area(min_area_km2=0, min_width_km=5.2), scattered, SCAN)
        assert dear.attended > 0

    def test_a_paid_overview_is_the_scene(self) -> None:
        """Where coarse looks are ordered as well, the first look is the whole scene."""
        paid = replace(per_area(), overview="paid")

        assert price(paid, USAGE, SCAN).attended == pytest.approx(500)

    def test_scene_bytes_scanner_and_hours(self) -> None:
        """Each by hand."""
        scene = PerScene(kind="per_scene", name="s", as_of=DAY, currency="EUR", price=300)
        transfer = PerByte(
            kind="per_gb", name="b", as_of=DAY, currency="EUR", price=0.1, price_per_1000_requests=2
        )
        scanner = Scanner(
            kind="scanner",
            name="m",
            as_of=DAY,
            currency="EUR",
            field_px=1000,
            move_s=0.5,
            exposure_s=0.5,
            price_per_hour=3600,
        )
        gpu = GpuTime(kind="gpu_seconds", name="g", as_of=DAY, currency="EUR", price_per_hour=2)
        found = [price(model, USAGE, SCAN) for model in (scene, transfer, scanner, gpu)]

        assert [one.attended for one in found] == pytest.approx([300, 0.05 + 6, 2, 0.02])
        assert [one.whole for one in found] == pytest.approx([300, 1 + 100, 200, 4])

    def test_what_a_full_scan_costs_may_be_unknown(self) -> None:
        """No index, no sum; it is not made up."""
        unknown = FullScan(bytes_read=None, requests=None, seconds=None)
        gpu = GpuTime(kind="gpu_seconds", name="g", as_of=DAY, currency="EUR", price_per_hour=2)

        assert price(gpu, USAGE, unknown).whole is None

    def test_no_pixel_size_under_a_price_per_area(self) -> None:
        """The error names the row, the list and the way out."""
        with pytest.raises(UsageError, match=r"a: the image has no pixel size.*pixel_size_m"):
            price(per_area(), replace(USAGE, pixel_km=None), SCAN)


class TestFiles:
    GOOD = "kind: per_scene\nname: s\nas_of: 2026-01-01\ncurrency: EUR\nprice: 3\n"

    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            (GOOD + "pricee: 2\n", "unknown key 'pricee'; is 'price' meant"),
            (GOOD.replace("price: 3", "price: -3"), "price is -3.0; 0 or more"),
            (GOOD.replace("price: 3", "price: .nan"), "0 or more"),
            (GOOD.replace("as_of: 2026-01-01\n", ""), "missing key 'as_of'"),
            (GOOD.replace("per_scene", "per_acre"), "kind is 'per_acre'; one of per_km2"),
            ("- 1\n", "kind is None"),
            ("{", "cannot be read"),
        ],
    )
    def test_bad_files_are_refused(self, tmp_path: Path, text: str, wanted: str) -> None:
        """The error names the file, what was found, and what was wanted."""
        path = tmp_path / "cost.yaml"
        path.write_text(text)
        with pytest.raises(ConfigError, match=wanted) as caught:
            read_cost_models([path])

        assert str(path) in str(caught.value)

    def test_two_of_one_name(self, tmp_path: Path) -> None:
        """Tables could not tell them apart."""
        paths = [tmp_path / "a.yaml", tmp_path / "b.yaml"]
        for path in paths:
            path.write_text(self.GOOD)
        with pytest.raises(ConfigError, match="two cost files are called 's'"):
            read_cost_models(paths)

    def test_the_example_is_marked_and_read(self) -> None:
        """The one file that comes along says in its name that its prices are made up."""
        example = Path(__file__).parents[3] / "docs" / "example_cost.yaml"

        [model] = read_cost_models([example])

        assert "example" in model.name
