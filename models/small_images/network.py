"""A network for small images behind its preparation: what it says, what it looks at, what it saw."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from models.errors import ModelError
from models.ltpa.network import AttentionOptions, AttentiveAnswer, AttentiveNetwork
from models.small_images.answers import Answer, log_probs_of, loss_of, masks_of
from models.small_images.catalogue import SMALL_IMAGES, make_network
from models.small_images.preparation import PreparationKind, make_preparation


class WholeImageNetwork(nn.Module):
    """One of the catalogue.

    Args:
        name: of the catalogue.
        num_classes: K.
        preparation: of the images; None: as its authors have it.
        options: of Learn to Pay Attention's networks.

    Raises:
        ModelError: if there is no such network, or it has no such options.
    """

    def __init__(
        self,
        name: str,
        num_classes: int,
        *,
        preparation: PreparationKind | None = None,
        options: AttentionOptions | None = None,
    ) -> None:
        super().__init__()
        self.inner = make_network(name, num_classes, options or {})
        self._name, self._spec = name, SMALL_IMAGES[name]
        self.preparation = make_preparation(preparation or self._spec.preparation)

    def forward(self, images: Tensor) -> Answer:
        """(B, 3, 32, 32) values 0 to 1 to what the network itself answers."""
        answer: Answer = self.inner(self.preparation(images))
        return answer

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """That of the paper, a mean over (B, 3, 32, 32) values 0 to 1 and (B,) classes."""
        return loss_of(self(images), labels)

    def log_probs(self, images: Tensor) -> Tensor:
        """(B, 3, 32, 32) values 0 to 1 to (B, K)."""
        return log_probs_of(self(images))

    def features(self, images: Tensor) -> Tensor:
        """(B, 3, 32, 32) values 0 to 1 to (B, F): what the last linear layer sees (A.4 of Learn to Pay Attention).

        Where every level has a classifier of its own they are all levels, side by side.
        """
        with _inputs_of(self.inner, self._spec.classifier) as seen:
            answer = self(images)
        return answer.features if isinstance(answer, AttentiveAnswer) else seen[0]

    def masks(self, images: Tensor, query_images: Tensor | None = None) -> tuple[Tensor, ...]:
        """(B, 3, 32, 32) values 0 to 1 to (B, 1, m, n) per level, the lowest first; none without attention.

        Args:
            images: what is looked at.
            query_images: (1 or B, 3, 32, 32) whose global vector asks instead of the images' own (A.5).

        Raises:
            ModelError: if the network has no global vector to ask with.
        """
        if query_images is None:
            with _outputs_of(self.inner, self._spec.gates) as gates:
                answer = self(images)
            return (*masks_of(answer), *gates)
        if not isinstance(self.inner, AttentiveNetwork):
            raise ModelError(
                "only networks of Learn to Pay Attention can be asked with another image"
            )
        query = self.inner.global_vector(self.preparation(query_images)).expand(len(images), -1)
        return masks_of(self.inner(self.preparation(images), query))

    def scale_dropout(self, share: float) -> None:
        """Drop that share (0 to 1) of what the network drops in training as its authors have it.

        Raises:
            ModelError: if it has no dropout.
        """
        layers = [one for one in self.modules() if isinstance(one, nn.Dropout)]
        if not layers:
            raise ModelError(f"{self._name} has no dropout to change")
        for layer in layers:
            layer.p *= share

    @property
    def can_be_asked(self) -> bool:
        """Whether it compares its maps with a global vector, that may be another image's."""
        return isinstance(self.inner, AttentiveNetwork)

    def fit_preparation(self, images: Tensor) -> None:
        """To (N, 3, 32, 32) values 0 to 1."""
        with torch.no_grad():
            self.preparation.fit(images)


@contextmanager
def _inputs_of(network: nn.Module, name: str) -> Iterator[list[Tensor]]:
    """What a layer sees while this lasts."""
    seen: list[Tensor] = []
    hook = network.get_submodule(name).register_forward_pre_hook(
        lambda _module, inputs: seen.append(inputs[0])
    )
    try:
        yield seen
    finally:
        hook.remove()


@contextmanager
def _outputs_of(network: nn.Module, names: tuple[str, ...]) -> Iterator[list[Tensor]]:
    """What layers give while this lasts."""
    given: list[Tensor] = []
    hooks = [
        network.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output: given.append(output)
        )
        for name in names
    ]
    try:
        yield given
    finally:
        for hook in hooks:
            hook.remove()
