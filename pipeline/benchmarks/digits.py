"""Handwritten digits to paste: MNIST's idx files where they are at hand, scikit-learn's own otherwise."""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError

_IMAGES, _LABELS = 2051, 2049
"""Magic numbers of idx files of unsigned bytes with three and with one dimension."""
_SHARE_FOR_TEST = 3
"""One in three of scikit-learn's digits is kept from training."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Digits:
    """Digits of one split. Those of two splits are never the same."""

    images: NDArray[np.uint8]
    """(N, h, w) bright on black."""
    labels: NDArray[np.int64]
    """(N,) 0 to 9."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitSplits:
    """Where the digits of an archive come from."""

    name: str
    """Such as `mnist`."""
    train: Digits
    """For training and validation images."""
    test: Digits
    """For test images."""


def read_digits(source: str) -> DigitSplits:
    """`digits` (scikit-learn's), or `mnist:DIR` with the four idx files, gzipped or not.

    Raises:
        UsageError: naming the files that are missing or damaged.
    """
    if source == "digits":
        return _sklearn_digits()
    kind, colon, directory = source.partition(":")
    if kind != "mnist" or not colon:
        raise UsageError(f"--digits {source}: give `digits`, or `mnist:DIR` with MNIST's idx files")
    where = Path(directory)
    return DigitSplits(
        name="mnist",
        train=_split(where, "train-images", "train-labels"),
        test=_split(where, "t10k*-images", "t10k*-labels"),
    )


def all_of(splits: DigitSplits) -> Digits:
    """Training and test digits together, 28 x 28 each: PAN's data sets draw from all of MNIST."""
    pooled = np.concatenate([splits.train.images, splits.test.images])
    if pooled.shape[1:] != (28, 28):
        pooled = np.stack(
            [cv2.resize(one, (28, 28), interpolation=cv2.INTER_CUBIC) for one in pooled]
        )
    return Digits(images=pooled, labels=np.concatenate([splits.train.labels, splits.test.labels]))


def _sklearn_digits() -> DigitSplits:
    from sklearn.datasets import load_digits  # not above: it loads for a second

    found = load_digits()
    images = np.round(found.images * (255 / 16)).astype(np.uint8)  # (1797, 8, 8)
    is_test = np.arange(len(images)) % _SHARE_FOR_TEST == 0
    labels = found.target.astype(np.int64)
    return DigitSplits(
        name="digits",
        train=Digits(images=images[~is_test], labels=labels[~is_test]),
        test=Digits(images=images[is_test], labels=labels[is_test]),
    )


def _split(directory: Path, images: str, labels: str) -> Digits:
    pixels = _read_idx(_find(directory, images), _IMAGES)
    classes = _read_idx(_find(directory, labels), _LABELS)
    if len(pixels) != len(classes):
        raise UsageError(
            f"{directory}: {len(pixels)} images in {images}* and {len(classes)} labels in {labels}*; "
            "take both files from the same set"
        )
    return Digits(images=pixels, labels=classes.astype(np.int64))


def _find(directory: Path, name: str) -> Path:
    found = list(directory.glob(f"{name}*-ubyte*"))
    if len({path.name.removesuffix(".gz") for path in found}) != 1:
        listed = ", ".join(sorted(path.name for path in found)) or "none"
        raise UsageError(
            f"{directory}: wanted one file {name}*-ubyte[.gz], found {listed}; MNIST is "
            "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and "
            "t10k-labels-idx1-ubyte, gzipped or not"
        )
    return min(found)  # the unpacked one, if both are there


def _read_idx(path: Path, magic: int) -> NDArray[np.uint8]:
    """(N, h, w) images or (N,) labels of an idx file (the format of MNIST's own page)."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{path}: cannot be read: {error}; fetch it again") from error
    num_axes = magic & 0xFF
    header = 4 + 4 * num_axes
    if len(data) < header or struct.unpack(">I", data[:4])[0] != magic:
        raise UsageError(f"{path}: not an idx file of {num_axes} dimensions; fetch it again")
    shape = struct.unpack(f">{num_axes}I", data[4:header])
    if len(data) - header != np.prod(shape):
        raise UsageError(
            f"{path}: {len(data) - header} bytes of samples, wanted {np.prod(shape)} for "
            f"{' x '.join(map(str, shape))}; the file is cut, fetch it again"
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)
