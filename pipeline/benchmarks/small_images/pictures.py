"""Pictures in folders that are named as their class, on disk or in a tar archive that is read where it lies."""

from __future__ import annotations

import io
import lzma
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from pipeline.benchmarks.small_images.dataset import ImageSet, LabelledImages
from pipeline.errors import UsageError

SUFFIXES = (".jpg", ".jpeg", ".png")
MAX_SIDE_PX = 256
_MAX_BYTES = 2**20
"""Of a picture's file: they are small, and an archive may claim anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    name: str
    """For messages."""
    is_test: bool
    """Whether its class lies in a folder `test`."""
    class_name: str
    """Folder that it lies in."""
    content: bytes
    """As stored."""


def read_archive(path: Path) -> ImageSet:
    """A tar archive (plain, gz, bz2, xz) with `train/CLASS/NAME.jpg`, and `test/CLASS/...` if there is a test set.

    Raises:
        UsageError: naming the archive, or the picture in it, that is damaged.
    """
    try:
        with tarfile.open(path) as archive:
            files = list(_members(path, archive))
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError) as error:
        raise UsageError(f"{path}: cannot be read: {error}; fetch it again") from error
    return _image_set(path, files)


def read_folders(directory: Path) -> ImageSet:
    """The same, unpacked.

    Raises:
        UsageError: naming the picture that is damaged.
    """
    paths = (path for path in directory.rglob("*") if path.suffix.lower() in SUFFIXES)
    files = []
    for path in paths:
        name = path.relative_to(directory).as_posix()
        try:
            files.append(_file(f"{path}", PurePosixPath(name), path.read_bytes()))
        except OSError as error:
            raise UsageError(f"{path}: cannot be read: {error}") from error
    return _image_set(directory, files)


def _members(path: Path, archive: tarfile.TarFile) -> Iterator[_File]:
    for member in archive:
        name = PurePosixPath(member.name)
        if not member.isfile() or name.suffix.lower() not in SUFFIXES:
            continue
        if member.size > _MAX_BYTES:
            raise UsageError(
                f"{path}: {member.name} has {member.size} bytes, more than {_MAX_BYTES}; small pictures are wanted"
            )
        content = archive.extractfile(member)
        if content is not None:
            yield _file(f"{path}: {member.name}", name, content.read())


def _file(shown: str, name: PurePosixPath, content: bytes) -> _File:
    folders = name.parts[:-1]
    return _File(
        name=shown,
        is_test="test" in folders[:-1],
        class_name=folders[-1] if folders else "",
        content=content,
    )


def _image_set(path: Path, files: Sequence[_File]) -> ImageSet:
    """Classes by name; pictures by class and name, whatever the order of the archive."""
    class_names = tuple(sorted({file.class_name for file in files}))
    if len(class_names) < 2:
        raise UsageError(
            f"{path}: {len(files)} pictures ({', '.join(SUFFIXES)}) in {len(class_names)} folders; "
            "wanted train/CLASS/NAME.jpg with two classes or more"
        )
    train = [file for file in files if not file.is_test]
    test = [file for file in files if file.is_test]
    if not train:
        raise UsageError(f"{path}: all pictures lie under test/; wanted train/CLASS/NAME.jpg, too")
    size = _opened(train[0]).size
    return ImageSet(
        name=f"pictures of {size[0]} x {size[1]} px",
        class_names=class_names,
        train=_labelled(train, class_names, size),
        test=_labelled(test, class_names, size) if test else None,
    )


def _labelled(
    files: Sequence[_File], class_names: Sequence[str], size: tuple[int, int]
) -> LabelledImages:
    ordered = sorted(files, key=lambda file: (file.class_name, file.name))
    return LabelledImages(
        images=np.stack([_decoded(file, size) for file in ordered]),
        labels=np.array([class_names.index(file.class_name) for file in ordered], np.int64),
    )


def _decoded(file: _File, size: tuple[int, int]) -> NDArray[np.uint8]:
    """(h, w, 3)."""
    picture = _opened(file)
    if picture.size != size:
        raise UsageError(
            f"{file.name}: {picture.size[0]} x {picture.size[1]} px, and others have {size[0]} x {size[1]}; "
            "all pictures must have one size"
        )
    try:
        return np.asarray(picture.convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        raise UsageError(f"{file.name}: a damaged picture ({error}); fetch it again") from error


def _opened(file: _File) -> Image.Image:
    try:
        picture = Image.open(io.BytesIO(file.content))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise UsageError(f"{file.name}: not a picture ({error}); fetch it again") from error
    if max(picture.size) > MAX_SIDE_PX:
        raise UsageError(
            f"{file.name}: {picture.size[0]} x {picture.size[1]} px, wanted {MAX_SIDE_PX} px at most; "
            "for larger images there is foveate train"
        )
    return picture
