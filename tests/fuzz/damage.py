"""What can happen to bytes: flips, cuts, insertions, overwriting; often where structure is, with numbers that hurt."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from random import Random

import tifffile

from tests.fuzz.originals import Original

MAX_CHANGES = 4
HURTING = (0, 1, 2, 3, 7, 8, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
HURTING_WIDE = (*HURTING, 2**32, 2**48, 2**63 - 1, 2**63, 2**64 - 1)
HURTING_TEXTS = (
    b"0", b"-1", b"1", b"3", b"255", b"65537", b"2147483648", b"9223372036854775807",
    b"18446744073709551616", b"1e308", b"0.0", b"NaN", b"-Infinity", b"null", b"true", b"[]", b"{}",
    b'""', b'"x"', b"[1]", b"[[1]]", b'"../../etc"',
)  # fmt: skip
"""Put in the place of a value in a Zarr's documents, or of a word in a description."""

Change = Callable[[bytes, int, Random], bytes]
"""Content, where, chance; to damaged content."""


def damaged(original: Original, chance: Random) -> Original:
    """The image after a few changes to its files."""
    files = dict(original.files)
    for _ in range(chance.randint(1, MAX_CHANGES)):
        path = _pick_file(files, chance)
        files[path] = _changed(path, files[path], chance)
    if len(files) > 1 and chance.random() < 0.05:
        del files[_pick_file(files, chance)]
    return Original(original.name, files, original.opened)


def _pick_file(files: dict[str, bytes], chance: Random) -> str:
    documents = [path for path in files if _is_document(path)]
    few = documents if documents and chance.random() < 0.6 else list(files)
    return few[chance.randrange(len(few))]


def _is_document(path: str) -> bool:
    return path.rsplit("/", 1)[-1] in ("zarr.json", ".zarray", ".zattrs", ".zgroup", "a b.dzi")


def _changed(path: str, content: bytes, chance: Random) -> bytes:
    if not content:
        return bytes([chance.randrange(256)])
    if _is_document(path) and chance.random() < 0.7:
        return _replace_word(content, chance)
    change = CHANGES[chance.randrange(len(CHANGES))]
    return change(content, _position(content, chance), chance)


def _position(content: bytes, chance: Random) -> int:
    """Anywhere; but mostly at the start, at the end, or in the directories of a TIFF."""
    where = chance.randrange(5)
    if where == 0:
        return chance.randrange(min(64, len(content)))
    if where == 1:
        return max(0, len(content) - 1 - chance.randrange(256))
    if where in (2, 3):
        spans = _directories(content)
        if spans:
            first, last = spans[chance.randrange(len(spans))]
            return min(len(content) - 1, chance.randrange(first, max(first + 1, last)))
    return chance.randrange(len(content))


@lru_cache(maxsize=512)
def _directories(content: bytes) -> tuple[tuple[int, int], ...]:
    """Byte ranges of a TIFF's directories and of the values of their tags; none where it is no TIFF."""
    try:
        with tifffile.TiffFile(BytesIO(content)) as file:
            pages = list(file.pages)
            spans = [(page.offset, page.offset + 2 + 12 * len(page.tags)) for page in pages]
            for page in pages:
                for tag in page.tags:
                    spans.append((tag.offset, tag.offset + 12))
                    spans.append((tag.valueoffset, tag.valueoffset + 16))
    except Exception:  # noqa: BLE001  # tifffile raises many kinds; then there is nothing to aim at
        return ()
    return tuple(span for span in spans if 0 <= span[0] < len(content))


def _flip(content: bytes, at: int, chance: Random) -> bytes:
    flipped = content[at] ^ (1 << chance.randrange(8))
    return content[:at] + bytes([flipped]) + content[at + 1 :]


def _cut(content: bytes, at: int, chance: Random) -> bytes:
    return content[:at] + content[at + chance.randint(1, 64) :]


def _end(content: bytes, at: int, _: Random) -> bytes:
    return content[:at]


def _insert(content: bytes, at: int, chance: Random) -> bytes:
    return content[:at] + chance.randbytes(chance.randint(1, 16)) + content[at:]


def _scramble(content: bytes, at: int, chance: Random) -> bytes:
    noise = chance.randbytes(chance.randint(1, 16))
    return content[:at] + noise + content[at + len(noise) :]


def _overwrite(content: bytes, at: int, chance: Random) -> bytes:
    """A number that hurts, in one of the sizes and orders that TIFF has."""
    code, values = ("BHIQ"[chance.randrange(4)], HURTING_WIDE)
    size = struct.calcsize(code)
    value = values[chance.randrange(len(values))] % (1 << (8 * size))
    at -= at % min(size, 2)
    return (
        content[:at] + struct.pack("<>"[chance.randrange(2)] + code, value) + content[at + size :]
    )


def _replace_word(content: bytes, chance: Random) -> bytes:
    words = list(re.finditer(rb'-?[0-9][0-9.e+]*|"[^"]*"|\[|\{|null|true|false', content))
    if not words:
        return content
    word = words[chance.randrange(len(words))]
    text = HURTING_TEXTS[chance.randrange(len(HURTING_TEXTS))]
    return content[: word.start()] + text + content[word.end() :]


def _replace_word_anywhere(content: bytes, _: int, chance: Random) -> bytes:
    return _replace_word(content, chance) if len(content) < 200_000 else content[:-1]


CHANGES: tuple[Change, ...] = (
    _flip,
    _cut,
    _end,
    _insert,
    _scramble,
    _overwrite,
    _overwrite,
    _overwrite,
    _replace_word_anywhere,
)
