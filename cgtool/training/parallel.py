"""Several processes that train one set of networks: data parallelism over NCCL or gloo (torchrun starts them).

Every process holds the same weights and optimizers, translates its own images, and averages the gradients with the
others. Gradients travel as one flat tensor for both generators while the discriminators still compute.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed
from torch.nn import Parameter

from cgtool.errors import UsageError


@dataclass(frozen=True)
class World:
    """This process among those that train together.

    Attributes:
        rank: Its number; 0 writes and speaks.
        size: How many there are.
        device: Where it computes.
    """

    rank: int
    size: int
    device: torch.device

    @property
    def is_main(self) -> bool:
        """Whether it is the one that writes and speaks."""
        return self.rank == 0

    def average_gradients(self, parameters: Iterable[Parameter]) -> Callable[[], None]:
        """Begin to average gradients over all processes.

        Returns:
            Waits until the parameters' gradients are the averages.
        """
        if self.size == 1:
            return lambda: None
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        work = distributed.all_reduce(flat, async_op=True)

        def finish() -> None:
            work.wait()
            flat.div_(self.size)
            for gradient, mean in zip(
                gradients, torch.split(flat, [gradient.numel() for gradient in gradients]), strict=True
            ):
                gradient.copy_(mean.view_as(gradient))

        return finish

    def gather(self, images: Tensor) -> Tensor:
        """The images of all processes, in the order of their ranks: (batch, ...) becomes (size * batch, ...)."""
        if self.size == 1:
            return images
        images = images.contiguous()
        parts = [torch.empty_like(images) for _ in range(self.size)]
        distributed.all_gather(parts, images)
        return torch.cat(parts)

    def own(self, images: Tensor) -> Tensor:
        """This process's part of what `gather` gave."""
        return images if self.size == 1 else images.chunk(self.size)[self.rank]

    def mean(self, values: Tensor) -> Tensor:
        """The mean over all processes."""
        if self.size > 1:
            distributed.all_reduce(values)
            values /= self.size
        return values

    def largest(self, number: int) -> int:
        """The largest of the processes' numbers; all of them learn it."""
        if self.size == 1:
            return number
        value = torch.tensor(number, device=self.device)
        distributed.all_reduce(value, distributed.ReduceOp.MAX)
        return int(value)

    def barrier(self) -> None:
        """Wait for all processes."""
        self.largest(0)

    def close(self) -> None:
        """Leave the group."""
        if self.size > 1:
            distributed.destroy_process_group()


def pick_device(device: str) -> torch.device:
    """The device that an option names; ``auto`` is a GPU if there is one.

    Raises:
        UsageError: The name is unknown, or there is no such device.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = device.partition(":")
    if kind not in ("cpu", "cuda") or (number and not (kind == "cuda" and number.isdigit())):
        raise UsageError(f"--device {device} is unknown", hint="Known are auto, cpu, cuda and cuda:N")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise UsageError(
            f"--device {device}: this machine has {torch.cuda.device_count()} CUDA devices", hint="Use --device cpu"
        )
    return torch.device(device)


def join(device: str) -> World:
    """Join the other processes if torchrun started several; else be alone.

    Args:
        device: As `pick_device` takes it; under torchrun, ``cuda`` and ``auto`` spread over the GPUs by local rank.

    Raises:
        UsageError: There is no such device.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    picked = pick_device(device)
    if size == 1:
        return World(0, 1, picked)
    if picked.type == "cuda" and ":" not in device:
        picked = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    if picked.type == "cuda":
        torch.cuda.set_device(picked)
    backend = "nccl" if picked.type == "cuda" else "gloo"
    device_id = picked if picked.type == "cuda" else None
    distributed.init_process_group(backend, timeout=timedelta(minutes=30), device_id=device_id)
    return World(distributed.get_rank(), distributed.get_world_size(), picked)
