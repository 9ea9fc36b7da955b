"""The spatially attentive output layer: a mixture of probabilities, and losses that treat it as one."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from models.saol import SaolAnswer, SpatiallyAttentiveOutput, pasted_location_loss, saol_loss


def answer() -> SaolAnswer:
    """Of three images."""
    torch.manual_seed(0)
    layer = SpatiallyAttentiveOutput([4, 8], 5, hidden_channels=6).eval()
    found: SaolAnswer = layer([torch.randn(3, 4, 12, 10), torch.randn(3, 8, 6, 5)])
    return found


class TestAnswer:
    def test_is_a_mixture_of_probabilities(self) -> None:
        """Attention sums to 1 over space, every position's classes sum to 1, and so does the mixture."""
        found = answer()

        torch.testing.assert_close(found.attention.sum(dim=(1, 2, 3)), torch.ones(3))
        torch.testing.assert_close(found.local.sum(dim=1), torch.ones(3, 6, 5))
        torch.testing.assert_close(found.probabilities.sum(dim=1), torch.ones(3))
        by_hand = torch.einsum("bmn,bkmn->bk", found.attention[:, 0], found.local)
        torch.testing.assert_close(found.probabilities, by_hand)


class TestLosses:
    def test_mixture_is_not_squashed_again(self) -> None:
        """The loss is -log of the mixture's probability of the label."""
        found, labels = answer(), torch.tensor([0, 3, 1])
        expected = -found.probabilities[torch.arange(3), labels].log().mean()

        torch.testing.assert_close(saol_loss(found, labels).mixture, expected)

    def test_distillation_teaches_the_pooled_head_only(self) -> None:
        """It is the divergence of the pooled head from the mixture, 0 where they agree, and moves only the head."""
        found, labels = answer(), torch.tensor([0, 3, 1])
        target, student = found.probabilities, F.softmax(found.pooled_logits, dim=1)
        by_hand = (target * (target.log() - student.log())).sum(dim=1).mean()
        torch.testing.assert_close(saol_loss(found, labels).distillation, by_hand)
        agreeing = found._replace(pooled_logits=found.probabilities.log())
        torch.testing.assert_close(saol_loss(agreeing, labels).distillation, torch.tensor(0.0))

        logits = torch.randn(3, 5, requires_grad=True)
        mixture = torch.rand(3, 5, requires_grad=True)
        one = found._replace(pooled_logits=logits, probabilities=mixture)
        saol_loss(one, labels).distillation.backward()
        assert logits.grad is not None
        assert mixture.grad is None

    def test_pasted_positions_have_labels_of_their_own(self) -> None:
        """Under CutMix a position's label is that of the image that covers it; mixed positions say nothing."""
        found = answer()
        labels = torch.full((3, 6, 5), -1)
        labels[0, 2, 3], labels[2, 0, 0] = 4, 1
        expected = -(found.local[0, 4, 2, 3].log() + found.local[2, 1, 0, 0].log()) / 2

        torch.testing.assert_close(pasted_location_loss(found, labels), expected)
