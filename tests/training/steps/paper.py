"""The paper's losses and gradients, written out image by image, and small networks to try them on."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from cgtool.models.discriminators import PatchConfig, PatchDiscriminator
from cgtool.models.generator import Generator
from cgtool.models.resnet import ResNetConfig, ResNetGenerator
from cgtool.training.build import Networks
from cgtool.training.config import CycleLoss, GanLoss, Objective
from cgtool.training.parallel import World
from cgtool.training.parts.pool import ImagePool
from cgtool.training.step import Optimization, train_step

LAMBDA, IDENTITY = 10.0, 0.5
WORLD = World(0, 1, torch.device("cpu"))


def no_chance() -> tuple[torch.Generator, torch.Generator]:
    return torch.Generator(), torch.Generator()


def networks() -> Networks:
    torch.manual_seed(3)
    generator = ResNetConfig(blocks=1, ngf=3, upsample="resize")
    judge = PatchConfig(n_layers=1, ndf=3)
    return Networks(
        ResNetGenerator(generator), ResNetGenerator(generator), PatchDiscriminator(judge), PatchDiscriminator(judge)
    )


def images(count: int) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(7)
    x, y = (torch.rand(count, 3, 12, 16, generator=rng, dtype=torch.float64) * 2 - 1 for _ in "XY")
    return x, y


def optimization(nets: Networks, lr: float = 1e-3, pool: int = 0) -> Optimization:
    return Optimization(
        torch.optim.Adam(nets.generator_parameters(), lr=lr, betas=(0.5, 0.999)),
        torch.optim.Adam(nets.discriminator_parameters(), lr=lr, betas=(0.5, 0.999)),
        torch.amp.GradScaler("cpu", enabled=False),
        (ImagePool(pool), ImagePool(pool)),
    )


def step(
    nets: Networks, state: Optimization, gan: GanLoss, cycle: CycleLoss, batches: list[tuple[Tensor, Tensor]]
) -> dict[str, Tensor]:
    objective = Objective(gan, cycle, LAMBDA, IDENTITY)
    return train_step(nets, objective, state, batches, world=WORLD, precision="fp32", rngs=no_chance())


def log_sigmoid(value: Tensor) -> Tensor:
    return -torch.log1p(torch.exp(-value))


def average(values: list[Tensor]) -> Tensor:
    """The mean over equally large images' elements."""
    return torch.cat([value.flatten() for value in values]).sum() / sum(value.numel() for value in values)


def generator_terms(gan: GanLoss, logits: Tensor, real: Tensor) -> Tensor:
    return {
        "lsgan": (logits - 1) ** 2,
        "bce": -log_sigmoid(logits),
        "hinge": -logits,
        "relativistic": -log_sigmoid(logits - real),
    }[gan]


def judge_terms(gan: GanLoss, real: Tensor, fake: Tensor) -> Tensor:
    zero = torch.zeros((), dtype=real.dtype)
    return {
        "lsgan": (real - 1) ** 2 + fake**2,
        "bce": -log_sigmoid(real) - log_sigmoid(-fake),
        "hinge": torch.maximum(zero, 1 - real) + torch.maximum(zero, 1 + fake),
        "relativistic": -2 * log_sigmoid(real - fake),  # what is halved below is a sum in the others
    }[gan]


def paper_losses(nets: Networks, gan: GanLoss, cycle: CycleLoss, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """Equations 1 to 3 of Zhu et al. 2017 and the identity loss of section 5.2, one image and one term at a time."""
    terms: dict[str, list[Tensor]] = {}
    power = 1 if cycle == "l1" else 2
    for k in range(len(x)):
        xk, yk = x[k : k + 1], y[k : k + 1]
        with torch.no_grad():
            past_y, past_x = nets.G(xk), nets.F(yk)
        for name, value in {
            "G_A_to_B": generator_terms(gan, nets.D_Y(nets.G(xk)), nets.D_Y(yk)),
            "G_B_to_A": generator_terms(gan, nets.D_X(nets.F(yk)), nets.D_X(xk)),
            "cycle_A": LAMBDA * torch.abs(nets.F(nets.G(xk)) - xk) ** power,
            "cycle_B": LAMBDA * torch.abs(nets.G(nets.F(yk)) - yk) ** power,
            "identity_A": LAMBDA * IDENTITY * torch.abs(nets.F(xk) - xk),
            "identity_B": LAMBDA * IDENTITY * torch.abs(nets.G(yk) - yk),
            "D_A": judge_terms(gan, nets.D_X(xk), nets.D_X(past_x)) / 2,
            "D_B": judge_terms(gan, nets.D_Y(yk), nets.D_Y(past_y)) / 2,
        }.items():
            terms.setdefault(name, []).append(value)
    return {name: average(values) for name, values in terms.items()}


def paper_objectives(losses: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    judges = losses["D_A"] + losses["D_B"]
    return sum(losses.values(), torch.zeros((), dtype=torch.float64)) - judges, judges


def double(nets: Networks) -> Networks:
    return copied(nets, torch.float64)


def copied(nets: Networks, dtype: torch.dtype) -> Networks:
    g, f, d_x, d_y = (copy.deepcopy(net).to(dtype) for net in (nets.G, nets.F, nets.D_X, nets.D_Y))
    assert isinstance(g, Generator)
    assert isinstance(f, Generator)
    return Networks(g, f, d_x, d_y)
