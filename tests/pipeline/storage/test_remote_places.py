"""Names as people write them, and what real servers do: nginx with its many settings, S3, and Azure."""

from __future__ import annotations

import time
from pathlib import Path
from shutil import copytree
from urllib.parse import quote

import numpy as np
import pytest

from pipeline.errors import ImageAccessError, ImageError
from pipeline.images.opening import open_source
from pipeline.images.tile import FailedTile, Tile, TileKey
from pipeline.storage.allowed_places import AllowedPlaces
from tests.image_files import write_ome_zarr
from tests.pipeline.storage.conftest import Place
from tests.pipeline.storage.forms import tiled
from tests.pipeline.storage.looking import answer, opened
from tests.servers.logging_server import LoggingServer
from tests.servers.moto import Moto
from tests.servers.nginx import Nginx
from tests.servers.served_request import delivered_bytes

SIGNATURE = "?X-Amz-Signature=5ec2e7"
IMAGES = ("tiled.tif", "v05.zarr")


class TestAddresses:
    @pytest.mark.parametrize("name", ["a b.tif", "ä+ö&%.tif", "a#b?.tif", "100%25.tif"])
    def test_any_name(self, web: LoggingServer, name: str) -> None:
        """Names with blanks, other letters and signs are asked for as they were written."""
        tiled(web.root / name)
        with opened(web.url(quote(name)) + SIGNATURE) as source:
            assert isinstance(answer(source), Tile)

    @pytest.mark.parametrize("name", ["a b.tif", "ä.tif"])
    def test_names_that_nobody_quoted(self, web: LoggingServer, name: str) -> None:
        """What may not stand in a request is written so that it may."""
        tiled(web.root / name)
        with opened(web.url(name) + SIGNATURE) as source:
            assert isinstance(answer(source), Tile)

    @pytest.mark.parametrize(
        ("start", "reason"),
        [
            ("http://127.0.0.1:99999", "not a URL"),
            ("http://[::1", "not a URL"),
            (f"http://{'a' * 70}.invalid", "not an address"),
            ("http://no-such-host.invalid", "does not give it"),
            ("http://127.0.0.1:9", r"nothing listens there \(connection refused\)"),
            ("ftp://127.0.0.1", "wanted http, https, s3, gs or az"),
            ("http://somebody:5ec2e7@127.0.0.1", "holds a user name or password"),
            ("az://container", "AZURE_STORAGE_ACCOUNT_NAME"),
        ],
    )
    def test_nonsense(self, start: str, reason: str) -> None:
        """An address that leads nowhere is the image's error, whatever is wrong with it."""
        with pytest.raises(ImageError, match=reason) as caught:
            open_source(f"{start}/a.tif{SIGNATURE}")

        assert "a.tif" in str(caught.value)
        assert "5ec2e7" not in str(caught.value)

    def test_no_safe_connection(self, web: LoggingServer) -> None:
        """TLS to a port that speaks none says so."""
        with pytest.raises(ImageAccessError, match=r"(?i)ssl|tls|wrong version"):
            open_source(web.url("a.tif").replace("http://", "https://") + SIGNATURE)


class TestNginx:
    @pytest.mark.parametrize("image", IMAGES)
    @pytest.mark.parametrize("door", ["plain", "notags", "gzipped", "moved", "elsewhere"])
    def test_doors_that_lead_in(
        self, nginx_server: Nginx, nginx_place: Place, door: str, image: str
    ) -> None:
        """Without ETags, packed for others, behind redirects: read all the same, and each hop is counted."""
        del nginx_place  # only for its files
        with opened(nginx_server.url(f"truth/{image}", door)) as source:
            found = answer(source)
            cost = source.header + found.acquisition
        served = nginx_server.requests()

        assert isinstance(found, Tile)
        assert cost.num_requests == len(served)
        assert cost.transferred_bytes == delivered_bytes(served)
        assert [one.status for one in served].count(302) == (door in ("moved", "elsewhere"))

    @pytest.mark.parametrize(
        ("door", "reason"),
        [("noranges", "byte ranges"), ("circle", "redirected 10 times"), ("secret", "status 403")],
    )
    def test_doors_that_do_not(
        self, nginx_server: Nginx, nginx_place: Place, door: str, reason: str
    ) -> None:
        """Without ranges, in circles, forbidden: one clear error."""
        del nginx_place
        with pytest.raises(ImageAccessError, match=reason) as caught:
            open_source(nginx_server.url("truth/tiled.tif", door))

        assert caught.value.cost.num_requests == len(nginx_server.requests())

    def test_places_that_may_not_be_read(self, nginx_server: Nginx, nginx_place: Place) -> None:
        """A redirect to a host that is not allowed is not followed, and the error names both."""
        del nginx_place
        with pytest.raises(
            ImageAccessError, match=r"127\.0\.0\.1.*redirected.*localhost.*not among"
        ):
            open_source(
                nginx_server.url("truth/tiled.tif", "elsewhere"), AllowedPlaces(("127.0.0.1",))
            )

        assert [one.status for one in nginx_server.requests()] == [302]

    def test_links_that_expire(self, nginx_server: Nginx, nginx_place: Place) -> None:
        """A signed link that ends in the middle fails its tiles with the way out, and without the signature."""
        del nginx_place
        link = nginx_server.signed_url("truth/tiled.tif", valid_s=1.2)
        end_s = float(link.rpartition("=")[2])
        with opened(link) as source:
            assert isinstance(answer(source), Tile)
            time.sleep(max(0.0, end_s + 1.05 - time.time()))  # nginx counts whole seconds
            found = answer(source)

        assert isinstance(found, FailedTile)
        assert "its signed link has expired or was never valid: make a new one" in str(found.error)
        assert "md5" not in str(found.error)

    def test_missing_chunks(self, nginx_server: Nginx, pictures: Path) -> None:
        """A chunk that is not there is missing by design, while its store is."""
        copytree(pictures / "v05.zarr", nginx_server.root / "sparse.zarr")
        (nginx_server.root / "sparse.zarr/0/c/0/1/1").unlink()
        with opened(nginx_server.url("sparse.zarr")) as source:
            found = answer(source)

        assert isinstance(found, Tile)
        assert found.data is None


class TestS3:
    def test_what_is_not_there(self, s3: Moto, s3_place: Place) -> None:
        """Neither a missing object nor a missing bucket is an empty image."""
        del s3
        for uri in (f"{s3_place.root}gone.tif", f"{s3_place.root}gone.zarr", "s3://nobodys/a.tif"):
            with pytest.raises(ImageAccessError, match=r"not there|no Zarr store there") as caught:
                open_source(uri)

            assert uri in str(caught.value)

    def test_what_may_not_be_read(
        self, s3: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without credentials, the error says where they are looked for."""
        root = s3.upload(tiled(tmp_path / "a.tif").parent, "private")
        monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")

        with pytest.raises(ImageAccessError, match=r"s3://private/a\.tif.*403.*AWS_ACCESS_KEY_ID"):
            open_source(f"{root}/a.tif")


class TestAzure:
    def test_shards_are_found_without_asking_for_last_bytes(
        self, web: LoggingServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Azure cannot be asked for the end of an object; its length is, and each request is counted."""
        pixels = np.random.default_rng(0).integers(0, 256, (3, 256, 384), np.uint8)
        write_ome_zarr(web.root / "box/a.zarr", [pixels], shards=(3, 128, 256))
        monkeypatch.setenv("AZURE_ENDPOINT", web.url("").rstrip("/"))
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
        for name in ("AZURE_SKIP_SIGNATURE", "AZURE_ALLOW_HTTP"):
            monkeypatch.setenv(name, "true")
        with opened("az://box/a.zarr") as source:
            tile = source.read_tile(TileKey(0, 1, 2))
            cost = source.header + tile.acquisition

        assert tile.data is not None
        assert np.array_equal(tile.data, pixels[:, 64:128, 128:192])
        assert [one.method for one in web.requests()] == ["GET", "GET", "HEAD", "GET", "GET"]
        assert cost.num_requests == len(web.requests())
        assert cost.transferred_bytes == delivered_bytes(web.requests())
