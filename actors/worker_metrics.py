"""What a worker does, as Ray's own metrics: on the dashboard's Metrics page, and where Prometheus asks every node.

Ray puts `ray_` before each name, and tells which worker and node it is of.
"""

from __future__ import annotations

import threading
import time

from ray.util.metrics import Counter, Gauge

from actors.engine import Engine
from actors.model_lanes import Activity
from actors.receipt import Receipt

INTERVAL_S = 2.0
"""Between two looks at the engine; Ray sends metrics on every 10 s unless told otherwise."""


class WorkerMetrics:
    """Counts of one worker. Rates (looks/s, bytes/s) are what Prometheus' `rate` makes of them."""

    def __init__(self) -> None:
        self._images = Counter(
            "foveate_images", "Images whose rows are written, by status.", tag_keys=("status",)
        )
        self._bytes = Counter("foveate_bytes_read", "Bytes transferred for them.")
        self._looks = Counter("foveate_looks", "Looks that the model took.")
        self._in_flight = Gauge("foveate_images_in_flight", "Images open at once.")
        self._fill = Gauge("foveate_batch_fill", "Share of the model's batches that held looks.")

    def count(self, receipt: Receipt) -> None:
        """An image is finished."""
        self._images.inc(1, {"status": receipt.status})
        if receipt.bytes_read:
            self._bytes.inc(receipt.bytes_read)

    def watch(self, engine: Engine) -> None:
        """Look at an engine from time to time, until its process ends."""
        threading.Thread(
            target=self._watch, args=(engine,), name="foveate-metrics", daemon=True
        ).start()

    def _watch(self, engine: Engine) -> None:
        last = Activity()
        while True:
            time.sleep(INTERVAL_S)
            now = engine.activity
            self._in_flight.set(now.images)
            looks, slots = now.looks - last.looks, now.slots - last.slots
            if slots:
                self._looks.inc(looks)
                self._fill.set(looks / slots)
            last = now
