"""Names of places: what is understood, what is shown of them, what may be read."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ImageAccessError, UnsupportedImageError
from pipeline.storage.allowed_places import AllowedPlaces, parse_places
from pipeline.storage.place import is_far, is_signed, local_path, server_parts, shown


class TestPlace:
    @pytest.mark.parametrize(
        ("uri", "expected"),
        [
            ("/a/b.tif", False),
            ("file:///a/b.tif", False),
            ("http://h/a.tif", True),
            ("s3://bucket/a.tif", True),
        ],
    )
    def test_far(self, uri: str, expected: bool) -> None:  # a parameter
        """Whatever has a scheme that is not file is on a server."""
        assert is_far(uri) is expected

    def test_secrets_are_not_shown(self) -> None:
        """Neither password nor parameters are ever printed."""
        url = "https://me:hunter2@host/a.tif?X-Amz-Signature=abc#part"

        assert shown(url) == "https://host/a.tif"
        assert is_signed(url)
        assert not is_signed("https://host/a.tif?page=2")
        with pytest.raises(
            ImageAccessError, match="credentials come from the environment"
        ) as caught:
            server_parts(url)
        assert "hunter2" not in str(caught.value)
        assert "abc" not in str(caught.value)

    @pytest.mark.parametrize("url", ["ftp://h/a", "gopher://h/a", "azure2://a/b"])
    def test_unknown_schemes(self, url: str) -> None:
        """Schemes that are not known are told with those that are."""
        with pytest.raises(UnsupportedImageError, match="wanted http, https, s3, gs or az"):
            server_parts(url)

    @pytest.mark.parametrize(
        "url", ["http://", "http://host", "http://host/", "s3://bucket", "http:///a"]
    )
    def test_no_object(self, url: str) -> None:
        """A server alone is no image."""
        with pytest.raises(ImageAccessError, match="names no object"):
            server_parts(url)

    @pytest.mark.parametrize("url", ["http://[::1/a.tif", "https://[bad]/a.tif"])
    def test_no_url(self, url: str) -> None:
        """What cannot be taken apart is our own error."""
        with pytest.raises(ImageAccessError):
            server_parts(url)

    def test_file_urls(self) -> None:
        """Paths of file URLs are unquoted; other machines' files are not read."""
        assert local_path("file:///a%20b/c.tif") == Path("/a b/c.tif")
        with pytest.raises(ImageAccessError, match="another machine"):
            local_path("file://other/c.tif")


class TestAllowedPlaces:
    @pytest.mark.parametrize(
        ("allowed", "uri", "is_allowed"),
        [
            (None, "file:///etc/passwd", True),
            ("", "/a.tif", False),
            ("local", "/a.tif", True),
            ("local", "http://h/a.tif", False),
            ("images.example.org", "https://images.example.org/a.tif", True),
            ("images.example.org", "https://IMAGES.example.org:8443/a.tif", True),
            ("images.example.org", "https://example.org/a.tif", False),
            ("*.example.org", "https://a.example.org/a.tif", True),
            ("*.example.org", "https://example.org.evil.com/a.tif", False),
            ("https://a.org, b.org", "https://b.org/x", True),
            ("s3://mine", "s3://mine/a.tif", True),
            ("s3://mine", "s3://other/a.tif", False),
            ("mine", "s3://mine/a.tif", False),
            ("public", "s3://mine/a.tif", False),
            ("public", "file:///a.tif", False),
            ("public", "http://127.0.0.1/a.tif", False),
            ("public", "http://10.1.2.3/a.tif", False),
            ("public", "http://169.254.169.254/latest/meta-data", False),
            ("public", "http://[::1]/a.tif", False),
            ("public", "http://[::ffff:127.0.0.1]/a.tif", False),
            ("public", "http://8.8.8.8/a.tif", True),
            ("public,127.0.0.1", "http://127.0.0.1/a.tif", True),
        ],
    )
    def test_rules(self, allowed: str | None, uri: str, is_allowed: bool) -> None:  # a parameter
        """Named hosts and buckets, and nothing else; `public` is every server whose addresses are."""
        places = parse_places(allowed)
        if is_allowed:
            places.check(uri)
            return
        with pytest.raises(ImageAccessError, match="--allow-hosts"):
            places.check(uri)

    def test_names_that_lead_inside(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """One private address among a name's addresses is enough to refuse it; so is none at all."""
        found: dict[str, list[str]] = {
            "mixed.org": ["8.8.8.8", "192.168.0.1"],
            "good.org": ["8.8.4.4"],
        }

        def lookup(host: str, *_: Any) -> list[Any]:
            if host not in found:
                raise socket.gaierror("no such name")
            return [(2, 1, 6, "", (address, 0)) for address in found[host]]

        monkeypatch.setattr(socket, "getaddrinfo", lookup)
        places = AllowedPlaces(("public",))
        places.check("http://good.org/a")
        for host in ("mixed.org", "gone.org"):
            with pytest.raises(ImageAccessError):
                places.check(f"http://{host}/a")
