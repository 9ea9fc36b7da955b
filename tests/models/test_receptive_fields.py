"""Which pixels each candidate cell is scored by: exactly, from gradients, one row of the grid at a time."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torchvision.ops import SqueezeExcitation

from models.bagnet import BagNetFeatures
from models.efficientnet import EfficientNetFeatures
from models.small import SmallFeatures

ROOT = torch.zeros(1, dtype=torch.int64)


def rows_in_view(model: nn.Module, base_px: int) -> list[tuple[int, int]]:
    """First and last row of pixels that reach each row of cells, and the same of columns, which must agree."""
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 3, base_px, base_px, generator=generator, requires_grad=True)
    cells: Tensor = model(image, ROOT).cells
    found = []
    for i in range(cells.shape[-1]):
        [gradient] = torch.autograd.grad(cells[0, :, i, i].sum(), image, retain_graph=True)
        spread = gradient[0].abs().sum(dim=0)  # (H, W)
        rows, columns = (torch.nonzero(spread.sum(dim=axis)).flatten() for axis in (1, 0))
        assert torch.equal(rows, columns)
        found.append((int(rows.min()), int(rows.max())))
    return found


def around(centres: list[int], radius: int, base_px: int) -> list[tuple[int, int]]:
    """The same for fields of one size around known centres, cut by the window's border."""
    return [(max(0, at - radius), min(base_px - 1, at + radius)) for at in centres]


class TestReceptiveFields:
    def test_bagnet(self) -> None:
        """Cells see 45 px (table 4) around 7, 23, 39, 55 and 71 of 77."""
        torch.manual_seed(0)
        model = BagNetFeatures(num_bands=3, grid=5).eval()

        assert rows_in_view(model, 77) == around([7, 23, 39, 55, 71], 22, 77)

    def test_efficientnet(self) -> None:
        """Cells see 147 px (table 5, corrected) around 47, 111 and 175 of 224; only with TensorFlow's padding."""
        torch.manual_seed(0)
        model = EfficientNetFeatures(num_bands=3, grid=3).eval()
        without_squeeze(model)

        assert rows_in_view(model, 224) == around([47, 111, 175], 73, 224)

    def test_small(self) -> None:
        """Cells see their own 24 px at stride 12 and the 4 px around that the first convolution adds."""
        torch.manual_seed(0)
        model = SmallFeatures(num_bands=3, num_depths=2).eval()
        expected = [(max(0, 12 * i - 4), min(95, 12 * i + 27)) for i in range(7)]

        assert rows_in_view(model, 96) == expected


def without_squeeze(parent: nn.Module) -> None:
    """Take squeeze and excitation out: its global average sees the whole window."""
    for name, child in parent.named_children():
        if isinstance(child, SqueezeExcitation):
            setattr(parent, name, nn.Identity())
        else:
            without_squeeze(child)


@pytest.mark.parametrize(("base_px", "side"), [(77, 7), (224, 25)])
def test_bagnet_takes_windows_of_both_sizes(base_px: int, side: int) -> None:
    """The last map of BagNet-77 is 7 x 7 at 77 px and 25 x 25 at 224 px."""
    model = BagNetFeatures(num_bands=3, grid=0).eval()
    sizes: list[tuple[int, ...]] = []
    model.head.register_forward_hook(lambda _m, _i, out: sizes.append(tuple(out.shape)))
    with torch.inference_mode():
        features = model(torch.zeros(1, 3, base_px, base_px), ROOT)

    assert sizes == [(1, 512, side, side)]
    assert (features.vectors.shape, features.cells.shape) == ((1, 512), (1, 1024, 0, 0))


def test_bagnet_picks_from_the_13th_block() -> None:
    """Cells are every second row and column after block 13; blocks 9 to 13 see alike, so fields cannot tell."""
    model = BagNetFeatures(num_bands=3, grid=5).eval()
    maps: list[Tensor] = []
    model.blocks[13 - 1].register_forward_hook(lambda _m, _i, out: maps.append(out))
    with torch.inference_mode():
        cells = model(torch.rand(1, 3, 77, 77), ROOT).cells

    assert torch.equal(cells, maps[0][:, :, [0, 2, 4, 6, 8]][..., [0, 2, 4, 6, 8]])
