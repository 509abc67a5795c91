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

from cgtool.config import DIRECTIONS, Precision, opposite
from cgtool.training.build import Networks
from cgtool.training.config import Objective
from cgtool.training.losses import (
    ADVERSARIAL,
    CYCLE,
    Half,
    Losses,
    Verdict,
    as_judged,
    discriminator_terms,
    generator_terms,
    translated,
)
from cgtool.training.parallel import World
from cgtool.training.parts.distances import is_relative
from cgtool.training.parts.masks import on_plain_ground, split_mask
from cgtool.training.parts.pool import ImagePool

Palettes = tuple[Tensor, Tensor] | None
"""X's and Y's, as `cgtool.training.parts.colours.palette` gives them."""


def generator_losses(
    nets: Networks, objective: Objective, x: Tensor, y: Tensor, palettes: Palettes = None
) -> tuple[Losses, tuple[Tensor, Tensor]]:
    """What G and F minimize together, or the one that learns.

    Args:
        nets: The networks.
        objective: The losses.
        x: Images of X in [-1, 1], shape (batch, 3, height, width), or with a mask as a fourth channel.
        y: As many of Y.
        palettes: How colourful X and Y are, for the loss on invented colours.

    Returns:
        The weighted losses by name, and the fakes (F(y), G(x)) as they are judged, still attached; an empty batch of
        the generator that does not learn.
    """
    terms = generator_terms(objective)
    (x, mask_x), (y, mask_y) = split_mask(x), split_mask(y)
    palette_x, palette_y = palettes or (None, None)
    to_y = Half("A_to_B", objective, source=x, target=y, mask=mask_x, target_mask=mask_y, palette=palette_y)
    to_x = Half("B_to_A", objective, source=y, target=x, mask=mask_y, target_mask=mask_x, palette=palette_x)
    halves = [half for half in (to_y, to_x) if half.direction in objective.learning]
    for half in halves:
        half.translate(nets.generators[half.direction], terms, nets.teachers.get(half.direction))
        half.judged = on_plain_ground(half.fake, half.mask)
    if ADVERSARIAL in terms:
        for half in halves:
            half.opinion = nets.judges[half.direction](as_judged(objective, half.judged))
        if is_relative(objective.gan_loss):
            # The discriminators' losses ask D about the same real images again. To share the answer would make other
            # results: with --diff-augment they see the images varied otherwise, beside the past fakes, and spectral
            # norm goes on with every pass (a tenth of a step with projected discriminators). Where it would not, with
            # patch discriminators alone, it would save a hundredth of a step, and hold D's activations throughout it.
            with torch.no_grad():
                for half in halves:
                    real = on_plain_ground(half.target, half.target_mask)
                    half.rival = nets.judges[half.direction](as_judged(objective, real))
    if CYCLE in terms:
        for half in halves:
            half.again = translated(objective, nets.generators[opposite(half.direction)], half.fake)
    losses = {
        term.names[DIRECTIONS.index(half.direction)]: term.weight(objective) * term.value(half)
        for term in terms
        for half in halves
    }
    return losses, (to_x.judged, to_y.judged)


def discriminator_losses(
    nets: Networks, objective: Objective, real: tuple[Tensor, Tensor], fake: tuple[Tensor, Tensor]
) -> Losses:
    """What D_X and D_Y minimize, each on its own.

    Args:
        nets: The networks.
        objective: The losses.
        real: Images of X and of Y, each of shape (batch, 3, height, width).
        fake: As many fakes of each, or none, detached.
    """
    terms = discriminator_terms(objective)
    losses: Losses = {}
    for number, judge in enumerate((nets.D_X, nets.D_Y)):
        if not len(fake[number]):
            continue
        images = real[number]
        if any(term.of_pixels for term in terms):
            images = images.detach().requires_grad_()
        real_logits, fake_logits = judge(as_judged(objective, torch.cat([images, fake[number]]))).chunk(2)
        verdict = Verdict(objective, images, real_logits, fake_logits)
        losses |= {term.names[number]: term.weight(objective) * term.value(verdict) for term in terms}
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
    palettes: Palettes = None,
) -> Losses:
    """Update G and F, then D_X and D_Y, once.

    The discriminators' losses need the fakes but no gradient through them, and the generators' update leaves the
    discriminators alone: so both are differentiated before either is updated, with the result of the usual order.

    Args:
        nets: The networks.
        objective: The losses.
        state: Optimizers, scaler and pools.
        batches: Pairs of images of X and Y in [-1, 1], perhaps with masks; gradients are averaged over the pairs.
        world: The processes; gradients are averaged over them, too.
        precision: ``fp32``, ``bf16`` or ``fp16``.
        rngs: Decide what each pool gives; the same in every process.
        palettes: How colourful X and Y are, for the loss on invented colours.

    Returns:
        The mean losses of this process, detached.
    """
    generators, discriminators = nets.generator_parameters(objective.learning), nets.discriminator_parameters()
    state.generators.zero_grad()
    state.discriminators.zero_grad()
    means: Losses = {}
    for number, (x, y) in enumerate(batches, 1):
        last = number == len(batches)

        with autocast(world.device, precision):
            losses, fakes = generator_losses(nets, objective, x, y, palettes)
        _backward(losses, generators, len(batches), state.scaler)
        generators_averaged = world.average_gradients(generators) if last else None

        if objective.gan_weight:
            past = [
                world.own(pool.query(world.gather(fake.detach()), rng))
                for pool, fake, rng in zip(state.pools, fakes, rngs, strict=True)
            ]
            with autocast(world.device, precision):
                real_x, real_y = on_plain_ground(*split_mask(x)), on_plain_ground(*split_mask(y))
                judged = discriminator_losses(nets, objective, (real_x, real_y), (past[0], past[1]))
            _backward(judged, discriminators, len(batches), state.scaler)
            losses = {**losses, **judged}

        for name, loss in losses.items():
            means[name] = means.get(name, 0) + loss.detach() / len(batches)
    discriminators_averaged = world.average_gradients(discriminators) if objective.gan_weight else None

    if generators_averaged is not None:
        generators_averaged()
    state.scaler.step(state.generators)
    if discriminators_averaged is not None:
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
