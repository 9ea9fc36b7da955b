"""Indexes of shards, decoded directly, against zarr's own codec."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import ImageChangedError
from pipeline.images.opening import open_source
from pipeline.images.tile import TileKey
from pipeline.images.zarr.chunks import ChunkLayout
from pipeline.images.zarr.documents import ArrayDocument
from pipeline.images.zarr.index_decoding import direct_index_decoder
from pipeline.storage import kept_files
from tests.image_files import write_ome_zarr

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 256, 384), np.uint8)
BIG = {"name": "bytes", "configuration": {"endian": "big"}}


def image(path: Path) -> Path:
    """Two by two shards; the right ones reach beyond the image."""
    return write_ome_zarr(path, [PIXELS], shards=(3, 128, 256))


def document_of(path: Path) -> Any:
    """Of the finest level."""
    return json.loads((path / "0/zarr.json").read_text())


def index_codecs(document: Any) -> list[Any]:
    """As the document has them."""
    codecs: list[Any] = document["codecs"][0]["configuration"]["index_codecs"]
    return codecs


def layout(document: Any) -> ChunkLayout:
    """Of an array that says this of itself."""
    return ChunkLayout(ArrayDocument(path="0", name="zarr.json", content=document), "a.zarr")


class TestDirectly:
    def test_equals_the_codec_of_zarr(self, tmp_path: Path) -> None:
        """Every shard's index, decoded directly and by zarr, holds the same numbers."""
        path = image(tmp_path / "a.zarr")
        own = layout(document_of(path))
        shards = sorted(one for one in (path / "0/c").rglob("*") if one.is_file())
        place = own.shard_index
        assert place is not None
        assert place.direct is not None
        other = layout(document_of(path))
        object.__setattr__(other.shard_index, "direct", None)
        for shard in shards:
            stored = shard.read_bytes()[-place.num_bytes :]
            found = own.decode_index(stored)
            assert found.dtype == np.uint64
            assert np.array_equal(found, other.decode_index(stored))
        assert len(shards) == 4

    @pytest.mark.parametrize(
        ("damage", "message"),
        [
            (lambda stored: stored[:-1], "bytes, not"),
            (lambda stored: bytes([stored[0] ^ 1]) + stored[1:], "checksum"),
            (lambda stored: stored[:-1] + bytes([stored[-1] ^ 1]), "checksum"),
        ],
    )
    def test_damage_is_an_error(
        self, tmp_path: Path, damage: Callable[[bytes], bytes], message: str
    ) -> None:
        """A byte less, another number or another checksum: nothing is decoded."""
        path = image(tmp_path / "a.zarr")
        own = layout(document_of(path))
        assert own.shard_index is not None
        stored = (path / "0/c/0/0/0").read_bytes()[-own.shard_index.num_bytes :]

        with pytest.raises(ValueError, match=message):
            own.decode_index(damage(stored))


class TestChangedShards:
    def test_an_old_index_is_not_used_on_a_new_shard(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A shard that was replaced since its index was read is told; its other chunks are no pixels of this one."""
        monkeypatch.setattr(kept_files, "MAX_KEPT", 1)
        path = image(tmp_path / "a.zarr")
        source = open_source(str(path))
        source.read_tile(TileKey(0, 0, 0))
        image(tmp_path / "new.zarr")
        (tmp_path / "new.zarr/0/c/0/0/0").replace(path / "0/c/0/0/0")
        source.read_tile(TileKey(0, 3, 5))  # in another shard: the first one is closed

        with pytest.raises(ImageChangedError, match="changed while it was read"):
            source.read_tile(TileKey(0, 1, 0))


class TestOtherEncodings:
    @pytest.mark.parametrize("codecs", [[BIG, {"name": "crc32c"}], [BIG], ["bytes"]])
    def test_are_left_to_zarr(self, tmp_path: Path, codecs: list[Any]) -> None:
        """Only little-endian numbers with a CRC-32C are decoded directly."""
        document = document_of(image(tmp_path / "a.zarr"))
        document["codecs"][0]["configuration"]["index_codecs"] = codecs

        assert direct_index_decoder(document, (1, 2, 4)) is None

    def test_bare_names_are_the_usual_encoding(self, tmp_path: Path) -> None:
        """Codecs without options may be written as names."""
        document = document_of(image(tmp_path / "a.zarr"))
        document["codecs"][0]["configuration"]["index_codecs"] = ["bytes", "crc32c"]

        assert direct_index_decoder(document, (1, 2, 4)) is not None

    def test_an_index_of_big_endian_numbers_is_read(self, tmp_path: Path) -> None:
        """An image whose indexes are stored the other way round shows its pixels."""
        path = image(tmp_path / "a.zarr")
        own = layout(document_of(path))
        document = document_of(path)
        index_codecs(document)[0]["configuration"]["endian"] = "big"
        (path / "0/zarr.json").write_text(json.dumps(document))
        assert own.shard_index is not None
        for shard in [one for one in (path / "0/c").rglob("*") if one.is_file()]:
            data = shard.read_bytes()
            size = own.shard_index.num_bytes
            numbers = own.decode_index(data[-size:])
            shard.write_bytes(data[:-size] + _encoded_by_zarr(layout(document), numbers))
        source = open_source(str(path))
        tile = source.read_tile(TileKey(0, 1, 2)).data

        assert tile is not None
        assert np.array_equal(tile, PIXELS[:, 64:128, 128:192])


def _encoded_by_zarr(own: ChunkLayout, numbers: Any) -> bytes:
    import asyncio

    from zarr.codecs.sharding import _ShardIndex

    assert own.shard_index is not None
    codec = own.shard_index.codec
    return asyncio.run(codec._encode_shard_index(_ShardIndex(numbers))).to_bytes()
