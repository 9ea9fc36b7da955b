"""JPEG as a codec of Zarr 3, under the name and with the settings that imagecodecs 2026.8 and newer use for it.

Those need Python 3.12; here the same chunks are read and written with any imagecodecs. zarr finds the class
through the entry point `zarr.codecs` of this package.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Self

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from zarr.abc.codec import ArrayBytesCodec
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer, NDBuffer
from zarr.core.common import JSON

NAME = "imagecodecs_jpeg"


@dataclass(frozen=True)
class JpegCodec(ArrayBytesCodec):
    """Chunks of (h, w) or (h, w, 3) 8-bit samples."""

    is_fixed_size = False
    level: int | None = None
    """Quality, 1 to 100."""
    colorspace_data: str | None = None
    """Of the samples: `GRAYSCALE` or `RGB`; None: as the JPEG says."""
    colorspace_jpeg: str | None = None
    """In the file: `GRAYSCALE` or `YCbCr`; None: as the JPEG says."""

    @classmethod
    def from_dict(cls, data: dict[str, JSON]) -> Self:
        """From the metadata of an array; settings that only matter for encoding are not looked at."""
        found: Any = data.get("configuration") or {}
        names = ("level", "colorspace_data", "colorspace_jpeg")
        unknown = {"header", "tables", "bitspersample", "lossless"} & set(found)
        if unknown:
            raise ValueError(f"{NAME} with {', '.join(sorted(unknown))} is not supported")
        return cls(**{name: found[name] for name in names if name in found})

    def to_dict(self) -> dict[str, JSON]:
        """For the metadata of an array."""
        every = {
            "level": self.level,
            "colorspace_data": self.colorspace_data,
            "colorspace_jpeg": self.colorspace_jpeg,
        }
        return {
            "name": NAME,
            "configuration": {key: value for key, value in every.items() if value is not None},
        }

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        """Not known beforehand."""
        raise NotImplementedError

    def encode_samples(self, samples: NDArray[np.generic]) -> bytes:
        """(h, w) or (h, w, 3) samples to a JPEG."""
        return bytes(
            imagecodecs.jpeg8_encode(
                samples,
                level=self.level,
                colorspace=self.colorspace_data,
                outcolorspace=self.colorspace_jpeg,
            )
        )

    def decode_samples(self, stored: Any) -> NDArray[np.generic]:
        """A JPEG to (h, w) or (h, w, 3) samples."""
        samples: NDArray[np.generic] = imagecodecs.jpeg8_decode(
            stored, colorspace=self.colorspace_jpeg, outcolorspace=self.colorspace_data
        )
        return samples

    async def _encode_single(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> Buffer | None:
        samples = np.ascontiguousarray(np.squeeze(chunk_array.as_numpy_array()))
        stored = await asyncio.to_thread(self.encode_samples, samples)
        return chunk_spec.prototype.buffer.from_bytes(stored)

    async def _decode_single(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        samples = await asyncio.to_thread(self.decode_samples, chunk_bytes.as_numpy_array())
        return chunk_spec.prototype.nd_buffer.from_numpy_array(samples.reshape(chunk_spec.shape))
