"""The world of one process; several are in tests/cli/test_train.py."""

from __future__ import annotations

import pytest
import torch

from cgtool.errors import UsageError
from cgtool.training.parallel import World, join, pick_device


def test_alone_everything_is_ones_own() -> None:
    world = World(0, 1, torch.device("cpu"))
    images = torch.rand(4, 3, 2, 2)
    assert world.is_main
    assert world.gather(images) is images
    assert world.own(images) is images
    assert torch.equal(world.mean(images), images)
    assert world.largest(5) == 5
    world.average_gradients([])()
    world.barrier()
    world.close()


@pytest.mark.parametrize("device", ["tpu", "cpu:1", "cuda:x", "cuda:99"])
def test_devices_that_there_are_not_are_refused(device: str) -> None:
    with pytest.raises(UsageError, match=f"--device {device}"):
        pick_device(device)


def test_without_torchrun_a_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert join("cpu") == World(0, 1, torch.device("cpu"))
