"""The judges are judged first: each server's log against what a plain client got."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.servers import nginx
from tests.servers.fault import Ask, Fault, after, always, at_first, now_and_then
from tests.servers.logging_server import LoggingServer
from tests.servers.moto import Moto
from tests.servers.nginx import Nginx
from tests.servers.request_log import RequestLog
from tests.servers.served_request import ServedRequest, delivered_bytes

DATA = bytes(range(256)) * 40


@dataclass(frozen=True)
class Answer:
    """What a client got."""

    status: int
    body: bytes
    location: str | None


def get(url: str, wanted: str = "", **headers: str) -> Answer:
    """By the standard library, one hop."""
    parts = urlsplit(url)
    with contextlib.closing(http.client.HTTPConnection(parts.netloc, timeout=5)) as connection:
        asked = headers | ({"Range": wanted} if wanted else {})
        query = f"?{parts.query}" if parts.query else ""
        connection.request("GET", f"{parts.path}{query}", headers=asked)
        response = connection.getresponse()
        return Answer(response.status, response.read(), response.headers["Location"])


class TestNginx:
    def test_doors(self, nginx_server: Nginx) -> None:
        """Each door does what its name says, and the log tells bytes, range and status of each."""
        (nginx_server.root / "a.bin").write_bytes(DATA)
        url, part = nginx_server.url, "bytes=3-9"

        assert get(url("a.bin"), part).body == DATA[3:10]
        assert get(url("a.bin", "noranges"), part).body == DATA
        assert get(url("a.bin", "moved"), part).location == url("a.bin")
        elsewhere = get(url("a.bin", "elsewhere"), part).location
        assert elsewhere == f"http://localhost:{nginx_server.port}/plain/a.bin"
        assert get(url("gone.bin")).status == 404
        assert get(url("a.bin", "secret")).status == 403
        assert get(nginx_server.signed_url("a.bin", valid_s=-1)).status == 403
        assert get(nginx_server.signed_url("a.bin", valid_s=60)).body == DATA
        served = nginx_server.requests()
        assert [one.status for one in served] == [206, 200, 302, 302, 404, 403, 403, 200]
        assert served[0].range == part
        assert delivered_bytes(served) == 7 + 2 * len(DATA)

    def test_gzip(self, nginx_server: Nginx) -> None:
        """The door that packs its answers does so for whoever allows it."""
        (nginx_server.root / "a.bin").write_bytes(DATA)
        packed = get(nginx_server.url("a.bin", "gzipped"), **{"Accept-Encoding": "gzip"}).body

        assert len(packed) < len(DATA)
        assert gzip.decompress(packed) == DATA

    def test_latency(self, nginx_server: Nginx) -> None:
        """The slow door waits before it answers; the range is served all the same."""
        if not nginx_server.has_latency:
            pytest.skip("nginx has neither lua nor echo")
        (nginx_server.root / "a.bin").write_bytes(DATA)
        started = time.perf_counter()

        assert get(nginx_server.url("a.bin", "slow"), "bytes=3-9").body == DATA[3:10]
        assert time.perf_counter() - started >= nginx.LATENCY_S


class TestRequestLog:
    def test_requests_are_in_the_order_of_coming(self) -> None:
        """The second of two is logged first, and is the second all the same; after `forget` there is none."""
        log = RequestLog()
        first, second = log.begin(), log.begin()
        for number in (second, first):
            request = ServedRequest(
                method="GET", target=f"/{number}", status=200, body_bytes=0, range="", seconds=0.0
            )
            log.end(number, request)

        assert [one.path for one in log.requests()] == [f"/{first}", f"/{second}"]
        log.forget()
        assert log.requests() == []


class TestLoggingServer:
    def test_ranges_and_versions(self, web: LoggingServer) -> None:
        """Ranges of all three forms, If-Match, 404 and 416, logged to the byte."""
        (web.root / "a.bin").write_bytes(DATA)
        url = web.url("a.bin")

        assert get(url, "bytes=3-9").body == DATA[3:10]
        assert get(url, "bytes=-5").body == DATA[-5:]
        assert get(url, "bytes=10200-").body == DATA[10200:]
        assert get(url).body == DATA
        assert get(url, "bytes=99999-").status == 416
        assert get(web.url("gone")).status == 404
        assert get(url, **{"If-Match": '"another"'}).status == 412
        assert [one.status for one in web.requests()] == [206, 206, 206, 200, 416, 404, 412]
        assert delivered_bytes(web.requests()) == 7 + 5 + 40 + len(DATA)

    def test_faults(self, web: LoggingServer) -> None:
        """Cut bodies, silence and dropped connections are logged with what was sent, and count as not good."""
        (web.root / "a.bin").write_bytes(DATA)
        url = web.url("a.bin")
        for kind in ("reset", "truncate", "wrong_length"):
            web.forget()
            web.plan = always(Fault(kind=kind))
            with pytest.raises((OSError, http.client.HTTPException)):
                get(url)
            [request] = web.requests()

            assert not request.is_good
            sent = {"reset": 0, "truncate": len(DATA) // 2, "wrong_length": len(DATA)}
            assert request.body_bytes == sent[kind]

    def test_plans(self) -> None:
        """Which requests fail depends on what they ask for, never on their order."""
        fault = Fault(kind="reset")
        asks = [Ask(number=n, path=f"/{n}", query="", range="") for n in range(400)]
        plan = now_and_then([fault], one_in=20)
        failed = {ask.path for ask in asks if plan(ask)}
        other = now_and_then([fault], one_in=20)

        assert {ask.path for ask in reversed(asks) if other(ask)} == failed
        assert 5 < len(failed) < 40
        assert not [ask for ask in asks if plan(ask)]
        first = at_first(fault)
        assert [bool(first(asks[0])) for _ in range(3)] == [True, False, False]
        later = after(fault, 2)
        assert [bool(later(ask)) for ask in asks[5:9]] == [False, False, True, True]


class TestMoto:
    def test_upload_and_log(self, tmp_path: Path, s3: Moto) -> None:
        """What was uploaded is served by range to who has a name, and the proxy's log says so."""
        (tmp_path / "a.bin").write_bytes(DATA)
        s3.upload(tmp_path, "judged")
        with s3.client(s3.proxy.port) as client:
            found = client.get_object(Bucket="judged", Key="a.bin", Range="bytes=3-9")[
                "Body"
            ].read()

        assert found == DATA[3:10]
        assert get(f"{s3.environment['AWS_ENDPOINT_URL']}/judged/a.bin").status == 403
        assert [one.status for one in s3.requests()] == [206, 403]
        assert delivered_bytes(s3.requests()) == 7
