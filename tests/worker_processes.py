"""Finds the processes that classify images, by the name that Ray gives them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psutil

NAME = "RayClassifyActor"


def worker_processes(ancestor: psutil.Process) -> Iterator[psutil.Process]:
    """Those below a process. Others come and go meanwhile, which is no reason to miss these."""
    with contextlib.suppress(psutil.Error):
        for child in ancestor.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if NAME in " ".join(child.cmdline()):
                    yield child
