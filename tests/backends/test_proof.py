"""Comparing engines with PyTorch: figures that are right, and a gate that shuts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cgtool.backends.base import MapGrid
from cgtool.backends.identity.backend import IdentityBackend
from cgtool.backends.proof import Parity, Worst, compare, milliseconds_per_frame
from cgtool.backends.spec import Shapes
from cgtool.config import EnginePrecision
from cgtool.errors import CgtoolError
from cgtool.pictures import Size

PICTURE = np.random.default_rng(0).integers(40, 200, (64, 96, 3), dtype=np.uint8)


class Engine(IdentityBackend):
    """Gives what ``work`` makes of frames, and remembers their sizes."""

    def __init__(self, work: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] = lambda frames: frames) -> None:
        self.work = work
        self.seen: list[tuple[int, ...]] = []

    def infer(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        self.seen.append(frames.shape[:3])
        return self.work(frames)


def compared(work: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]) -> tuple[Parity, Worst]:
    return compare(Engine(work), Engine(), [PICTURE])


def test_equal_results_pass_at_every_precision() -> None:
    parity, _ = compared(lambda frames: frames)
    assert parity == Parity(1, 99.0, 0, 0.0, 0.0, 1.0)
    assert all(parity.passes(precision) for precision in ("fp32", "bf16", "fp16", "int8"))


@pytest.mark.parametrize(
    ("levels", "psnr", "passed"),
    [
        (1, 48.13, {"bf16", "fp16", "int8"}),
        (2, 42.11, {"bf16", "fp16", "int8"}),
        (3, 38.59, {"int8"}),
        (10, 28.13, set()),
    ],
)
def test_figures_of_a_known_difference(levels: int, psnr: float, passed: set[str]) -> None:
    parity, _ = compared(lambda frames: frames + np.uint8(levels))
    assert parity.psnr_db == pytest.approx(psnr, abs=0.01)
    assert (parity.max_levels, parity.mean_levels) == (levels, levels)
    precisions: list[EnginePrecision] = ["fp32", "bf16", "fp16", "int8"]
    assert {precision for precision in precisions if parity.passes(precision)} == passed
    assert parity.to_json()["psnr_db"] == pytest.approx(psnr, abs=0.01)


@pytest.mark.parametrize("level", [0, 128])
def test_flat_results_never_pass(level: int) -> None:
    parity, _ = compared(lambda frames: np.full_like(frames, level))
    assert parity.constant_share == 1
    assert not Parity(1, 99.0, 0, 0, constant_share=0.1, banding=1.0).passes("int8")


def test_a_flat_picture_that_pytorch_makes_is_no_fault() -> None:
    flat = Engine(lambda frames: np.full_like(frames, 7))
    parity, _ = compare(flat, flat, [PICTURE])
    assert parity.constant_share == 0


def test_pictures_are_compared_at_two_sizes_one_of_them_odd() -> None:
    engine, reference = Engine(), Engine()
    compare(engine, reference, [PICTURE])
    assert engine.seen == reference.seen == [(1, 64, 96), (1, 41, 62)]


@pytest.mark.parametrize(
    ("shapes", "sizes"),
    [
        (Shapes((1, 32, 32), (1, 64, 96), (4, 128, 128)), [(1, 64, 96), (1, 41, 61)]),
        (Shapes((1, 50, 90), (1, 64, 96), (4, 128, 128)), [(1, 64, 96), (1, 50, 90)]),
        (Shapes((1, 72, 128), (1, 72, 128), (1, 72, 128)), [(1, 72, 128)]),
    ],
)
def test_an_engine_with_a_profile_is_shown_what_it_takes(shapes: Shapes, sizes: list[tuple[int, ...]]) -> None:
    engine = Engine()
    compare(engine, Engine(), [PICTURE], shapes)
    assert engine.seen == sizes
    assert all(size in shapes for size in sizes)


def test_the_worst_picture_is_kept_for_a_look(tmp_path: Path) -> None:
    dark = np.full_like(PICTURE, 10)
    dark[0] = 40

    def spoil_dark(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.add(frames, 5, dtype=np.uint8) if frames.mean() < 30 else frames

    _, worst = compare(Engine(spoil_dark), Engine(), [PICTURE, dark])
    assert worst.photograph.mean() < 30
    path = tmp_path / "new folder" / "worst.png"
    worst.save(path)
    with Image.open(path) as image:
        sheet = np.asarray(image)
    height, width = worst.photograph.shape[:2]
    assert sheet.shape == (height, 4 * width, 3)
    np.testing.assert_array_equal(sheet[:, :width], worst.photograph)
    np.testing.assert_array_equal(sheet[:, 2 * width : 3 * width], worst.result)
    assert (sheet[:, 3 * width :] == 40).all(), "eight times five"
    (tmp_path / "file").touch()
    with pytest.raises(CgtoolError, match=r"worst\.png: .*can't be written"):
        worst.save(tmp_path / "file" / "worst.png")


def test_speed_is_the_median_of_a_frame() -> None:
    engines = [Engine(), Engine()]
    milliseconds = milliseconds_per_frame(engines, Size(24, 16), seconds=0.001)
    assert len(milliseconds) == 2
    assert all(0 < value < 1000 for value in milliseconds)
    assert {len(engine.seen) for engine in engines} == {len(engines[0].seen)}, "in turns"
    assert len(engines[0].seen) >= 4, "one that does not count, and three"
    assert set(engines[0].seen) == {(1, 16, 24)}


def test_a_sky_in_bands_does_not_pass() -> None:
    ramp = np.linspace(60, 200, 320).round().astype(np.uint8)
    sky = np.ascontiguousarray(np.broadcast_to(ramp[None, :, None], (48, 320, 3)))
    parity, _ = compare(Engine(lambda frames: frames // 8 * 8 + np.uint8(4)), Engine(), [sky])
    assert parity.psnr_db > 35
    assert parity.banding > 3
    assert not parity.passes("int8")
    noisy, _ = compare(
        Engine(lambda frames: frames + (np.indices(frames.shape).sum(0) % 2).astype(np.uint8)), Engine(), [sky]
    )
    assert noisy.banding < 1.2
    assert noisy.passes("int8")


class Brighter(IdentityBackend):
    """Gives maps that add so many levels, of cells of 4 pixels."""

    def __init__(self, levels: float) -> None:
        self.levels = levels

    def infer(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        maps = np.zeros(MapGrid(4, 2).shape_of(frames.shape), np.float32)
        maps[:, 4:7] = maps[:, 11:14] = self.levels / 127.5
        return maps


def test_maps_are_compared_by_what_they_show() -> None:
    grid = MapGrid(4, 2)
    equal, _ = compare(Brighter(5), Brighter(5.1), [PICTURE], maps=grid)
    assert (equal.psnr_db, equal.max_levels) == (99.0, 0)
    parity, worst = compare(Brighter(7), Brighter(5), [PICTURE], maps=grid)
    assert parity.psnr_db == pytest.approx(42.11, abs=0.01)
    assert (parity.max_levels, parity.mean_levels) == (2, 2)
    np.testing.assert_array_equal(worst.expected, worst.photograph + 5)
