"""Every network of the catalogue behind one face: answers, features, masks, and the loss of its paper."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.adversarial import fast_gradient_sign
from models.catalogue.whole_image import WHOLE_IMAGE
from models.counts import multiplications_of
from models.errors import ModelError
from models.ltpa.network import AttentionOptions
from models.resnet_saol import ResNet18Saol
from models.saol import SaolAnswer, saol_loss
from models.small_images.catalogue import SMALL_IMAGES, make_network
from models.small_images.network import WholeImageNetwork

LEVELS = {
    "vgg_att": [8],
    "vgg_att2": [16, 8],
    "vgg_att3": [32, 16, 8],
    "vgg_pan": [16, 8],
    "rn164_att2": [16, 8],
    "resnet18_cbam7": [32, 16, 8, 4],
    "resnet18_cbam": [32, 16, 8, 4],
    "resnet18_arnn": [32, 16, 8, 4],
    "resnet18_saol": [4],
    "patch_conv": [2],
}
"""Sides of the masks, the lowest level first."""
FEATURES = {"vgg_att2": 1024, "vgg_att3": 1280, "rn164_att2": 384, "vgg": 512, "rn164": 256}
"""What other tasks are learned from, as the paper's authors join it."""


def network(name: str, **options: str) -> WholeImageNetwork:
    """With random weights, not fitted."""
    torch.manual_seed(0)
    return WholeImageNetwork(
        name,
        10,
        preparation="mean_std",
        options=options,  # type: ignore[arg-type]  # options of the kinds that are parametrized
    ).eval()


def images(count: int = 2) -> Tensor:
    """(N, 3, 32, 32) values 0 to 1."""
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(1))


class TestDropout:
    @pytest.mark.parametrize("name", ["vgg", "vgg_att3", "vgg_pan", "rn164_att2"])
    def test_without_it_training_knows_no_chance(self, name: str) -> None:
        """The loss of one batch is another each time with the authors' dropout, and the same with none of it."""
        one, labels = network(name).train(), torch.tensor([1, 2])
        drawn = {float(one.loss(images(), labels).detach()) for _ in range(3)}
        one.scale_dropout(0)
        fixed = {float(one.loss(images(), labels).detach()) for _ in range(3)}

        assert (len(drawn), len(fixed)) == (3, 1)

    def test_a_share_of_it(self) -> None:
        """Half of the authors' 0.3 after the first convolution, and of 0.5 before the classifier."""
        one = network("vgg")
        one.scale_dropout(0.5)
        found = [layer.p for layer in one.modules() if isinstance(layer, nn.Dropout)]

        assert (found[0], found[-1]) == (0.15, 0.25)


class TestCatalogue:
    @pytest.mark.parametrize("name", SMALL_IMAGES)
    def test_each_answers_shows_and_is_learned_from(self, name: str) -> None:
        """Log-probabilities that sum to 1; masks of the sizes of its levels; features of the last layer's width."""
        one = network(name)
        with torch.no_grad():
            log_probs = one.log_probs(images())
            masks, features = one.masks(images()), one.features(images())

        torch.testing.assert_close(log_probs.exp().sum(dim=1), torch.ones(2))
        assert [mask.shape for mask in masks] == [
            (2, 1, side, side) for side in LEVELS.get(name, [])
        ]
        for mask in masks:
            assert mask.min() >= 0
            assert mask.max() <= 1
        assert features.shape == (2, FEATURES.get(name, features.shape[1]))

    @pytest.mark.parametrize("name", SMALL_IMAGES)
    def test_the_last_layer_alone_makes_the_answer_of_the_features(self, name: str) -> None:
        """What is called features is all that the named linear layer sees."""
        one = network(name)
        last = one.inner.get_submodule(SMALL_IMAGES[name].classifier)
        assert isinstance(last, nn.Linear)
        with torch.no_grad():
            found = F.log_softmax(last(one.features(images())), dim=1)
            answer = one(images())
            expected = (
                F.log_softmax(answer.pooled_logits, dim=1)
                if isinstance(answer, SaolAnswer)
                else one.log_probs(images())
            )

        torch.testing.assert_close(found, expected)

    def test_nothing_stays_behind_in_the_network(self) -> None:
        """Looking for masks or features leaves no hook."""
        one = network("resnet18_cbam")
        with torch.no_grad():
            one.masks(images())
            one.features(images())

        assert not any(part._forward_hooks or part._forward_pre_hooks for part in one.modules())

    def test_unknown_names_and_options_are_refused(self) -> None:
        """The message says what there is."""
        with pytest.raises(ModelError, match="there is no network 'vgg19'; one of vgg, vgg_att"):
            make_network("vgg19", 10, {})
        with pytest.raises(ModelError, match="resnet18 takes no kind; vgg_att"):
            make_network("resnet18", 10, AttentionOptions(kind="dp"))

    def test_foveate_models_lists_them(self) -> None:
        """With their counts at 100 classes; those of ResNet18 are CBAM's authors'."""
        assert set(SMALL_IMAGES) < set(WHOLE_IMAGE)
        counts = {name: WHOLE_IMAGE[name].counted()[0] for name in SMALL_IMAGES if "18" in name}
        assert counts["resnet18"] == 11_220_132
        assert counts["resnet18_cbam"] == 11_309_372
        assert counts["resnet18_cbam7"] == 11_310_012


class TestAsked:
    def test_dp_hears_another_images_question(self) -> None:
        """Masks move when the first image asks, but not its own; under `pc` none does."""
        for kind, moves in (("dp", True), ("pc", False)):
            one = network("vgg_att2", kind=kind)
            with torch.no_grad():
                own, asked = one.masks(images()), one.masks(images(), images()[:1])
            for before, after in zip(own, asked, strict=True):
                torch.testing.assert_close(before[0], after[0])
                assert torch.allclose(before[1], after[1], atol=1e-7) is not moves

    def test_others_cannot_be_asked(self) -> None:
        """A network without a global vector says so."""
        with pytest.raises(ModelError, match="only networks of Learn to Pay Attention"):
            network("resnet18_cbam").masks(images(), images())


class TestLoss:
    def test_is_that_of_the_paper(self) -> None:
        """The likelihood of the labels; SAOL's own terms beside it."""
        labels = torch.tensor([3, 7])
        for name in ("resnet18", "vgg"):
            one = network(name)
            expected = F.cross_entropy(one.log_probs(images()), labels)
            torch.testing.assert_close(one.loss(images(), labels), expected)
        one = network("resnet18_saol")
        assert isinstance(one.inner, ResNet18Saol)
        torch.testing.assert_close(
            one.loss(images(), labels), saol_loss(one(images()), labels).total
        )

    def test_an_attack_steps_in_the_images_own_values(self) -> None:
        """Whatever the preparation, no value of the image moves further than the norm."""
        one = network("resnet18")
        one.fit_preparation(10 * images() - 3)
        found = fast_gradient_sign(one.log_probs, images(), torch.tensor([0, 1]), norm=4 / 255)

        assert (found - images()).abs().max() <= 4 / 255 + 1e-6
        assert one.loss(found, torch.tensor([0, 1])) > one.loss(images(), torch.tensor([0, 1]))


class TestMultiplications:
    def test_the_recurrence_is_counted(self) -> None:
        """AttentionRNN costs what its definition says: context, gates, heads, and two neighbours per position."""
        counts = {}
        for name in ("resnet18_cbam", "resnet18_arnn"):
            with torch.device("meta"):
                inner, image = make_network(name, 10, {}).eval(), torch.empty(1, 3, 32, 32)
                counts[name] = multiplications_of(lambda inner=inner, image=image: inner(image))
        t, expected = 16, 0
        for side, channels in ((32, 64), (16, 128), (8, 256), (4, 512)):
            context = 9 * channels * t * side**2
            gates = 2 * 4 * t * t * side**2
            neighbours = 2 * 2 * 4 * t * t * side * (side - 1)
            heads = 2 * 2 * t * side**2
            convolution_of_cbam = 2 * 9 * side**2
            expected += 2 * (context + gates + neighbours + heads - convolution_of_cbam)
        found = counts["resnet18_arnn"] - counts["resnet18_cbam"]

        # What is left is the little network that combines left and right.
        assert expected <= found < 1.03 * expected
