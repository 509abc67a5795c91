"""The table of what TensorRT's engines do on this machine's GPU, for the README: ``make test-tensorrt`` prints it.

Each shipped model is compiled in FP16 and in FP32 by each kind that can run here, compared with PyTorch's FP32 on
photographs, and timed.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from cgtool.backends import machine
from cgtool.config import EnginePrecision
from cgtool.errors import CgtoolError
from cgtool.tasks.export import Exported, ExportRequest, export, plan

KINDS = ("tensorrt", "tensorrt-rtx")
_COLUMNS = (
    "engine", "hardware", "model", "FP16, dB against PyTorch FP32", "FP32, dB", "FP16, frames/s", "times FP32's",
    "times PyTorch FP32's",
)  # fmt: skip
HEAD = f"| {' | '.join(_COLUMNS)} |\n{'|---' * len(_COLUMNS)}|"


def lines(kinds: Sequence[str] = KINDS, models: tuple[str, ...] = ()) -> Iterator[str]:
    """The table, line by line; a kind that can't run here has a line that says why.

    Args:
        kinds: Formats of ``cgtool export``; the device of the first that was measured names the hardware.
        models: Names or folders; none for all that ship.
    """
    yield HEAD
    for kind in kinds:
        try:
            yield from _of(kind, models)
        except CgtoolError as error:
            yield f"| `{kind}` | {error} | | | | | | |"


def _of(kind: str, models: tuple[str, ...]) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        half, full = (_exported(kind, precision, models, Path(folder)) for precision in ("fp16", "fp32"))
    for one, other in zip(half, full, strict=True):
        failed = one.error or other.error
        hardware = machine.device_name("cpu" if kind in ("onnx", "openvino") else "cuda:0")
        begin = f"| `{kind}` | {hardware} | {one.spec.origin.model} {one.spec.source.direction} |"
        if failed is not None or one.milliseconds is None or other.milliseconds is None:
            yield f"{begin} {failed or 'can be opened on an RTX GPU alone'} | | | | |"
            continue
        assert one.engine is not None
        assert other.engine is not None
        ms, ms_full, torch = one.milliseconds["engine"], other.milliseconds["engine"], one.milliseconds["torch fp32"]
        decibels = [engine.manifest.parity["psnr_db"] for engine in (one.engine, other.engine)]
        yield (
            f"{begin} {decibels[0]:.1f} | {decibels[1]:.1f} | {1e3 / ms:.0f} | {ms_full / ms:.2f} | {torch / ms:.2f} |"
        )


def _exported(kind: str, precision: EnginePrecision, models: tuple[str, ...], folder: Path) -> list[Exported]:
    request = ExportRequest(models, format=kind, precision=precision, output=folder, force=True)
    return [event for event in export(plan(request, None), request) if isinstance(event, Exported)]


if __name__ == "__main__":
    for line in lines():
        sys.stdout.write(f"{line}\n")
