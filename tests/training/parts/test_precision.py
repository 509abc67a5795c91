"""What ``auto`` comes to, and where less than FP32 is computed."""

from __future__ import annotations

import pytest
import torch

from cgtool.config import Precision
from cgtool.training.config import TrainConfig
from cgtool.training.parts.precision import autocast, pick_precision, settle

CPU = torch.device("cpu")


@pytest.mark.parametrize(("hardware", "picked"), [(True, "bf16"), (False, "fp32")])
def test_bf16_is_picked_where_the_cpu_has_it(hardware: bool, picked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: hardware)
    assert pick_precision("auto", CPU) == picked
    settled = settle(TrainConfig(), CPU)
    assert (settled.precision, settled.device) == (picked, "cpu")
    assert pick_precision("fp16", CPU) == "fp16"


@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)]
)
def test_convolutions_run_in_it(precision: Precision, dtype: torch.dtype) -> None:
    with autocast(CPU, precision):
        assert torch.nn.Conv2d(1, 1, 1)(torch.zeros(1, 1, 2, 2)).dtype == dtype
