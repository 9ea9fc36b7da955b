"""Equation 8, term by term, with its options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from models.aggregation import Aggregation
from models.learning.config import LearningConfig
from models.learning.dense_target import dense_loss, root_loss, told, worth
from models.learning.reinforce import policy_loss, reward
from models.learning.rows import Rows, mean_per_image
from models.tnet import Look


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LossTerms:
    """What a step is taught. Scalars."""

    total: Tensor
    """What is descended: lambda_c * sequence + (1 - lambda_c) * per_feature + lambda_f * location."""
    sequence: Tensor
    """Cross-entropy of the prediction of all looks, in nats."""
    per_feature: Tensor
    """Mean cross-entropy of single looks, in nats."""
    location: Tensor
    """Of the location module: reward, dense target, or both."""
    accuracy: Tensor
    """Share of images whose prediction is right; no gradient."""
    single_accuracy: Tensor
    """Mean share of an image's chosen looks that are right by themselves; no gradient."""

    def detached(self) -> LossTerms:
        """The same numbers without gradient."""
        return LossTerms(
            total=self.total.detach(),
            sequence=self.sequence.detach(),
            per_feature=self.per_feature.detach(),
            location=self.location.detach(),
            accuracy=self.accuracy.detach(),
            single_accuracy=self.single_accuracy.detach(),
        )


class LearningRule:
    """The loss of a step. Its only state is the baseline of the rewards.

    Args:
        config: options.
    """

    def __init__(self, config: LearningConfig) -> None:
        self.config = config
        self.baseline = config.baseline_start

    def terms(
        self,
        look: Look,
        kept: Tensor,
        aggregation: Aggregation,
        rows: Rows,
        num_classes: int,
        root_logits: Sequence[Tensor] = (),
    ) -> LossTerms:
        """The loss of some walks.

        Args:
            look: what the network makes of M windows.
            kept: (M, R) what its aggregation keeps of them.
            aggregation: combines them.
            rows: whose they are.
            num_classes: K.
            root_logits: (R, Q) of each image, where roots were chosen from an overview.
        """
        config = self.config
        # Autocast leaves bfloat16, whose sums and counts stand still from 256 looks on.
        kept = kept.to(torch.promote_types(kept.dtype, torch.float32))
        singles = aggregation.look_log_probs(kept, num_classes)  # (M, K)
        predictions = aggregation.log_probs(kept, rows.image, rows.num_images)  # (N, K)
        sequence = self._sequence(predictions, kept, aggregation, rows)
        per_feature = self._per_feature(singles, rows)
        rewards = reward(predictions, rows.labels)  # (N,)
        chosen = rows.chosen
        look_rewards = reward(singles[chosen], rows.labels[rows.image[chosen]])  # (P,)
        location = self._location(look, singles, rewards, look_rewards, rows)
        location = location + self._roots(look, singles, root_logits, rows)
        classification = config.lambda_c * sequence + (1 - config.lambda_c) * per_feature
        single = mean_per_image(look_rewards, rows.image[chosen], rows.num_images)
        self._follow(rewards.mean(), single)
        return LossTerms(
            total=classification + config.lambda_f * location,
            sequence=sequence,
            per_feature=per_feature,
            location=location,
            accuracy=rewards.mean(),
            single_accuracy=single,
        )

    def _sequence(
        self, predictions: Tensor, kept: Tensor, aggregation: Aggregation, rows: Rows
    ) -> Tensor:
        loss = F.nll_loss(predictions, rows.labels)
        if not self.config.subsets:
            return loss
        counts = torch.bincount(rows.image, minlength=rows.num_images)
        # One cut per image, at least one look before it.
        draw = torch.rand(rows.num_images, device=kept.device)
        cut = 1 + (draw * counts).long().clamp(max=counts - 1)  # (N,)
        early = rows.order < cut[rows.image]
        part = aggregation.log_probs(kept[early], rows.image[early], rows.num_images)
        return (loss + F.nll_loss(part, rows.labels)) / 2

    def _per_feature(self, singles: Tensor, rows: Rows) -> Tensor:
        """Equation 2a: over the looks of an image, those of the roots included unless told otherwise."""
        config = self.config
        taught = rows.depth >= config.per_feature_from
        if config.per_feature_to is not None:
            taught &= rows.depth <= config.per_feature_to
        image_of = rows.image[taught]
        each = F.nll_loss(singles[taught], rows.labels[image_of], reduction="none")
        return mean_per_image(each, image_of, rows.num_images)

    def _location(
        self, look: Look, singles: Tensor, rewards: Tensor, look_rewards: Tensor, rows: Rows
    ) -> Tensor:
        config = self.config
        total = look.cell_logits.sum() * 0
        if config.location == "none" or not len(rows.chosen):
            return total
        if config.location in ("reinforce", "both"):
            total = total + self._reinforce(look, rewards, look_rewards, rows)
        if config.location in ("dense", "both"):
            values = worth(told(singles), look.cell_logits, rows, bootstrap=config.bootstrap)
            total = total + dense_loss(look.cell_logits, values, rows)
        return total

    def _roots(
        self, look: Look, singles: Tensor, root_logits: Sequence[Tensor], rows: Rows
    ) -> Tensor | float:
        """Only the dense target teaches which roots to choose; the paper has one root.

        A root is worth what was found inside it, or the best that its cells promise. What it says by itself does not
        count: the coarsest looks may be untaught (`per_feature_from`), and then say anything.
        """
        if not root_logits or self.config.location not in ("dense", "both"):
            return 0.0
        inside = told(singles).masked_fill(rows.parent < 0, 0.0)  # (M,)
        values = worth(inside, look.cell_logits, rows, bootstrap=True)
        return root_loss(root_logits, values, rows)

    def _reinforce(self, look: Look, rewards: Tensor, look_rewards: Tensor, rows: Rows) -> Tensor:
        """Equation 2b; in the second fMoW stage single looks beyond `per_feature_to` are not rewarded."""
        config, chosen = self.config, rows.chosen
        log_probs = look.cell_log_probs[rows.parent[chosen], rows.cell[chosen]]  # (P,)
        last = config.per_feature_to
        single = None if last is None else rows.depth[chosen] <= last
        return policy_loss(
            log_probs,
            rewards,
            look_rewards,
            baseline=self.baseline,
            mix=config.lambda_r,
            rows=rows,
            is_single=single,
        )

    def _follow(self, rewards: Tensor, look_rewards: Tensor) -> None:
        """Equation 7: the reward to be expected, as a moving average of both kinds."""
        mix, momentum = self.config.lambda_r, self.config.baseline_momentum
        now = float(mix * rewards + (1 - mix) * look_rewards)
        self.baseline = momentum * self.baseline + (1 - momentum) * now
