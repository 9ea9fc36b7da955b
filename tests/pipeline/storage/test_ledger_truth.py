"""The ledger against the servers' own logs: every byte and every request, and nothing that was not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.records.result import ImageResult, Prediction
from pipeline.storage.byte_range import ByteRange, tile_cost
from pipeline.storage.remote import RemoteStorage
from pipeline.storage.remote_limits import RemoteLimits
from tests.pipeline.storage.conftest import Place
from tests.pipeline.storage.forms import FORMS, stored_bytes
from tests.pipeline.storage.looking import Reference, answer_of, classified, cost_of, reference
from tests.servers.fault import Fault, now_and_then
from tests.servers.logging_server import LoggingServer
from tests.servers.served_request import ServedRequest, delivered_bytes

ROOT = Path(__file__).parents[3]
QUICK = RemoteLimits(connect_timeout_s=0.2, read_timeout_s=0.4, first_pause_s=0.01, num_tries=3)
PASSING = [
    Fault(kind="status", status=500),
    Fault(kind="status", status=503),
    Fault(kind="status", status=429, headers=(("Retry-After", "0"),)),
    Fault(kind="reset"),
    Fault(kind="truncate"),
]
"""What goes wrong once, and is fine when asked again."""


@pytest.fixture(scope="module")
def references(pictures: Path) -> dict[str, Reference]:
    """Each picture as read from the disk."""
    return {name: reference(pictures / name) for name in FORMS}


def check(
    result: ImageResult, served: list[ServedRequest], expected: Reference, path: Path
) -> None:
    """All that must hold of one image, whatever went wrong and was made good."""
    cost = cost_of(result)

    assert answer_of(result) == answer_of(expected.result)
    assert cost.num_requests == len(served)
    assert cost.transferred_bytes == delivered_bytes(served)
    assert cost.requested_bytes == stored_bytes(path, expected.tiles)
    assert cost.index_bytes + cost.requested_bytes + cost.gap_bytes == cost.transferred_bytes
    assert isinstance(result.outcome, Prediction)
    assert result.outcome.bytes_read == cost.transferred_bytes


class TestFar:
    @pytest.mark.parametrize("name", FORMS)
    def test_one_image(
        self, place: Place, pictures: Path, references: dict[str, Reference], name: str
    ) -> None:
        """Its answer is that of the disk to the last bit; its ledger is the server's log to the byte."""
        if name not in place.forms:
            pytest.skip("not served there")
        uri = place.root + name
        result = classified(uri)[uri]

        check(result, place.server.requests(), references[name], pictures / name)

    def test_many_at_once(
        self, place: Place, pictures: Path, references: dict[str, Reference]
    ) -> None:
        """Images that are read side by side do not pay for each other, and nobody pays for nothing."""
        results = classified(*(place.root + name for name in place.forms))
        served = place.server.requests()

        assert sum(cost_of(one).transferred_bytes for one in results.values()) == delivered_bytes(
            served
        )
        assert sum(cost_of(one).num_requests for one in results.values()) == len(served)
        for name in place.forms:
            own = place.requests(name)
            check(results[place.root + name], own, references[name], pictures / name)

    def test_no_more_than_the_disk(
        self, nginx_place: Place, references: dict[str, Reference]
    ) -> None:
        """Far away, the same tiles are asked for: only gaps and larger headers come on top."""
        results = classified(*(nginx_place.root + name for name in nginx_place.forms))

        for name in nginx_place.forms:
            far, near = cost_of(results[nginx_place.root + name]), cost_of(references[name].result)
            assert far.requested_bytes == near.requested_bytes
            assert far.num_requests <= near.num_requests


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="Linux only")
class TestNear:
    def test_what_linux_counted(self, pictures: Path) -> None:
        """Reads from a disk are as many, of as many bytes, as the kernel saw; asking for what is absent is no read."""
        command = [sys.executable, "-m", "tests.pipeline.storage.count_reads", str(pictures)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        rows = [line.split() for line in done.stdout.splitlines()]
        absent = {"v04.zarr": 1}  # it is first asked for the zarr.json of newer ones

        assert sorted(row[0] for row in rows) == sorted(FORMS)
        for name, bytes_by_linux, reads_by_linux, bytes_by_us, reads_by_us in rows:
            assert (name, bytes_by_us) == (name, bytes_by_linux)
            assert (name, int(reads_by_us)) == (name, int(reads_by_linux) + absent.get(name, 0))


class TestSharedBytes:
    def test_come_once(self, web: LoggingServer) -> None:
        """Tiles that are stored once and named twice, as writers do with empty ones, are transferred once."""
        (web.root / "shared.bin").write_bytes(bytes(range(256)))
        storage = RemoteStorage(web.url("shared.bin"))
        ranges = [ByteRange(offset=at, count=100) for at in (0, 0, 50, 156)]
        pieces = storage.fetch(ranges)
        cost = tile_cost(pieces, seconds=0)

        assert [piece.data for piece in pieces] == [
            bytes(range(at, at + 100)) for at in (0, 0, 50, 156)
        ]
        assert (cost.requested_bytes, cost.gap_bytes) == (400, 6)
        assert cost.transferred_bytes == delivered_bytes(web.requests()) == 256


class TestUnderFailures:
    def test_errors_that_pass(
        self,
        web: LoggingServer,
        web_place: Place,
        pictures: Path,
        references: dict[str, Reference],
        patience: Callable[[RemoteLimits], None],
    ) -> None:
        """With one in ten ranges failing at first, all answers stay; failed requests count, their bytes do not."""
        patience(QUICK)
        web.plan = now_and_then(PASSING, one_in=10)
        results = classified(*(web_place.root + name for name in web_place.forms))
        failed = [
            one for one in web.requests() if one.status not in (200, 206, 404) or not one.is_whole
        ]

        assert len(failed) >= 10
        for name in web_place.forms:
            served = web_place.requests(name)
            check(results[web_place.root + name], served, references[name], pictures / name)

    @pytest.mark.parametrize("kind", ["stall", "stall_in_body"])
    def test_stalls(
        self,
        web: LoggingServer,
        web_place: Place,
        pictures: Path,
        references: dict[str, Reference],
        patience: Callable[[RemoteLimits], None],
        kind: str,
    ) -> None:
        """Servers that fall silent, before or in the middle of a body, are asked again."""
        patience(QUICK)
        web.plan = now_and_then([Fault(kind=kind)], one_in=12)  # type: ignore[arg-type]  # one of the kinds
        results = classified(*(web_place.root + name for name in web_place.forms))
        stalled = [one for one in web.requests() if not one.is_whole]

        assert len(stalled) >= 5
        for name in web_place.forms:
            served = web_place.requests(name)
            check(results[web_place.root + name], served, references[name], pictures / name)
