"""Exports, read back by programs that are not ours."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyproj
import pytest
import zarr
from ome_zarr_models.v05.image_label import ImageLabel
from ome_zarr_models.v05.labels import Labels
from shapely.geometry import shape

from pipeline.costs.models import PerArea
from pipeline.costs.pricing import FullScan, Usage, price
from pipeline.errors import UsageError
from pipeline.exports.forms import geojson, looks_csv, qupath, write_geoparquet
from pipeline.exports.ground import on_maps
from pipeline.exports.labels import depth_map, write_label
from pipeline.exports.orders import orders_geojson
from pipeline.images.region import Region
from pipeline.records.finished_image import FinishedImage, FinishedLook

REGIONS = (Region(0, 0, 4000, 6000), Region(1000, 500, 1000, 1500), Region(3500, 5700, 700, 400))


def image(**changes: object) -> FinishedImage:
    """A map of 40 x 60 km at 10 m in UTM zone 34 north, with three looks; the last sticks out."""
    looks = tuple(
        FinishedLook(
            order=order,
            wave=order,
            depth=min(order, 1),
            level=1 - min(order, 1),
            region=region,
            score=float("nan") if order == 1 else 0.5,
            label_so_far="b" if order else "a",
            confidence_so_far=0.6 + order / 10,
            bytes_so_far=100 * order,
            requests_so_far=order,
        )
        for order, region in enumerate(REGIONS)
    )
    made = FinishedImage(
        sample_id="m/1",
        image_path="m.tif",
        status="ok",
        label="b",
        confidence=0.8,
        probabilities={"a": 0.2, "b": 0.8},
        true_label=None,
        error=None,
        stop_reason="budget",
        seconds=1.0,
        bytes_read=200,
        height_px=4000,
        width_px=6000,
        pixel_size=(10.0, 10.0),
        pixel_size_unit="m",
        crs="EPSG:32634",
        transform=(10.0, 0.0, 600_000.0, 0.0, -10.0, 4_000_000.0),
        looks=looks,
        ledger=(),
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # fields by name


class TestQuPath:
    def test_features_are_what_qupath_takes(self) -> None:
        """Annotations with a name, a class of name and three-byte colour, and finite measurements only."""
        found = json.loads(json.dumps(qupath(image()), allow_nan=False))

        assert [feature["properties"]["objectType"] for feature in found["features"]] == [
            "annotation"
        ] * 3
        for feature in found["features"]:
            properties = feature["properties"]
            assert set(properties["classification"]) == {"name", "color"}
            assert all(0 <= value <= 255 for value in properties["classification"]["color"])
            assert all(np.isfinite(value) for value in properties["measurements"].values())
        assert "score" not in found["features"][1]["properties"]["measurements"]

    def test_polygons_are_the_regions_in_pixels(self) -> None:
        """Shapely reads each as a valid rectangle with the bounds of the look, cut at the image's edge."""
        found = [shape(feature["geometry"]) for feature in qupath(image())["features"]]

        assert all(polygon.is_valid for polygon in found)
        assert [polygon.bounds for polygon in found] == [
            (0, 0, 6000, 4000),
            (500, 1000, 2000, 2000),
            (5700, 3500, 6000, 4000),
        ]


class TestMaps:
    def test_geojson_is_in_degrees(self, tmp_path: Path) -> None:
        """Geopandas reads it, and going back to the map's own units gives the looks' corners."""
        path = tmp_path / "looks.geojson"
        path.write_text(json.dumps(geojson([image()])))
        back = geopandas.read_file(path).to_crs("EPSG:32634")

        assert list(back.label_so_far) == ["a", "b", "b"]
        np.testing.assert_allclose(
            back.geometry.iloc[1].bounds, (605_000, 3_980_000, 620_000, 3_990_000), atol=0.5
        )
        assert all(polygon.exterior.is_ccw for polygon in geopandas.read_file(path).geometry)

    def test_geoparquet_is_the_same(self, tmp_path: Path) -> None:
        """Geopandas reads the same rows in EPSG:4326."""
        write_geoparquet([image()], tmp_path / "looks.parquet")
        back = geopandas.read_parquet(tmp_path / "looks.parquet")

        assert back.crs == "EPSG:4326"
        assert len(back) == 3
        with pytest.raises(UsageError, match="no look lies on a map"):
            write_geoparquet([], tmp_path / "none.parquet")

    def test_images_that_are_no_maps_are_told(self) -> None:
        """A slide, a map without a system and one of an unknown name are left out, each with its reason."""
        found, reasons = on_maps(
            [
                image(),
                image(sample_id="slide", transform=None),
                image(sample_id="bare", crs=None),
                image(sample_id="odd", crs="UTM Zone 18, Northern Hemisphere"),
            ]
        )

        assert [one.sample_id for one in found] == ["m/1"]
        assert [reason.partition(":")[0] for reason in reasons] == ["slide", "bare", "odd"]

    def test_a_drawing_with_axes_of_its_own_is_told(self) -> None:
        """A local system has coordinates and lies nowhere on the Earth: left out, and no other map with it."""
        local = 'LOCAL_CS["a drawing",UNIT["metre",1],AXIS["x",EAST],AXIS["y",NORTH]]'
        found, [reason] = on_maps([image(), image(sample_id="drawing", crs=local)])

        assert [one.sample_id for one in found] == ["m/1"]
        assert reason.startswith("drawing: ")

    def test_looks_beside_the_earth_are_told(self) -> None:
        """The corners of a picture of the whole disk show space: looks there have no degrees, the others have."""
        disk = image(crs="+proj=ortho", transform=(2000.0, 0, -6e6, 0, -2000.0, 4e6))
        [found], [reason] = on_maps([disk])

        assert [look.order for look in found.looks] == [1]
        assert "(2 of 3 looks)" in reason
        json.dumps(geojson([found]), allow_nan=False)

    def test_a_look_at_the_whole_world_is_whole(self) -> None:
        """Its corners are 360 degrees apart, and so are the bounds of its polygon."""
        world = image(crs="EPSG:4326", transform=(0.06, 0.0, -180.0, 0.0, -0.045, 90.0))
        [whole, *_] = geojson([world])["features"]

        assert shape(whole["geometry"]).bounds == pytest.approx((-180, -90, 180, 90))

    def test_a_look_across_the_date_line_is_cut_in_two(self) -> None:
        """Shapely's parts lie at either side of it, and their area is that of the look."""
        across = image(crs="EPSG:32601", transform=(10.0, 0.0, 200_000.0, 0.0, -10.0, 4_000_000.0))
        looks = replace(across, looks=across.looks[:1])
        [feature] = geojson([looks])["features"]
        found = shape(feature["geometry"])
        area, _ = pyproj.Geod(ellps="WGS84").geometry_area_perimeter(found)

        assert found.geom_type == "MultiPolygon"
        assert found.is_valid
        assert sorted(round(abs(x)) for part in found.geoms for x in part.bounds[::2])[-2:] == [
            180,
            180,
        ]
        assert found.bounds[0] == -180
        assert found.bounds[2] == 180
        assert area == pytest.approx(40e3 * 60e3, rel=0.01)

    def test_orders_lie_where_they_were_packed(self) -> None:
        """An order's polygon in degrees has the area that is charged, on the ellipsoid, within a per cent."""
        rules = PerArea(
            kind="per_km2",
            name="n",
            as_of=date(2026, 1, 1),
            currency="EUR",
            price=1,
            min_area_km2=25,
        )
        usage = Usage(
            sample_id="m/1",
            height_px=4000,
            width_px=6000,
            pixel_km=(0.01, 0.01),
            looks=(),
            finest=(Region(100, 100, 30, 30), Region(3000, 5000, 900, 800)),
            bytes_read=0,
            requests=0,
            seconds=0,
        )
        found = price(rules, usage, FullScan(bytes_read=None, requests=None, seconds=None))
        features = orders_geojson([(image(), found)])["features"]
        globe = pyproj.Geod(ellps="WGS84")
        for feature in features:
            area, _ = globe.geometry_area_perimeter(shape(feature["geometry"]))
            assert area / 1e6 == pytest.approx(feature["properties"]["charged_km2"], rel=0.01)
        assert len(features) == 2


class TestTables:
    def test_csv_has_pixels_um_and_map_units(self) -> None:
        """Pandas reads the boxes, their size in um, and the map's coordinates of their upper left corners."""
        rows = pd.read_csv(io.StringIO(looks_csv([image()])))

        assert list(rows.minx) == [0, 500, 5700]
        assert rows.width_um[1] == pytest.approx(1500 * 10 * 1e6)
        assert (rows.map_x[1], rows.map_y[1]) == (605_000, 3_990_000)
        assert rows.prob_a.dropna().to_dict() == pytest.approx({0: 0.6, 2: 0.2})
        assert rows.prob_b.dropna().to_dict() == pytest.approx({1: 0.7, 2: 0.8})

    def test_without_pixel_size_the_columns_are_empty(self) -> None:
        """Nothing is made up."""
        bare = image(pixel_size=None, transform=None)
        rows = pd.read_csv(io.StringIO(looks_csv([bare])))

        assert rows[["minx_um", "map_x"]].isna().all().all()


class TestLabels:
    def test_the_label_is_valid_ngff(self, tmp_path: Path) -> None:
        """ome-zarr-models takes the group, and the pixels are the deepest look at each place."""
        write_label(image(), tmp_path / "m.ome.zarr")
        labels = Labels.from_zarr(zarr.open_group(tmp_path / "m.ome.zarr" / "labels", mode="r"))
        group = zarr.open_group(tmp_path / "m.ome.zarr" / "labels" / "looks", mode="r")
        label = ImageLabel.from_zarr(group)
        pixels = np.asarray(zarr.open_array(tmp_path / "m.ome.zarr" / "labels" / "looks" / "0"))
        step = 3

        assert labels.ome_attributes.labels == ["looks"]
        assert label.ome_attributes.multiscales[0].axes[0].unit == "meter"
        assert pixels.shape == (1334, 2000)
        assert depth_map(image())[1] == step
        assert set(np.unique(pixels)) == {1, 2}
        assert pixels[1500 // step, 1000 // step] == 2
        assert pixels[100, 100] == 1
