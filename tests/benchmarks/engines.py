"""Milliseconds per frame of each engine on this CPU, for the shipped models, and how far the fastest is from its peak.

All engines take turns in one run, so that a busy machine is equally busy for all. The peak is what PyTorch's own matrix
product reaches on this machine in bf16 (fp32 where the CPU has no bf16): no convolution can be faster.
"""

from __future__ import annotations

import argparse
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from cgtool.backends import machine
from cgtool.backends.base import Backend, GeneratorSource
from cgtool.backends.onnx.backend import ONNXBackend
from cgtool.backends.onnx.export import to_onnx
from cgtool.backends.openvino.backend import OpenVINOBackend
from cgtool.backends.openvino.ir import quantized, to_ir
from cgtool.backends.proof import milliseconds_per_frame
from cgtool.backends.torch.backend import TorchBackend
from cgtool.backends.torch.graph import frame_graph
from cgtool.conversion.model import source_of
from cgtool.errors import EngineError
from cgtool.media.reader import VideoReader
from cgtool.models.folder import read_model_folder
from cgtool.pictures import Size
from tests.tools.demo import bunny

ROOT = Path(__file__).resolve().parents[2]
SIZES = {"256x256": Size(256, 256), "360p": Size(640, 360), "720p": Size(1280, 720)}
CALIBRATION_FRAMES = 8


def int8(source: GeneratorSource) -> Backend:
    """Quantized on frames of Big Buck Bunny: for its speed, not for its pictures."""
    frames = []
    with VideoReader(bunny()) as reader:
        for frame in reader.frames():
            if frame.index % 12 == 0:
                frames.append(np.ascontiguousarray(frame.pixels[::2, ::2]))
            if len(frames) == CALIBRATION_FRAMES:
                break
    model = quantized(to_onnx(frame_graph(source.load(), source.stride, "fp32")), frames)
    return OpenVINOBackend(source, "int8", latency=True, engine=to_ir(model, half=True))


def open_engines(source: GeneratorSource, stack: ExitStack) -> dict[str, Backend]:
    half = to_onnx(frame_graph(source.load(), source.stride, "fp16"))
    engines: dict[str, Backend] = {"torch fp32": stack.enter_context(TorchBackend(source, "cpu", "fp32"))}
    if machine.cpu_has_bf16():
        engines["torch bf16"] = stack.enter_context(TorchBackend(source, "cpu", "bf16"))
    try:
        engines["ONNX Runtime"] = stack.enter_context(ONNXBackend(half, label=source.label, precision="fp16"))
    except EngineError as error:
        print(error)
    engines["OpenVINO f32"] = stack.enter_context(OpenVINOBackend(source, "fp32", latency=True))
    if machine.cpu_has_bf16():
        engines["OpenVINO bf16"] = stack.enter_context(OpenVINOBackend(source, "bf16", latency=True))
    try:
        engines["OpenVINO int8"] = stack.enter_context(int8(source))
    except EngineError as error:
        print(error)
    return engines


def operations(source: GeneratorSource, size: Size) -> int:
    """Floating-point operations of a frame: two for each multiply-add of the convolutions."""
    with torch.device("meta"):
        image = torch.empty(1, 3, size.height, size.width)
    net = source.load().to("meta")
    with FlopCounterMode(display=False) as counter:
        net(image)
    return int(counter.get_total_flops())


def peak_operations_per_second() -> float:
    """Of a large matrix product in PyTorch, the best of several."""
    dtype = torch.bfloat16 if machine.cpu_has_bf16() else torch.float32
    a, b = (torch.randn(2048, 2048).to(dtype) for _ in "ab")
    best = float("inf")
    for _ in range(10):
        begin = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - begin)
    return 2 * 2048**3 / best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", type=Path, help="model folders; by default the shipped ones")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each engine and size")
    arguments = parser.parse_args()
    folders = arguments.models or sorted(path.parent for path in (ROOT / "engines").glob("*/model.json"))
    peak = peak_operations_per_second()
    console = Console(width=160)
    for folder in folders:
        model = read_model_folder(folder)
        source = source_of(model, model.directions[0])
        with ExitStack() as stack:
            engines = open_engines(source, stack)
            table = Table("ms per frame", *SIZES, f"against {next(iter(engines))}", title=source.label, box=None)
            times = {
                name: milliseconds_per_frame(list(engines.values()), size, seconds=arguments.seconds)
                for name, size in SIZES.items()
            }
        for row, name in enumerate(engines):
            own = [times[size][row] for size in SIZES]
            speedups = [times[size][0] / times[size][row] for size in SIZES]
            table.add_row(name, *(f"{ms:.1f}" for ms in own), " ".join(f"{ratio:.1f}x" for ratio in speedups))
        console.print(table)
        floats = [row for row, name in enumerate(engines) if "int8" not in name]  # the peak is of floats
        for size in SIZES:
            row = min(floats, key=times[size].__getitem__)
            rate = operations(source, SIZES[size]) / (1e-3 * times[size][row])
            console.print(
                f"{size}: {list(engines)[row]} is the fastest of the floating-point ones, {rate / 1e9:.0f} GFLOP/s, "
                f"{100 * rate / peak:.0f}% of the {peak / 1e9:.0f} of a matrix product"
            )


if __name__ == "__main__":
    main()
