"""A real nginx in front of a directory, with one door per kind of server: plain, slow, without ranges, and so on.

Runs as the user of the tests, on a free port, with its own configuration, log and temporary files.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template

from tests.servers.free_port import free_port, is_answered
from tests.servers.served_request import ServedRequest, wait_until

LATENCY_S = 0.03
"""Of the slow door: a request to an object store within a region."""
_MODULES = (Path("/usr/lib/nginx/modules"), Path("/usr/lib64/nginx/modules"))
_LUA = ("ndk_http_module.so", "ngx_http_lua_module.so")
_ECHO = ("ngx_http_echo_module.so",)
_SEAL = "a secret of this test"
_CONFIG = Template("""
$modules
$user
daemon off;
worker_processes $workers;
pid $home/pid;
error_log $home/error.log warn;
events { worker_connections 1024; }
http {
    types { }
    default_type application/octet-stream;
    client_body_temp_path $home/body; proxy_temp_path $home/proxy; fastcgi_temp_path $home/fastcgi;
    uwsgi_temp_path $home/uwsgi; scgi_temp_path $home/scgi;
    log_format lines escape=json '{"method":"$$request_method","uri":"$$request_uri","status":$$status,'
        '"body_bytes_sent":$$body_bytes_sent,"http_range":"$$http_range","request_time":$$request_time,'
        '"completion":"$$request_completion"}';
    access_log $home/access.log lines;
    keepalive_requests 1000000;
    sendfile on;
    server {
        listen 127.0.0.1:$port;
        root $root;
        location = /settled { return 204; }
        location /plain/ { alias $root/; }
        location /noranges/ { alias $root/; max_ranges 0; }
        location /notags/ { alias $root/; etag off; }
        location /gzipped/ { alias $root/; gzip on; gzip_types *; gzip_min_length 1; gzip_http_version 1.0; }
        location /moved/ { rewrite ^/moved/(.*)$$ /plain/$$1 redirect; }
        location /elsewhere/ { rewrite ^/elsewhere/(.*)$$ http://localhost:$port/plain/$$1 redirect; }
        location /circle/ { rewrite ^ $$uri redirect; }
        location /secret/ {
            alias $root/;
            secure_link $$arg_md5,$$arg_expires;
            secure_link_md5 "$$secure_link_expires$$uri $seal";
            if ($$secure_link = "") { return 403; }
            if ($$secure_link = "0") { return 403; }
        }
        $slow
    }
}
""")


@dataclass(slots=True)
class Nginx:
    """A running nginx.

    The doors, all to the same directory: `plain`, `slow` (latency before each answer), `noranges`, `notags`
    (no ETag), `gzipped`, `moved` (302 to plain), `elsewhere` (302 to another host name), `circle` (302 to
    itself), `secret` (signed links only, see `signed_url`).
    """

    port: int
    """It listens on 127.0.0.1."""
    root: Path
    """Directory that it serves."""
    home: Path
    """Its configuration, log and temporary files."""
    has_latency: bool
    """Whether the slow door is slow; it is missing where no module of nginx can wait."""
    _num_forgotten: int = 0
    _num_asked: int = 0

    def url(self, path: str, door: str = "plain") -> str:
        """Of a file, by its path below the directory."""
        return f"http://127.0.0.1:{self.port}/{door}/{path}"

    def signed_url(self, path: str, *, valid_s: float) -> str:
        """Through the `secret` door; refused with 403 when its time is over."""
        expires = int(time.time() + valid_s)
        told = hashlib.md5(f"{expires}/secret/{path} {_SEAL}".encode(), usedforsecurity=False)
        mark = base64.urlsafe_b64encode(told.digest()).decode().rstrip("=")
        return f"{self.url(path, 'secret')}?md5={mark}&expires={expires}"

    def requests(self) -> list[ServedRequest]:
        """All since the last `forget`. Asks a question of its own and waits for it in the log, which is in order."""
        self._num_asked += 1
        mark = f"/settled?{self._num_asked}"
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        ) as own:
            own.request("GET", mark)
            own.getresponse().read()
        wait_until(lambda: any(one.target == mark for one in self._logged()), "log is behind")
        logged = [one for one in self._logged() if one.path != "/settled"]
        return logged[self._num_forgotten :]

    def forget(self) -> None:
        """Begin the log anew."""
        self._num_forgotten += len(self.requests())

    def _logged(self) -> list[ServedRequest]:
        lines = (self.home / "access.log").read_bytes().split(b"\n")[:-1]  # the last has no end yet
        return [_request(line) for line in lines]


def has_nginx() -> bool:
    """Whether it is installed."""
    return shutil.which("nginx", path=_path()) is not None


@contextlib.contextmanager
def serving(
    root: Path, home: Path, *, latency_s: float = LATENCY_S, num_workers: int = 1
) -> Iterator[Nginx]:
    """An nginx for as long as it is needed.

    Args:
        root: directory to serve.
        home: empty directory for its own files.
        latency_s: what each answer of the slow door waits.
        num_workers: processes; the log is in order with one only.

    Raises:
        RuntimeError: if it does not start.
    """
    port = free_port()
    modules, slow = _waiting(latency_s, root)
    home.mkdir(parents=True, exist_ok=True)
    config = _CONFIG.substitute(
        modules="\n".join(f"load_module {path};" for path in modules),
        user="user root;" if os.geteuid() == 0 else "",  # else workers may not read private files
        workers=num_workers,
        home=home,
        root=root,
        port=port,
        seal=_SEAL,
        slow=slow,
    )
    (home / "nginx.conf").write_text(config)
    command = ["nginx", "-p", str(home), "-c", str(home / "nginx.conf"), "-e", f"{home}/error.log"]
    environment = {**os.environ, "PATH": _path()}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        _wait_for(process, port)
        yield Nginx(port=port, root=root, home=home, has_latency=bool(slow))
    finally:
        process.terminate()
        process.communicate(timeout=10)


def _waiting(latency_s: float, root: Path) -> tuple[list[Path], str]:
    """Modules by which nginx can wait before it answers, and the slow door."""
    for directory in _MODULES:
        lua, echo = ([directory / name for name in names] for names in (_LUA, _ECHO))
        if all(path.exists() for path in lua):
            wait = f"access_by_lua_block {{ ngx.sleep({latency_s}) }}"
            return lua, f"location /slow/ {{ alias {root}/; {wait} }}"
        if all(path.exists() for path in echo):
            door = f"location /slow/ {{ echo_sleep {latency_s}; echo_exec @waited; }}"
            inner = "location @waited { rewrite ^/slow/(.*)$ /$1 break; }"
            return echo, f"{door}\n{inner}"
    return [], ""


def _wait_for(process: subprocess.Popen[str], port: int) -> None:
    try:
        wait_until(lambda: process.poll() is not None or is_answered(port), "nginx does not start")
    except TimeoutError:
        process.kill()
        raise
    if process.poll() is not None:
        raise RuntimeError(f"nginx does not start: {process.communicate()[1]}")


def _request(line: bytes) -> ServedRequest:
    entry = json.loads(line)
    return ServedRequest(
        method=entry["method"],
        target=entry["uri"],
        status=int(entry["status"]),
        body_bytes=int(entry["body_bytes_sent"]),
        range=entry["http_range"],
        seconds=float(entry["request_time"]),
        is_whole=entry["completion"] == "OK",
    )


def _path() -> str:
    """Debian keeps it where only root looks."""
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"
