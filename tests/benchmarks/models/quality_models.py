"""What is judged: a model's generators, run as ``cgtool convert`` runs them at their default settings."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from cgtool.backends.base import Backend
from cgtool.backends.selection import EngineRequest, open_backend
from cgtool.change.measures import Meter
from cgtool.conversion.look import FullLook
from cgtool.conversion.mapping import Mapping as MapsWay
from cgtool.conversion.model import Model, choose_model
from cgtool.conversion.network import Network, Translated
from cgtool.conversion.rendering import Rendering
from cgtool.frame import Frame
from cgtool.media.reader import VideoReader
from cgtool.models.folder import MODEL_FILE, read_model_folder
from cgtool.pictures import Image, Size

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
        network = self._network()
        [translated] = self._translate(network, Frame(pixels, 0, 0, Fraction(1)))
        look = replace(self.model.look, detail="guided" if guided else "resize")
        return _shown(_way(network, look, Size.of(pixels)), translated)

    def steadiness(self, clip: Path, frames: int) -> Steadiness:
        """E_warp over a clip's first frames (see `cgtool.change.measures.PROTOCOL`)."""
        network = self._network()
        looks = (replace(self.model.look, smooth=0.0), self.model.look)
        meters = [Meter() for _ in looks]
        with VideoReader(clip) as reader:
            size = Size(reader.info.width, reader.info.height)
            ways = [_way(network, look, size) for look in looks]
            for frame in itertools.islice(reader.frames(), frames):
                [translated] = self._translate(network, frame)
                for way, meter in zip(ways, meters, strict=True):
                    meter.step(frame.pixels, _shown(way, translated))
        unsmoothed, shown = (meter.summary() for meter in meters)
        return Steadiness(shown.source_warp_error, unsmoothed.warp_error, shown.warp_error)

    def _network(self) -> Network:
        return Network(self.backend, self.model.look.size, self.model.training_scale, maps=self.model.source.maps)

    @staticmethod
    def _translate(network: Network, frame: Frame) -> list[Translated]:
        return network.infer([network.shrink(frame)])


def _way(network: Network, look: FullLook, size: Size) -> MapsWay | Rendering:
    """How a network's results are shown in RGB."""
    return Rendering(look) if network.maps is None else MapsWay(look, network.maps.knots, size, None)


def _shown(way: MapsWay | Rendering, translated: Translated) -> Image:
    if isinstance(way, Rendering):
        return way.finish(way.steady(translated)).pixels
    changed = way.finish(way.steady(translated))
    assert isinstance(changed, Frame)  # as the source's frames, which are in RGB
    return changed.pixels


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
