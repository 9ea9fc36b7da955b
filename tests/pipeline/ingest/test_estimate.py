"""The word about the size, against what was written."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from pipeline.images.opening import open_source
from pipeline.ingest.codec import chunk_codec
from pipeline.ingest.estimate import estimate
from pipeline.ingest.ingest import IngestTask, ingest
from pipeline.ingest.planning import plan_ingest
from pipeline.ingest.settings import IngestSettings
from tests.conftest import picture


class TestEstimate:
    @pytest.mark.parametrize("tile", [{"tile": (128, 128)}, {"rowsperstrip": 16}], ids=str)
    @pytest.mark.parametrize("compression", ["zstd", None])
    def test_is_near_where_an_image_is_uneven(
        self, tmp_path: Path, tile: dict[str, Any], compression: str | None
    ) -> None:
        """Half of the image is flat, half is not: the word is within a fifth of the result."""
        pixels = picture(1800, 2900)
        pixels[:, 1100:] = 240
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, pixels, photometric="rgb", compression=compression, **tile)
        settings = IngestSettings()
        with contextlib.closing(open_source(str(path))) as source:
            plan = plan_ingest(source.pyramid)
            found = estimate(source, plan, chunk_codec(settings, plan.num_bands))
        done = ingest(IngestTask(uri=str(path), final=tmp_path / "a.ome.zarr", settings=settings))

        assert found.result_bytes == pytest.approx(done.num_bytes, rel=0.2)

    def test_knows_small_images_exactly(self, tmp_path: Path) -> None:
        """Where the sample is the whole image, only indexes are missing from it."""
        path = tmp_path / "a.tif"
        rng = np.random.default_rng(0)
        tifffile.imwrite(path, rng.integers(0, 255, (100, 90), dtype=np.uint8))
        settings = IngestSettings(codec="zstd")
        with contextlib.closing(open_source(str(path))) as source:
            plan = plan_ingest(source.pyramid)
            found = estimate(source, plan, chunk_codec(settings, 1))
        done = ingest(IngestTask(uri=str(path), final=tmp_path / "a.ome.zarr", settings=settings))

        assert 0 < done.num_bytes - found.result_bytes < 100
