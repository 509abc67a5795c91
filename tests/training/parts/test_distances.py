"""The losses' formulas, in numbers; their gradients are in tests/training/test_step.py."""

from __future__ import annotations

import math

import pytest
import torch

from cgtool.training.config import CycleLoss, GanLoss
from cgtool.training.parts.distances import adversarial_loss, discriminator_loss, image_distance, imitation

LOG = math.log(1 + math.exp(-2))


@pytest.mark.parametrize(("kind", "fooled", "judged"), [("lsgan", 1.0, 2.5), ("bce", LOG, LOG / 2 + 1 + LOG / 2),
                                                        ("hinge", -2.0, 1.5)])  # fmt: skip
def test_values(kind: GanLoss, fooled: float, judged: float) -> None:
    real, fake = torch.full((1, 1, 2, 2), 2.0), torch.full((1, 1, 2, 2), 2.0)
    assert adversarial_loss(kind, fake).item() == pytest.approx(fooled)
    assert discriminator_loss(kind, real, fake).item() == pytest.approx(judged)


def test_a_relativistic_loss_compares_in_pairs() -> None:
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([0.0, 1.0])
    won, lost = math.log(1 + math.exp(-2)), math.log(1 + math.exp(2))
    assert discriminator_loss("relativistic", real, fake).item() == pytest.approx((won + lost) / 2)
    assert adversarial_loss("relativistic", fake, real).item() == pytest.approx((lost + won) / 2)
    assert discriminator_loss("relativistic", real, real - 2).item() == pytest.approx(won)
    assert adversarial_loss("relativistic", real - 2, real).item() == pytest.approx(lost)


@pytest.mark.parametrize(("kind", "value"), [("l1", 0.5), ("l2", 0.25)])
def test_distances(kind: CycleLoss, value: float) -> None:
    image = torch.zeros(1, 3, 2, 2)
    assert image_distance(kind, image, image - 0.5).item() == value


def test_half_precision_is_summed_in_fp32_and_double_in_double() -> None:
    for given, summed in ((torch.bfloat16, torch.float32), (torch.float64, torch.float64)):
        logits = torch.ones(4, dtype=given)
        assert adversarial_loss("lsgan", logits).dtype == summed
        assert image_distance("l1", logits, logits).dtype == summed


def test_an_imitation_is_judged_by_levels_and_by_edges() -> None:
    taught = torch.zeros(1, 1, 2, 4)
    assert imitation(taught + 0.5, taught).item() == 0.5  # even: nothing differs from pixel to pixel
    striped = taught + torch.tensor([0.5, -0.5, 0.5, -0.5])
    assert imitation(striped, taught).item() == 0.5 + 1.0 / 2
