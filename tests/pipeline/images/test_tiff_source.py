"""TIFF in its many forms, against tifffile's own reading of whole pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from pipeline.images.opening import open_source
from tests.conftest import picture
from tests.image_files import halves, write_pyramid_tiff
from tests.pipeline.images.source_contract import SourceContract

Image = tuple[Path, list[NDArray[Any]]]


def oracle(path: Path, num_levels: int) -> list[NDArray[Any]]:
    """(C, H, W) levels as tifffile decodes whole pages."""
    with tifffile.TiffFile(path) as file:
        pages = [file.pages[index].asarray() for index in range(num_levels)]
    return [page[None] if page.ndim == 2 else np.moveaxis(page, 2, 0) for page in pages]


FORMS: dict[str, dict[str, Any]] = {
    "jpeg": {"photometric": "rgb", "compression": "jpeg", "tile": (64, 64)},
    "deflate": {"photometric": "rgb", "compression": "deflate", "tile": (64, 48)},
    "lzw_predictor": {
        "photometric": "rgb",
        "compression": "lzw",
        "predictor": True,
        "tile": (32, 32),
    },
    "zstd_bigtiff": {
        "photometric": "rgb",
        "compression": "zstd",
        "tile": (64, 64),
        "bigtiff": True,
    },
    "plain_tiles": {"photometric": "rgb", "tile": (64, 64)},
    "strips": {"photometric": "rgb", "compression": "deflate", "rowsperstrip": 7},
    "one_raw_strip": {"photometric": "rgb"},
    "packbits": {"photometric": "rgb", "compression": "packbits", "rowsperstrip": 16},
    "subsampled_jpeg": {
        "photometric": "ycbcr",
        "subsampling": (2, 2),
        "compression": "jpeg",
        "tile": (64, 64),
    },
    "jpeg2000": {"photometric": "rgb", "compression": "jpeg2000", "tile": (64, 64)},
}


class TestForms(SourceContract):
    @pytest.fixture(params=FORMS)
    def image(self, request: pytest.FixtureRequest, tmp_path: Path) -> Image:
        path = tmp_path / "image.tif"
        write_pyramid_tiff(path, halves(picture(201, 333), 3), **dict(FORMS[request.param]))
        return path, oracle(path, 3)


class TestSamples(SourceContract):
    @pytest.fixture(params=["uint8", ">u2", "int16", "float32", "float64", "uint32"])
    def image(self, request: pytest.FixtureRequest, tmp_path: Path) -> Image:
        path = tmp_path / "image.tif"
        level = (picture(90, 110, bands=1)[:, :, 0].astype(np.float64) * 1.5).astype(request.param)
        order = ">" if request.param.startswith(">") else "<"
        tifffile.imwrite(
            path, level, compression="deflate", tile=(32, 32), byteorder=order, metadata=None
        )
        return path, oracle(path, 1)


class TestManyBands(SourceContract):
    @pytest.fixture(params=["contig", "separate"])
    def image(self, request: pytest.FixtureRequest, tmp_path: Path) -> Image:
        path = tmp_path / "image.tif"
        bands = np.moveaxis(picture(120, 100, bands=8), 2, 0)  # (C, H, W)
        stored = bands if request.param == "separate" else np.moveaxis(bands, 0, 2)
        tifffile.imwrite(
            path,
            stored,
            photometric="minisblack",
            planarconfig=request.param,
            compression="deflate",
            tile=(32, 48),
            metadata=None,
        )
        return path, [bands]


class TestChannelPages(SourceContract):
    @pytest.fixture(params=["tiles", "raw", "raw_strips"])
    def image(self, request: pytest.FixtureRequest, tmp_path: Path) -> Image:
        stored: dict[str, dict[str, Any]] = {
            "tiles": {"tile": (64, 64)},
            "raw": {},
            "raw_strips": {"rowsperstrip": 17},
        }
        path = tmp_path / "image.ome.tif"
        bands = np.moveaxis(picture(120, 100, bands=4), 2, 0)  # (C, H, W)
        tifffile.imwrite(
            path,
            bands,
            ome=True,
            photometric="minisblack",
            **stored[request.param],
            metadata={"axes": "CYX", "Channel": {"Name": ["DAPI", "CD3", "CD8", "Ki67"]}},
        )
        return path, [bands]

    def test_channels_have_their_names(self, image: Image) -> None:
        """Bands are called what OME-XML calls the channels."""
        assert open_source(str(image[0])).pyramid.bands == ("DAPI", "CD3", "CD8", "Ki67")
