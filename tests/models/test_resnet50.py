"""ResNet-50 as encoder and as judge."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torchvision.models import resnet50

from cgtool.errors import ModelError
from cgtool.models.architecture import build_discriminator, build_generator, describe
from cgtool.models.layers import Upsample
from cgtool.models.resnet50 import Encoder, ResNet50Generator, load_encoder


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("upsample", ["transposed", "resize"])
def test_the_generator_keeps_shape_and_range_and_reaches_every_weight(upsample: Upsample) -> None:
    net = build_generator({"type": "resnet50", "upsample": upsample, "dropout": True})
    assert describe(net.config) == {"type": "resnet50", "upsample": upsample, "dropout": True}
    image = torch.rand(1, 3, net.stride, 2 * net.stride) * 2 - 1
    translated = net(image)
    assert translated.shape == image.shape
    assert translated.abs().max() <= 1
    translated.square().sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_the_discriminator_judges_cells_of_32_pixels() -> None:
    net = build_discriminator({"type": "resnet50"})
    assert net(torch.rand(2, 3, 64, 96)).shape == (2, 1, 2, 3)


def test_the_generator_exports_with_free_batch_and_size() -> None:
    net = build_generator({"type": "resnet50", "upsample": "resize"}).eval().double()
    batch, rows, columns = (torch.export.Dim(name, min=low, max=16) for name, low in (("b", 1), ("r", 2), ("c", 2)))
    shapes = {0: batch, 2: 32 * rows, 3: 32 * columns}
    with torch.no_grad():
        exported = torch.export.export(net, (torch.rand(2, 3, 64, 96).double(),), dynamic_shapes=(shapes,)).module()
        other = torch.rand(1, 3, 128, 96).double()
        torch.testing.assert_close(exported(other), net(other))


def test_the_encoder_is_torchvisions(tmp_path: Path) -> None:
    """With its weights it gives the features that torchvision's own network with group normalization gives."""
    published = resnet50(weights=None)
    for name, parameter in published.named_parameters():
        if "bn" in name:
            torch.nn.init.normal_(parameter, 1.0, 0.1)
    torch.save(published.state_dict(), tmp_path / "resnet50.pth")
    theirs = resnet50(weights=None, norm_layer=lambda channels: torch.nn.GroupNorm(32, channels)).eval()
    theirs.load_state_dict({key: published.state_dict()[key] for key in theirs.state_dict()})
    net = build_generator({"type": "resnet50"})
    assert isinstance(net, ResNet50Generator)
    load_encoder(net.encoder, tmp_path / "resnet50.pth")
    theirs, net = theirs.double(), net.double()
    image = torch.rand(1, 3, 64, 64, dtype=torch.float64)
    seen: list[torch.Tensor] = []
    theirs.layer4.register_forward_hook(lambda module, inputs, output: seen.append(output))
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]], dtype=torch.float64)
    with torch.no_grad():
        theirs((image - mean[:, None, None]) / std[:, None, None])
        ours = net.encoder(image * 2 - 1)
    assert [features.shape[1] for features in ours] == [64, 256, 512, 1024, 2048]
    torch.testing.assert_close(ours[-1], seen[0])


@pytest.mark.parametrize("content", [None, b"no weights", {"other": torch.zeros(1)}, [1]], ids=str)
def test_other_files_than_its_weights_are_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "weights.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(ModelError, match=r"weights\.pth") as caught:
        load_encoder(Encoder(), path)
    assert "resnet50-11ad3fa6.pth" in str(caught.value)
