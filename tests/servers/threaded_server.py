"""What both servers of our own stand on: a thread per connection, and answers that leave at once."""

from __future__ import annotations

import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class ThreadedServer(ThreadingHTTPServer):
    """Many clients at once; those that keep connections open do not hold it up."""

    daemon_threads = True
    block_on_close = False  # kept connections stay open as long as their client likes
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are no news."""


class PromptHandler(BaseHTTPRequestHandler):
    """HTTP/1.1 without waiting for packets to fill."""

    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
