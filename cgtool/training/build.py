"""The four networks, and how they are built from a configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from cgtool.config import DIRECTIONS, Direction
from cgtool.models.architecture import build_discriminator, build_generator
from cgtool.models.folder import read_model_folder
from cgtool.models.generator import Generator
from cgtool.models.layers import initialize
from cgtool.models.projected import ProjectedDiscriminator
from cgtool.models.resnet50 import ResNet50Discriminator, ResNet50Generator, load_encoder
from cgtool.models.weights import load_generator
from cgtool.training.chance import Use, seed_globally
from cgtool.training.config import TrainConfig
from cgtool.training.parts.layout import correct_instance_norms, memory_format


@dataclass(frozen=True)
class Networks:
    """The four networks, by the paper's names: G from X to Y, F from Y to X, and the judges of X and of Y.

    With ``--distill``, ``teachers`` are those that G and F imitate. They are never trained or saved.
    """

    G: Generator
    F: Generator
    D_X: nn.Module
    D_Y: nn.Module
    teachers: Mapping[Direction, Generator] = field(default_factory=dict)

    @property
    def generators(self) -> dict[Direction, Generator]:
        """G and F, by direction."""
        return {"A_to_B": self.G, "B_to_A": self.F}

    @property
    def judges(self) -> dict[Direction, nn.Module]:
        """Who judges what each generator makes, by the generator's direction."""
        return {"A_to_B": self.D_Y, "B_to_A": self.D_X}

    def named(self) -> dict[str, nn.Module]:
        """All four, as files call them."""
        return {"A_to_B": self.G, "B_to_A": self.F, "D_A": self.D_X, "D_B": self.D_Y}

    def generator_parameters(self, directions: Sequence[Direction] = DIRECTIONS) -> list[nn.Parameter]:
        """G's, then F's, or one's."""
        return [parameter for direction in directions for parameter in self.generators[direction].parameters()]

    def discriminator_parameters(self) -> list[nn.Parameter]:
        """D_X's, then D_Y's."""
        return [*self.D_X.parameters(), *self.D_Y.parameters()]


def build_networks(config: TrainConfig, device: torch.device) -> Networks:
    """Build the networks with fresh weights, which the configuration's seed decides.

    Raises:
        ModelError: The encoder's weights can't be read, or don't fit; the model to imitate can't be read.
        UsageError: A package that a network needs is not installed.
    """
    seed_globally(config.seed, Use.INIT)
    generator, discriminator = config.generator_architecture(), config.discriminator_architecture()
    networks = Networks(
        build_generator(generator),
        build_generator(generator),
        build_discriminator(discriminator),
        build_discriminator(discriminator),
        _teachers(Path(config.objective.distill), device) if config.objective.distill else {},
    )
    for net in (networks.G, networks.F, networks.D_X, networks.D_Y):
        if isinstance(net, Generator):
            net.initialize()
        else:
            initialize(net)
        if config.encoder_weights and isinstance(net, (ResNet50Generator, ResNet50Discriminator)):
            load_encoder(net.encoder, Path(config.encoder_weights))
        correct_instance_norms(net)
        net.to(device=device, memory_format=memory_format(device))  # type: ignore[call-overload]  # torch's stub lacks it
        if config.compile and not isinstance(net, ProjectedDiscriminator):  # compiled, that one is slower
            net.compile()
    return networks


def _teachers(folder: Path, device: torch.device) -> dict[Direction, Generator]:
    """A model's generators, ready to be imitated."""
    model = read_model_folder(folder)
    teachers = {direction: load_generator(model, direction) for direction in DIRECTIONS}
    for net in teachers.values():
        net.to(device=device, dtype=torch.get_default_dtype(), memory_format=memory_format(device))  # type: ignore[call-overload]
        net.requires_grad_(False)
    return teachers
