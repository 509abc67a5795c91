"""The maps generator: identity at first, any size, a floor of contrast; applied maps against a reference."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from cgtool.errors import ModelError
from cgtool.grid import MAPS, luma_knots
from cgtool.models.architecture import build_generator, describe
from cgtool.models.maps import MapsConfig, MapsGenerator, apply_maps, keep_contrast
from cgtool.pictures import LUMA

Array = NDArray[np.float64]
STRUCTURES = [(stride, knots) for stride in (2, 4, 8) for knots in (1, 2, 4)]


def generator(map_stride: int = 4, knots: int = 4, *, head: float = 0.0) -> MapsGenerator:
    """A small one in eval mode; ``head`` is the deviation of its last weights, 0 for a fresh one."""
    torch.manual_seed(0)
    net = MapsGenerator(MapsConfig(width=4, blocks=1, map_stride=map_stride, knots=knots)).eval()
    if head:
        torch.nn.init.normal_(net.head.weight, std=head)
    return net


def image(height: int = 40, width: int = 72, batch: int = 2) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1


def sampled(field: Array, size: tuple[int, int]) -> Array:
    """Bilinear with half-pixel centres, borders repeated: (h, w) to ``size``."""
    for axis, wanted in enumerate(size):
        cells = field.shape[axis]
        place = np.clip((np.arange(wanted) + 0.5) * cells / wanted - 0.5, 0, cells - 1)
        low = np.minimum(np.floor(place).astype(int), max(cells - 2, 0))
        share = np.expand_dims(place - low, 1 - axis)
        high = np.minimum(low + 1, cells - 1)
        field = np.take(field, low, axis) * (1 - share) + np.take(field, high, axis) * share
    return field


def applied(x: Array, maps: Array) -> Array:
    """The formula of `cgtool.models.maps`, pixel by pixel: x is (3, H, W), maps (K * 7, h, w)."""
    knots, size = len(maps) // MAPS, (x.shape[1], x.shape[2])
    full = np.stack([sampled(field, size) for field in maps]).reshape(knots, MAPS, *size)
    luma = np.tensordot(np.array(LUMA), x, 1)
    out = np.empty_like(x)
    for row in range(size[0]):
        for column in range(size[1]):
            y, here = luma[row, column], full[:, :, row, column]
            if knots == 1:
                gain, lift, offset = np.split(here[0], [3, 4])
            else:
                place = (np.clip(y, -1, 1) + 1) / 2 * (knots - 1)
                below = min(int(place), knots - 2)
                blend = here[below] * (below + 1 - place) + here[below + 1] * (place - below)
                gain, lift, offset = np.split(blend, [3, 4])
            out[:, row, column] = x[:, row, column] * (1 + gain) + lift * y + offset
    return out


@pytest.mark.parametrize(("map_stride", "knots"), STRUCTURES)
def test_a_fresh_generator_changes_nothing(map_stride: int, knots: int) -> None:
    x = image()
    maps = generator(map_stride, knots)(x)
    assert maps.shape == (2, knots * MAPS, 40 // map_stride, 72 // map_stride)
    assert maps.dtype == torch.float32
    torch.testing.assert_close(apply_maps(x, maps), x)


@pytest.mark.parametrize(("map_stride", "knots"), STRUCTURES)
def test_maps_are_applied_as_written_down(map_stride: int, knots: int) -> None:
    x = image()
    maps = generator(map_stride, knots, head=0.1)(x).detach()
    for height, width in ((40, 72), (61, 83)):  # the frame may have any other size
        frame = image(height, width)
        got = apply_maps(frame, maps)[0]
        expected = applied(frame[0].double().numpy(), maps[0].double().numpy())
        np.testing.assert_allclose(got.numpy(), expected, atol=2e-5)


@pytest.mark.parametrize("size", [(8, 16), (8, 1048), (24, 16)])
def test_any_multiple_of_the_stride_will_do(size: tuple[int, int]) -> None:
    net = generator(2, 4, head=0.1)
    assert net(image(*size, batch=1)).shape == (1, 28, size[0] // 2, size[1] // 2)


@pytest.mark.parametrize("knots", [1, 2, 4, 7])
@pytest.mark.parametrize("contrast", [0.0, 0.2, 1.0])
def test_every_cell_keeps_its_contrast(knots: int, contrast: float) -> None:
    maps = torch.randn(2, knots * MAPS, 5, 6, generator=torch.Generator().manual_seed(2))
    kept = keep_contrast(maps, contrast)
    lumas = luma_knots(knots) if knots > 1 else (-1.0, 1.0)
    grays = [apply_maps(torch.full((2, 3, 5, 6), luma), kept) for luma in lumas]
    values = [(gray * torch.tensor(LUMA).view(1, 3, 1, 1)).sum(1) for gray in grays]
    for (low, darker), (high, brighter) in pairwise(zip(lumas, values, strict=True)):
        assert ((brighter - darker) / (high - low)).min() >= contrast - 1e-5


@pytest.mark.parametrize("knots", [1, 4])
def test_what_has_contrast_enough_is_left_alone(knots: int) -> None:
    maps = 0.05 * torch.randn(2, knots * MAPS, 5, 6, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(keep_contrast(maps, 0.2), maps)


@pytest.mark.parametrize("knots", [1, 4])
def test_what_is_missing_of_contrast_can_be_learned(knots: int) -> None:
    maps = torch.randn(1, knots * MAPS, 3, 3, generator=torch.Generator().manual_seed(2), requires_grad=True)
    torch.autograd.backward(keep_contrast(maps, 0.5).sum())
    assert maps.grad is not None
    assert torch.isfinite(maps.grad).all()


def test_light_is_seen() -> None:
    """Instance normalization of the first features would hide it."""
    net = generator(head=0.1)
    gray = torch.full((1, 3, 32, 32), 0.5)
    assert (net(gray) - net(-gray)).abs().max() > 1e-3


def test_a_border_is_no_place_of_its_own() -> None:
    """An even picture has even maps: padding repeats."""
    maps = generator(4, 4, head=0.1)(torch.full((1, 3, 64, 64), 0.3))
    assert (maps - maps.mean((2, 3), keepdim=True)).abs().max() < 1e-5


def test_structures_are_described_and_built() -> None:
    config = MapsConfig(width=4, blocks=2, map_stride=8, knots=3, contrast=0.5, attention=True)
    net = build_generator(describe(config))
    assert isinstance(net, MapsGenerator)
    assert net.config == config


@pytest.mark.parametrize("wrong", [{"map_stride": 3}, {"knots": 0}, {"contrast": 1.5}, {"width": 0}])
def test_structures_that_can_not_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ModelError):
        MapsConfig(**wrong)


def test_attention_decides_where_maps_act_and_is_said_in_training_alone() -> None:
    torch.manual_seed(0)
    net = MapsGenerator(MapsConfig(width=4, blocks=1, knots=2, attention=True))
    assert net.attention is not None
    torch.nn.init.normal_(net.head.weight, std=0.1)
    image = torch.rand(2, 3, 64, 64) * 2 - 1
    maps, logits = net.split(net(image))
    assert maps.shape == (2, 14, 16, 16)
    assert logits is not None
    assert logits.shape == (2, 1, 16, 16)
    torch.testing.assert_close(net.picture(image, net(image)), apply_maps(image, maps))
    net.eval()
    assert torch.equal(net(image), maps)
    assert net.split(maps)[1] is None

    torch.nn.init.zeros_(net.attention.weight)
    assert net.attention.bias is not None
    for bias, acts in ((-100.0, False), (100.0, True)):
        torch.nn.init.constant_(net.attention.bias, bias)
        assert bool(net(image).abs().max() > 1e-3) == acts
