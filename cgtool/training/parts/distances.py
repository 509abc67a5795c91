"""The formulas of the paper's losses: means over all elements, as 0-dimensional tensors of at least FP32."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from cgtool.models.layers import accurate
from cgtool.training.config import CycleLoss, GanLoss
from cgtool.training.parts.evenness import total_variation


def is_relative(kind: GanLoss) -> bool:
    """Whether a generator's loss compares its fakes with real images."""
    return kind == "relativistic"


def adversarial_loss(kind: GanLoss, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
    """The generator's: low when the discriminator takes its fakes for real.

    lsgan ``(D(fake) - 1)^2`` (Mao et al. 2017); bce ``-log sigmoid(D(fake))``, the non-saturating one (Goodfellow et
    al. 2014); hinge ``-D(fake)`` (Lim and Ye 2017); relativistic ``-log sigmoid(D(fake) - D(real))``, fakes and real
    images in pairs (RpGAN of Jolicoeur-Martineau 2018; R3GAN, Huang et al. 2024).

    Args:
        kind: Which of them.
        fake_logits: The discriminator's opinion of fakes, any shape, without sigmoid.
        real_logits: Its opinion of as many real images, for a loss that `is_relative`.
    """
    fake = accurate(fake_logits)
    match kind:
        case "lsgan":
            return (fake - 1).square().mean()
        case "bce":
            return F.softplus(-fake).mean()
        case "hinge":
            return -fake.mean()
        case "relativistic":
            assert real_logits is not None
            return F.softplus(accurate(real_logits) - fake).mean()


def discriminator_loss(kind: GanLoss, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """A discriminator's: low when it tells real images from fakes. Sums are halved, so that it learns at half the pace.

    lsgan ``(D(real) - 1)^2 + D(fake)^2``; bce ``-log sigmoid(D(real)) - log(1 - sigmoid(D(fake)))``; hinge
    ``max(0, 1 - D(real)) + max(0, 1 + D(fake))``; relativistic ``-log sigmoid(D(real) - D(fake))``, in pairs, no sum.

    Args:
        kind: Which of them.
        real_logits: The discriminator's opinion of real images, any shape, without sigmoid.
        fake_logits: Its opinion of fakes.
    """
    real, fake = accurate(real_logits), accurate(fake_logits)
    match kind:
        case "lsgan":
            loss = (real - 1).square().mean() + fake.square().mean()
        case "bce":
            loss = F.softplus(-real).mean() + F.softplus(fake).mean()
        case "hinge":
            loss = F.relu(1 - real).mean() + F.relu(1 + fake).mean()
        case "relativistic":
            return F.softplus(fake - real).mean()
    return loss / 2


def image_distance(kind: CycleLoss, image: Tensor, other: Tensor) -> Tensor:
    """The distance of cycle-consistency and identity: mean absolute (l1) or mean squared (l2) difference."""
    difference = accurate(image) - accurate(other)
    return difference.abs().mean() if kind == "l1" else difference.square().mean()


def imitation(picture: Tensor, taught: Tensor) -> Tensor:
    """The distance of distillation: mean absolute difference, and half of what differs from pixel to pixel.

    The second part is what the eye sees first: a seam that the teacher doesn't draw, or an edge that it does.

    Args:
        picture: What a network shows, (batch, 3, height, width).
        taught: What it should show.
    """
    difference = accurate(picture) - accurate(taught)
    return difference.abs().mean() + total_variation(difference) / 2
