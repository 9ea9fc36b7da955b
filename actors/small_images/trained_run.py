"""A finished training of small images, read back: its settings, and the network that was tested."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from actors.checkpoint import Epoch, load_checkpoint
from actors.small_images.evaluation import on_device
from actors.small_images.settings import Settings, read_settings
from models.small_images.network import WholeImageNetwork
from pipeline.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainedRun:
    """Of one network and seed."""

    settings: Settings
    """What it was trained by."""
    epochs: tuple[Epoch, ...]
    """All of them."""
    network: WholeImageNetwork
    """As after the best epoch, in evaluation mode, on the device."""

    @property
    def name(self) -> str:
        """Network and what was chosen of its options, such as `vgg_att2 dp`."""
        return " ".join([self.settings.network, *map(str, self.settings.options.values())])


def read_run(directory: Path) -> TrainedRun:
    """Read one.

    Raises:
        UsageError: if there is none, or it has not ended.
        ResumeError: if its checkpoint cannot be read.
    """
    settings = read_settings(directory)
    checkpoint = load_checkpoint(directory)
    num_done = 0 if checkpoint is None else len(checkpoint.epochs)
    if checkpoint is None or num_done < settings.schedule.epochs:
        raise UsageError(
            f"{directory}: {num_done} of {settings.schedule.epochs} epochs are done; give foveate "
            "image-benchmark once more to go on"
        )
    network = settings.make_network()
    network.load_state_dict(dict(checkpoint.best))
    network.requires_grad_(requires_grad=False)
    return TrainedRun(
        settings=settings, epochs=checkpoint.epochs, network=on_device(network.eval())
    )
