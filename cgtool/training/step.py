"""One iteration of CycleGAN (Zhu et al. 2017), in the paper's names.

======  ==============================  ================
paper   here                            in files, metrics
======  ==============================  ================
X, Y    the domains A and B             A, B
G       generator from X to Y           A_to_B
F       generator from Y to X           B_to_A
D_X     tells X from F(Y)               D_A
D_Y     tells Y from G(X)               D_B
======  ==============================  ================

No generator sees the same image twice with the same weights: what shares weights and does not depend on each other
goes through in one batch (G(x) with G(y); instance normalization keeps images apart), and the fakes serve the
adversarial, the cycle and the discriminators' losses.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cgtool.config import LEAST_CONTRAST, Precision
from cgtool.training.config import CycleLoss, GanLoss
from cgtool.training.losses import adversarial_loss, discriminator_loss, image_distance
from cgtool.training.motion import random_motion, with_noise
from cgtool.training.parallel import World
from cgtool.training.pool import ImagePool
from cgtool.training.through_detail import through_detail

Losses = dict[str, Tensor]
"""Weighted losses by name: 0-dimensional tensors."""

GENERATOR_LOSSES = (
    "G_A_to_B", "G_B_to_A", "cycle_A", "cycle_B", "identity_A", "identity_B",
    "temporal_A", "temporal_B", "texture_A", "texture_B",
)  # fmt: skip
DISCRIMINATOR_LOSSES = ("D_A", "D_B")


@dataclass(frozen=True)
class Networks:
    """The four networks."""

    G: nn.Module
    F: nn.Module
    D_X: nn.Module
    D_Y: nn.Module

    def generator_parameters(self) -> list[nn.Parameter]:
        """G's, then F's."""
        return [*self.G.parameters(), *self.F.parameters()]

    def discriminator_parameters(self) -> list[nn.Parameter]:
        """D_X's, then D_Y's."""
        return [*self.D_X.parameters(), *self.D_Y.parameters()]


@dataclass(frozen=True)
class Objective:
    """The full objective's choices (the paper's equation 3, and section 5.2 for the identity loss).

    Attributes:
        gan_loss: The adversarial loss.
        cycle_loss: The distance from an image to its reconstruction.
        cycle_weight: Lambda.
        identity_weight: The identity loss's weight as a share of lambda; 0 leaves it out.
        through_detail: Whether all losses see a translation as guided detail shows it.
        texture: Share of what guided detail hides that is shown all the same.
        contrast: Share of the source's contrast that guided detail keeps at least.
        texture_weight: Weight of what guided detail hides of a translation; 0 leaves it out.
        temporal_weight: Weight of a translation's inconsistency under synthetic motion; 0 leaves it out.
    """

    gan_loss: GanLoss = "lsgan"
    cycle_loss: CycleLoss = "l1"
    cycle_weight: float = 10.0
    identity_weight: float = 0.5
    through_detail: bool = False
    texture: float = 0.0
    contrast: float = LEAST_CONTRAST
    texture_weight: float = 0.0
    temporal_weight: float = 0.0

    def shown(self, source: Tensor, result: Tensor) -> Tensor:
        """What is judged of a generator's result."""
        if not self.through_detail:
            return result
        return through_detail(source, result, texture=self.texture, contrast=self.contrast)


def generator_losses(
    nets: Networks, objective: Objective, x: Tensor, y: Tensor
) -> tuple[Losses, tuple[Tensor, Tensor]]:
    """What G and F minimize together.

    Args:
        nets: The networks.
        objective: The losses.
        x: Images of X in [-1, 1], shape (batch, 3, height, width).
        y: As many of Y.

    Returns:
        The weighted losses by name, and the fakes (F(y), G(x)), still attached.
    """
    fakes: list[Tensor] = []
    losses: Losses = {}
    identity_weight = objective.cycle_weight * objective.identity_weight
    for net, source, target, a, b in ((nets.G, x, y, "A", "B"), (nets.F, y, x, "B", "A")):
        inputs = [source]
        if identity_weight:
            inputs.append(target)
        if objective.temporal_weight:
            motion = random_motion(source)
            inputs.append(with_noise(motion(source)))
        seen = torch.cat(inputs)
        result = net(seen)
        shown = objective.shown(seen, result)
        fake, *others = shown.chunk(len(inputs))
        fakes.append(fake)
        if identity_weight:
            losses[f"identity_{b}"] = identity_weight * image_distance("l1", others[0], target)
        if objective.temporal_weight:
            losses[f"temporal_{a}"] = objective.temporal_weight * motion.error(fake, others[-1])
        if objective.texture_weight:
            losses[f"texture_{a}"] = objective.texture_weight * image_distance("l1", result, shown)
    fake_y, fake_x = fakes
    losses["G_A_to_B"] = adversarial_loss(objective.gan_loss, nets.D_Y(fake_y))
    losses["G_B_to_A"] = adversarial_loss(objective.gan_loss, nets.D_X(fake_x))
    again_x, again_y = objective.shown(fake_y, nets.F(fake_y)), objective.shown(fake_x, nets.G(fake_x))
    losses["cycle_A"] = objective.cycle_weight * image_distance(objective.cycle_loss, again_x, x)
    losses["cycle_B"] = objective.cycle_weight * image_distance(objective.cycle_loss, again_y, y)
    return losses, (fake_x, fake_y)


def discriminator_losses(
    nets: Networks, objective: Objective, real: tuple[Tensor, Tensor], fake: tuple[Tensor, Tensor]
) -> Losses:
    """What D_X and D_Y minimize, each on its own.

    Args:
        nets: The networks.
        objective: The losses.
        real: Images of X and of Y, each of shape (batch, 3, height, width).
        fake: As many fakes of each, detached.
    """
    losses: Losses = {}
    for name, judge, real_images, fake_images in zip(
        DISCRIMINATOR_LOSSES, (nets.D_X, nets.D_Y), real, fake, strict=True
    ):
        real_logits, fake_logits = judge(torch.cat([real_images, fake_images])).chunk(2)
        losses[name] = discriminator_loss(objective.gan_loss, real_logits, fake_logits)
    return losses


@dataclass
class Optimization:
    """What a step changes besides the networks' weights.

    Attributes:
        generators: Adam over G and F.
        discriminators: Adam over D_X and D_Y.
        scaler: Keeps FP16 gradients from vanishing; disabled for other precisions.
        pools: Past fakes of X and of Y, the same in every process.
    """

    generators: torch.optim.Optimizer
    discriminators: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    pools: tuple[ImagePool, ImagePool]


def train_step(
    nets: Networks,
    objective: Objective,
    state: Optimization,
    batches: Sequence[tuple[Tensor, Tensor]],
    *,
    world: World,
    precision: Precision,
    rngs: tuple[torch.Generator, torch.Generator],
) -> Losses:
    """Update G and F, then D_X and D_Y, once.

    The discriminators' losses need the fakes but no gradient through them, and the generators' update leaves the
    discriminators alone: so both are differentiated before either is updated, with the result of the usual order.

    Args:
        nets: The networks.
        objective: The losses.
        state: Optimizers, scaler and pools.
        batches: Pairs of images of X and Y in [-1, 1]; gradients are averaged over the pairs.
        world: The processes; gradients are averaged over them, too.
        precision: ``fp32``, ``bf16`` or ``fp16``.
        rngs: Decide what each pool gives; the same in every process.

    Returns:
        The mean losses of this process, detached.
    """
    generators, discriminators = nets.generator_parameters(), nets.discriminator_parameters()
    state.generators.zero_grad()
    state.discriminators.zero_grad()
    means: Losses = {}
    for number, (x, y) in enumerate(batches, 1):
        last = number == len(batches)

        with autocast(world.device, precision):
            losses, (fake_x, fake_y) = generator_losses(nets, objective, x, y)
        _backward(losses, generators, len(batches), state.scaler)
        generators_averaged = world.average_gradients(generators) if last else None

        past_x = world.own(state.pools[0].query(world.gather(fake_x.detach()), rngs[0]))
        past_y = world.own(state.pools[1].query(world.gather(fake_y.detach()), rngs[1]))
        with autocast(world.device, precision):
            judged = discriminator_losses(nets, objective, (x, y), (past_x, past_y))
        _backward(judged, discriminators, len(batches), state.scaler)

        for name, loss in {**losses, **judged}.items():
            means[name] = means.get(name, 0) + loss.detach() / len(batches)
    discriminators_averaged = world.average_gradients(discriminators)

    if generators_averaged is not None:
        generators_averaged()
    state.scaler.step(state.generators)
    discriminators_averaged()
    state.scaler.step(state.discriminators)
    state.scaler.update()
    return means


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """Where convolutions run in ``bf16`` or ``fp16``; nothing for ``fp32``."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16 if precision == "bf16" else torch.float16)


def _backward(losses: Losses, parameters: list[nn.Parameter], batches: int, scaler: torch.amp.GradScaler) -> None:
    """Add the gradients of the losses' sum to these parameters only: the other players' are constants."""
    total = torch.stack(list(losses.values())).sum() / batches
    torch.autograd.backward(scaler.scale(total), inputs=parameters)
