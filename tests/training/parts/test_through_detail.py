"""The differentiable filter is the one that conversion applies."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from cgtool.change.detail import GuidedDetail
from cgtool.training.parts.through_detail import through_detail


def picture(seed: int) -> NDArray[np.uint8]:
    """Smooth colours, edges and a little noise, 64x96."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:64, :96]
    waves = [np.sin(x / rng.uniform(5, 30) + rng.uniform(0, 6)) + np.cos(y / rng.uniform(5, 30)) for _ in range(3)]
    image = (
        128 + 40 * np.stack(waves, axis=2) + 60 * ((x // 24 + y // 16) % 2)[..., None] + rng.normal(0, 4, (64, 96, 3))
    )
    pixels: NDArray[np.uint8] = image.clip(0, 255).astype(np.uint8)
    return pixels


def tensor(image: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 127.5 - 1


def levels(image: Tensor) -> NDArray[np.float32]:
    pixels: NDArray[np.float32] = ((image[0].permute(1, 2, 0) + 1) * 127.5).numpy()
    return pixels


def test_equals_guided_detail_at_the_networks_size() -> None:
    source, result = picture(0), 255 - picture(1) // 2
    shown = levels(through_detail(tensor(source), tensor(result))).clip(0, 255)
    expected = GuidedDetail()(source, source, result)
    assert np.abs(expected.astype(int) - source).mean() > 20  # there is something to agree on
    assert np.abs(shown - expected).max() <= 1.5  # the result is rounded, and so is OpenCV's luma
    assert np.abs(shown - expected).mean() < 0.4


def test_an_unchanged_picture_stays() -> None:
    source = tensor(picture(0))
    torch.testing.assert_close(through_detail(source, source), source, atol=1e-5, rtol=0)


def test_an_affine_change_passes_and_fine_texture_does_not() -> None:
    source = tensor(picture(0))
    affine = 0.97 * source + 0.2
    assert (through_detail(source, affine) - affine).abs().mean() < 0.01
    checkerboard = 0.2 * torch.ones(64, 96).cumsum(0).add(torch.ones(64, 96).cumsum(1)).remainder(2).mul(2).sub(1)
    shown = through_detail(source, source + checkerboard)
    assert (shown - source).abs().mean() < 0.1 * checkerboard.abs().mean()


def test_gradients_reach_the_result() -> None:
    torch.manual_seed(0)
    source = tensor(picture(0)).double().float()
    result = (0.5 * source + 0.1 * torch.randn_like(source)).requires_grad_()
    through_detail(source, result).square().mean().backward()  # type: ignore[no-untyped-call]
    assert result.grad is not None
    direction = torch.randn_like(source)
    step = 1e-2
    with torch.no_grad():
        ahead, behind = (through_detail(source, result + sign * step * direction).square().mean() for sign in (1, -1))
    numeric = float(ahead - behind) / (2 * step)
    assert float((result.grad * direction).sum()) == pytest.approx(numeric, rel=0.05)


def test_runs_in_fp32_under_autocast() -> None:
    source, result = tensor(picture(0)), tensor(picture(1))
    plain = through_detail(source, result)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(through_detail(source, result), plain)


@pytest.mark.parametrize(("texture", "contrast"), [(0.5, 0.92), (0.0, 0.3), (0.4, 0.2), (1.0, 0.92)])
def test_texture_and_contrast_are_guided_details_own(texture: float, contrast: float) -> None:
    source = picture(0)
    result = (120 + 0.2 * source + np.random.default_rng(4).normal(0, 12, source.shape)).clip(0, 255).astype(np.uint8)
    shown = levels(through_detail(tensor(source), tensor(result), texture=texture, contrast=contrast)).clip(0, 255)
    expected = GuidedDetail(texture=texture, contrast=contrast)(source, source, result)
    assert np.abs(shown - expected).max() <= 2.0
    assert np.abs(shown - expected).mean() < 0.4
