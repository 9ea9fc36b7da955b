"""What JPEG and JPEG 2000 say of their size, against what they decode to."""

from __future__ import annotations

import imagecodecs
import pytest

from pipeline.images.coded_size import coded_samples
from tests.conftest import picture


class TestCodedSamples:
    @pytest.mark.parametrize("bands", [1, 3])
    def test_jpeg(self, bands: int) -> None:
        """Rows x columns x components, of a whole JPEG."""
        image = picture(40, 56, bands=bands)
        stored = imagecodecs.jpeg8_encode(image if bands == 3 else image[:, :, 0])

        assert coded_samples(stored) == 40 * 56 * bands

    def test_jpeg_ls(self) -> None:
        """The same of JPEG-LS."""
        assert coded_samples(imagecodecs.jpegls_encode(picture(40, 56))) == 40 * 56 * 3

    def test_jpeg_2000(self) -> None:
        """The same of a codestream."""
        stored = imagecodecs.jpeg2k_encode(picture(40, 56), codecformat="j2k")

        assert coded_samples(stored) == 40 * 56 * 3

    @pytest.mark.parametrize(
        "stored", [b"", b"\xff\xd8", b"\xff\xd8\xff\xff", b"PK", b"\xff\x4f\xff\x51"]
    )
    def test_what_cannot_be_told(self, stored: bytes) -> None:
        """Other codecs, and files that end too early, say nothing."""
        assert coded_samples(stored) is None

    def test_every_cut(self) -> None:
        """Whatever is cut off, the answer is the size or nothing, never an error."""
        stored = imagecodecs.jpeg8_encode(picture(40, 56))

        assert {coded_samples(stored[:end]) for end in range(700)} == {None, 40 * 56 * 3}
