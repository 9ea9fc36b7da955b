"""What a Zarr group says beside OME: map and "no data"."""

from __future__ import annotations

import math
from typing import Any

import pytest

from pipeline.images.zarr.georeference import read_georeference


class TestGeoreference:
    def test_reads_the_conventions(self) -> None:
        """Code before WKT before a plain name; six numbers; numbers that JSON has no word for."""
        found = read_georeference(
            {
                "proj:code": "EPSG:4326",
                "proj:wkt2": "GEOGCRS[...]",
                "spatial:transform": [1, 0, 5.5, 0, -1, 6],
                "foveate": {"nodata": "NaN"},
            }
        )

        assert found.crs == "EPSG:4326"
        assert found.transform == (1.0, 0.0, 5.5, 0.0, -1.0, 6.0)
        assert found.nodata is not None
        assert math.isnan(found.nodata)

    @pytest.mark.parametrize(
        "attributes",
        [
            {},
            {"foveate": 3, "proj:code": 4326, "spatial:transform": "here"},
            {"foveate": {"nodata": True}, "spatial:transform": [1, 2, 3]},
            {"foveate": {"nodata": [0]}, "spatial:transform": [1, 0, "NaN", 0, 1, 0]},
            {"foveate": {"nodata": {}}, "proj:wkt2": {}, "spatial:transform": [[]] * 6},
        ],
    )
    def test_believes_nothing_odd(self, attributes: dict[str, Any]) -> None:
        """Attributes are written by others: what is not as it should be is not said."""
        found = read_georeference(attributes)

        assert (found.crs, found.transform, found.nodata) == (None, None, None)
