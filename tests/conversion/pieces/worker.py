"""A conversion in a process of its own, with engines that flicker, which kills itself where it is told to."""

from __future__ import annotations

import argparse
import json
import os
import signal
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cgtool.backends.base import Backend, BackendInfo, Engine, GeneratorSource, MapGrid
from cgtool.backends.opening import Opened
from cgtool.conversion.events import Advanced, Event, Finished, Note
from cgtool.conversion.look import FullLook
from cgtool.conversion.model import Model
from cgtool.conversion.request import ConvertRequest
from cgtool.pictures import Image
from cgtool.tasks.convert import convert, lay_out

GRID = MapGrid(stride=4, knots=1)


class Flickering(Engine):
    """Negatives, of a brightness that follows the frame's last bits: it flickers, and is the same in every run."""

    info = BackendInfo("fake", "cpu", "fp32", 4)

    def __init__(self, seconds: float = 0) -> None:
        self.frames = 0
        self._seconds = seconds

    def levels(self, frames: Image) -> NDArray[np.float32]:
        self.frames += len(frames)
        time.sleep(self._seconds * len(frames))
        return np.asarray(frames.sum((1, 2, 3), dtype=np.int64) % 41 - 20, np.float32)

    def infer(self, frames: Image) -> NDArray[np.generic]:
        negatives = 235 - 0.8 * frames + self.levels(frames)[:, None, None, None]
        return np.asarray(np.clip(negatives, 0, 255), np.uint8)

    def close(self) -> None:
        pass


class FlickeringMaps(Flickering):
    """The same as maps."""

    def infer(self, frames: Image) -> NDArray[np.generic]:
        maps = np.full(GRID.shape_of(frames.shape), -0.3, np.float32)
        return np.asarray(maps + self.levels(frames)[:, None, None, None] / 100, np.float32)


def model(maps: bool) -> Model:
    source = GeneratorSource("key", "fake", 4, _none, maps=GRID if maps else None)  # type: ignore[arg-type]
    return Model("fake", "winter", source, 96, FullLook(size=96, smooth=0.8, texture=0.2))


def _none() -> None:
    raise AssertionError("the fake needs none")


def run(engine: Flickering, inputs: Sequence[str], **options: object) -> list[Event]:
    """Convert with a fake engine; what happened."""
    request = ConvertRequest(inputs, model=model(isinstance(engine, FlickeringMaps)), **options)  # type: ignore[arg-type]
    backend: Backend = engine
    return list(convert(lay_out(request), opener=lambda *_: Opened(backend, [], [])))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("--maps", action="store_true")
    parser.add_argument("--kill-at", type=int)
    parser.add_argument("--segment", type=float, default=1)
    parser.add_argument("--part")
    parser.add_argument("--slowly", type=float, default=0)
    parser.add_argument("--codec")
    given = parser.parse_args()
    engine = FlickeringMaps(given.slowly) if given.maps else Flickering(given.slowly)
    request = ConvertRequest(
        given.source,
        output=given.target,
        model=model(given.maps),
        segment=given.segment,
        part=given.part,
        codec=given.codec,
        preset=None if given.codec == "ffv1" else "ultrafast",
        overwrite=True,
    )
    notes = []
    for event in convert(lay_out(request), opener=lambda *_: Opened(engine, [], [])):
        if isinstance(event, Note):
            notes.append(event.text)
        if isinstance(event, Advanced) and given.kill_at is not None and event.frames >= given.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if isinstance(event, Finished):
            result = event.result
            print(json.dumps([result.status, result.error, result.frames, engine.frames, notes, result.warnings]))


if __name__ == "__main__":
    main()
