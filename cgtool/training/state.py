"""All that changes while a model is trained, built from a configuration, saved and restored."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from cgtool.config import DIRECTIONS, Direction, Precision
from cgtool.errors import ModelError
from cgtool.models.generator import Generator
from cgtool.training.build import build_networks
from cgtool.training.chance import Use, seed_globally, torch_generator
from cgtool.training.config import TrainConfig
from cgtool.training.losses import Losses
from cgtool.training.parallel import World
from cgtool.training.parts.ema import MovingAverage
from cgtool.training.parts.pool import ImagePool
from cgtool.training.parts.schedule import learning_rate_factor
from cgtool.training.step import Optimization, Palettes, train_step

logger = logging.getLogger(__name__)

_OTHER_ARCHITECTURE = "It is of another architecture: choose another --name, or the options that it was trained with"


def settle(config: TrainConfig, device: torch.device) -> TrainConfig:
    """The configuration with what ``auto`` comes to on a device: the result depends on it, so a run records it."""
    settled = replace(config, precision=pick_precision(config.precision, device), device=device.type)
    logger.debug("training on %s in %s", device, settled.precision)
    return settled


def pick_precision(precision: Precision, device: torch.device) -> Precision:
    """What ``auto`` means on a device: BF16 where its convolutions are faster in hardware, else FP32."""
    if precision != "auto":
        return precision
    picked: Precision
    if device.type == "cuda":
        picked = "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    else:
        picked = "bf16" if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() else "fp32"
    return picked


class TrainState:
    """Networks, averages, optimizers, pools and counters.

    Args:
        config: What they are built from.
        world: The processes that train them together.
        palettes: The colours of A and of B, for the loss that judges them.

    Attributes:
        config: What they are built from, settled for the device.
        world: The processes that train them together.
        step: Steps done.
        images: Images of each domain seen by all processes together: the samplers' position.
        learning_rate: The generators', in the last step.
        networks: The four.
        averages: Moving averages of the generators; empty if there are none.
    """

    def __init__(self, config: TrainConfig, world: World, palettes: Palettes = None) -> None:
        config = settle(config, world.device)
        self.config = config
        self.world = world
        self.step = 0
        self.images = 0
        self.learning_rate = config.lr
        self._palettes = palettes and (palettes[0].to(world.device), palettes[1].to(world.device))
        self.networks = build_networks(config, world.device)
        self.averages: dict[Direction, MovingAverage] = (
            {direction: MovingAverage(net, config.ema) for direction, net in self.networks.generators.items()}
            if config.ema
            else {}
        )
        adam = partial(torch.optim.Adam, lr=config.lr, betas=(config.beta1, config.beta2), fused=True)
        self._optimization = Optimization(
            generators=adam(self.networks.generator_parameters()),
            discriminators=adam(self.networks.discriminator_parameters()),
            scaler=torch.amp.GradScaler(world.device.type, enabled=config.precision == "fp16"),
            pools=(ImagePool(config.pool_size), ImagePool(config.pool_size)),
        )

    @property
    def images_per_step(self) -> int:
        """Images of each domain that one step of all processes sees."""
        return self.config.batch * self.config.accumulate * self.world.size

    def best_generators(self) -> dict[Direction, Generator]:
        """The averaged generators if there are any, else the newest."""
        return {d: average.net for d, average in self.averages.items()} or dict(self.networks.generators)

    def advance(self, batches: Sequence[tuple[Tensor, Tensor]], total_steps: int) -> Losses:
        """Train one step.

        Args:
            batches: ``accumulate`` pairs of images of A and B in [-1, 1] on the device.
            total_steps: Where the learning rate's schedule ends.

        Returns:
            This process's mean losses, 0-dimensional on the device.
        """
        seed = self.config.seed
        seed_globally(seed, Use.STEP, self.step, self.world.rank)
        rate = self.config.lr * learning_rate_factor(self.step, total_steps, self.config.decay)
        self.learning_rate = 0.0 if self.step < self.config.head_start else rate
        self._optimization.generators.param_groups[0]["lr"] = self.learning_rate
        self._optimization.discriminators.param_groups[0]["lr"] = rate
        losses = train_step(
            self.networks,
            self.config.objective.at(self.step),
            self._optimization,
            batches,
            world=self.world,
            precision=self.config.precision,
            rngs=(torch_generator(seed, Use.POOL_A, self.step), torch_generator(seed, Use.POOL_B, self.step)),
            palettes=self._palettes,
        )
        for direction, average in self.averages.items():
            if direction in self.config.objective.learning:
                average.update(self.networks.generators[direction])
        self.step += 1
        self.images += self.images_per_step
        return losses

    def weights_are_finite(self) -> bool:
        """Whether no weight of any network is NaN or infinite."""
        sums = [p.detach().sum() for net in self.networks.named().values() for p in net.parameters()]
        return bool(torch.isfinite(torch.stack(sums)).all())

    def state_dict(self) -> dict[str, Any]:
        """Everything that going on exactly needs, as tensors and plain data."""
        return {
            "step": self.step,
            "images": self.images,
            "networks": {name: net.state_dict() for name, net in self.networks.named().items()},
            "averages": {
                direction: {"updates": average.updates, "weights": average.net.state_dict()}
                for direction, average in self.averages.items()
            },
            "optimizers": [self._optimization.generators.state_dict(), self._optimization.discriminators.state_dict()],
            "scaler": self._optimization.scaler.state_dict(),
            "pools": [pool.state_dict() for pool in self._optimization.pools],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave.

        Raises:
            ModelError: It does not fit this configuration's networks.
        """
        try:
            for name, net in self.networks.named().items():
                net.load_state_dict(state["networks"][name])
            for direction, average in self.averages.items():
                # An average that this configuration has just begun starts at the newest weights.
                saved = state["averages"].get(direction)
                average.net.load_state_dict(saved["weights"] if saved else state["networks"][direction])
                average.updates = saved["updates"] if saved else 0
            optimizers = (self._optimization.generators, self._optimization.discriminators)
            for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(saved)
                optimizer.param_groups[0]["betas"] = (self.config.beta1, self.config.beta2)
            if state["scaler"]:
                self._optimization.scaler.load_state_dict(state["scaler"])
            for pool, saved in zip(self._optimization.pools, state["pools"], strict=True):
                pool.load_state_dict(saved, self.world.device)
            self.step, self.images = int(state["step"]), int(state["images"])
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            raise ModelError("does not fit these networks", hint=_OTHER_ARCHITECTURE) from error

    def begin_with(
        self, networks: Mapping[str, Mapping[str, Tensor]], averages: Mapping[str, Mapping[str, Tensor]]
    ) -> None:
        """Take over weights only, by the names that `weights` gives; optimizers and pools stay fresh.

        Args:
            networks: The generators' weights, and perhaps the discriminators'; those that are missing stay fresh.
            averages: The averages' weights; where there are none, the generators' are taken.

        Raises:
            ModelError: They are of another architecture.
        """
        try:
            for name, net in self.networks.named().items():
                if name in networks or name in DIRECTIONS:
                    net.load_state_dict(networks[name])
            for direction, average in self.averages.items():
                average.net.load_state_dict(averages.get(direction, networks[direction]))
        except (KeyError, RuntimeError) as error:
            raise ModelError("does not fit these networks", hint=_OTHER_ARCHITECTURE) from error

    def weights(self) -> tuple[dict[str, dict[str, Tensor]], dict[str, dict[str, Tensor]]]:
        """The networks' and the averages' weights, by ``A_to_B``, ``B_to_A`` (generators), ``D_A`` and ``D_B``."""
        networks = {name: net.state_dict() for name, net in self.networks.named().items()}
        return networks, {direction: average.net.state_dict() for direction, average in self.averages.items()}
