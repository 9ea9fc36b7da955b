"""The toy network has PAN's sizes, and its masks are masks."""

from __future__ import annotations

import pytest
import torch

from models.errors import ModelError
from models.toy_network import KINDS, ToyKind, ToyNetwork, correctness


class TestToyNetwork:
    @pytest.mark.parametrize(
        ("kind", "wanted"), [("context", 59_273), ("no_context", 34_697), ("san", 30_470)]
    )
    def test_parameters_to_the_unit(self, kind: ToyKind, wanted: int) -> None:
        """The counts that PAN's own files give."""
        assert sum(parameter.numel() for parameter in ToyNetwork(kind).parameters()) == wanted

    @pytest.mark.parametrize("kind", KINDS)
    def test_masks_and_gradients(self, kind: ToyKind) -> None:
        """Lower masks lie between 0 and 1, the last sums to 1, and every weight learns."""
        torch.manual_seed(0)
        network = ToyNetwork(kind, num_answers=5)
        answer = network(torch.rand(4, 3, 100, 100), torch.tensor([0, 3, 3, 9]))
        answer.logits.square().sum().backward()
        expected = {"none": 0, "san": 1, "arnn_upper": 3}.get(kind, 4)

        assert answer.logits.shape == (4, 5)
        assert [tuple(mask.shape[2:]) for mask in answer.masks] == [
            (50, 50),
            (25, 25),
            (12, 12),
            (6, 6),
        ][4 - expected :]
        for mask in answer.masks[:-1]:
            assert ((mask > 0) & (mask < 1)).all()
        if answer.masks:
            torch.testing.assert_close(answer.masks[-1].sum(dim=(1, 2, 3)), torch.ones(4))
        for name, weight in network.named_parameters():
            assert weight.grad is not None, name

    @pytest.mark.parametrize("kind", sorted(set(KINDS) - {"san", "none", "arnn_upper"}))
    def test_masks_begin_open(self, kind: ToyKind) -> None:
        """Before any step the lower masks let most of a map through, whatever is asked."""
        torch.manual_seed(0)
        network = ToyNetwork(kind).eval()
        lower = network(torch.rand(10, 3, 100, 100), torch.arange(10)).masks[:-1]

        assert len(lower) == 3
        for mask in lower:
            assert mask.mean(dim=(1, 2, 3)).min() > 0.75

    def test_five_layers_at_224(self) -> None:
        """The maps of the larger canvas have 112, 56, 28, 14 and 7 positions a side."""
        network = ToyNetwork("context", num_layers=5).eval()
        answer = network(torch.rand(1, 3, 224, 224), torch.tensor([1]))

        assert [mask.shape[2] for mask in answer.masks] == [112, 56, 28, 14, 7]

    def test_the_question_matters(self) -> None:
        """Another question, other masks."""
        network = ToyNetwork("arnn").eval()
        images = torch.rand(1, 3, 100, 100).expand(2, -1, -1, -1)
        masks = network(images, torch.tensor([0, 1])).masks

        assert not torch.allclose(masks[0][0], masks[0][1])

    def test_without_a_mask_no_question_is_heard(self) -> None:
        """Any question, one answer: the paper's NONE, at 91 %, must have masks on the upper layers."""
        network = ToyNetwork("none").eval()
        images = torch.rand(1, 3, 100, 100).expand(2, -1, -1, -1)
        logits = network(images, torch.tensor([0, 1])).logits

        torch.testing.assert_close(logits[0], logits[1])

    def test_correctness_by_hand(self) -> None:
        """A flat mask has its target's share of the area; one that lies on it has 1."""
        target = torch.zeros(1, 8, 8, dtype=torch.bool)
        target[0, :4, :4] = True
        flat = torch.ones(1, 1, 2, 2)
        on_it = torch.zeros(1, 1, 8, 8)
        on_it[0, 0, 1:3, 1:3] = 1

        assert correctness((flat,), target).item() == pytest.approx(0.25)
        assert correctness((flat, on_it), target).item() == pytest.approx(1)

    def test_an_unknown_kind_is_refused(self) -> None:
        """The error lists those that there are."""
        with pytest.raises(ModelError, match="one of san, no_context"):
            ToyNetwork("arn")  # type: ignore[arg-type]  # a wrong kind, on purpose
