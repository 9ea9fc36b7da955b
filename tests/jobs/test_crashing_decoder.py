"""A decoder that kills its process: real Ray processes, a real codec of somebody else, a real SIGSEGV."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import picture
from tests.image_files import halves, slide, write_ome_zarr
from tests.jobs.processes import ENVIRONMENT, ROOT, finished, table

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray"), pytest.mark.timeout(180)]

NUM_IMAGES = 12
CODEC = """
import ctypes
from dataclasses import dataclass
from zarr.abc.codec import BytesBytesCodec

@dataclass(frozen=True)
class Crashing(BytesBytesCodec):
    is_fixed_size = True
    @classmethod
    def from_dict(cls, data):
        return cls()
    def to_dict(self):
        return {"name": "crashing"}
    def compute_encoded_size(self, input_byte_length, _chunk_spec):
        return input_byte_length
    async def _encode_single(self, chunk_bytes, chunk_spec):
        return chunk_bytes
    async def _decode_single(self, chunk_bytes, chunk_spec):
        ctypes.string_at(0)  # reads where nothing is, as a broken decoder does
"""


def install_codec(directory: Path) -> None:
    """A package with a codec that zarr finds by its entry point, as codecs of others are found."""
    about = directory / "crashing-1.0.dist-info"
    about.mkdir(parents=True)
    (directory / "crashing.py").write_text(CODEC)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: crashing\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[zarr.codecs]\ncrashing = crashing:Crashing\n")


def write_crashing(path: Path) -> Path:
    """An OME-Zarr whose finest level is stored with that codec."""
    levels = [np.moveaxis(one, 2, 0) for one in halves(picture(700, 900), 3)]  # (C, H, W)
    write_ome_zarr(path, levels, compressors=None)
    document = path / "0" / "zarr.json"
    content = json.loads(document.read_text())
    content["codecs"].append({"name": "crashing"})
    document.write_text(json.dumps(content))
    return path


def classify(images: Path, out: Path, packages: Path) -> tuple[int, str]:
    """All images of a directory, with the packages of another one."""
    path = f"{packages}:{ROOT}"
    options = ("--model", "digits", "--set", "walk.foreground=valid", "--full-scan")
    return finished(
        "jobs.cli",
        *("classify", images, "--out", out, *options),
        environment={**ENVIRONMENT, "PYTHONPATH": path},
    )


def without(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Rows of all other images."""
    return rows[~rows["image_path"].str.endswith(name)].reset_index(drop=True)


class TestCrashingDecoder:
    def test_it_takes_one_image_with_it(self, tmp_path: Path) -> None:
        """The image fails with its reason after a bounded number of deaths; all others are as without it."""
        images, packages = tmp_path / "images", tmp_path / "packages"
        images.mkdir()
        install_codec(packages)
        for number in range(NUM_IMAGES):
            slide(images / f"image_{number:02d}.tif", 500, 600, seed=number)
        status, said = classify(images, tmp_path / "undisturbed", packages)
        assert status == 0, said
        write_crashing(images / "image_05_crashing.zarr")
        status, said = classify(images, tmp_path / "out", packages)
        predictions = table(tmp_path / "out", "predictions")
        failed = predictions[predictions["status"] == "failed"]

        assert status == 3, said
        assert list(failed["image_path"]) == [str(images / "image_05_crashing.zarr")]
        [error] = failed["error"]
        assert "image_05_crashing.zarr: reading it killed its process 3 times" in error
        assert not (tmp_path / "out" / ".in_flight").exists()
        expected = table(tmp_path / "undisturbed", "predictions")
        pd.testing.assert_frame_equal(
            without(predictions, "crashing.zarr"), expected, check_dtype=False
        )
        assert (predictions["status"] == "ok").sum() == NUM_IMAGES
