"""From a path to an open image, or to a clear word."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.errors import CorruptImageError, ImageAccessError, ImageError, UnsupportedImageError
from pipeline.images.opening import fingerprint_of, open_source
from tests.image_files import slide


class TestOpenSource:
    def test_missing_files(self, tmp_path: Path) -> None:
        """A path that is not there is an access error that names it."""
        with pytest.raises(ImageAccessError, match=r"gone\.tif: cannot be read: No such file"):
            open_source(str(tmp_path / "gone.tif"))

    def test_names_with_zero_bytes(self) -> None:
        """A name that no file can have is an access error."""
        with pytest.raises(ImageAccessError, match="zero byte"):
            open_source("a\0.tif")

    def test_empty_files(self, tmp_path: Path) -> None:
        """Zero bytes are a corrupt image."""
        (tmp_path / "a.tif").touch()
        with pytest.raises(CorruptImageError, match="the file is empty"):
            open_source(str(tmp_path / "a.tif"))

    @pytest.mark.parametrize(
        ("start", "kind", "error"),
        [
            (b"%PDF-1.4", "a PDF document", UnsupportedImageError),
            (b"\xff\xd8\xff\xe0", "a picture that cannot be decoded", CorruptImageError),
            (b"\0" * 128 + b"DICM", "DICOM", ImageError),
            (b"hello, I am text", "not an image that is known", CorruptImageError),
        ],
    )
    def test_other_files(
        self, tmp_path: Path, start: bytes, kind: str, error: type[ImageError]
    ) -> None:
        """What is no image is called what it is."""
        (tmp_path / "a.tif").write_bytes(start)
        with pytest.raises(error, match=kind):
            open_source(str(tmp_path / "a.tif"))

    def test_pipes_do_not_hang(self, tmp_path: Path) -> None:
        """A named pipe is refused before it is opened."""
        os.mkfifo(tmp_path / "a.tif")
        with pytest.raises(ImageAccessError, match="not a regular file"):
            open_source(str(tmp_path / "a.tif"))

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_no_permission(self, tmp_path: Path) -> None:
        """A file that may not be read is an access error."""
        path = slide(tmp_path / "a.tif")
        path.chmod(0)
        with pytest.raises(ImageAccessError, match="Permission denied"):
            open_source(str(path))

    def test_plain_directories(self, tmp_path: Path) -> None:
        """A directory that is no Zarr store is refused."""
        with pytest.raises(UnsupportedImageError, match="neither a Zarr store"):
            open_source(str(tmp_path))

    def test_urls(self, tmp_path: Path) -> None:
        """A file URL is a path; schemes that are not known are told, with a way out."""
        path = slide(tmp_path / "a b.tif")

        assert open_source(f"file://{str(path).replace(' ', '%20')}").pyramid.height == 700
        with pytest.raises(UnsupportedImageError, match="wanted http, https, s3"):
            open_source("ftp://server/a.tif")

    def test_fingerprint_follows_the_file(self, tmp_path: Path) -> None:
        """A file that is written again is another file; one that is gone has no fingerprint."""
        path = slide(tmp_path / "a.tif")
        before = fingerprint_of(str(path))
        os.utime(path, ns=(0, 12345))

        assert fingerprint_of(str(path)) != before
        assert fingerprint_of(str(tmp_path / "gone")) is None
