"""The diagonal order gives what two plain loops give."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.attention_rnn.diagonal_lstm import DiagonalLSTM
from models.attention_rnn.wavefront import diagonals
from tests.models.attention_rnn.double_loop import double_loop

SHAPES = [(3, 5, 1), (5, 3, 2), (1, 4, 2), (4, 1, 1), (1, 1, 1), (7, 7, 3), (2, 9, 2)]


def case(m: int, n: int, b: int, *, t: int = 5) -> tuple[DiagonalLSTM, Tensor]:
    """A layer with biases, and maps, in double precision."""
    torch.manual_seed(m * 100 + n)
    layer = DiagonalLSTM(3, t).double()
    return layer, torch.randn(b, 3, m, n, dtype=torch.double, requires_grad=True)


def both(layer: DiagonalLSTM, maps: Tensor) -> Tensor:
    """(2, B, m, n, t): left map and right map."""
    return torch.stack(layer(maps))


class TestDiagonals:
    @pytest.mark.parametrize(("m", "n"), [(3, 5), (5, 3), (1, 4), (4, 1), (6, 6)])
    def test_every_cell_once_beside_its_neighbours(self, m: int, n: int) -> None:
        """The stored order holds each cell once, and neighbours are those of the map."""
        order = sorted(((i, j) for i in range(m) for j in range(n)), key=lambda c: (sum(c), c[0]))
        where = {cell: index for index, cell in enumerate(order)}

        for k, one in enumerate(diagonals(m, n)):
            cells = order[one.start : one.stop]
            assert {sum(cell) for cell in cells} == {k}
            with_left = [where[i, j - 1] for i, j in cells if j]
            with_above = [where[i - 1, j] for i, j in cells if i]
            assert with_left == list(range(one.left_from, one.left_from + one.num_left))
            assert with_above == list(range(one.above_from, one.above_from + one.num_above))
            assert [order[one.left_start + x][1] > 0 for x in range(one.num_left)] == [
                True
            ] * one.num_left
        assert diagonals(m, n)[-1].stop == m * n


class TestDiagonalLSTM:
    @pytest.mark.parametrize(("m", "n", "b"), SHAPES)
    def test_it_equals_the_double_loop(self, m: int, n: int, b: int) -> None:
        """States are those of the loop to 1e-12, with biases that are not 0, with and without gradient."""
        layer, maps = case(m, n, b)

        wanted = double_loop(layer, maps)
        with torch.no_grad():
            without_gradient = both(layer, maps)

        assert torch.allclose(both(layer, maps), wanted, rtol=0, atol=1e-12)
        assert torch.allclose(without_gradient, wanted, rtol=0, atol=1e-12)

    @pytest.mark.parametrize(("m", "n", "b"), SHAPES)
    def test_its_gradients_equal_those_of_the_double_loop(self, m: int, n: int, b: int) -> None:
        """Gradients of input and of every weight are the loop's to 1e-10."""
        layer, maps = case(m, n, b)
        weights = torch.randn(2, b, m, n, 5, dtype=torch.double)
        wanted = [maps, *layer.parameters()]

        fast = torch.autograd.grad((both(layer, maps) * weights).sum(), wanted)
        slow = torch.autograd.grad(
            (double_loop(layer, maps) * weights).sum(), wanted, materialize_grads=True
        )

        for one, other in zip(fast, slow, strict=True):
            assert torch.allclose(one, other, rtol=0, atol=1e-10)

    def test_its_gradients_are_those_of_finite_differences(self) -> None:
        """Torch's gradcheck finds nothing."""
        layer, maps = case(3, 4, 2, t=3)

        assert torch.autograd.gradcheck(layer, (maps,))

    def test_a_position_sees_nothing_that_comes_after_it(self) -> None:
        """The left map sees no later row and no later column of its own; the right map never its own row."""
        layer, maps = case(5, 6, 1)
        before = both(layer, maps)
        changed = maps.detach().clone()
        changed[:, :, 2, 3] += 1

        moved = (both(layer, changed) - before).abs().amax(dim=(1, 4)) > 0
        rows, cols = torch.meshgrid(torch.arange(5), torch.arange(6), indexing="ij")

        assert torch.equal(moved[0], (rows >= 2) & (cols >= 3))
        assert torch.equal(moved[1], (rows >= 3) & (cols <= 3))

    def test_maps_do_not_mix(self) -> None:
        """What a map gives does not depend on the others of its batch."""
        layer, maps = case(4, 3, 3)

        alone = torch.cat([both(layer, maps[index : index + 1]) for index in range(3)], dim=1)

        assert torch.allclose(both(layer, maps), alone, rtol=0, atol=1e-12)

    def test_an_input_without_gradient_is_left_alone(self) -> None:
        """The recurrence writes to copies: the same call twice gives the same, and the input stays."""
        layer, maps = case(4, 3, 2)
        kept = maps.detach().clone()

        first, second = both(layer, maps), both(layer, maps)

        assert torch.equal(first, second)
        assert torch.equal(maps, kept)


class TestMixedPrecision:
    def test_autocast_does_not_touch_it(self) -> None:
        """Under bfloat16 autocast, backward pass included, states and gradients are to the last bit those without."""
        torch.manual_seed(0)
        layer, maps = DiagonalLSTM(3, 5), torch.randn(2, 3, 4, 6, requires_grad=True)
        wanted = [maps, *layer.parameters()]

        plain = both(layer, maps)
        with torch.autocast("cpu", torch.bfloat16):
            cast = both(layer, maps)
            with torch.no_grad():
                without_gradient = both(layer, maps)
            grads = torch.autograd.grad(cast.square().sum(), wanted)

        assert torch.equal(cast, plain)
        assert torch.allclose(without_gradient, plain, rtol=0, atol=1e-6)
        for one, other in zip(
            grads, torch.autograd.grad(plain.square().sum(), wanted), strict=True
        ):
            assert torch.equal(one, other)

    def test_rounded_maps_are_computed_with_in_full(self) -> None:
        """Maps that a layer before left in bfloat16 give the states of the same numbers in float32."""
        torch.manual_seed(0)
        layer, maps = DiagonalLSTM(3, 5), torch.randn(2, 3, 4, 6).bfloat16()

        with torch.autocast("cpu", torch.bfloat16):
            found = both(layer, maps)

        assert torch.equal(found, both(layer, maps.float()))
