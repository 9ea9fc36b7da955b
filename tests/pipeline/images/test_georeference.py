"""Maps keep their place, instruments their settings; rasterio, which is GDAL, is the oracle."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import rasterio
import tifffile
from rasterio.errors import NotGeoreferencedWarning

from pipeline.errors import ImageError
from pipeline.images.opening import open_source
from tests.image_files import picture

SHARED = Path(__file__).parents[4] / "shared" / "data"


def oracle(path: Path) -> tuple[str | None, tuple[float, ...] | None, float | None]:
    """CRS, transform and nodata as GDAL sees them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path) as file:
            code = None if file.crs is None else file.crs.to_epsg()
            transform = None if file.transform.is_identity else tuple(file.transform)[:6]
            return (None if code is None else f"EPSG:{code}"), transform, file.nodata


@pytest.mark.shared
class TestRealMaps:
    def test_real_maps(self) -> None:
        """CRS code, transform (to 1e-9 of a pixel) and nodata of every real raster equal GDAL's."""
        paths = sorted((SHARED / "satellite").glob("*.[tT][iI][fF]"))
        if not paths:
            pytest.skip("the shared data are not here")
        num_compared = 0
        for path in paths:
            try:
                pyramid = open_source(str(path)).pyramid
            except ImageError:
                continue
            crs, transform, nodata = oracle(path)
            num_compared += 1

            if crs is not None and (pyramid.crs or "").startswith("EPSG:"):
                assert pyramid.crs == crs, path
            if transform is None:
                assert pyramid.transform is None, path
            else:
                assert pyramid.transform == pytest.approx(transform, rel=1e-12, abs=1e-9), path
            if nodata is not None and pyramid.bands != ("red", "green", "blue"):
                assert pyramid.nodata == pytest.approx(nodata, nan_ok=True), path

        assert num_compared > 35

    def test_real_instruments(self) -> None:
        """Objective and scanner of real slides are what their makers wrote."""
        if not (SHARED / "microscopy").exists():
            pytest.skip("the shared data are not here")
        svs = open_source(str(SHARED / "microscopy" / "CMU-1-Small-Region.svs")).pyramid.metadata
        ndpi = open_source(str(SHARED / "microscopy" / "test3-TRITC 2 (560).ndpi")).pyramid.metadata

        assert dict(svs)["objective"] == "20"
        assert dict(svs)["scanner"] == "CPAPERIOCS"
        assert float(dict(ndpi)["objective"]) == 40.0
        assert not {"user", "filename"} & {name.lower() for name, _ in svs}


class TestWritten:
    @pytest.mark.parametrize(
        ("profile", "crs"),
        [({"crs": "EPSG:32633"}, "EPSG:32633"), ({"crs": "EPSG:4326"}, "EPSG:4326"), ({}, None)],
    )
    def test_as_gdal_writes(self, tmp_path: Path, profile: dict[str, str], crs: str | None) -> None:
        """A rotated, scaled transform and the code of its system come back."""
        path = tmp_path / "map.tif"
        transform = rasterio.Affine(2.0, 0.5, 100.0, -0.25, -3.0, 200.0)
        with rasterio.open(
            path,
            "w",
            driver="GTiff",
            height=40,
            width=50,
            count=1,
            dtype="uint8",
            nodata=7,
            transform=transform,
            **profile,
        ) as file:
            file.write(picture(40, 50, bands=1)[:, :, 0], 1)
        pyramid = open_source(str(path)).pyramid

        assert pyramid.crs == crs
        assert pyramid.transform == pytest.approx(tuple(transform)[:6])
        assert pyramid.nodata == 7

    def test_plain_pictures_have_none(self, tmp_path: Path) -> None:
        """Without keys there is no place, and no made-up metadata."""
        path = tmp_path / "plain.tif"
        tifffile.imwrite(path, picture(40, 50, bands=3), metadata=None, software=False)
        pyramid = open_source(str(path)).pyramid

        assert (pyramid.crs, pyramid.transform, pyramid.metadata) == (None, None, ())
