"""Formulas for every sample of a plane, compiled: read once, worked on in registers, written once.

Written in numpy, each operation of a formula reads whole arrays from memory and writes another, and that is what its
time goes into. OpenVINO's CPU plugin makes machine code of a graph of such operations, as few passes as possible, in
float32, for whatever the processor can do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cgtool.change.plane.stretch import Band, Wide
from cgtool.openvino_core import core, import_openvino
from cgtool.pictures import Array

Node = Any
"""A value in a formula, with a number's operators. What it is calculated with is such a value, too: see `number`."""


class Rows(Protocol):
    """What a formula reads: a plane, or something else whose rows can be had."""

    def __getitem__(self, rows: slice, /) -> NDArray[Any]: ...


class Output(NamedTuple):
    """What a formula gives.

    Attributes:
        dtype: Integers are cut off.
        limits: Least and largest value; None for none.
    """

    dtype: type[np.generic]
    limits: tuple[int, int] | None = None


Formula = Callable[[Sequence[Node], Sequence[Node]], Sequence[Node]]
"""From planes and mixtures of maps to outputs, all of them float32."""

_PROPERTIES = {
    "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False,
}  # fmt: skip


class Fused:
    """A formula on planes of one size. Holds buffers between calls; serves one thread.

    Args:
        formula: What is done to each sample.
        bands: How the planes' rows are cut, all in one shape.
        wide: The mixtures of maps, and the planes' width.
        inputs: The types of the planes that are read.
        outputs: What the formula gives.
    """

    def __init__(
        self,
        formula: Formula,
        bands: Sequence[Band],
        wide: Wide,
        inputs: Sequence[type[np.generic]],
        outputs: Sequence[Output],
    ) -> None:
        self._bands, self._wide = bands, wide
        mixtures, _, width = wide.rows.shape
        intervals, room, _ = bands[0].shares.shape
        self._above, self._rise = (np.empty((mixtures, intervals, 1, width), np.float32) for _ in range(2))
        self._shares = np.empty((intervals, room, 1), np.float32)
        self._read = [np.empty((intervals, room, width), dtype) for dtype in inputs]
        compiled = self._compiled(formula, outputs)
        self._written = [
            np.empty(tuple(port.shape), output.dtype) for port, output in zip(compiled.outputs, outputs, strict=True)
        ]
        self._request = compiled.create_infer_request()
        tensor = import_openvino().Tensor
        for index, array in enumerate(self._arguments()):
            self._request.set_input_tensor(index, tensor(array, shared_memory=True))
        for index, array in enumerate(self._written):
            self._request.set_output_tensor(index, tensor(array, shared_memory=True))

    def _arguments(self) -> list[NDArray[Any]]:
        """The graph's inputs: planes, shares, then the map rows above the intervals, and what those below add."""
        return [*self._read, self._shares, *self._above, *self._rise]

    def _compiled(self, formula: Formula, outputs: Sequence[Output]) -> Any:  # noqa: ANN401  # OpenVINO has no types
        openvino, ops = import_openvino(), _operations()
        parameters = [ops.parameter(list(array.shape), array.dtype.type) for array in self._arguments()]
        planes = [ops.convert(parameter, "f32") for parameter in parameters[: len(self._read)]]
        share, *rows = parameters[len(self._read) :]
        above, rise = rows[: len(self._above)], rows[len(self._above) :]
        maps = [first + added * share for first, added in zip(above, rise, strict=True)]
        results = []
        for output, value in zip(outputs, formula(planes, maps), strict=True):
            if output.limits is not None:
                value = ops.clamp(value, *(float(limit) for limit in output.limits))
            results.append(value if output.dtype is np.float32 else ops.convert(value, output.dtype))
        return core().compile_model(openvino.Model(results, parameters), "CPU", _PROPERTIES)

    def __call__(self, planes: Sequence[Rows], maps: Array, out: Sequence[NDArray[Any]]) -> None:
        """Carry the formula out.

        Args:
            planes: What it reads, rows of any stride.
            maps: float32, (maps, height, width).
            out: What it writes; none of ``planes``.
        """
        self._wide.load(maps)
        width = self._above.shape[-1]
        for band in self._bands:
            rows = self._wide.rows[:, band.maps]
            np.copyto(self._above[:, :, 0], rows[:, :-1])
            np.subtract(rows[:, 1:], rows[:, :-1], out=self._rise[:, :, 0])
            np.copyto(self._shares, band.shares)
            for plane, buffer in zip(planes, self._read, strict=True):
                np.take(plane[band.rows], band.filled, 0, buffer.reshape(-1, width), "clip")
            self._request.infer(share_outputs=True)
            for plane, buffer in zip(out, self._written, strict=True):
                np.take(buffer.reshape(-1, width), band.places, 0, plane[band.rows], "clip")


def number(value: float) -> Node:
    """A constant."""
    return _operations().constant(value, np.float32)


def passed(value: Node) -> Node:
    """A value that is written to memory: a pass ends with it.

    A pass can have a dozen arrays at hand. Where a formula needs more, OpenVINO cuts it wherever that limit is reached,
    with many values in flight; a change of shape, which costs nothing, is a better place to cut.
    """
    intervals, room, width = value.shape
    return _operations().reshape(value, np.array([intervals * room, width]), special_zero=False)


def parts(value: Node, ends: Sequence[float]) -> list[Node]:
    """How far a value has come in each piece between two ends, from 0 to the piece's length."""
    ops = _operations()
    return [ops.clamp(value, float(dark), float(bright)) - number(dark) for dark, bright in pairwise(ends)]


def shares(come: Sequence[Node], ends: Sequence[float]) -> list[Node]:
    """What `parts` gave as shares of the pieces, 0 to 1."""
    return [part * number(1 / (bright - dark)) for part, (dark, bright) in zip(come, pairwise(ends), strict=True)]


def between_knots(darkest: Node, steps: Sequence[Node], at: Sequence[Node]) -> Node:
    """What changes from knot to knot: its value at the darkest knot, and what each piece adds by its share."""
    return sum((step * share for step, share in zip(steps, at, strict=True)), darkest)


def _operations() -> Any:  # noqa: ANN401  # OpenVINO has no types
    return import_openvino().opset13
