"""A web server in threads of this process that serves a directory, counts each byte, and fails when told to.

It needs nothing but Python, so the tests that hold the ledger against a server run everywhere.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tests.servers.fault import Ask, Fault, Plan, never
from tests.servers.request_log import RequestLog
from tests.servers.served_request import ServedRequest
from tests.servers.threaded_server import PromptHandler, ThreadedServer

CHUNK_BYTES = 2**16


@dataclass(slots=True)
class LoggingServer:
    """A running server; see `serving`."""

    root: Path
    """Directory that it serves."""
    port: int = 0
    """It listens on 127.0.0.1."""
    plan: Plan = never
    """What goes wrong; may be changed at any time."""
    has_etags: bool = True
    """Whether it says which version of an object it sends."""
    is_stopping: threading.Event = field(default_factory=threading.Event)
    """Ends stalls."""
    log: RequestLog = field(default_factory=RequestLog)
    """What it was asked for."""

    def url(self, path: str) -> str:
        """Of a file, by its path below the directory."""
        return f"http://127.0.0.1:{self.port}/{path}"

    def requests(self) -> list[ServedRequest]:
        """All since the last `forget`, once none is under way, in the order in which they came."""
        return self.log.requests()

    def forget(self) -> None:
        """Begin the log anew, and let nothing go wrong from now on."""
        self.plan = never
        self.log.forget()


@contextlib.contextmanager
def serving(root: Path) -> Iterator[LoggingServer]:
    """A server for as long as it is needed."""
    state = LoggingServer(root=root)
    handler = type("Handler", (_Handler,), {"state": state})
    server = ThreadedServer(("127.0.0.1", 0), handler)
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.is_stopping.set()
        server.shutdown()
        server.server_close()


class _Handler(PromptHandler, BaseHTTPRequestHandler):
    state: LoggingServer
    wbufsize = CHUNK_BYTES  # else headers go packet by packet, and each waits for the last

    def do_GET(self) -> None:  # http.server's name for it
        """Answer, or fail as planned; log it in any case."""
        started = time.perf_counter()
        path, _, query = self.path.partition("?")
        wanted = self.headers.get("Range", "")
        number = self.state.log.begin()
        fault = self.state.plan(Ask(number=number, path=path, query=query, range=wanted))
        self.status, self.sent_bytes, self.is_whole = 0, 0, True
        try:
            self._answer(unquote(path).lstrip("/"), wanted, fault)
            self.wfile.flush()
        except OSError:
            self.is_whole, self.close_connection = False, True
        finally:
            self.state.log.end(
                number,
                ServedRequest(
                    method=self.command,
                    target=self.path,
                    status=self.status,
                    body_bytes=self.sent_bytes,
                    range=wanted,
                    seconds=time.perf_counter() - started,
                    is_whole=self.is_whole,
                ),
            )

    do_HEAD = do_GET  # noqa: N815  # the same, without its body

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # http.server's name for it
        """Kept in the state instead."""

    def _answer(self, name: str, wanted: str, fault: Fault | None) -> None:
        if fault and fault.kind == "reset":
            self._reset()
        elif fault and fault.kind == "stall":
            self._stall(fault)
        elif fault and fault.kind in ("status", "redirect"):
            more = (("Location", fault.location),) if fault.kind == "redirect" else ()
            self._say(fault.status, f"status {fault.status}".encode(), fault.headers + more)
        elif not (self.state.root / name).is_file():
            self._say(404, b"not there")
        else:
            self._serve(self.state.root / name, wanted, fault)

    def _serve(self, path: Path, wanted: str, fault: Fault | None) -> None:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            size, tag = found.st_size, f'"{found.st_mtime_ns:x}-{found.st_size:x}"'
            if self.headers.get("If-Match", tag) not in (tag, "*"):
                return self._say(412, b"another version")
            span = None if fault and fault.kind == "no_ranges" else _span(wanted, size)
            if span is not None and span[0] >= span[1]:
                return self._say(416, b"no such bytes")
            first, end = span or (0, size)
            if fault and fault.kind == "other_range":
                first, end = end, min(2 * end - first, size)
            file.seek(first)
            data = file.read(end - first)
        headers = [("Last-Modified", self.date_time_string(int(found.st_mtime)))]
        if self.state.has_etags:
            headers.append(("ETag", tag))
        if span is not None:
            headers.append(("Content-Range", f"bytes {first}-{end - 1}/{size}"))
        return self._send(200 if span is None else 206, data, tuple(headers), fault)

    def _send(
        self, status: int, data: bytes, headers: tuple[tuple[str, str], ...], fault: Fault | None
    ) -> None:
        kind = fault.kind if fault else None
        is_chunked = kind == "chunked"
        length = len(data) + (100 if kind == "wrong_length" else 0)
        framing = (
            ("Transfer-Encoding", "chunked") if is_chunked else ("Content-Length", str(length))
        )
        self._head(status, (*headers, framing))
        if is_chunked:
            self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data))
            self.sent_bytes = len(data)
            return
        if kind == "trickle":
            self._trickle(data)
            return
        is_cut = kind in ("truncate", "stall_in_body")
        self._body(data[: len(data) // 2] if is_cut else data)
        if kind in ("truncate", "stall_in_body", "wrong_length"):
            self.is_whole, self.close_connection = False, True
        if fault and kind == "stall_in_body":
            self.wfile.flush()
            self._stall(fault)

    def _say(self, status: int, text: bytes, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self._head(status, (*headers, ("Content-Length", str(len(text)))))
        self._body(text)

    def _head(self, status: int, headers: tuple[tuple[str, str], ...]) -> None:
        self.status = status
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def _body(self, data: bytes) -> None:
        if self.command == "HEAD":
            return
        for start in range(0, len(data), CHUNK_BYTES):
            self.sent_bytes += self.wfile.write(data[start : start + CHUNK_BYTES])

    def _trickle(self, data: bytes) -> None:
        """Until the client gives up."""
        for start in range(len(data)):
            if self.state.is_stopping.is_set():
                break
            self.sent_bytes += self.wfile.write(data[start : start + 1])
            self.wfile.flush()
            time.sleep(0.05)

    def _stall(self, fault: Fault) -> None:
        """Silent until the client gives up, so that the log holds its request as soon as it did."""
        deadline = time.monotonic() + fault.stall_s
        self.connection.settimeout(0.05)
        while time.monotonic() < deadline and not self.state.is_stopping.is_set():
            with contextlib.suppress(TimeoutError):
                if not self.connection.recv(1, socket.MSG_PEEK):
                    break
        self.is_whole, self.close_connection = False, True

    def _reset(self) -> None:
        """Not the usual end of a connection: everything on its way is thrown away."""
        linger = b"\x01\0\0\0\0\0\0\0"
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.is_whole, self.close_connection = False, True


def _span(wanted: str, size: int) -> tuple[int, int] | None:
    """First byte and end of what a `Range` header asks for; None: everything."""
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", wanted)
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size
