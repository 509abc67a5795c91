"""The four networks as a configuration says."""

from __future__ import annotations

import torch

from cgtool.training.build import build_networks
from tests.training.data.toy import tiny_config

CPU = torch.device("cpu")


def test_the_seed_decides_the_weights() -> None:
    some, same, others = (build_networks(tiny_config(seed=seed), CPU) for seed in (0, 0, 1))
    for name, net in some.named().items():
        for key, value in net.state_dict().items():
            assert torch.equal(value, same.named()[name].state_dict()[key])
    key = "stem.conv.weight"
    assert not torch.equal(some.G.state_dict()[key], others.G.state_dict()[key])
    assert not torch.equal(some.G.state_dict()[key], some.F.state_dict()[key])


def test_networks_are_called_in_files_as_the_table_says() -> None:
    networks = build_networks(tiny_config(), CPU)
    assert networks.named() == {
        "A_to_B": networks.G, "B_to_A": networks.F, "D_A": networks.D_X, "D_B": networks.D_Y,
    }  # fmt: skip
    assert list(networks.generators.values()) == [networks.G, networks.F]
    parameters = [*networks.generator_parameters(), *networks.discriminator_parameters()]
    assert len(parameters) == sum(len(list(net.parameters())) for net in networks.named().values())


def test_a_fresh_maps_generator_changes_nothing() -> None:
    net = build_networks(tiny_config(generator="maps", map_stride=8), CPU).G
    image = torch.rand(1, 3, 32, 32) * 2 - 1
    torch.testing.assert_close(net.picture(image, net(image)), image)
