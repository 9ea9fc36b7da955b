"""How long and how often a server is asked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteLimits:
    """Patience with servers."""

    connect_timeout_s: float = 10.0
    """Until a connection stands."""
    read_timeout_s: float = 20.0
    """Until all bytes of one request are here."""
    num_tries: int = 3
    """Times a request is made that fails in a way that may pass: no answer, 429, or 5xx."""
    first_pause_s: float = 0.25
    """Between the first two tries; each later pause is four times as long, give or take half."""
    max_requests: int = 128
    """Requests under way at once, in this process."""


REMOTE_LIMITS = RemoteLimits()
"""What is used unless a test says otherwise."""
