"""The arithmetic: which precision convolutions run in, and what must not be computed in less than FP32."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import torch

from cgtool.config import Precision
from cgtool.training.config import TrainConfig

logger = logging.getLogger(__name__)


def settle(config: TrainConfig, device: torch.device) -> TrainConfig:
    """The configuration with what ``auto`` comes to on a device: the result depends on it, so a run records it."""
    settled = replace(config, precision=pick_precision(config.precision, device), device=device.type)
    logger.debug("training on %s in %s", device, settled.precision)
    return settled


def pick_precision(precision: Precision, device: torch.device) -> Precision:
    """What ``auto`` means on a device: BF16 where its convolutions are faster in hardware, else FP32."""
    if precision != "auto":
        return precision
    picked: Precision
    if device.type == "cuda":
        picked = "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    else:
        picked = "bf16" if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() else "fp32"
    return picked


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """Where convolutions run in ``bf16`` or ``fp16``; nothing for ``fp32``."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16 if precision == "bf16" else torch.float16)
