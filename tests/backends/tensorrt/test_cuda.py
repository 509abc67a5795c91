"""CUDA as TensorRT needs it: what a machine without a GPU says, and that the stand-in is like it."""

from __future__ import annotations

import inspect

import pytest
import torch

from cgtool.backends.tensorrt.cuda import Cuda
from cgtool.errors import EngineError
from tests.backends.tensorrt.standin.gpu import Gpu


def test_the_stand_in_for_cuda_has_what_the_real_one_has() -> None:
    methods = [name for name, _ in inspect.getmembers(Cuda, inspect.isfunction) if not name.startswith("_")]
    assert len(methods) >= 9
    for name in methods:
        real, fake = (inspect.signature(getattr(owner, name)).parameters for owner in (Cuda, Gpu))
        assert list(real) == list(fake), name


@pytest.mark.parametrize("device", ["cpu", "cuda:0", "cuda:7"])
def test_no_gpu(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(EngineError, match=f"PyTorch sees no GPU {device}"):
        Cuda(device)
