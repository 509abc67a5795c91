"""The step against the paper's equations, written out in float64 image by image, without the step's own shortcuts."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from cgtool.config import Direction, Precision
from cgtool.models.generator import Generator
from cgtool.training.build import Networks
from cgtool.training.config import CYCLE_LOSSES, GAN_LOSSES, CycleLoss, GanLoss, Objective
from cgtool.training.parts.diff_augment import diff_augment
from cgtool.training.parts.layout import normalize
from cgtool.training.parts.motion import random_motion, with_noise
from cgtool.training.parts.through_detail import through_detail
from cgtool.training.state import TrainState
from cgtool.training.step import autocast, discriminator_losses, generator_losses, train_step
from tests.training.data.toy import tiny_config
from tests.training.steps.in_float64 import double_precision
from tests.training.steps.paper import (
    IDENTITY,
    LAMBDA,
    WORLD,
    copied,
    double,
    images,
    networks,
    no_chance,
    optimization,
    paper_losses,
    paper_objectives,
    step,
)

pytestmark = pytest.mark.usefixtures("one_thread")

CHOICES = list(itertools.product(GAN_LOSSES, CYCLE_LOSSES))


@pytest.mark.parametrize(("gan", "cycle"), CHOICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_losses_and_gradients_are_the_papers(gan: GanLoss, cycle: CycleLoss, dtype: torch.dtype) -> None:
    reference = double(networks())
    nets = copied(networks(), dtype)
    x, y = images(4)
    expected = paper_losses(reference, gan, cycle, x, y)
    for total, parameters in zip(
        paper_objectives(expected),
        (reference.generator_parameters(), reference.discriminator_parameters()),
        strict=True,
    ):
        for parameter, gradient in zip(parameters, torch.autograd.grad(total, parameters), strict=True):
            parameter.grad = gradient
    # Two batches of two, accumulated.
    batches = [(x[k : k + 2].to(dtype), y[k : k + 2].to(dtype)) for k in (0, 2)]
    measured = step(nets, optimization(nets), gan, cycle, batches)

    tolerance = 2e-4 if dtype == torch.float32 else 1e-9
    assert measured.keys() == expected.keys()
    for name, value in expected.items():
        assert measured[name].item() == pytest.approx(value.item(), rel=tolerance, abs=tolerance), name
    for ours, theirs in (
        (nets.generator_parameters(), reference.generator_parameters()),
        (nets.discriminator_parameters(), reference.discriminator_parameters()),
    ):
        # As one vector: a bias before an instance normalization has a gradient of 0, whose rounding is all noise.
        mine, its = (
            torch.cat([p.grad.double().flatten() for p in some if p.grad is not None]) for some in (ours, theirs)
        )
        assert (mine - its).norm() <= tolerance * its.norm()


@pytest.fixture
def float64() -> Iterator[None]:
    with double_precision():
        yield


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("batch", "accumulate"), [(1, 4), (2, 2), (4, 1)])
def test_a_trainings_own_networks_have_the_papers_gradients(batch: int, accumulate: int) -> None:
    """As the loop builds and feeds them, down to the layout in memory: single images are a case of their own."""
    state = TrainState(tiny_config(batch=batch, accumulate=accumulate, pool_size=0), WORLD)
    reference = double(state.networks)
    pixels = torch.randint(0, 256, (2, 4, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    x, y = (normalize(some, WORLD.device) for some in pixels)
    state.advance(list(zip(torch.split(x, batch), torch.split(y, batch), strict=True)), 10)
    generators, judges = paper_objectives(paper_losses(reference, "lsgan", "l1", x, y))
    for total, ours, theirs in (
        (generators, state.networks.generator_parameters(), reference.generator_parameters()),
        (judges, state.networks.discriminator_parameters(), reference.discriminator_parameters()),
    ):
        mine = torch.cat([p.grad.flatten() for p in ours if p.grad is not None])
        right = torch.cat([gradient.flatten() for gradient in torch.autograd.grad(total, theirs)])
        assert (mine - right).norm() <= 1e-9 * right.norm()


@pytest.mark.parametrize(("learn", "terms"), [
    ("A_to_B", {"G_A_to_B", "cycle_A", "identity_B", "D_B"}),
    ("B_to_A", {"G_B_to_A", "cycle_B", "identity_A", "D_A"}),
])  # fmt: skip
def test_one_generator_learns_alone(learn: Direction, terms: set[str]) -> None:
    """Its losses and gradients are those of its half of the whole step; the other one and its judge stay."""
    nets, whole = double(networks()), double(networks())
    x, y = images(2)
    both, _ = generator_losses(whole, Objective(), x, y)
    ours = list(whole.generators[learn].parameters())
    expected = torch.autograd.grad(torch.stack([both[name] for name in sorted(terms & both.keys())]).sum(), ours)
    before = copy.deepcopy(nets.named())
    objective = Objective(learn=learn)
    losses = train_step(nets, objective, optimization(nets), [(x, y)], world=WORLD, precision="fp32", rngs=no_chance())
    assert losses.keys() == terms
    for name in terms & both.keys():
        assert losses[name].item() == pytest.approx(both[name].item(), rel=1e-9), name
    for gradient, parameter in zip(expected, nets.generators[learn].parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, gradient)
    changed = {
        name
        for name, net in nets.named().items()
        if any(not torch.equal(old, new) for old, new in zip(before[name].parameters(), net.parameters(), strict=True))
    }
    assert changed == {learn, "D_B" if learn == "A_to_B" else "D_A"}


def test_in_a_head_start_the_discriminators_learn_alone() -> None:
    state = TrainState(tiny_config(head_start=2, decay=0.0), WORLD)
    nets = {
        "generators": (state.networks.G, state.networks.F),
        "discriminators": (state.networks.D_X, state.networks.D_Y),
    }
    pixels = torch.randint(0, 256, (2, 1, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    x, y = (normalize(some, WORLD.device) for some in pixels)
    for generators_learn in (False, False, True):
        before = {name: [copy.deepcopy(net.state_dict()) for net in some] for name, some in nets.items()}
        state.advance([(x, y)], 10)
        changed = {
            name: [
                any(not torch.equal(value, net.state_dict()[key]) for key, value in old.items())
                for net, old in zip(some, before[name], strict=True)
            ]
            for name, some in nets.items()
        }
        assert changed == {"generators": 2 * [generators_learn], "discriminators": [True, True]}


@pytest.mark.parametrize(("gan", "cycle"), CHOICES)
def test_the_papers_gradients_are_the_losses_slopes(gan: GanLoss, cycle: CycleLoss) -> None:
    """The step's gradient along a random direction, against the difference of losses on both sides of it."""
    nets = double(networks())
    x, y = images(2)
    probe = double(nets)
    step(nets, optimization(nets), gan, cycle, [(x, y)])
    rng = torch.Generator().manual_seed(1)
    width = 1e-7  # wider, some ReLU's kink lies between
    for part, (ours, parameters) in enumerate(
        (
            (nets.generator_parameters(), probe.generator_parameters()),
            (nets.discriminator_parameters(), probe.discriminator_parameters()),
        )
    ):
        direction = [torch.randn(p.shape, generator=rng, dtype=torch.float64) for p in parameters]
        slope = sum((p.grad * d).sum().item() for p, d in zip(ours, direction, strict=True) if p.grad is not None)
        sides = []
        for sign in (1, -1):
            moved = copy.deepcopy(probe)
            for p, d in zip(
                moved.discriminator_parameters() if part else moved.generator_parameters(), direction, strict=True
            ):
                p.data += sign * width * d
            # The discriminators' loss has the fakes of the unmoved generators, which part 1 leaves alone.
            sides.append(paper_objectives(paper_losses(moved, gan, cycle, x, y))[part].item())
        assert slope == pytest.approx((sides[0] - sides[1]) / (2 * width), rel=1e-4, abs=1e-6)


def test_the_update_is_adams_with_the_papers_betas() -> None:
    nets = networks()
    before = [p.detach().clone() for p in nets.generator_parameters()]
    x, y = (images_.float() for images_ in images(1))
    step(nets, optimization(nets, lr=1e-3), "lsgan", "l1", [(x, y)])
    # Adam's first step has the gradient's sign and the learning rate's size, whatever the betas.
    for old, p in zip(before, nets.generator_parameters(), strict=True):
        assert p.grad is not None
        clear = p.grad.abs() > 1e-4
        assert torch.allclose((old - p.detach())[clear], 1e-3 * p.grad.sign()[clear], rtol=1e-2)


class Counting(Generator):
    """Counts the images that go through a network."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.seen: list[bytes] = []

    def forward(self, image: Tensor) -> Tensor:
        self.seen += [one.detach().numpy().tobytes() for one in image]
        result: Tensor = self.net(image)
        return result


def test_no_image_goes_twice_through_a_generator() -> None:
    plain = networks()
    nets = Networks(Counting(plain.G), Counting(plain.F), plain.D_X, plain.D_Y)
    x, y = (images_.float() for images_ in images(2))
    step(nets, optimization(nets), "lsgan", "l1", [(x, y)])
    for generator in (nets.G, nets.F):
        assert isinstance(generator, Counting)
        assert len(generator.seen) == 3 * 2  # translated, identity, back
        assert len(set(generator.seen)) == len(generator.seen)


def test_discriminators_see_the_pools_fakes() -> None:
    plain = networks()
    nets = Networks(plain.G, plain.F, Counting(plain.D_X), Counting(plain.D_Y))
    state = optimization(nets, pool=1)
    seen = set()
    for seed in range(12):
        rng = torch.Generator().manual_seed(seed)
        x, y = (torch.rand(1, 3, 12, 16, generator=rng) * 2 - 1 for _ in "XY")
        objective = Objective("lsgan", "l1", LAMBDA, IDENTITY)
        train_step(nets, objective, state, [(x, y)], world=WORLD, precision="fp32", rngs=(rng, rng))
        judge = nets.D_Y
        assert isinstance(judge, Counting)
        fresh, real, shown = judge.seen[-3:]
        assert real == y.numpy().tobytes()
        seen.add(fresh == shown)
    assert seen == {True, False}


def test_a_step_in_bf16_is_near_one_in_fp32() -> None:
    x, y = (images_.float() for images_ in images(2))
    results = []
    for precision in ("fp32", "bf16"):
        nets = networks()
        losses = train_step(
            nets,
            Objective(),
            optimization(nets),
            [(x, y)],
            world=WORLD,
            precision=precision,
            rngs=no_chance(),
        )
        assert all(value.dtype == torch.float32 for value in losses.values())
        gradient = torch.cat([p.grad.flatten() for p in nets.generator_parameters() if p.grad is not None])
        results.append(({name: value.item() for name, value in losses.items()}, gradient))
    for name, value in results[0][0].items():
        assert math.isclose(value, results[1][0][name], rel_tol=0.05), name
    assert torch.cosine_similarity(results[0][1], results[1][1], dim=0) > 0.8


def test_fp16_scales_the_gradients_and_skips_a_step_that_overflows() -> None:
    nets = networks()
    state = optimization(nets)
    state.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40, growth_interval=1)
    before = [p.detach().clone() for p in nets.generator_parameters()]
    x, y = (images_.float() for images_ in images(1))
    train_step(nets, Objective(), state, [(x, y)], world=WORLD, precision="fp16", rngs=no_chance())
    assert all(torch.equal(old, new) for old, new in zip(before, nets.generator_parameters(), strict=True))
    assert state.scaler.get_scale() == 2.0**39
    state.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**4)
    train_step(nets, Objective(), state, [(x, y)], world=WORLD, precision="fp16", rngs=no_chance())
    assert not torch.equal(before[0], nets.generator_parameters()[0])


def test_the_further_losses_see_what_is_shown() -> None:
    """Through guided detail, with texture and temporal consistency: image by image, from the same chance."""
    nets = networks()
    x, y = (image.float() for image in images(2))
    objective = Objective(through_detail=True, texture_weight=2.0, temporal_weight=3.0)
    torch.manual_seed(5)
    losses, (fake_x, fake_y) = generator_losses(nets, objective, x, y)

    shown_y, shown_x = through_detail(x, nets.G(x)), through_detail(y, nets.F(y))
    torch.testing.assert_close(fake_y, shown_y)
    torch.testing.assert_close(fake_x, shown_x)
    again = through_detail(shown_y, nets.F(shown_y))
    torch.testing.assert_close(losses["cycle_A"], 10 * (again - x).abs().mean())
    torch.testing.assert_close(losses["identity_A"], 5 * (through_detail(x, nets.F(x)) - x).abs().mean())

    torch.manual_seed(5)
    for net, source, target, letter in ((nets.G, x, y, "A"), (nets.F, y, x, "B")):
        motion = random_motion(source)
        moved = with_noise(motion(source))
        seen = [source, target, moved]
        shown = [through_detail(image, net(image)) for image in seen]
        torch.testing.assert_close(losses[f"temporal_{letter}"], 3 * motion.error(shown[0], shown[2]))
        hidden = [(net(image) - filtered).abs().mean() for image, filtered in zip(seen, shown, strict=True)]
        torch.testing.assert_close(losses[f"texture_{letter}"], 2 * torch.stack(hidden).mean())


def test_without_weights_no_chance_is_drawn() -> None:
    """What does not use them trains as it did before they were there."""
    nets = networks()
    x, y = (image.float() for image in images(1))
    torch.manual_seed(5)
    before = torch.get_rng_state()
    losses, _ = generator_losses(nets, Objective(), x, y)
    assert torch.equal(before, torch.get_rng_state())
    assert set(losses) == {"G_A_to_B", "G_B_to_A", "cycle_A", "cycle_B", "identity_A", "identity_B"}


@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)]
)
def test_convolutions_run_in_the_precision(precision: Precision, dtype: torch.dtype) -> None:
    with autocast(WORLD.device, precision):
        assert nn.Conv2d(1, 1, 1)(torch.zeros(1, 1, 2, 2)).dtype == dtype


def test_discriminators_see_real_images_and_fakes_varied() -> None:
    plain = networks()
    nets = Networks(plain.G, plain.F, Counting(plain.D_X), Counting(plain.D_Y))
    x, y = (image.float() for image in images(1))
    torch.manual_seed(5)
    _, (fake_x, fake_y) = generator_losses(nets, Objective(diff_augment=True), x, y)
    discriminator_losses(nets, Objective(diff_augment=True), (x, y), (fake_x.detach(), fake_y.detach()))
    torch.manual_seed(5)
    varied = [diff_augment(some) for some in (fake_y, fake_x, torch.cat([x, fake_x]), torch.cat([y, fake_y]))]
    for judge, expected in ((nets.D_Y, (varied[0], varied[3])), (nets.D_X, (varied[1], varied[2]))):
        assert isinstance(judge, Counting)
        assert judge.seen == [one.detach().numpy().tobytes() for some in expected for one in some]
