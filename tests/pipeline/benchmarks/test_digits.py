"""Digits come from idx files or from scikit-learn, and damaged files are named."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from pipeline.benchmarks.digits import DigitSplits, read_digits
from pipeline.errors import UsageError
from tests.conftest import SHARED


def idx(values: np.ndarray) -> bytes:
    """The bytes of an idx file of unsigned bytes."""
    header = struct.pack(f">I{values.ndim}I", 0x0800 + values.ndim, *values.shape)
    return header + values.tobytes()


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    """A directory with four small idx files, one of them gzipped."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 40), ("t10k", 20)):
        images = rng.integers(0, 256, (count, 28, 28)).astype(np.uint8)
        (tmp_path / f"{split}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        labels = (np.arange(count) % 10).astype(np.uint8)
        (tmp_path / f"{split}-labels-idx1-ubyte").write_bytes(idx(labels))
    return tmp_path


class TestDigits:
    def test_idx_files_gzipped_or_not(self, mnist: Path) -> None:
        """Training digits come from train-*, test digits from t10k*."""
        splits: DigitSplits = read_digits(f"mnist:{mnist}")

        assert splits.train.images.shape == (40, 28, 28)
        assert splits.test.labels.tolist() == [*range(10), *range(10)]

    @pytest.mark.parametrize(
        ("damage", "message"),
        [
            ("missing", "wanted one file train-labels"),
            ("cut", "the file is cut"),
            ("other", "not an idx file of 1 dimensions"),
            ("unequal", "39 labels"),
        ],
    )
    def test_damaged_files_are_named(self, mnist: Path, damage: str, message: str) -> None:
        """A missing, cut or foreign file, or one of another set, is refused by name."""
        path = mnist / "train-labels-idx1-ubyte"
        good = path.read_bytes()
        if damage == "missing":
            path.unlink()
        else:
            labels = np.zeros(39, np.uint8)
            bad = {"cut": good[:-3], "other": b"PNG" + good, "unequal": idx(labels)}
            path.write_bytes(bad[damage])

        with pytest.raises(UsageError, match=message):
            read_digits(f"mnist:{mnist}")

    @pytest.mark.parametrize("source", ["mnist", "cifar:here", "mnists:x"])
    def test_other_sources_are_refused(self, source: str) -> None:
        """Only `digits` and mnist:DIR are known."""
        with pytest.raises(UsageError, match="give `digits`, or `mnist:DIR`"):
            read_digits(source)

    def test_gzip_that_is_damaged_inside_is_named(self, mnist: Path) -> None:
        """A cut or overwritten gzip file is refused by name, not by a traceback."""
        path = mnist / "train-images-idx3-ubyte.gz"
        good = path.read_bytes()
        for bad in (good[: len(good) // 2], good[:30] + bytes(50) + good[80:], b"no gzip"):
            path.write_bytes(bad)
            with pytest.raises(UsageError, match=r"train-images-idx3-ubyte\.gz: cannot be read"):
                read_digits(f"mnist:{mnist}")

    def test_a_file_may_lie_there_packed_and_unpacked(self, mnist: Path) -> None:
        """The same file twice is no ambiguity; two different ones are."""
        labels = mnist / "train-labels-idx1-ubyte"
        (mnist / f"{labels.name}.gz").write_bytes(gzip.compress(labels.read_bytes()))
        assert len(read_digits(f"mnist:{mnist}").train.labels) == 40

        (mnist / "train-labels-odd-idx1-ubyte").write_bytes(labels.read_bytes())
        with pytest.raises(UsageError, match="found train-labels-idx1-ubyte, train-labels-idx1"):
            read_digits(f"mnist:{mnist}")

    @pytest.mark.shared
    def test_mnist_splits_are_disjoint(self) -> None:
        """No picture of the 5,000 test digits is among the 60,000 to train with."""
        splits = read_digits(f"mnist:{SHARED / 'mnist'}")
        seen = {image.tobytes() for image in splits.train.images}

        assert (len(splits.train.images), len(splits.test.images)) == (60_000, 5_000)
        assert not any(image.tobytes() in seen for image in splits.test.images)
