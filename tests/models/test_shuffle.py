"""The shuffle generator: a coarse ground at first, any size, only nearby pixels count beside the statistics."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from cgtool.errors import ModelError
from cgtool.models.architecture import build_generator, describe
from cgtool.models.shuffle import ShuffleConfig, ShuffleGenerator


def generator(head: float = 0.0) -> ShuffleGenerator:
    torch.manual_seed(0)
    net = ShuffleGenerator(ShuffleConfig(width=4, blocks=1)).eval()
    if head:
        torch.nn.init.normal_(net.head.weight, std=head)
    return net


def image(height: int = 40, width: int = 72) -> Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_a_fresh_one_draws_nothing_on_the_coarse_ground() -> None:
    net = build_generator({"type": "shuffle", "width": 4, "blocks": 1})
    assert describe(net.config) == {"type": "shuffle", "width": 4, "blocks": 1}
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, 40), torch.linspace(-1, 1, 72), indexing="ij")
    even, noisy = (rows + columns).expand(1, 3, 40, 72) / 2, image()
    torch.testing.assert_close(net(even)[..., 4:-4, 4:-4], even[..., 4:-4, 4:-4])
    assert net(noisy).std() < 0.3 * noisy.std()


@pytest.mark.parametrize("size", [(16, 40), (40, 72)])
def test_a_picture_keeps_its_size_and_range(size: tuple[int, int]) -> None:
    result = generator(head=3.0)(image(*size))
    assert result.shape == (2, 3, *size)
    assert result.abs().max() <= 1
    assert not torch.allclose(result, image(*size), atol=0.1)


def test_what_is_drawn_lies_where_it_was_seen() -> None:
    """A head that passes the skip's features on: an impulse changes the square that it lies in and those around it."""
    net = generator(head=1.0)
    for conv in (net.up.narrow, net.down):
        torch.nn.init.zeros_(conv.weight)  # nothing comes from an eighth of the size, whose norms see everything
    flat = torch.zeros(1, 3, 64, 64)
    dotted = flat.clone()
    dotted[..., 30, 34] = 1
    where = ((net(dotted) - net(flat)).abs().sum(1)[0] > 0).nonzero()
    assert (where.min(0).values >= torch.tensor([8, 12])).all()
    assert (where.max(0).values <= torch.tensor([51, 55])).all()
    assert [28, 32] in where.tolist()


def test_pictures_of_a_batch_are_apart() -> None:
    net, pictures = generator(head=1.0).double(), image().double()
    torch.testing.assert_close(net(pictures)[1:], net(pictures[1:]))


@pytest.mark.parametrize("options", [{"width": 0}, {"blocks": 0}, {"blocks": 1000}])
def test_structures_out_of_range_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ModelError, match=r"shuffle generator can't have"):
        ShuffleConfig(**options)
