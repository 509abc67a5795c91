"""All that changes while a model is trained, built from a configuration, saved and restored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cgtool.config import DIRECTIONS, Direction, Precision
from cgtool.errors import ModelError
from cgtool.models.architecture import Discriminator, Generator, build_discriminator, build_generator
from cgtool.models.layers import initialize
from cgtool.models.projected import ProjectedDiscriminator
from cgtool.models.resnet50 import ResNet50Discriminator, ResNet50Generator, load_encoder
from cgtool.training.chance import Use, seed_globally, torch_generator
from cgtool.training.config import TrainConfig
from cgtool.training.ema import MovingAverage
from cgtool.training.layout import correct_instance_norms, memory_format
from cgtool.training.parallel import World
from cgtool.training.pool import ImagePool
from cgtool.training.schedule import learning_rate_factor
from cgtool.training.step import Losses, Networks, Objective, Optimization, train_step

_OTHER_ARCHITECTURE = "It is of another architecture: choose another --name, or the options that it was trained with"


def pick_precision(precision: Precision, device: torch.device) -> Precision:
    """What ``auto`` means on a device: BF16 where its convolutions are faster in hardware, else FP32."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    return "bf16" if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() else "fp32"


class TrainState:
    """Networks, averages, optimizers, pools and counters.

    Attributes:
        step: Steps done.
        images: Images of each domain seen by all processes together: the samplers' position.
        generators: By direction.
        discriminators: By the domain they judge, A and B.
        averages: Moving averages of the generators; empty if there are none.
        objective: The losses.
    """

    def __init__(self, config: TrainConfig, world: World) -> None:
        self.config = config
        self.world = world
        self.step = 0
        self.images = 0
        self.precision = pick_precision(config.precision, world.device)

        seed_globally(config.seed, Use.INIT)
        self.generators: dict[Direction, Generator] = {
            direction: build_generator(config.generator_architecture()) for direction in DIRECTIONS
        }
        self.discriminators: dict[str, Discriminator] = {
            domain: build_discriminator(config.discriminator_architecture()) for domain in "AB"
        }
        for net in self._networks().values():
            initialize(net)
            if config.encoder_weights and isinstance(net, (ResNet50Generator, ResNet50Discriminator)):
                load_encoder(net.encoder, Path(config.encoder_weights))
            correct_instance_norms(net)
            net.to(device=world.device, memory_format=memory_format(world.device))  # type: ignore[call-overload]  # torch's stub lacks it
            if config.compile and not isinstance(net, ProjectedDiscriminator):  # compiled, that one is slower
                net.compile()
        self.averages: dict[Direction, MovingAverage] = (
            {direction: MovingAverage(net, config.ema) for direction, net in self.generators.items()}
            if config.ema
            else {}
        )
        self._nets = Networks(
            G=self.generators["A_to_B"],
            F=self.generators["B_to_A"],
            D_X=self.discriminators["A"],
            D_Y=self.discriminators["B"],
        )
        self.objective = Objective(
            config.gan_loss,
            config.cycle_loss,
            config.cycle_weight,
            config.identity_weight,
            config.through_detail,
            config.texture,
            config.contrast,
            config.texture_weight,
            config.temporal_weight,
        )
        self._optimization = Optimization(
            generators=self._adam(self._nets.generator_parameters()),
            discriminators=self._adam(self._nets.discriminator_parameters()),
            scaler=torch.amp.GradScaler(world.device.type, enabled=self.precision == "fp16"),
            pools=(ImagePool(config.pool_size), ImagePool(config.pool_size)),
        )

    @property
    def images_per_step(self) -> int:
        """Images of each domain that one step of all processes sees."""
        return self.config.batch * self.config.accumulate * self.world.size

    def best_generators(self) -> dict[Direction, Generator]:
        """The averaged generators if there are any, else the newest."""
        return {d: average.net for d, average in self.averages.items()} or dict(self.generators)

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
        factor = learning_rate_factor(self.step, total_steps, self.config.decay)
        for optimizer in (self._optimization.generators, self._optimization.discriminators):
            optimizer.param_groups[0]["lr"] = self.config.lr * factor
        if self.step < self.config.head_start:
            self._optimization.generators.param_groups[0]["lr"] = 0.0
        losses = train_step(
            self._nets,
            self.objective,
            self._optimization,
            batches,
            world=self.world,
            precision=self.precision,
            rngs=(torch_generator(seed, Use.POOL_A, self.step), torch_generator(seed, Use.POOL_B, self.step)),
        )
        for direction, average in self.averages.items():
            average.update(self.generators[direction])
        self.step += 1
        self.images += self.images_per_step
        return losses

    def weights_are_finite(self) -> bool:
        """Whether no weight of any network is NaN or infinite."""
        sums = [p.detach().sum() for net in self._networks().values() for p in net.parameters()]
        return bool(torch.isfinite(torch.stack(sums)).all())

    def state_dict(self) -> dict[str, Any]:
        """Everything that going on exactly needs, as tensors and plain data."""
        return {
            "step": self.step,
            "images": self.images,
            "networks": {name: net.state_dict() for name, net in self._networks().items()},
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
            for name, net in self._networks().items():
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

    def load_weights(
        self, networks: Mapping[str, Mapping[str, Tensor]], averages: Mapping[str, Mapping[str, Tensor]]
    ) -> None:
        """Take over weights only, by the names that `weights` gives; averages default to the generators.

        Raises:
            ModelError: They are of another architecture.
        """
        try:
            for name, net in self._networks().items():
                net.load_state_dict({key: value.float() for key, value in networks[name].items()})
            for direction, average in self.averages.items():
                chosen = averages.get(direction, networks[direction])
                average.net.load_state_dict({key: value.float() for key, value in chosen.items()})
        except (KeyError, RuntimeError) as error:
            raise ModelError("does not fit these networks", hint=_OTHER_ARCHITECTURE) from error

    def weights(self) -> tuple[dict[str, dict[str, Tensor]], dict[str, dict[str, Tensor]]]:
        """The networks' and the averages' weights, by ``A_to_B``, ``B_to_A`` (generators), ``D_A`` and ``D_B``."""
        networks = {name: net.state_dict() for name, net in self._networks().items()}
        return networks, {direction: average.net.state_dict() for direction, average in self.averages.items()}

    def _networks(self) -> dict[str, nn.Module]:
        judges = {f"D_{domain}": net for domain, net in self.discriminators.items()}
        return {**dict[str, nn.Module](self.generators.items()), **judges}

    def _adam(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        betas = (self.config.beta1, self.config.beta2)
        return torch.optim.Adam(parameters, lr=self.config.lr, betas=betas, fused=True)
