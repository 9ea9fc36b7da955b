"""Learn to Pay Attention: the counts of the authors' code, and what the compatibilities do and do not depend on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from models.errors import ModelError
from models.ltpa.compatibility import Compatibility, CompatibilityKind
from models.ltpa.gradient_merge import forked
from models.ltpa.heads import Head
from models.ltpa.network import AttentiveNetwork
from models.ltpa.resnet164 import ResNet164, resnet164_attention
from models.ltpa.vgg import Vgg, VggProgressive, vgg_attention


def num_parameters(network: nn.Module) -> int:
    """Trainable ones."""
    return sum(one.numel() for one in network.parameters())


MAKERS: dict[str, Callable[[int], nn.Module]] = {
    "vgg": Vgg,
    "att-pc": partial(vgg_attention, num_levels=1),
    "att-dp": partial(vgg_attention, num_levels=1, kind="dp"),
    "att2-concat-pc": vgg_attention,
    "att2-concat-dp": partial(vgg_attention, kind="dp"),
    "att2-indep-pc": partial(vgg_attention, fusion="indep"),
    "att3-concat-pc": partial(vgg_attention, num_levels=3),
    "pan": VggProgressive,
    "rn164": ResNet164,
    "rn164-att2": resnet164_attention,
}
"""By the paper's names."""


def on_meta(name: str, num_classes: int) -> nn.Module:
    """A network without data."""
    with torch.device("meta"):
        return MAKERS[name](num_classes)


class TestCounts:
    @pytest.mark.parametrize(
        ("name", "counts"),
        [
            ("vgg", {10: 14_991_946, 100: 15_038_116, 200: 15_089_416}),
            ("att-pc", {10: 19_714_123, 100: 19_760_293, 200: 19_811_593}),
            ("att-dp", {10: 19_713_610, 100: 19_759_780}),
            ("att2-concat-pc", {10: 19_720_780, 100: 19_813_030, 200: 19_915_530}),
            ("att2-concat-dp", {100: 19_812_004}),
            ("att2-indep-pc", {10: 19_720_790, 100: 19_813_130}),
            ("att3-concat-pc", {10: 19_856_461, 100: 19_971_751, 200: 20_099_851}),
            ("pan", {10: 24_698_956, 100: 24_745_126}),
            ("rn164", {10: 1_703_258, 100: 1_726_388}),
            ("rn164-att2", {10: 2_395_484, 100: 2_430_134}),
        ],
    )
    def test_parameters(self, name: str, counts: dict[int, int]) -> None:
        """To the unit, at 10, 100 and 200 classes."""
        for num_classes, count in counts.items():
            assert num_parameters(on_meta(name, num_classes)) == count

    def test_multiplications(self) -> None:
        """Convolutions at 32 px: 313.2 million plain, 3,738.9 with attention; 47.2 more where dp asks for all of it."""
        counts = {}
        for name in ("vgg", "att2-concat-pc", "att2-concat-dp"):
            network = on_meta(name, 10).eval()
            with FlopCounterMode(display=False) as counter:
                network(torch.empty(1, 3, 32, 32, device="meta"))
            flops = counter.get_flop_counts()["Global"]
            counts[name] = flops[torch.ops.aten.convolution] / 2e6

        assert counts["vgg"] == pytest.approx(313.2, abs=0.05)
        assert counts["att2-concat-pc"] == pytest.approx(3738.9, abs=0.5)
        assert counts["att2-concat-dp"] - counts["att2-concat-pc"] == pytest.approx(47.2, abs=0.5)


def compatibility(kind: CompatibilityKind) -> tuple[Compatibility, Tensor, Tensor]:
    """One with a map and a query."""
    torch.manual_seed(0)
    return Compatibility(kind, 6), torch.randn(2, 6, 4, 5), torch.randn(2, 6)


class TestCompatibility:
    @pytest.mark.parametrize("kind", ["pc", "dp"])
    def test_equals_the_equations(self, kind: CompatibilityKind) -> None:
        """Equations 1 to 3 in plain loops."""
        module, local, query = compatibility(kind)
        found = module(local, query)
        for image in range(2):
            scores = torch.empty(4, 5)
            for row in range(4):
                for col in range(5):
                    one = local[image, :, row, col]
                    if module.score is None:
                        scores[row, col] = one @ query[image]
                    else:
                        weight, bias = module.score.weight[0, :, 0, 0], module.score.bias
                        assert bias is not None
                        scores[row, col] = weight @ (one + query[image]) + bias[0]
            mask = scores.exp() / scores.exp().sum()

            torch.testing.assert_close(found.mask[image, 0], mask)
            torch.testing.assert_close(found.vector[image], (local[image] * mask).sum(dim=(1, 2)))

    def test_pc_does_not_hear_the_query(self) -> None:
        """Under the softmax its part of the scores cancels: another query, or none, gives the same mask."""
        module, local, query = compatibility("pc")
        expected = module(local, query)

        assert not module.needs_query
        torch.testing.assert_close(module(local, 3 * query + 1).mask, expected.mask)
        torch.testing.assert_close(module(local, None).mask, expected.mask)
        sigmoids = [module.scores(local, one).sigmoid() for one in (query, 3 * query)]
        assert not torch.allclose(*sigmoids)

    def test_dp_does(self) -> None:
        """The mask depends on the query, and there must be one."""
        module, local, query = compatibility("dp")

        assert module.needs_query
        assert not torch.allclose(module(local, query).mask, module(local, 3 * query).mask)
        with pytest.raises(ModelError, match="there is none"):
            module(local, None)


class TestNetwork:
    @pytest.mark.parametrize(("kind", "num_calls"), [("pc", 0), ("dp", 1)])
    def test_the_dead_branch_is_not_computed(self, kind: CompatibilityKind, num_calls: int) -> None:
        """At inference the global vector is made only where something depends on it; in training always."""
        network = vgg_attention(10, kind=kind)
        calls = []
        network.trunk.branch.register_forward_hook(lambda *_: calls.append(1))
        with torch.no_grad():
            network.eval()(torch.rand(1, 3, 32, 32))
            assert len(calls) == num_calls
            network.train()(torch.rand(2, 3, 32, 32))
        assert len(calls) == num_calls + 1

    def test_another_images_query_moves_the_attention(self) -> None:
        """Query-driven maps (A.4): asked with another image's vector dp looks elsewhere; with its own as always."""
        network = vgg_attention(10, kind="dp").eval()
        one, other = torch.rand(2, 3, 32, 32).split(1)
        with torch.no_grad():
            own = network(one)
            again = network(one, network.global_vector(one))
            asked = network(one, network.global_vector(other))

        for before, same, moved in zip(own.masks, again.masks, asked.masks, strict=True):
            torch.testing.assert_close(before, same)
            assert not torch.equal(before, moved)

    @pytest.mark.parametrize("num_levels", [0, 4])
    def test_unknown_levels_are_refused(self, num_levels: int) -> None:
        """VGG has three maps to attend to."""
        with pytest.raises(ModelError, match="there are 1 to 3"):
            vgg_attention(10, num_levels=num_levels)

    @pytest.mark.parametrize("make", [vgg_attention, resnet164_attention])
    def test_what_comes_out(self, make: type[AttentiveNetwork]) -> None:
        """Log-probabilities that sum to 1, masks that do, for images of other sizes, too."""
        network = make(7).eval()
        with torch.no_grad():
            answer = network(torch.rand(2, 3, 48, 40))

        torch.testing.assert_close(answer.log_probs.exp().sum(dim=1), torch.ones(2))
        for mask in answer.masks:
            torch.testing.assert_close(mask.sum(dim=(1, 2, 3)), torch.ones(2))

    @pytest.mark.parametrize("name", ["att-pc", "att2-concat-pc", "att3-concat-pc", "rn164-att2"])
    def test_masks_begin_open(self, name: str) -> None:
        """Before training the weights are spread over more than half of the positions, by their entropy."""
        torch.manual_seed(0)
        with torch.no_grad():
            answer = MAKERS[name](10)(torch.randn(4, 3, 32, 32))

        for mask in answer.masks:
            num_seen = torch.special.entr(mask).sum(dim=(1, 2, 3)).exp()
            assert num_seen.min() > mask[0].numel() / 2

    def test_the_lower_mask_of_progressive_attention_begins_half_open(self) -> None:
        """Sigmoids of an untrained network are nowhere so near 0 or 1 that they no longer learn."""
        torch.manual_seed(0)
        with torch.no_grad():
            lower = VggProgressive(10)(torch.randn(4, 3, 32, 32)).masks[0]

        assert 0.02 < lower.min() < lower.max() < 0.98


class TestTraining:
    @pytest.mark.parametrize(
        "name", ["vgg", "att2-concat-pc", "att3-concat-pc", "att2-indep-pc", "pan"]
    )
    def test_a_batch_counts_once(self, name: str) -> None:
        """One pass in training updates the statistics of each normalisation of the head once."""
        network = MAKERS[name](4).train()

        network(torch.rand(2, 3, 32, 32))

        head = network.head
        assert isinstance(head, Head)
        assert [int(norm.num_batches_tracked) for norm in head.norms] == [1] * len(head.norms)

    def test_features_are_what_is_classified(self) -> None:
        """Without dropout the classifier's layer on the features gives the head's answer."""
        torch.manual_seed(0)
        head = Head([5, 3], 6, fusion="concat", dropout=0.5).eval()

        log_probs, features = head.with_features([torch.randn(4, 5), torch.randn(4, 3)])

        expected = F.log_softmax(head.classifications[0](features), dim=1)
        torch.testing.assert_close(log_probs, expected)


class TestFusion:
    def test_indep_is_the_mean_of_probabilities(self) -> None:
        """As the paper says; as the code has it, the product, normalised."""
        torch.manual_seed(1)
        vectors = [torch.randn(4, 5), torch.randn(4, 3)]
        head = Head([5, 3], 6, fusion="indep", dropout=0.5).eval()
        parts = [
            F.softmax(classify(F.relu(norm(one))), dim=1)
            for norm, classify, one in zip(head.norms, head.classifications, vectors, strict=True)
        ]
        torch.testing.assert_close(head(vectors).exp(), (parts[0] + parts[1]) / 2)

        head._fusion = "indep_product"
        product = parts[0] * parts[1]
        torch.testing.assert_close(head(vectors).exp(), product / product.sum(dim=1, keepdim=True))

    def test_unknown_ones_are_refused(self) -> None:
        """A fusion that does not exist is named with those that do."""
        with pytest.raises(ModelError, match="concat, indep, indep_product"):
            Head([5], 6, fusion="both", dropout=0)  # type: ignore[arg-type]  # a wrong kind, on purpose


class TestGradientMerge:
    def test_mean_halves_what_two_paths_give(self) -> None:
        """Forward nothing changes; backward the sum of two paths is halved, that of three divided by three."""
        values = torch.randn(3, requires_grad=True)
        for merge, factor in (("sum", 1.0), ("mean", 1 / 3)):
            used = forked(values, 3, merge)  # type: ignore[arg-type]  # a kind by name
            assert torch.equal(used, values)
            (used * 2 + used * 5 + used).sum().backward()
            assert values.grad is not None
            torch.testing.assert_close(values.grad, torch.full((3,), 8 * factor))
            values.grad = None

    def test_the_authors_rule_in_a_network(self) -> None:
        """With `mean` the classifier's gradient is untouched, the attended maps' halved, so the trunk's differs."""
        torch.manual_seed(0)
        images, labels = torch.rand(4, 3, 32, 32), torch.arange(4)
        gradients = {}
        for merge in ("sum", "mean"):
            torch.manual_seed(1)
            network = vgg_attention(4, num_levels=1, merge=merge).eval()  # type: ignore[arg-type]  # a kind by name
            F.nll_loss(network(images).log_probs, labels).backward()
            last = network.trunk.blocks[12][0].weight.grad
            head = network.head.classifications[0].weight.grad
            assert last is not None
            assert head is not None
            gradients[merge] = (last, head)

        torch.testing.assert_close(gradients["mean"][1], gradients["sum"][1])
        # The last map's one other path, the global branch, is dead under pc: what is left is halved.
        torch.testing.assert_close(2 * gradients["mean"][0], gradients["sum"][0])
