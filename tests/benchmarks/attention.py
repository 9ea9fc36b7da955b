"""What AttentionRNN costs: ResNet18 with it against ResNet18, and against the column loop of the literature."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.attention_rnn.attention_rnn import AttentionRNN
from models.attention_rnn.diagonal_lstm import DiagonalLSTM
from models.cbam import CBAM, RecurrentGate, SpatialGate
from models.resnet_cifar import ResNet18Cifar
from tests.benchmarks.figure import Figure

BATCH, HIDDEN, ROUNDS = 32, 16, 15
SITES = (32, 32, 16, 16, 8, 8, 4, 4)
"""Sides of the maps in ResNet18 at 32 px."""
GRID = 400


def figures() -> list[Figure]:
    """All, on torch's default device: a processor, or the GPU that `tests.benchmarks.gpu` sets."""
    torch.manual_seed(0)
    return [*_network_figures(), _column_loop_figure(), *_grid_figures()]


def _network_figures() -> list[Figure]:
    networks = {
        "ResNet18": ResNet18Cifar(100),
        "+ CBAM 3x3": ResNet18Cifar(100, attention=lambda c: CBAM(c, spatial=SpatialGate(3))),
        "+ CBAM + AttentionRNN": ResNet18Cifar(
            100, attention=lambda c: CBAM(c, spatial=RecurrentGate(c, hidden_channels=HIDDEN))
        ),
        "the same, pooled input": ResNet18Cifar(
            100,
            attention=lambda c: CBAM(
                c, spatial=RecurrentGate(c, source="pool", hidden_channels=HIDDEN)
            ),
        ),
    }
    images = torch.randn(BATCH, 3, 32, 32)
    forward = _seconds({name: _Forward(net, images) for name, net in networks.items()})
    both = _seconds({name: _ForwardBackward(net, images) for name, net in networks.items()})
    wanted = {"+ CBAM + AttentionRNN": ("-", "1.6x") if _is_on_gpu() else ("1.5x", "1.75x")}
    return [
        Figure(
            what=f"ResNet18 {name}, {part}, of ResNet18 (8 sites, batch {BATCH}, t = {HIDDEN})",
            value=f"{_ratio(seconds, name, 'ResNet18'):.2f}x",
            wanted=wanted.get(name, ("-", "-"))[index],
            detail=f"{_ms(seconds[name])}, {_ms(seconds['ResNet18'])}",
        )
        for index, (part, seconds) in enumerate(
            [("forward", forward), ("forward + backward", both)]
        )
        for name in list(networks)[1:]
    ]


def _column_loop_figure() -> Figure:
    layers = {side: DiagonalLSTM(HIDDEN, HIDDEN) for side in set(SITES)}
    maps = {side: torch.randn(BATCH, HIDDEN, side, side) for side in layers}
    seconds = _seconds(
        {
            "layer": lambda: [
                torch.stack(layers[side](maps[side])).sum().backward() for side in SITES
            ],
            "columns": lambda: [
                column_loop(layers[side], maps[side]).sum().backward() for side in SITES
            ],
        }
    )
    return Figure(
        what="recurrence at the 8 sites, forward + backward, against the column loop of the literature",
        value=f"{_ratio(seconds, 'columns', 'layer'):.1f}x",
        wanted="5x",
        detail=f"{_ms(seconds['layer'])}, {_ms(seconds['columns'])}",
    )


def _grid_figures() -> list[Figure]:
    layer = AttentionRNN(HIDDEN, hidden_channels=HIDDEN)
    grids = {side: torch.randn(1, HIDDEN, side, side) for side in (GRID // 2, GRID)}
    seconds = _seconds({str(side): _Forward(layer, grid) for side, grid in grids.items()})
    return [
        Figure(
            what=f"AttentionRNN over a grid of {GRID} x {GRID}, forward",
            value=_ms(seconds[str(GRID)]),
            wanted="250 ms",
            detail=f"{GRID // 2} x {GRID // 2}: {_ms(seconds[str(GRID // 2)])}",
        )
    ]


def column_loop(layer: DiagonalLSTM, maps: Tensor) -> Tensor:
    """The recurrence as public PixelRNN code has it: skewed maps, whole columns, a direction after the other."""
    return torch.stack([_columns(layer, maps, 0), _columns(layer, maps.flip(3), 1)])


def _columns(layer: DiagonalLSTM, maps: Tensor, direction: int) -> Tensor:
    b, _, m, n = maps.shape
    skewed = torch.cat([F.pad(maps[:, :, i : i + 1], (i, m - 1 - i)) for i in range(m)], dim=2)
    weight, bias = layer.input[direction], layer.bias[direction]
    projected = F.conv2d(skewed, weight[:, :, None, None], bias)  # (B, 4t, m, m + n - 1)
    across = torch.stack([layer.above[direction], layer.left[direction]], dim=2)  # (4t, t, 2)
    t = layer.left.shape[2]
    hidden, cell = maps.new_zeros(b, t, m), maps.new_zeros(b, t, m)
    columns = []
    for k in range(m + n - 1):
        gates = projected[..., k] + F.conv1d(F.pad(hidden, (1, 0)), across)
        o, i, f, g = gates.chunk(4, dim=1)
        cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
        hidden = o.sigmoid() * cell.tanh()
        columns.append(hidden)
    all_columns = torch.stack(columns, dim=3)  # (B, t, m, m + n - 1)
    return torch.stack([all_columns[:, :, i, i : i + n] for i in range(m)], dim=2)


class _Forward:
    def __init__(self, network: nn.Module, images: Tensor) -> None:
        self._network, self._images = network, images

    def __call__(self) -> None:
        with torch.no_grad():
            self._network(self._images)


class _ForwardBackward:
    def __init__(self, network: nn.Module, images: Tensor) -> None:
        self._network, self._images = network, images

    def __call__(self) -> None:
        self._network(self._images).sum().backward()


def _seconds(ways: Mapping[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Of each in every round, all in turn, after one round to warm up."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for index in range(ROUNDS + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if _is_on_gpu():
                torch.cuda.synchronize()
            if index:
                found[name].append(time.perf_counter() - start)
    return found


def _is_on_gpu() -> bool:
    return torch.get_default_device().type == "cuda"


def _ratio(seconds: Mapping[str, Sequence[float]], name: str, other: str) -> float:
    """Median over rounds: what else the machine does slows both of a round."""
    return median(a / b for a, b in zip(seconds[name], seconds[other], strict=True))


def _ms(seconds: Sequence[float]) -> str:
    return f"{median(seconds) * 1e3:.0f} ms"
