"""pix2pix's generator; its numbers are checked in test_reference.py."""

from __future__ import annotations

import itertools

import pytest

from cgtool.models.layers import Upsample
from cgtool.models.unet import UNetConfig, UNetGenerator
from tests.models.networks import assert_exports_with_free_batch_and_size, assert_keeps_shape_and_range

UPSAMPLES: tuple[Upsample, ...] = ("transposed", "resize")
CONFIGS = [
    UNetConfig(downs=downs, ngf=2, affine=affine, dropout=not affine, upsample=upsample)
    for downs, affine, upsample in itertools.product((2, 6), (False, True), UPSAMPLES)
]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_shape_and_range_are_kept_and_every_weight_is_reached(config: UNetConfig) -> None:
    assert_keeps_shape_and_range(config)


@pytest.mark.parametrize("config", [CONFIGS[0], CONFIGS[-1]], ids=str)
def test_it_exports_with_free_batch_and_size(config: UNetConfig) -> None:
    assert_exports_with_free_batch_and_size(config)


def test_its_stride_is_that_of_its_bottom() -> None:
    assert [UNetGenerator(UNetConfig(downs=downs, ngf=1)).stride for downs in (2, 5)] == [4, 32]
