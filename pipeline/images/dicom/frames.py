"""A stored frame to its samples."""

from __future__ import annotations

import itertools

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.pixels.processing import convert_color_space
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    RLELossless,
)
from wsidicom.codec import Decoder
from wsidicom.codec.decoder import PydicomDecoder
from wsidicom.instance import WsiDataset

from pipeline.errors import UnsupportedImageError
from pipeline.images.coded_size import coded_samples
from pipeline.images.tiff.plane import MAX_TILE_BYTES

_JPEG = (JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1)
"""Their decoder undoes their colours."""
_PLAIN = (ImplicitVRLittleEndian, ExplicitVRLittleEndian)
_UNCHANGED = ("MONOCHROME2", "RGB", "YBR_ICT", "YBR_RCT")
"""Colours that come out of a decoder as gray or RGB: the last two are of JPEG 2000, which undoes them."""


class FrameDecoder:
    """Decodes frames of one image. Safe to use from many threads.

    Raises:
        UnsupportedImageError: if they are compressed or coloured in a way that is not supported.
    """

    def __init__(self, dataset: WsiDataset, syntax: UID, name: str) -> None:
        size, samples, bits = dataset.tile_size, dataset.samples_per_pixel, dataset.bits
        colours = str(dataset.photometric_interpretation)
        self.shape = (int(size.height), int(size.width), int(samples))
        self.dtype = np.dtype(np.uint8 if bits <= 8 else np.uint16)
        self._told = f"frames of {self.shape}, {bits} bits, {colours}, {syntax.name}"
        self._num_bytes = self.shape[0] * self.shape[1] * self.shape[2] * self.dtype.itemsize
        self._is_rle = syntax == RLELossless
        self._is_ybr = colours == "YBR_FULL" and syntax not in _JPEG
        if not (
            0 < self._num_bytes <= MAX_TILE_BYTES
            and bits in range(8, 17)
            and (syntax in _JPEG or self._is_ybr or colours in _UNCHANGED)
        ):
            raise self._refused(name)
        self._decoder = None
        if syntax not in _PLAIN and not self._is_rle:
            kind = Decoder.select_decoder(syntax, samples, bits)
            if kind is None or kind is PydicomDecoder:  # the last is for one thread only
                raise self._refused(name)
            self._decoder = Decoder.create(syntax, samples, bits, size, colours)

    def decode(self, stored: bytes) -> NDArray[np.generic]:
        """(h, w, S) samples.

        Raises:
            ValueError: if they are not what the file said they would be.
            Exception: whatever the codec raises on damaged data.
        """
        if self._is_rle:
            samples = _run_lengths(stored, self.shape, self.dtype)
        elif self._decoder is None:
            samples = np.frombuffer(stored, self.dtype)
        else:
            claimed = coded_samples(stored)
            if claimed != self.shape[0] * self.shape[1] * self.shape[2]:
                raise ValueError(f"it says that it holds {claimed} samples, not {self._told}")
            samples = np.asarray(self._decoder.decode(stored))
        if samples.dtype != self.dtype or samples.size * samples.itemsize != self._num_bytes:
            raise ValueError(f"it decodes to {samples.shape} of {samples.dtype}, not {self._told}")
        samples = samples.reshape(self.shape)  # (h, w, S)
        return convert_color_space(samples, "YBR_FULL", "RGB") if self._is_ybr else samples

    def _refused(self, name: str) -> UnsupportedImageError:
        return UnsupportedImageError(
            f"{name}: {self._told}; wanted JPEG, JPEG 2000, JPEG-LS, RLE or no compression, gray or RGB, 8 to 16 bits: "
            "write it as such, or as a pyramidal TIFF or OME-Zarr"
        )


def _run_lengths(
    stored: bytes, shape: tuple[int, int, int], dtype: np.dtype[np.generic]
) -> NDArray[np.generic]:
    """(h, w, S) of DICOM's RLE: a PackBits segment per sample and byte, the high byte first.

    Not by imagecodecs' decoder of the whole, which reads beyond a frame whose header is damaged.

    Raises:
        ValueError: if the header is damaged.
        Exception: whatever the codec raises on damaged data.
    """
    height, width, num_samples = shape
    count, size = num_samples * dtype.itemsize, height * width
    header = np.frombuffer(stored[:64], "<u4")
    starts = [int(one) for one in header[1 : count + 1]] + [len(stored)]
    if len(header) < 16 or header[0] != count or starts != sorted(starts):
        raise ValueError(f"its header does not say where its {count} segments are")
    spans = itertools.pairwise(starts)
    planes = [imagecodecs.packbits_decode(stored[start:end], out=size) for start, end in spans]
    if any(len(plane) != size for plane in planes):
        raise ValueError("a segment ends early")
    decoded = np.frombuffer(b"".join(planes), np.uint8)
    by_sample = decoded.reshape(num_samples, dtype.itemsize, height, width)  # (S, b, h, w)
    big = np.ascontiguousarray(by_sample.transpose(2, 3, 0, 1)).view(dtype.newbyteorder(">"))
    return big.reshape(shape).astype(dtype)  # (h, w, S)
