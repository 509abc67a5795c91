"""The state of a training: learning rates, weights in and out."""

from __future__ import annotations

import pytest
import torch

from cgtool.config import Direction
from cgtool.errors import ModelError
from cgtool.training.config import TrainConfig
from cgtool.training.parallel import World
from cgtool.training.state import TrainState, pick_precision, settle
from tests.training.data.toy import tiny_config

WORLD = World(0, 1, torch.device("cpu"))


def advanced(state: TrainState, steps: int) -> list[float]:
    rng = torch.Generator().manual_seed(0)
    rates = []
    for _ in range(steps):
        x, y = torch.rand(2, 1, 3, 32, 32, generator=rng) * 2 - 1
        state.advance([(x, y)], 8)
        rates.append(state.learning_rate)
    return rates


def test_the_rate_is_the_generators_own() -> None:
    state = TrainState(tiny_config(head_start=2, decay=0.5, lr=0.004), WORLD)
    assert advanced(state, 7) == pytest.approx([0, 0, 0.004, 0.004, 0.004, 0.003, 0.002])


def test_weights_begin_another_training() -> None:
    first = TrainState(tiny_config(), WORLD)
    advanced(first, 1)
    networks, averages = first.weights()
    second = TrainState(tiny_config(seed=5), WORLD)
    second.begin_with(networks, averages)
    for name, net in second.networks.named().items():
        for key, value in net.state_dict().items():
            assert torch.equal(value, networks[name][key])
    assert torch.equal(
        second.averages["A_to_B"].net.state_dict()["head.conv.bias"], averages["A_to_B"]["head.conv.bias"]
    )


@pytest.mark.parametrize(("learn", "idle"), [("A_to_B", "B_to_A"), ("B_to_A", "A_to_B")])
def test_a_generator_that_does_not_learn_keeps_its_average(learn: Direction, idle: Direction) -> None:
    networks, averages = TrainState(tiny_config(seed=1), WORLD).weights()
    shifted = {direction: {key: value + 1 for key, value in net.items()} for direction, net in averages.items()}
    state = TrainState(tiny_config(learn=learn), WORLD)
    state.begin_with(networks, shifted)
    advanced(state, 2)
    for key, value in state.averages[idle].net.state_dict().items():
        assert torch.equal(value, shifted[idle][key]), key
    assert not torch.equal(
        state.averages[learn].net.state_dict()["head.conv.weight"], shifted[learn]["head.conv.weight"]
    )


def test_generators_alone_leave_the_discriminators_fresh() -> None:
    networks, _ = TrainState(tiny_config(seed=1), WORLD).weights()
    state = TrainState(tiny_config(), WORLD)
    fresh = state.networks.D_X.state_dict()["head.weight"].clone()
    state.begin_with({name: networks[name] for name in ("A_to_B", "B_to_A")}, {})
    assert torch.equal(state.networks.D_X.state_dict()["head.weight"], fresh)
    assert torch.equal(
        state.averages["A_to_B"].net.state_dict()["head.conv.weight"], networks["A_to_B"]["head.conv.weight"]
    )
    with pytest.raises(ModelError, match="does not fit"):
        state.begin_with({"A_to_B": networks["A_to_B"]}, {})


def test_an_average_that_is_new_begins_at_the_newest_weights() -> None:
    before = TrainState(tiny_config(ema=0.0), WORLD)
    advanced(before, 1)
    state = TrainState(tiny_config(), WORLD)
    state.load_state_dict(before.state_dict())
    assert (state.step, state.images) == (1, 1)
    key = "head.conv.weight"
    assert torch.equal(state.averages["B_to_A"].net.state_dict()[key], state.networks.F.state_dict()[key])


@pytest.mark.parametrize(("hardware", "picked"), [(True, "bf16"), (False, "fp32")])
def test_bf16_is_picked_where_the_cpu_has_it(hardware: bool, picked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: hardware)
    assert pick_precision("auto", WORLD.device) == picked
    settled = settle(TrainConfig(), WORLD.device)
    assert (settled.precision, settled.device) == (picked, "cpu")
    assert pick_precision("fp16", WORLD.device) == "fp16"
