"""Codecs of somebody else that harm the process which uses them, and images that are stored with them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tests.conftest import picture
from tests.image_files import halves, write_ome_zarr

CRASHES = "ctypes.string_at(0)  # reads where nothing is, as a broken decoder does"
HOARDS = (
    "hoard = b'x' * int(os.environ['HOARD_BYTES']); time.sleep(600)  # more memory than there is"
)
_CODEC = """
import ctypes, os, time
from dataclasses import dataclass
from zarr.abc.codec import BytesBytesCodec

@dataclass(frozen=True)
class Hostile(BytesBytesCodec):
    is_fixed_size = True
    @classmethod
    def from_dict(cls, data):
        return cls()
    def to_dict(self):
        return {"name": "hostile"}
    def compute_encoded_size(self, input_byte_length, _chunk_spec):
        return input_byte_length
    async def _encode_single(self, chunk_bytes, chunk_spec):
        return chunk_bytes
    async def _decode_single(self, chunk_bytes, chunk_spec):
        DEED
"""


def install_codec(directory: Path, deed: str) -> None:
    """A package with a codec that zarr finds by its entry point, as codecs of others are found."""
    about = directory / "hostile-1.0.dist-info"
    about.mkdir(parents=True)
    (directory / "hostile.py").write_text(_CODEC.replace("DEED", deed))
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[zarr.codecs]\nhostile = hostile:Hostile\n")


def write_hostile(path: Path) -> Path:
    """An OME-Zarr whose finest level is stored with that codec."""
    levels = [np.moveaxis(one, 2, 0) for one in halves(picture(700, 900), 3)]  # (C, H, W)
    write_ome_zarr(path, levels, compressors=None)
    document = path / "0" / "zarr.json"
    content = json.loads(document.read_text())
    content["codecs"].append({"name": "hostile"})
    document.write_text(json.dumps(content))
    return path
