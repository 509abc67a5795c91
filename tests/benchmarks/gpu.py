"""Milliseconds per frame of PyTorch's engines on an NVIDIA GPU, for the shipped models, as a table for the README.

Each model is timed at the lines that it looks at by default, and as if it looked at whole 720p and 1080p frames, with
as many frames per call as a conversion gives it. FP16 is compared with FP32 in dB on frames of noise and blur. All
precisions take turns in one run. Run as ``python -m tests.benchmarks.gpu``.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from cgtool.backends.torch.backend import TorchBackend
from cgtool.config import Direction, EnginePrecision
from cgtool.conversion.model import source_of
from cgtool.models.folder import ModelFolder, read_model_folder
from cgtool.pictures import Size

ROOT = Path(__file__).resolve().parents[2]
PRECISIONS: tuple[EnginePrecision, ...] = ("fp32", "bf16", "fp16")
CALLS = 12
FULL = {"720p": Size(1280, 720), "1080p": Size(1920, 1080)}
_COLUMNS = ("model", "size", *(f"{precision}, ms" for precision in PRECISIONS), "FP16 against FP32, dB")
HEAD = f"| {' | '.join(_COLUMNS)} |\n{'|---' * len(_COLUMNS)}|"


def frames_of(size: Size, count: int) -> NDArray[np.uint8]:
    """Blurred noise: all levels, smooth and rough places."""
    noise = np.random.default_rng(0).integers(0, 256, (count, size.height, size.width, 3), dtype=np.uint8)
    return np.stack([cv2.addWeighted(one, 0.2, cv2.blur(one, (31, 31)), 0.8, 0) for one in noise]).astype(np.uint8)


def decibels(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Of pictures, whose peak is 255, or of maps, whose peak is how far their values lie apart."""
    error = np.square(one.astype(np.float64) - other).mean()
    peak = 255.0 if one.dtype == np.uint8 else float(np.ptp(one.astype(np.float64)))
    return float(10 * np.log10(peak**2 / max(error, 1e-6 * peak)))


def timed(backends: Sequence[TorchBackend], frames: NDArray[np.uint8]) -> list[float]:
    """Median milliseconds of one frame in each, in turns, after two calls that do not count."""
    times: list[list[float]] = [[] for _ in backends]
    for number in range(CALLS + 2):
        for backend, own in zip(backends, times, strict=True):
            begin = time.perf_counter()
            backend.infer(frames)
            if number >= 2:
                own.append(1e3 * (time.perf_counter() - begin) / len(frames))
    return [statistics.median(own) for own in times]


def lines(folders: Sequence[Path], device: str) -> Iterator[str]:
    yield HEAD
    for folder in folders:
        model = read_model_folder(folder)
        for direction in model.directions:
            yield from _of(model, direction, device)


def _of(model: ModelFolder, direction: Direction, device: str) -> Iterator[str]:
    source, looks = source_of(model, direction), model.defaults_of(direction).size
    assert isinstance(looks, int)
    sizes = {f"{looks} lines": Size(round(looks * 16 / 9), looks), **FULL}
    with ExitStack() as stack:
        backends = [stack.enter_context(TorchBackend(source, device, precision)) for precision in PRECISIONS]
        for label, size in sizes.items():
            frames = frames_of(size, backends[0].info.batch)
            full, half = (backend.infer(frames) for backend in (backends[0], backends[-1]))
            times = " | ".join(f"{ms:.2f}" for ms in timed(backends, frames))
            yield f"| to {model.target(direction)} | {label} | {times} | {decibels(full, half):.1f} |"


def main() -> None:
    if not torch.cuda.is_available():
        sys.exit("this PyTorch finds no NVIDIA GPU")
    print(f"{torch.cuda.get_device_name(0)}, PyTorch {torch.__version__}")
    for line in lines(sorted(path.parent for path in (ROOT / "engines").glob("*/model.json")), "cuda:0"):
        print(line, flush=True)


if __name__ == "__main__":
    main()
