"""An image to ingest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import picture
from tests.pipeline.ingest.results import (
    write,
)


@pytest.fixture
def rgb(tmp_path: Path) -> Path:
    """A small image in tiles, odd sides, several shards' worth of chunks."""
    return write(tmp_path / "rgb.tif", picture(1301, 2467), photometric="rgb", compression="zstd")
