"""PatchConvNet: counts of the authors' table, any sides, and an attention that is one."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from models.errors import ModelError
from models.patch_conv import PatchConvKind, PatchConvNet, TokenPooling


class TestCounts:
    @pytest.mark.parametrize(
        ("kind", "parameters", "gigamacs"),
        [
            ("s60", 25_231_096, 3.979),
            ("s120", 47_723_896, 7.493),
            ("b60", 99_388_936, 15.803),
            ("b120", 188_611_336, None),
            ("s60_multi", 25_614_712, 5.308),
        ],
    )
    def test_equal_the_authors(
        self, kind: PatchConvKind, parameters: int, gigamacs: float | None
    ) -> None:
        """Parameters to the unit, multiplications at 224 px to three digits."""
        with torch.device("meta"):
            network = PatchConvNet(kind, 1000).eval()
            with FlopCounterMode(display=False) as counter:
                network(torch.empty(1, 3, 224, 224))

        assert sum(one.numel() for one in network.parameters()) == parameters
        if gigamacs is not None:
            assert round(counter.get_total_flops() / 2e9, 3) == gigamacs

    def test_unknown_kinds_are_refused(self) -> None:
        """A name that does not exist is told with those that do."""
        with pytest.raises(ModelError, match="s60, s120, b60, b120, s60_multi"):
            PatchConvNet("s61", 10)  # type: ignore[arg-type]  # a wrong kind, on purpose


class TestPooling:
    def test_equals_attention_by_hand(self) -> None:
        """One head, scaled by the root of the width, over the token and the patches, in plain NumPy terms."""
        torch.manual_seed(0)
        pooling = TokenPooling(8, 1.0, 0.0, sees_itself=True).eval()
        tokens, patches = torch.randn(2, 1, 8), torch.randn(2, 6, 8)
        with torch.no_grad():
            found, weights = pooling(tokens, patches)
            seen = pooling.norm1(torch.cat([tokens, patches], dim=1))
            for image in range(2):
                query, keys = pooling.query(seen[image, 0]), pooling.key(seen[image])
                scores = torch.stack([query @ key for key in keys]) / 8**0.5
                share = scores.exp() / scores.exp().sum()
                value = sum(
                    s * pooling.value(one) for s, one in zip(share, seen[image], strict=True)
                )
                token = tokens[image, 0] + pooling.projection(value)
                token = token + pooling.perceptron(pooling.norm2(token))

                torch.testing.assert_close(weights[image, 0], share[1:])
                torch.testing.assert_close(found[image, 0], token)

    def test_order_of_patches_does_not_matter(self) -> None:
        """Tokens are a function of the set of patches."""
        torch.manual_seed(0)
        pooling = TokenPooling(8, 1.0, 0.0, sees_itself=False).eval()
        tokens, patches = torch.randn(2, 3, 8), torch.randn(2, 6, 8)
        order = torch.randperm(6)

        torch.testing.assert_close(
            pooling(tokens, patches)[0], pooling(tokens, patches[:, order])[0]
        )


class TestNetwork:
    @pytest.mark.parametrize("kind", ["s60", "s60_multi"])
    def test_any_sides(self, kind: PatchConvKind) -> None:
        """Images need not be square; masks have the shape of the patches, one per class where there is a token each."""
        network = PatchConvNet(kind, 4).eval()
        with torch.no_grad():
            answer = network(torch.rand(1, 3, 64, 96))

        assert answer.logits.shape == (1, 4)
        assert answer.masks.shape == (1, 4 if kind == "s60_multi" else 1, 4, 6)
        if kind == "s60_multi":  # its tokens see patches only
            torch.testing.assert_close(answer.masks.sum(dim=(2, 3)), torch.ones(1, 4))
