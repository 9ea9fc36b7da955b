"""A result is there when it is complete, and a killed ingest goes on where it was."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tifffile
import zarr

from pipeline.errors import CorruptImageError, TileReadError, UsageError
from pipeline.ingest import planning
from pipeline.ingest.ingest import Ingested, ingest
from pipeline.ingest.publication import Publication
from pipeline.ingest.settings import IngestSettings
from pipeline.ingest.shards import ShardFiles
from tests.conftest import picture
from tests.pipeline.ingest.results import (
    check_pyramid,
    planar,
    task,
    write,
)


class TestPublication:
    def test_a_second_ingest_finds_the_first(self, rgb: Path) -> None:
        """The same image and settings: nothing is written."""
        ingest(task(rgb))
        again = ingest(task(rgb))

        assert again.num_kept == again.num_shards > 0
        assert [p.name for p in (rgb.parent / "out").iterdir()] == ["rgb.ome.zarr"]

    def test_it_is_on_the_disk_before_it_has_its_name(
        self, rgb: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Every file was synced while the result was still hidden: after a power cut it is whole or not there."""
        final, synced, wait = task(rgb).final, set(), os.fsync

        def told(descriptor: int) -> None:
            if not final.exists():
                synced.add(Path(f"/proc/self/fd/{descriptor}").readlink())
            wait(descriptor)

        monkeypatch.setattr("os.fsync", told)
        ingest(task(rgb))
        hidden = Publication(final).partial
        files = {hidden / path.relative_to(final) for path in final.rglob("*") if path.is_file()}

        assert files
        assert files <= synced

    def test_another_result_is_not_touched(self, rgb: Path) -> None:
        """The error names what differs and the way out; with --overwrite it is replaced."""
        before = ingest(task(rgb))
        other = task(rgb, settings=IngestSettings(codec="zstd"))
        with pytest.raises(UsageError, match=r"codec is blosc, now zstd.*--overwrite"):
            ingest(other)
        after = ingest(replace(other, is_overwriting=True))

        assert after.num_bytes != before.num_bytes
        assert [p.name for p in (rgb.parent / "out").iterdir()] == ["rgb.ome.zarr"]

    def test_what_is_not_ours_is_not_touched(self, rgb: Path) -> None:
        """A directory of the same name that no ingest made stays."""
        final = task(rgb).final
        final.mkdir(parents=True)
        with pytest.raises(UsageError, match="no ingest made it"):
            ingest(task(rgb))

    def test_two_at_once_do_not_mix(self, rgb: Path) -> None:
        """While one process writes a result, another is turned away."""
        with (
            Publication(task(rgb).final),
            pytest.raises(UsageError, match="another ingest is writing it"),
        ):
            ingest(task(rgb))

    @pytest.mark.parametrize("codec", ["blosc", "jpeg"])
    @pytest.mark.parametrize("num_shards", [1, 6, 15, 17])
    def test_what_failed_midway_is_finished(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        num_shards: int,
        codec: Any,
    ) -> None:
        """Whenever it stops, nothing bears the final name; the next call reuses what was finished."""
        path = write(tmp_path / "a.tif", picture(1300, 1900), photometric="rgb", compression="jpeg")
        settings = IngestSettings(codec=codec)
        monkeypatch.setattr(planning, "MAX_BLOCK_PX", 512)
        monkeypatch.setattr(planning, "MAX_SHARD_BLOCKS", 1)
        whole = ingest(task(path, settings=settings, final=tmp_path / "whole.ome.zarr"))
        with monkeypatch.context() as patched:
            _stop_after(num_shards, patched)
            with pytest.raises(OSError, match="disk is full"):
                ingest(task(path, settings=settings))
        assert not task(path).final.exists()
        resumed = ingest(task(path, settings=settings))

        assert resumed.num_kept == num_shards
        assert_same_files(whole, resumed)

    @pytest.mark.parametrize("is_empty", [False, True])
    def test_a_damaged_shard_is_written_again(
        self, rgb: Path, monkeypatch: pytest.MonkeyPatch, is_empty: bool
    ) -> None:
        """A shard that lost its end, or all it held (a power cut), is not taken for a finished one."""
        with monkeypatch.context() as patched:
            _stop_after(1, patched)
            with pytest.raises(OSError, match="disk is full"):
                ingest(task(rgb))
        [shard] = [p for p in rgb.parent.glob("out/.*.partial/*/c/**/*") if p.is_file()]
        shard.write_bytes(b"" if is_empty else shard.read_bytes()[:-1000])

        assert ingest(task(rgb)).num_kept == 0

    def test_a_changed_image_begins_anew(self, rgb: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What was made of another version of the image is thrown away."""
        with monkeypatch.context() as patched:
            _stop_after(1, patched)
            with pytest.raises(OSError, match="disk is full"):
                ingest(task(rgb))
        write(rgb, picture(1301, 2467, seed=9), photometric="rgb")
        done = ingest(task(rgb))

        assert done.num_kept == 0
        check_pyramid(zarr.open_group(str(done.final), mode="r"), planar(tifffile.imread(rgb)))

    def test_a_broken_tile_publishes_nothing(self, tmp_path: Path) -> None:
        """Nothing is made up for what cannot be read."""
        path = write(tmp_path / "a.tif", picture(600, 600), photometric="rgb", compression="zstd")
        with tifffile.TiffFile(path) as tiff:
            offset = tiff.pages[0].dataoffsets[40]
        with path.open("r+b") as file:
            file.seek(offset)
            file.write(b"\0" * 64)
        with pytest.raises(TileReadError, match=r"a\.tif: tile 4, 0"):
            ingest(task(path))

        assert not task(path).final.exists()

    def test_no_image_is_told_as_always(self, tmp_path: Path) -> None:
        """Errors of opening are those of the whole project."""
        path = tmp_path / "a.tif"
        path.write_bytes(b"")
        with pytest.raises(CorruptImageError, match="empty"):
            ingest(task(path))


def _stop_after(num_shards: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the disk be full after so many shards."""
    real, written = ShardFiles._write, []

    def write_some(self: ShardFiles, shard: Any, held: Any) -> None:
        if len(written) >= num_shards:
            raise OSError("disk is full")
        written.append(shard)
        real(self, shard, held)

    monkeypatch.setattr(ShardFiles, "_write", write_some)


def assert_same_files(one: Ingested, other: Ingested) -> None:
    """Two results hold the same names and bytes."""
    names = [sorted(p.relative_to(r.final) for p in r.final.rglob("*")) for r in (one, other)]
    assert names[0] == names[1]
    for name in names[0]:
        path = one.final / name
        assert path.is_dir() or path.read_bytes() == (other.final / name).read_bytes(), name
