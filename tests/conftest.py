"""What all tests share: where the real images are, and small images on disk."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

pytest_plugins = ("tests.servers.fixtures",)

SHARED = Path(__file__).parents[2] / "shared" / "data"

# Two test processes on two cores: each with one thread, or they fight.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A background job is started with Ctrl-C ignored, and so would be what the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No test is timed: how long an example takes says what else the machine does.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `shared` skip cleanly where the real images are absent."""
    if SHARED.is_dir():
        return
    skip = pytest.mark.skip(reason=f"{SHARED} is not there")
    for item in items:
        if "shared" in item.keywords:
            item.add_marker(skip)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests of one group must not run side by side: two of Ray's heads on two cores starve each other.

    xdist loses the groups in silence with a pytest that it does not know.
    """
    is_grouped = item.config.getoption("loadgroup", default=False) is True
    if is_grouped and item.get_closest_marker("xdist_group") and "@" not in item.nodeid:
        pytest.fail(
            "pytest-xdist made no group of this test: which pytest is it? See pyproject.toml"
        )


@pytest.fixture(scope="session")
def shared() -> Path:
    """Directory of the real images."""
    return SHARED


def picture(height: int, width: int, *, bands: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    """(H, W, C) smooth shapes and some noise: compressible, and different everywhere."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(y / (9 + 5 * c)) + np.cos(x / (7 + 3 * c)) for c in range(bands)]
    noisy = np.stack(waves, axis=2) * 50 + 120 + rng.normal(0, 4, (height, width, bands))
    clipped: NDArray[np.uint8] = np.clip(noisy, 0, 255).astype(np.uint8)
    return clipped
