"""Compiled formulas against the same ones in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cgtool.change.plane.fused import Formula, Fused, Node, Output, between_knots, number, parts, passed, shares
from cgtool.change.plane.stretch import Wide, banded, positions

WIDTH, HEIGHT, CELLS = 60, 50, (4, 6)


def fused(formula: Formula, inputs: Sequence[type[np.generic]], outputs: Sequence[Output], samples: int = 700) -> Fused:
    wide = Wide(np.eye(1, 2), positions(WIDTH, CELLS[1], WIDTH), CELLS)
    bands = banded(positions(HEIGHT, CELLS[0], HEIGHT), CELLS[0], WIDTH, samples)
    return Fused(formula, bands, wide, inputs, outputs)


def drawn(seed: int, low: int, high: int, dtype: type[np.generic]) -> NDArray[Any]:
    return np.random.default_rng(seed).integers(low, high, (HEIGHT, WIDTH)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("samples", [1, 700, 10**6])
def test_a_formula_reads_planes_and_maps(dtype: type[np.generic], samples: int) -> None:
    def formula(planes: Sequence[Node], maps: Sequence[Node]) -> list[Node]:
        return [planes[0] * maps[0] + planes[1], planes[0] * number(0.5)]

    plane, share = drawn(0, 0, 200, dtype), drawn(1, -9, 9, np.float32)
    given = np.random.default_rng(2).uniform(0.5, 2, (1, *CELLS)).astype(np.float32)
    out = [np.zeros((HEIGHT, WIDTH), dtype), np.zeros((HEIGHT, WIDTH), np.float32)]
    outputs = [Output(dtype, (16, 235)), Output(np.float32)]
    fused(formula, [dtype, np.float32], outputs, samples)([plane, share], given, out)
    wanted = np.clip(plane * cv2.resize(given[0], (WIDTH, HEIGHT)) + share, 16, 235)
    assert np.abs(out[0] - (wanted - 0.5)).max() <= 0.75  # cut off; OpenCV's weights are coarse
    assert np.array_equal(out[1], plane * np.float32(0.5))


def test_rows_of_any_stride_are_read_and_written() -> None:
    wide_plane, wide_out = np.zeros((HEIGHT, 2 * WIDTH), np.uint8), np.zeros((HEIGHT, 2 * WIDTH), np.uint8)
    wide_plane[:, ::2] = drawn(0, 0, 200, np.uint8)
    same = fused(lambda planes, maps: [planes[0]], [np.uint8], [Output(np.uint8, (0, 255))])
    same([wide_plane[:, ::2]], np.zeros((1, *CELLS), np.float32), [wide_out[:, :WIDTH]])
    assert np.array_equal(wide_out[:, :WIDTH], wide_plane[:, ::2])
    assert not wide_out[:, WIDTH:].any()


def test_a_pass_that_ends_early_gives_the_same() -> None:
    plane, out = drawn(0, 0, 256, np.uint8), [np.zeros((HEIGHT, WIDTH), np.float32) for _ in range(2)]

    def formula(planes: Sequence[Node], maps: Sequence[Node]) -> list[Node]:
        twice = planes[0] * number(2)
        return [twice + number(1), passed(twice) + number(1)]

    fused(formula, [np.uint8], [Output(np.float32)] * 2)([plane], np.zeros((1, *CELLS), np.float32), out)
    assert np.array_equal(out[0], 2.0 * plane + 1)
    assert np.array_equal(out[1], out[0])


def test_parts_add_up_between_the_ends() -> None:
    plane, out = drawn(0, 0, 256, np.uint8), [np.zeros((HEIGHT, WIDTH), np.float32) for _ in range(2)]
    fused(lambda planes, maps: parts(planes[0], [16, 100, 235]), [np.uint8], [Output(np.float32)] * 2)(
        [plane], np.zeros((1, *CELLS), np.float32), out
    )
    assert np.array_equal(out[0], np.clip(plane, 16, 100) - 16.0)
    assert np.array_equal(out[1], np.clip(plane, 100, 235) - 100.0)


def test_what_changes_from_knot_to_knot_is_linear_between_them() -> None:
    plane, out, ends = drawn(0, 0, 256, np.uint8), [np.zeros((HEIGHT, WIDTH), np.float32)], [16, 100, 235]

    def formula(planes: Sequence[Node], maps: Sequence[Node]) -> list[Node]:
        return [between_knots(number(5), [number(2), number(-9)], shares(parts(planes[0], ends), ends))]

    fused(formula, [np.uint8], [Output(np.float32)])([plane], np.zeros((1, *CELLS), np.float32), out)
    np.testing.assert_allclose(out[0], np.interp(plane, ends, [5, 7, -2]), atol=1e-5)
