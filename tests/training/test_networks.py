"""The networks that training offers are those that `cgtool.models` builds."""

from __future__ import annotations

import pytest

from cgtool.models.architecture import build_generator
from cgtool.training.config import TrainConfig
from cgtool.training.networks import DISCRIMINATORS, GENERATORS, Network
from cgtool.training.options import options_of


@pytest.mark.parametrize("network", [*GENERATORS.values(), *DISCRIMINATORS.values()])
def test_rows_name_options_that_there_are(network: Network) -> None:
    assert {*network.options.values(), *network.switches.values()} <= {
        option.name for option in options_of(TrainConfig)
    }


@pytest.mark.parametrize("name", GENERATORS)
def test_crops_fit_the_generators_stride(name: str) -> None:
    size = max(GENERATORS[name].crop_multiple, 64)
    config = TrainConfig(generator=name, ngf=4, crop_size=size, load_size=size)
    assert GENERATORS[name].crop_multiple == build_generator(config.generator_architecture()).stride
