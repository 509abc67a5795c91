"""PyTorch's own ways to fail, and what is done about them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cgtool.backends.torch.backend import TorchBackend
from cgtool.errors import EngineError, OutOfMemoryError
from tests.backends.support import Sources, source_of

FRAMES = np.zeros((1, 16, 16, 3), np.uint8)


class Greedy(nn.Module):
    """Asks the real allocator for more than any machine has."""

    def forward(self, image: Tensor) -> Tensor:
        return image + torch.empty(1 << 50)


class Broken(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return image + torch.empty(7)


def test_running_out_of_memory_is_told_apart() -> None:
    with (
        TorchBackend(source_of(Greedy(), 4, "greedy")) as backend,
        pytest.raises(OutOfMemoryError, match=r"greedy, 1 frame of 16x16.*smaller --batch"),
    ):
        backend.infer(FRAMES)


def test_other_failures_name_the_model_and_the_reason() -> None:
    with (
        TorchBackend(source_of(Broken(), 4, "broken")) as backend,
        pytest.raises(EngineError, match=r"broken failed on cpu .*size of tensor") as caught,
    ):
        backend.infer(FRAMES)
    assert not isinstance(caught.value, OutOfMemoryError)


def test_fp16_is_refused_on_the_cpu(sources: Sources) -> None:
    with pytest.raises(EngineError, match=r"CPUs have no fast fp16.*--precision"):
        TorchBackend(sources["resnet"], "cpu", "fp16")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_gpu_is_refused(sources: Sources) -> None:
    with pytest.raises(EngineError, match="cuda:0 can't be used, this PyTorch"):
        TorchBackend(sources["resnet"], "cuda:0", "fp16")


def test_the_sources_network_is_left_as_it_is(sources: Sources) -> None:
    before = {name: value.clone() for name, value in sources["resnet"].load().state_dict().items()}
    TorchBackend(sources["resnet"], "cpu", "bf16").close()
    after = sources["resnet"].load().state_dict()
    assert {name: value.dtype for name, value in after.items()} == {name: value.dtype for name, value in before.items()}
    assert all(torch.equal(after[name], value) for name, value in before.items())


@pytest.mark.gpu
def test_out_of_memory_on_the_gpu_leaves_it_usable(sources: Sources) -> None:
    with TorchBackend(sources["photo2monet"], "cuda:0", "fp32") as backend:
        with pytest.raises(OutOfMemoryError):
            backend.infer(np.zeros((64, 4320, 7680, 3), np.uint8))
        assert backend.infer(FRAMES).shape == FRAMES.shape
