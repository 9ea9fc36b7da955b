"""Files that GDAL keeps beside an image on a disk: overviews in `.ovr`, a mask in `.msk`.

Beside an image on a server they are not looked for: each would cost a request that nearly always finds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import AllowanceSpentError, ImageError, StorageError
from pipeline.images.contents import START_BYTES
from pipeline.images.layered_source import LayeredSource, fits
from pipeline.images.masked_source import MaskedSource
from pipeline.images.source import Source
from pipeline.storage.byte_range import ByteRange
from pipeline.storage.disk import DiskStorage
from pipeline.storage.fingerprint import Fingerprint, together
from pipeline.storage.metered_storage import metered
from pipeline.storage.purse import Purse

_OVERVIEWS, _MASK = ".ovr", ".msk"


def companions(path: Path) -> list[Path]:
    """Those that are there."""
    found = [path.with_name(path.name + suffix) for suffix in (_OVERVIEWS, _MASK)]
    return [one for one in found if one.is_file()]


def fingerprint_of_files(paths: Sequence[Path]) -> Fingerprint:
    """Of an image in one or more files.

    Raises:
        OSError: if one cannot be looked at.
    """
    states = [path.stat() for path in paths]
    parts = [Fingerprint(status.st_size, status.st_mtime_ns) for status in states]
    return parts[0] if len(parts) == 1 else together(*parts)


def with_companions(source: Source, path: Path, purse: Purse) -> Source:
    """The image with its overviews and its mask. A companion that is none, or does not fit, is left alone.

    Raises:
        AllowanceSpentError: if the purse does not suffice for a companion.
    """
    try:
        for beside in companions(path):
            source = _with_companion(source, beside, purse)
    except AllowanceSpentError as error:
        error.cost += source.header
        source.close()
        raise
    # Also of one that does not fit: nobody knows that without opening it.
    source.fingerprint = fingerprint_of_files([path, *companions(path)])
    return source


def _with_companion(source: Source, beside: Path, purse: Purse) -> Source:
    try:
        other = _opened(beside, purse)
    except AllowanceSpentError:
        raise
    except (ImageError, StorageError) as error:
        source.header += error.cost
        return source
    except OSError:
        return source
    if beside.suffix == _OVERVIEWS and fits(source.pyramid, other.pyramid):
        return LayeredSource(source, other)
    if beside.suffix == _MASK and _is_mask_of(source, other):
        return MaskedSource(source, other)
    source.header += other.header
    other.close()
    return source


def _is_mask_of(image: Source, mask: Source) -> bool:
    finest, own = image.pyramid.levels[0], mask.pyramid.levels[0]
    is_alike = (finest.height, finest.width) == (own.height, own.width)
    return is_alike and len(mask.pyramid.bands) == 1 and "alpha" not in image.pyramid.bands


def _opened(path: Path, purse: Purse) -> Source:
    from pipeline.images.tiff.source import TiffSource  # not above: a driver opens no image

    storage = metered(DiskStorage(path), purse)
    try:
        [start] = storage.fetch([ByteRange(count=START_BYTES, is_clipped=True)])
        return TiffSource(str(path), storage, start)
    except BaseException:
        storage.close()
        raise
