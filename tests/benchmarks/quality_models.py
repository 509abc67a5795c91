"""What is judged: a model's generators, run as ``cgtool convert`` runs them at their default settings."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from cgtool.backends.base import Backend
from cgtool.backends.selection import EngineRequest, open_backend
from cgtool.change.measures import Meter
from cgtool.conversion.model import Model, choose_model
from cgtool.conversion.translate import Look, Translator
from cgtool.frame import Frame
from cgtool.media.reader import VideoReader
from cgtool.models.folder import MODEL_FILE, read_model_folder
from tests.benchmarks.quality_measures import Image

CHECKPOINTS = ("latest_net_G_A.pth", "latest_net_G_B.pth")
"""The reference's generators: from its domain A to B, and back."""


@dataclass(frozen=True)
class Steadiness:
    """E_warp over a clip: of the source, of its translation without smoothing, and as shown."""

    source: float | None
    unsmoothed: float | None
    shown: float | None


@dataclass(frozen=True)
class Generator:
    """One direction of a model, ready to run."""

    model: Model
    backend: Backend

    def photograph(self, pixels: Image, *, guided: bool = True) -> Image:
        """A photograph as it is shown, of the same size; or the network's result, only scaled."""
        translator = self._translator(self.model.smooth, guided=guided)
        [picture] = translator.infer([translator.shrink(Frame(pixels, 0, 0, Fraction(1)))])
        return translator.finish(translator.smooth(picture)).frame.pixels

    def steadiness(self, clip: Path, frames: int) -> Steadiness:
        """E_warp over a clip's first frames (see `cgtool.change.measures.PROTOCOL`)."""
        translators = [self._translator(smooth, guided=True) for smooth in (0.0, self.model.smooth)]
        meters = [Meter() for _ in translators]
        with VideoReader(clip) as reader:
            for frame in itertools.islice(reader.frames(), frames):
                [picture] = translators[0].infer([translators[0].shrink(frame)])
                for translator, meter in zip(translators, meters, strict=True):
                    meter.step(frame.pixels, translator.finish(translator.smooth(picture)).frame.pixels)
        unsmoothed, shown = (meter.summary() for meter in meters)
        return Steadiness(shown.source_warp_error, unsmoothed.warp_error, shown.warp_error)

    def _translator(self, smooth: float, *, guided: bool) -> Translator:
        look = Look(smooth, "guided" if guided else "resize", self.model.texture, self.model.contrast)
        return Translator(self.backend, self.model.size, self.model.training_scale, look)


def open_generators(path: Path, domains: tuple[str, str], engine: str, stack: ExitStack) -> dict[str, Generator]:
    """A model's generators by the domain they lead to.

    Args:
        path: A model folder, or a folder of the reference's checkpoints.
        domains: The data's (A, B), which the reference's checkpoints don't name.
        engine: What runs them.
        stack: Closes them.
    """
    generators = {}
    for target, model in _models(path, domains).items():
        # One picture comes at a time.
        opened = open_backend(model.source, EngineRequest(engine, latency=True))
        generators[target] = Generator(model, stack.enter_context(opened.backend))
    return generators


def _models(path: Path, domains: tuple[str, str]) -> Mapping[str, Model]:
    if (path / MODEL_FILE).is_file():
        folder = read_model_folder(path)
        targets = [folder.target(direction) for direction in folder.directions]
        return {target: choose_model(target, str(path.resolve()), None) for target in targets}
    files = zip(reversed(domains), CHECKPOINTS, strict=True)
    return {target: choose_model(target, str(path / file), None) for target, file in files}


def domains_of(path: Path) -> tuple[str, str] | None:
    """A model folder's domains; None for a folder of checkpoints."""
    return read_model_folder(path).domains if (path / MODEL_FILE).is_file() else None
