"""Servers that refuse, break off, fall silent, lie, or change what they serve: our own errors, and no secrets."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.errors import ImageAccessError, ImageChangedError, ImageError
from pipeline.images.opening import open_source
from pipeline.images.tile import FailedTile, Tile
from pipeline.records.result import Failure
from pipeline.storage.byte_range import ByteRange
from pipeline.storage.remote import RemoteStorage
from pipeline.storage.remote_limits import RemoteLimits
from tests.pipeline.storage.conftest import Place
from tests.pipeline.storage.forms import tiled
from tests.pipeline.storage.looking import answer, classified, cost_of, opened
from tests.servers.fault import Ask, Fault, always, at_first
from tests.servers.logging_server import LoggingServer
from tests.servers.moto import Moto
from tests.servers.served_request import delivered_bytes

SIGNATURE = "?X-Amz-Signature=5ec2e7"
QUICK = RemoteLimits(connect_timeout_s=0.4, read_timeout_s=0.4, first_pause_s=0.005)
IMAGES = ("tiled.tif", "v05.zarr")


def status(number: int) -> Fault:
    """An error's status."""
    return Fault(kind="status", status=number)


def redirect(location: str) -> Fault:
    """To somewhere."""
    return Fault(kind="redirect", status=302, location=location)


AT_OPENING = {
    "400": (status(400), "status 400"),
    "401": (status(401), r"refuses access \(status 401\); its signed link has expired"),
    "403": (status(403), r"refuses access \(status 403\); its signed link has expired"),
    "404": (status(404), r"not there|no Zarr store there"),
    "429": (status(429), "status 429"),
    "500": (status(500), "status 500"),
    "503": (status(503), "status 503"),
    "reset": (Fault(kind="reset"), "the connection broke off"),
    "stall": (Fault(kind="stall"), "no answer in time"),
    "stall_in_body": (Fault(kind="stall_in_body"), "no answer in time"),
    "trickle": (Fault(kind="trickle"), "no answer in time"),
    "truncated": (Fault(kind="truncate"), "the connection broke off"),
    "wrong_length": (Fault(kind="wrong_length"), "the connection broke off"),
    "circle": (redirect("?sig=5ec2e7"), "redirected 10 times"),
    "to_a_file": (redirect("file:///etc/passwd"), "redirected to a place that is not read"),
    "to_a_bucket": (redirect("s3://bucket/5ec2e7?sig=5ec2e7"), "redirected to a place that is not"),
    "to_nonsense": (redirect("http://[?sig=5ec2e7"), "not an address"),
    "to_nowhere": (redirect(""), "status 302"),
}
"""What goes wrong with every request, and what is said of it."""
AT_A_TILE = {
    **{name: AT_OPENING[name] for name in AT_OPENING if not name.startswith(("to_", "circle"))},
    "404": (status(404), "gone while it was read|is no longer there"),
    "circle": (redirect("?sig=5ec2e7"), "redirected in circles"),
    "no_length": (Fault(kind="chunked"), "no Content-Length"),
}


@pytest.fixture(autouse=True)
def _quick(patience: Callable[[RemoteLimits], None]) -> None:
    patience(QUICK)


class TestOpening:
    @pytest.mark.parametrize("image", IMAGES)
    @pytest.mark.parametrize("name", AT_OPENING)
    def test_one_error_with_its_cost(
        self, web: LoggingServer, web_place: Place, name: str, image: str
    ) -> None:
        """An image that cannot be opened says which, why and what to do; its requests are counted all the same."""
        fault, reason = AT_OPENING[name]
        web.plan = always(fault)
        with pytest.raises(ImageError, match=reason) as caught:
            open_source(f"{web_place.root}{image}{SIGNATURE}")
        told = str(caught.value)

        assert told.startswith(f"{web_place.root}{image}")
        assert ";" in told  # the way out
        assert "5ec2e7" not in told.replace("s3://bucket/5ec2e7", "")
        assert caught.value.cost.num_requests == len(web.requests())

    def test_servers_without_ranges(self, web: LoggingServer, web_place: Place) -> None:
        """A server that would send everything is refused before it does."""
        web.plan = always(Fault(kind="no_ranges"))
        with pytest.raises(ImageAccessError, match="does not answer requests for byte ranges"):
            open_source(f"{web_place.root}tiled.tif")

        assert len(web.requests()) == 1

    def test_other_bytes_than_asked_for(self, web: LoggingServer, web_place: Place) -> None:
        """A range from somewhere else does not pass for the start of the file."""
        web.plan = always(Fault(kind="other_range"))

        with pytest.raises(ImageAccessError, match="sends other bytes than were asked for"):
            open_source(f"{web_place.root}tiled.tif")

    def test_rows_of_failed_images(self, web: LoggingServer, web_place: Place) -> None:
        """Images that fail are rows with an error and a ledger that is the server's log; the others are read."""
        broken = [Fault(kind="reset"), status(404), status(500), Fault(kind="truncate")]
        uris = [f"{web_place.root}tiled.tif?{number}" for number in range(len(broken) + 1)]
        web.plan = lambda ask: broken[int(ask.query)] if int(ask.query) < len(broken) else None
        results = classified(*uris)
        served = web.requests()

        for number, uri in enumerate(uris):
            own = [one for one in served if one.target.endswith(f"?{number}")]
            assert isinstance(results[uri].outcome, Failure) == (number < len(broken))
            assert cost_of(results[uri]).num_requests == len(own)
            assert cost_of(results[uri]).transferred_bytes == delivered_bytes(own)


class TestTiles:
    @pytest.mark.parametrize("image", IMAGES)
    @pytest.mark.parametrize("name", AT_A_TILE)
    def test_one_failed_tile_with_its_cost(
        self, web: LoggingServer, web_place: Place, name: str, image: str
    ) -> None:
        """A tile that does not come is a failed tile, never a black one, and says where and why."""
        fault, reason = AT_A_TILE[name]
        with opened(f"{web_place.root}{image}{SIGNATURE}") as source:
            web.forget()
            web.plan = always(fault)
            found = answer(source)

        assert isinstance(found, FailedTile)
        assert found.error.args[0].startswith(f"{web_place.root}{image}")
        with pytest.raises(type(found.error), match=reason):
            raise found.error
        assert "5ec2e7" not in str(found.error)
        if (name, image) not in (("404", "v05.zarr"), ("circle", image)):
            # Whether the store is still there is asked once; and obstore does not tell how often it was redirected.
            assert found.acquisition.num_requests == len(web.requests())

    @pytest.mark.parametrize("image", IMAGES)
    @pytest.mark.parametrize(
        "fault", [status(429), status(503), Fault(kind="reset"), Fault(kind="truncate")]
    )
    def test_what_passes(
        self, web: LoggingServer, web_place: Place, fault: Fault, image: str
    ) -> None:
        """Two failures of each range are survived; each counts as a request, and its bytes do not."""
        web.plan = at_first(fault, count=2)
        with opened(web_place.root + image) as source:
            found = answer(source)
            cost = source.header + found.acquisition

        assert isinstance(found, Tile)
        assert cost.num_requests == len(web.requests())
        assert cost.num_requests % 3 == 0
        assert cost.transferred_bytes == delivered_bytes(web.requests())

    def test_waiting_in_line_is_no_request(self, web: LoggingServer) -> None:
        """Reads that wait for their turn are neither counted nor given up before they are made."""

        def slowly(_: Ask) -> None:
            time.sleep(0.25)

        (web.root / "line.bin").write_bytes(b"0123456789")
        web.plan = slowly
        limits = RemoteLimits(
            connect_timeout_s=0.4, read_timeout_s=0.4, max_requests=1, num_tries=1
        )
        storage = RemoteStorage(web.url("line.bin"), limits)
        ranges = [ByteRange(offset=n, count=1, is_clipped=True) for n in range(8)]  # never joined
        pieces = storage.fetch(ranges)

        assert [piece.checked() for piece in pieces] == [b"%d" % n for n in range(8)]
        assert len(web.requests()) == sum(piece.num_requests for piece in pieces) == 8


class TestChanges:
    @pytest.mark.parametrize("has_etags", [True, False])
    def test_another_version(self, web: LoggingServer, has_etags: bool) -> None:  # a parameter
        """A file that is replaced under its reader is never read on, whether ETag or time tell it."""
        web.has_etags = has_etags
        path = tiled(web.root / "changing.tif")
        with opened(web.url("changing.tif")) as source:
            assert isinstance(answer(source), Tile)
            tiled(web.root / "changing.tif", seed=1)
            os.utime(path, (0, path.stat().st_mtime + 10))

            with pytest.raises(ImageChangedError, match=r"changing\.tif: the object changed.*run"):
                answer(source)

    def test_another_version_on_s3(self, s3: Moto, tmp_path: Path) -> None:
        """S3 says so by the same ETag."""
        root = s3.upload(tiled(tmp_path / "a.tif").parent, "changing")
        with opened(f"{root}/a.tif") as source, s3.client(s3.port) as client:
            assert isinstance(answer(source), Tile)
            body = tiled(tmp_path / "b.tif", seed=1).read_bytes()
            client.put_object(Bucket="changing", Key="a.tif", Body=body)

            with pytest.raises(
                ImageChangedError, match=r"s3://changing/a\.tif: the object changed"
            ):
                answer(source)
