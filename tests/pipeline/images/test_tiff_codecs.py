"""Every codec that can be written here, and the vendors' ways of storing levels, against tifffile and OpenSlide."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import openslide
import pytest
import tifffile
from numpy.typing import NDArray

from pipeline.images.opening import open_source
from pipeline.images.source import Source
from pipeline.images.tile import TileKey
from tests.image_files import picture

CODECS = (
    *("NONE", "LZW", "JPEG", "ADOBE_DEFLATE", "DEFLATE", "PACKBITS", "LZMA", "ZSTD", "WEBP", "PNG"),
    *("JPEG2000", "JPEG_2000_LOSSY", "APERIO_JP2000_YCBC", "APERIO_JP2000_RGB", "LERC", "JPEGXL"),
    *("JPEGXR", "JPEGXR_NDPI", "JPEG_LOSSY", "PIXTIFF", "ZSTD_DEPRECATED", "WEBP_DEPRECATED"),
)
TWO_CHANNELS = """<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels
ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SizeX="256" SizeY="256" SizeC="2" SizeZ="1" SizeT="1"><Channel
ID="Channel:0:0"/><Channel ID="Channel:0:1"/><TiffData/></Pixels></Image></OME>"""
LEVELS = [picture(640 // 2**n, 896 // 2**n, bands=3) for n in range(3)]


def whole(source: Source, level: int) -> NDArray[np.generic]:
    """(H, W, C) of a level, put together from its tiles."""
    one = source.pyramid.levels[level]
    found = np.zeros((one.height, one.width, len(source.pyramid.bands)), source.pyramid.dtype)
    for row in range(one.num_rows):
        for col in range(one.num_cols):
            box = one.tile_region(row, col)
            data = source.read_tile(TileKey(level, row, col)).data
            assert data is not None
            found[box.y : box.bottom, box.x : box.right] = np.moveaxis(data, 0, 2)
    return found


def ycbcr_tiles(level: NDArray[np.uint8]) -> Iterator[bytes]:
    """Tiles of 128 px as Aperio writes them: luma and chroma, and no transform in the codestream."""
    y, cr, cb = cv2.split(cv2.cvtColor(level, cv2.COLOR_RGB2YCrCb))
    whole = np.pad(
        np.dstack([y, cb, cr]), ((0, -level.shape[0] % 128), (0, -level.shape[1] % 128), (0, 0))
    )
    for row in range(0, whole.shape[0], 128):
        for col in range(0, whole.shape[1], 128):
            tile = np.ascontiguousarray(whole[row : row + 128, col : col + 128])
            yield imagecodecs.jpeg2k_encode(tile, codecformat="j2k", mct=False, reversible=True)


class TestCodecs:
    @pytest.mark.parametrize("codec", CODECS)
    def test_equal_tifffile(self, tmp_path: Path, codec: str) -> None:
        """Tiles of each codec hold what tifffile's own reader makes of the whole file."""
        path = tmp_path / "a.tif"
        tifffile.imwrite(
            path,
            picture(100, 120, bands=3),
            tile=(64, 48),
            photometric="rgb",
            compression=codec,
            metadata=None,
        )
        source = open_source(str(path))

        np.testing.assert_array_equal(whole(source, 0), tifffile.imread(path))


def split_tables(jpeg: bytes) -> tuple[bytes, bytes]:
    """A JPEG's tables, and the rest of it, as a TIFF keeps them."""
    at, tables, rest = 2, b"\xff\xd8", b"\xff\xd8"
    while jpeg[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if jpeg[at + 1] in (0xDB, 0xC4):
            tables += jpeg[at:end]
        else:
            rest += jpeg[at:end]
        at = end
    return tables + b"\xff\xd9", rest + jpeg[at:]


class TestJpegTables:
    def test_every_channel_has_its_own(self, tmp_path: Path) -> None:
        """Channels that were compressed with different JPEG tables are each decoded with theirs."""
        path = tmp_path / "a.ome.tif"
        channels = [picture(256, 256, bands=3)[:, :, band] for band in range(2)]
        with tifffile.TiffWriter(path, ome=False) as writer:
            for channel, quality in zip(channels, (95, 30), strict=True):
                tables, rest = split_tables(
                    imagecodecs.jpeg8_encode(np.ascontiguousarray(channel), level=quality)
                )
                writer.write(
                    iter([rest]),
                    shape=(256, 256),
                    dtype="uint8",
                    tile=(256, 256),
                    compression="JPEG",
                    jpegtables=tables,
                    description=TWO_CHANNELS if quality == 95 else None,
                    metadata=None,
                )
        source = open_source(str(path))

        np.testing.assert_array_equal(whole(source, 0), np.moveaxis(tifffile.imread(path), 0, 2))


class TestAperio:
    @pytest.mark.parametrize("codec", ["JPEG", "APERIO_JP2000_YCBC", "APERIO_JP2000_RGB"])
    def test_svs(self, tmp_path: Path, codec: str) -> None:
        """Levels, pixel size and objective of an SVS are OpenSlide's; label and macro are no levels."""
        path = tmp_path / "a.svs"
        about = "Aperio Image Library v1\n896x640 [0,0 896x640] (128x128)|AppMag = 40|MPP = 0.2500"
        with tifffile.TiffWriter(path) as file:
            for number, level in enumerate(LEVELS):
                is_ycbcr = codec == "APERIO_JP2000_YCBC"
                file.write(
                    ycbcr_tiles(level) if is_ycbcr else level,
                    shape=level.shape,
                    dtype=np.uint8,
                    tile=(128, 128),
                    photometric="rgb",
                    compression=codec,
                    subfiletype=0,
                    description=about if number == 0 else f"{about.splitlines()[0]}\nlevel",
                    metadata=None,
                )
                if number == 0:  # the thumbnail comes second
                    file.write(
                        LEVELS[2],
                        photometric="rgb",
                        compression="jpeg",
                        description=about,
                        metadata=None,
                    )
            for name, kind in (("label", 1), ("macro", 9)):
                text = f"{about.splitlines()[0]}\n{name} 387x463"
                file.write(
                    LEVELS[2][:100, :90],
                    photometric="rgb",
                    compression="lzw",
                    subfiletype=kind,
                    description=text,
                    metadata=None,
                )
        source = open_source(str(path))
        with openslide.OpenSlide(path) as slide:
            assert source.pyramid.format == "svs"
            sizes = [(level.width, level.height) for level in source.pyramid.levels]
            assert sizes == list(slide.level_dimensions)
            assert source.pyramid.pixel_size is not None
            assert source.pyramid.pixel_size.x == float(slide.properties["openslide.mpp-x"])
            assert (
                dict(source.pyramid.metadata)["objective"]
                == slide.properties["openslide.objective-power"]
            )
            for number, size in enumerate(sizes):
                expected = np.asarray(slide.read_region((0, 0), number, size).convert("RGB"))
                difference = np.abs(whole(source, number).astype(int) - expected.astype(int))

                # OpenSlide's JPEG 2000 reader rounds YCbCr to RGB in another way.
                assert difference.max() <= (0 if codec == "JPEG" else 2)


class TestOtherVendors:
    def test_leica(self, tmp_path: Path) -> None:
        """In an SCN the picture of the whole slide comes first; the image is the larger one, with its levels."""
        xml = (
            '<?xml version="1.0"?><scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01"><collection '
            'name="a" sizeX="26000000" sizeY="75000000"><image name="macro"><pixels sizeX="90" sizeY="100">'
            '<dimension sizeX="90" sizeY="100" r="0" ifd="0"/></pixels><view sizeX="26000000" sizeY="75000000" '
            'offsetX="0" offsetY="0"/></image><image name="scan"><pixels sizeX="896" sizeY="640">'
            + "".join(
                f'<dimension sizeX="{896 // 2**n}" sizeY="{640 // 2**n}" r="{n}" ifd="{n + 1}"/>'
                for n in range(3)
            )
            + '</pixels><view sizeX="448000" sizeY="320000" offsetX="0" offsetY="0"/><scanSettings>'
            "<objectiveSettings><objective>20</objective></objectiveSettings></scanSettings></image>"
            "</collection></scn>"
        )
        path = tmp_path / "a.scn"
        options = {
            "tile": (128, 128),
            "photometric": "rgb",
            "compression": "jpeg",
            "metadata": None,
        }
        with tifffile.TiffWriter(path, bigtiff=True) as file:
            file.write(LEVELS[2][:100, :90], description=xml, **options)
            for level in LEVELS:
                file.write(level, **options)
        source = open_source(str(path))

        assert source.pyramid.format == "scn"
        assert [level.width for level in source.pyramid.levels] == [896, 448, 224]
        np.testing.assert_array_equal(whole(source, 0), tifffile.imread(path, key=1))

    def test_ventana(self, tmp_path: Path) -> None:
        """In a BIF the levels are the pages that say so; label and thumbnail are none."""
        path = tmp_path / "a.bif"
        xmp = b'<?xml version="1.0"?><iScan Magnification="20" ScanRes="0.465" UnitNumber="1"/>'
        with tifffile.TiffWriter(path, bigtiff=True) as file:
            file.write(
                LEVELS[2][:100, :90],
                photometric="rgb",
                description="Label Image",
                extratags=[(700, 1, len(xmp), xmp, True)],
                metadata=None,
            )
            file.write(LEVELS[2], photometric="rgb", description="Thumbnail", metadata=None)
            for number, level in enumerate(LEVELS):
                file.write(
                    level,
                    tile=(128, 128),
                    photometric="rgb",
                    compression="jpeg",
                    description=f"level={number} mag={20 / 2**number:g} quality=90",
                    extratags=[(700, 1, len(xmp), xmp, True)],
                    metadata=None,
                )
        source = open_source(str(path))

        assert source.pyramid.format == "bif"
        assert [level.width for level in source.pyramid.levels] == [896, 448, 224]
        np.testing.assert_array_equal(whole(source, 1), tifffile.imread(path, key=3))

    def test_perkin_elmer(self, tmp_path: Path) -> None:
        """Channels of a QPTIFF bear the names of their biomarkers, or of their filters."""
        path = tmp_path / "a.qptiff"
        channels = (("CD8", "Opal 570"), ("", "DAPI"))
        with tifffile.TiffWriter(path) as file:
            for number, (biomarker, name) in enumerate(channels):
                xml = (
                    '<?xml version="1.0"?><PerkinElmer-QPI-ImageDescription><ImageType>FullResolution</ImageType>'
                    f"<Name>{name}</Name><Biomarker>{biomarker}</Biomarker><Objective>20x</Objective>"
                    "</PerkinElmer-QPI-ImageDescription>"
                )
                file.write(
                    picture(200, 300, bands=1, seed=number)[:, :, 0],
                    tile=(64, 64),
                    compression="lzw",
                    description=xml,
                    software="PerkinElmer-QPI",
                    metadata=None,
                )
        source = open_source(str(path))

        assert source.pyramid.format == "qptiff"
        assert source.pyramid.bands == ("CD8", "DAPI")
        assert dict(source.pyramid.metadata)["objective"] == "20x"
        np.testing.assert_array_equal(whole(source, 0)[:, :, 1], tifffile.imread(path, key=1))
