"""Peak memory of a worker on a huge image against one on a large image, each in a process of its own."""

from __future__ import annotations

import json
import resource
import subprocess
import sys

from tests.benchmarks import archive
from tests.benchmarks.figure import Figure

SIDES = (10_000, 100_000)


def figures() -> list[Figure]:
    """The ratio, and what the image adds to the loaded model."""
    for side in SIDES:
        archive.huge(side)
    found = {side: _measured(side) for side in SIDES}
    small, large = (found[side]["peak_mb"] for side in SIDES)
    beside = found[SIDES[1]]["peak_mb"] - found[SIDES[1]]["model_mb"]
    return [
        Figure(
            what="peak memory of a worker, 100,000^2 against 10,000^2 pixels (tnet_fmow, 9 looks)",
            value=f"{large / small:.2f}x",
            wanted="1.2x, reach equal; under 1.5 GB beside the model",
            detail=f"{large:.0f} MB against {small:.0f} MB; {beside:.0f} MB beside the loaded model",
        )
    ]


def _measured(side: int) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.memory", str(side)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _main(side: int) -> None:
    from actors.engine import Engine
    from actors.engine_config import EngineConfig
    from actors.model_loading import load_runner
    from actors.worker_process import settle_in

    model = archive.model("tnet_fmow")
    settle_in()
    runner = load_runner(model, num_threads=2)
    loaded = _peak_mb()
    with Engine(model.config.plan, runner, EngineConfig()) as engine:
        [result] = engine.classify([archive.huge(side)])
    if type(result.outcome).__name__ != "Prediction":
        raise RuntimeError(f"{side}: {result.outcome}")
    print(json.dumps({"model_mb": loaded, "peak_mb": _peak_mb()}))


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    _main(int(sys.argv[1]))
