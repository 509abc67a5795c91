"""How long maps take on a frame's planes: CPU milliseconds per frame, one thread.

python -m tests.benchmarks.planes
"""

from __future__ import annotations

import time

import cv2
import numpy as np

from cgtool.change.colour_space import MAPS, Samples
from cgtool.change.plane.siting import Plane
from cgtool.change.planes import PlaneChange
from cgtool.pictures import Size

SIZES = {"720p": Size(1280, 720), "1080p": Size(1920, 1080), "2160p": Size(3840, 2160)}
MAPS_OF = {"1 knot, 64x114": (1, 64, 114), "4 knots, 32x57": (4, 32, 57), "4 knots, 64x114": (4, 64, 114)}
FRAMES = 40


def milliseconds(samples: Samples, size: Size, knots: int, cells: tuple[int, int]) -> tuple[float, float]:
    """The fastest and the median of `FRAMES` frames."""
    random = np.random.default_rng(0)
    shapes = [(size.height, size.width)] + [(size.height // samples.step[1], size.width // samples.step[0])] * 2
    planes: list[Plane] = [
        random.integers(samples.black, samples.white, shape).astype(samples.dtype)  # type: ignore[misc]  # of its format
        for shape in shapes
    ]
    maps = random.normal(0, 0.05, (knots * MAPS, *cells)).astype(np.float32)
    change = PlaneChange(samples, size, cells, knots)
    out = change(planes, maps)
    seconds = []
    for _ in range(FRAMES):
        start = time.process_time()
        change(planes, maps, out)
        seconds.append(time.process_time() - start)
    return 1000 * min(seconds), 1000 * float(np.median(seconds))


def main() -> None:
    cv2.setNumThreads(1)
    print("YUV 4:2:0, BT.709; fastest and median CPU ms per frame")
    for name, size in SIZES.items():
        for depth in (8, 10):
            samples = Samples(depth=depth, luma_weights=(0.2126, 0.0722), step=(2, 2), siting=(0, 0.5))
            for title, (knots, *cells) in MAPS_OF.items():
                fastest, median = milliseconds(samples, size, knots, (cells[0], cells[1]))
                print(f"{name:6} {depth:2} bits  {title:16} {fastest:6.2f} {median:6.2f}", flush=True)


if __name__ == "__main__":
    main()
