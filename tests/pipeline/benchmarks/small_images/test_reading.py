"""CIFAR-10 in all its forms, and what is said of damaged ones."""

from __future__ import annotations

import os
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.benchmarks.small_images.batches import CLASSES
from pipeline.benchmarks.small_images.reading import read_images
from pipeline.errors import UsageError
from tests.cifar_files import (
    add,
    toy_images,
    write_archive,
    write_binary,
    write_folders,
    write_pickled,
)

TOY = toy_images(60, num_classes=10)


class TestForms:
    @pytest.mark.parametrize("write", [write_binary, write_pickled, write_folders])
    def test_all_forms_hold_the_same_pictures(
        self, tmp_path: Path, write: Callable[..., Path]
    ) -> None:
        """Five sixths to train and one to test, every pixel and label as written, in whatever order."""
        found = read_images(write(tmp_path / "data", TOY))

        assert found.class_names == CLASSES
        assert found.test is not None
        for part, wanted in ((found.train, slice(0, 50)), (found.test, slice(50, 60))):
            order = np.argsort([image.tobytes() for image in part.images])
            expected = np.argsort([image.tobytes() for image in TOY.images[wanted]])
            np.testing.assert_array_equal(part.images[order], TOY.images[wanted][expected])
            np.testing.assert_array_equal(part.labels[order], TOY.labels[wanted][expected])

    def test_unpacked_archives_have_a_folder_of_their_own(self, tmp_path: Path) -> None:
        """CIFAR-10's own archives unpack into a folder; the directory around it will do."""
        write_binary(tmp_path / "a" / "cifar-10-batches-bin", TOY)
        write_pickled(tmp_path / "b" / "cifar-10-batches-py", TOY)

        found = [read_images(tmp_path / name) for name in ("a", "b")]
        assert found[0].digest() == found[1].digest()

    def test_an_archive_of_pictures_is_read_where_it_lies(self, tmp_path: Path) -> None:
        """A tar in a directory, or named itself: the pictures as Pillow reads them, no test set."""
        path = write_archive(tmp_path / "cifar.tar.xz", TOY, suffix="PNG")
        found = read_images(tmp_path)

        assert found.test is None
        assert found.digest() == read_images(path).digest()
        np.testing.assert_array_equal(np.sort(found.train.labels), np.sort(TOY.labels))
        pairs = zip(TOY.images, TOY.labels, strict=True)
        expected = {image.tobytes(): label for image, label in pairs}
        assert all(
            expected[image.tobytes()] == label
            for image, label in zip(found.train.images, found.train.labels, strict=True)
        )

    @pytest.mark.shared
    @pytest.mark.slow
    def test_the_real_ones(self, shared: Path) -> None:
        """25,000 pictures, 2,500 of each class in CIFAR-10's own order, none flat."""
        found = read_images(shared / "cifar10")

        assert found.class_names == CLASSES
        assert found.train.images.shape == (25_000, 32, 32, 3)
        assert np.bincount(found.train.labels).tolist() == [2_500] * 10
        assert found.train.images[::100].std(axis=(1, 2, 3)).min() > 1


class Evil:
    """Would run a command when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("true",)


class TestRefuses:
    """A damaged file is named, with the way out."""

    @pytest.mark.parametrize(
        ("damage", "name", "problem"),
        [
            (lambda path: path.unlink(), "data_batch_3.bin", "no data_batch_3.bin"),
            (
                lambda path: path.write_bytes(path.read_bytes()[:-7]),
                "data_batch_2.bin",
                "data_batch_2.bin: 30723 bytes, wanted a multiple of 3073",
            ),
            (
                lambda path: path.write_bytes(path.read_bytes()[:-3073]),
                "test_batch.bin",
                "test_batch.bin: 9 images, and 10 in data_batch_1.bin",
            ),
            (
                lambda path: path.write_bytes(b"\x0a" + path.read_bytes()[1:]),
                "data_batch_5.bin",
                "data_batch_5.bin: labels from 1 to 10, wanted 0 to 9",
            ),
            (lambda path: path.write_bytes(b""), "data_batch_1.bin", "data_batch_1.bin: 0 bytes"),
        ],
    )
    def test_binary(
        self, tmp_path: Path, damage: Callable[[Path], object], name: str, problem: str
    ) -> None:
        """Missing, cut in a picture, cut between pictures, a label that does not exist, empty."""
        damage(write_binary(tmp_path, TOY) / name)

        with pytest.raises(UsageError, match=problem):
            read_images(tmp_path)

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (b"no pickle", "data_batch_4: not a batch of CIFAR-10"),
            (pickle.dumps({b"labels": [1]}), "data_batch_4: not a batch of CIFAR-10"),
            (
                pickle.dumps({b"data": np.zeros((2, 5), np.uint8), b"labels": [1, 2]}),
                r"data_batch_4: data of uint8 \(2, 5\)",
            ),
            (pickle.dumps(Evil()), "data_batch_4: not a batch .* it asks for posix.system"),
        ],
    )
    def test_pickled(self, tmp_path: Path, content: bytes, problem: str) -> None:
        """Not a pickle, other contents, another shape, and one that would run something."""
        (write_pickled(tmp_path, TOY) / "data_batch_4").write_bytes(content)

        with pytest.raises(UsageError, match=problem):
            read_images(tmp_path)

    def test_a_cut_archive(self, tmp_path: Path) -> None:
        """An archive that ends too early is named."""
        path = write_archive(tmp_path / "cifar.tar.xz", TOY)
        path.write_bytes(path.read_bytes()[:-5000])

        with pytest.raises(UsageError, match=r"cifar\.tar\.xz: cannot be read"):
            read_images(path)

    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            (lambda content: content[:-300], "train/cat/0001.jpg: a damaged picture"),
            (lambda _: b"nothing", "train/cat/0001.jpg: not a picture"),
        ],
    )
    def test_a_damaged_picture(
        self, tmp_path: Path, change: Callable[[bytes], bytes], problem: str
    ) -> None:
        """A picture in an archive that cannot be decoded is named, and so is its archive."""
        source = tmp_path / "one.jpg"
        Image.fromarray(TOY.images[0]).save(source)
        with tarfile.open(tmp_path / "x.tar", "w") as archive:
            add(archive, "train/dog/0000.jpg", source.read_bytes())
            add(archive, "train/cat/0001.jpg", change(source.read_bytes()))

        with pytest.raises(UsageError, match=f"x.tar: {problem}"):
            read_images(tmp_path / "x.tar")

    def test_pictures_of_two_sizes(self, tmp_path: Path) -> None:
        """The one that differs from the first is named."""
        write_folders(tmp_path, TOY)
        Image.new("RGB", (32, 30)).save(tmp_path / "train/truck/0009.png")

        with pytest.raises(
            UsageError, match=r"truck/0009\.png: 32 x 30 px, and others have 32 x 32"
        ):
            read_images(tmp_path)

    def test_nothing_there(self, tmp_path: Path) -> None:
        """An empty directory, a missing one, and two archives at once: what is wanted is said."""
        with pytest.raises(UsageError, match=r"no images; wanted data_batch_1\.bin"):
            read_images(tmp_path)
        with pytest.raises(UsageError, match="there is no such directory"):
            read_images(tmp_path / "gone")
        for name in ("a.tar", "b.tar.gz"):
            (tmp_path / name).touch()
        with pytest.raises(UsageError, match=r"2 archives, a\.tar, b\.tar\.gz"):
            read_images(tmp_path)
