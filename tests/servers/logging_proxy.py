"""Stands before a server that keeps no log: hands on each request and counts the body of each answer."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.servers.request_log import RequestLog
from tests.servers.served_request import ServedRequest
from tests.servers.threaded_server import PromptHandler, ThreadedServer

_OF_THE_CONNECTION = frozenset(
    ("connection", "keep-alive", "transfer-encoding", "content-length", "server", "date")
)
"""Headers that are between two neighbours, and are not handed on."""


@dataclass(slots=True)
class LoggingProxy:
    """A running proxy; see `proxying`."""

    target_port: int
    """The server behind it, on 127.0.0.1."""
    port: int = 0
    """It listens on 127.0.0.1."""
    log: RequestLog = field(default_factory=RequestLog)
    """What it handed on."""

    def requests(self) -> list[ServedRequest]:
        """All since the last `forget`, once none is under way, in the order in which they came."""
        return self.log.requests()

    def forget(self) -> None:
        """Begin the log anew."""
        self.log.forget()


@contextlib.contextmanager
def proxying(target_port: int) -> Iterator[LoggingProxy]:
    """A proxy for as long as it is needed."""
    state = LoggingProxy(target_port=target_port)
    server = ThreadedServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"state": state}))
    state.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


class _Handler(PromptHandler, BaseHTTPRequestHandler):
    state: LoggingProxy
    wbufsize = 2**16

    def do_GET(self) -> None:  # http.server's name for it
        """Hand it on, and its answer back."""
        started = time.perf_counter()
        number = self.state.log.begin()
        status, sent, is_whole = 0, 0, False
        try:
            answer, body = self._forwarded()
            status = answer.status
            self.send_response(status)
            for name, value in answer.getheaders():
                if name.lower() not in _OF_THE_CONNECTION:
                    self.send_header(name, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else len(body)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            sent = self.wfile.write(body) if body else 0
            self.wfile.flush()
            is_whole = True
        except OSError:
            self.close_connection = True
        finally:
            self.state.log.end(
                number,
                ServedRequest(
                    method=self.command,
                    target=self.path,
                    status=status,
                    body_bytes=sent,
                    range=self.headers.get("Range", ""),
                    seconds=time.perf_counter() - started,
                    is_whole=is_whole,
                ),
            )

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815  # http.server's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # http.server's name for it
        """Kept in the state instead."""

    def _forwarded(self) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.state.target_port, timeout=20)
        with contextlib.closing(connection):
            asked = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {n: v for n, v in self.headers.items() if n.lower() != "connection"}
            connection.request(self.command, self.path, asked or None, headers)
            answer = connection.getresponse()
            return answer, answer.read()
