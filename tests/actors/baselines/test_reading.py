"""What the baselines are shown: DRAM's glimpses by NumPy, Saccader's image by NumPy, and what both cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from numpy.typing import NDArray

from actors.baselines.file_fovea import FileFovea, glimpse_sides, regions_at
from actors.baselines.open_image import OpenImage, open_images
from models.dram.glimpse import coordinates
from pipeline.errors import UsageError
from pipeline.image_record import ImageRecord
from pipeline.images.input_spec import InputSpec
from pipeline.images.tile_cache import TileCache
from tests.image_files import halves, write_pyramid_tiff

SPEC = InputSpec(base_px=16, bands="luminance", background=0.0)


def noise(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """(H, W) gray."""
    return np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)


def opened(
    directory: Path, *pictures: NDArray[np.uint8], spec: InputSpec = SPEC
) -> list[OpenImage]:
    """Each picture as a TIFF without coarser levels, in tiles of 16 px."""
    records = []
    for number, pixels in enumerate(pictures):
        path = directory / f"{number}.tif"
        tifffile.imwrite(path, pixels, tile=(16, 16), photometric="minisblack")
        records.append(ImageRecord(sample_id=str(number), image_path=str(path)))
    return open_images(records, spec, TileCache(1 << 20))


def block_means(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.float64]:
    """(H, W) to means over squares, 0 to 1."""
    h, w = pixels.shape
    blocks = pixels.reshape(h // factor, factor, w // factor, factor).astype(np.float64)
    return blocks.mean(axis=(1, 3)) / 255


class TestFovea:
    def test_glimpses_equal_crops_and_means(self, tmp_path: Path) -> None:
        """Windows of 16, 32 and 64 px around a place each of two images, cut at their edges, against slices."""
        pictures = [noise(64, 64, 0), noise(64, 64, 1)]
        images = opened(tmp_path, *pictures)
        fovea = FileFovea(
            images, num_resolutions=3, spacing="geometric", device=torch.device("cpu")
        )
        places = torch.tensor([[0.0, 0.25], [-0.75, 0.5]])  # 32, 40 px; 8, 48 px
        found = fovea.look(places).numpy()  # (2, 3, 1, 16, 16)

        assert fovea.extents.tolist() == [[[0.25, 0.25], [0.5, 0.5], [1.0, 1.0]]] * 2
        for image, (y, x) in enumerate(((32, 40), (8, 48))):
            padded = np.pad(pictures[image], 64)
            for window, side in enumerate((16, 32, 64)):
                top, left = y - side // 2 + 64, x - side // 2 + 64
                cut = padded[top : top + side, left : left + side]

                # Shrunk integers are rounded.
                np.testing.assert_allclose(
                    found[image, window, 0], block_means(cut, side // 16), atol=0.51 / 255
                )
        np.testing.assert_allclose(found[0, 0, 0], pictures[0][24:40, 32:48] / 255, atol=1e-6)

    def test_coordinates_lie_where_the_pixels_lie(self, tmp_path: Path) -> None:
        """A ramp from 0 to 1 down and across, looked at anywhere, shows what the coordinate channels say."""
        ramp = np.arange(200, dtype=np.uint8)[:, None].repeat(200, axis=1)
        spec = InputSpec(
            base_px=20, bands="luminance", background=0.0, value_ranges={"uint8": (0, 200)}
        )
        for picture, axis in ((ramp, 0), (np.ascontiguousarray(ramp.T), 1)):
            images = opened(tmp_path, picture, spec=spec)
            fovea = FileFovea(
                images, num_resolutions=3, spacing="linear", device=torch.device("cpu")
            )
            place = torch.tensor([[0.1, -0.15]])
            shown = fovea.look(place)[0, :2, 0]  # (2, 20, 20)
            said = coordinates(place, fovea.extents, 20)[0, :2, axis]

            torch.testing.assert_close(shown * 2 - 1 + 1 / 200, said, atol=0.011, rtol=0)

    def test_the_finest_window_stays_inside(self) -> None:
        """At the farthest location that a network may say, it ends with the image, whatever the image's sides."""
        for height, width in ((224, 224), (301, 77), (1536, 1000)):
            sides = glimpse_sides(
                (height, width), glimpse_px=77, num_resolutions=3, spacing="linear"
            )
            reach = [max(0.0, 1 - 77 / side) for side in (height, width)]
            last = regions_at((reach[0], reach[1]), (height, width), sides)
            first = regions_at((-reach[0], -reach[1]), (height, width), sides)

            assert (last[0].bottom, last[0].right) == (height, width)
            assert (first[0].y, first[0].x) == (0, 0)
            assert sides[-1] == (height, width)

    def test_only_tiles_under_the_glimpse_are_read(self, tmp_path: Path) -> None:
        """One look into a corner of a pyramid reads four native tiles of 784, each once."""
        path = write_pyramid_tiff(
            tmp_path / "a.tif",
            halves(noise(448, 448), 4),
            tile=(16, 16),
            photometric="minisblack",
        )
        record = ImageRecord(sample_id="a", image_path=str(path))
        [image] = open_images([record], SPEC, TileCache(1 << 20))
        fovea = FileFovea([image], num_resolutions=3, spacing="linear", device=torch.device("cpu"))
        fovea.look(torch.tensor([[-0.9, -0.9]]))  # 22 px: rows 14 to 30
        fovea.look(torch.tensor([[-0.9, -0.9]]))
        read = image.windows.tiles.acquisitions

        assert sorted((key.row, key.col) for key in read if key.level == 0) == [
            *((0, 0), (0, 1), (1, 0), (1, 1))
        ]
        assert all(cost.num_requests <= 1 for cost in read.values())
        reading = image.reading()
        assert (reading.looks, reading.native_px) == (6, 16 * 16)
        assert reading.shown_px == 6 * 16 * 16
        assert reading.bytes_read == image.windows.tiles.cost.transferred_bytes


class TestWhole:
    @pytest.mark.parametrize(("height", "width"), [(64, 64), (48, 96), (96, 32)])
    def test_equals_means_over_blocks(self, tmp_path: Path, height: int, width: int) -> None:
        """Shown at 1/4, images of any sides are the means over 4 x 4 px; as they are, they are themselves."""
        picture = noise(height, width)
        [image] = opened(tmp_path, picture)

        np.testing.assert_allclose(image.whole(4)[0], block_means(picture, 4), atol=0.51 / 255)
        np.testing.assert_allclose(image.whole(1)[0], picture / 255, atol=1e-6)
        assert image.reading().shown_px == height * width * (1 + 1 / 16)
        assert image.reading().native_px == height * width

    def test_a_broken_image_ends_the_benchmark(self, tmp_path: Path) -> None:
        """The message names the image and the way out; the others are closed."""
        (tmp_path / "b.tif").write_bytes(b"nothing")
        picture = noise(32, 32)
        [good] = opened(tmp_path, picture)
        bad = ImageRecord(sample_id="bad", image_path=str(tmp_path / "b.tif"))

        with pytest.raises(UsageError, match=r"^bad: .*take its row out of the manifest"):
            open_images([good.record, bad], SPEC, TileCache(1 << 20))
