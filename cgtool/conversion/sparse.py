"""A map network that sees some of the frames: the others' maps are carried along the source's flow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from cgtool.change.keyframes import Carrier, KeyFrames, Step
from cgtool.config import Every
from cgtool.conversion.network import Network, Small, Translated
from cgtool.pictures import Array


@dataclass(frozen=True)
class Followed:
    """A frame, how it follows the one before, and its maps if the network has seen it."""

    small: Small
    step: Step
    maps: Array | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of memory, by which queues are bounded."""
        flow, maps = self.step.flow, self.maps
        return self.small.nbytes + (0 if flow is None else flow.nbytes) + (0 if maps is None else maps.nbytes)


class Sparse:
    """The network's part for one clip. Its three steps may run in a thread each, each taking frames in order."""

    def __init__(self, network: Network, every: Every) -> None:
        self._network = network
        self._key_frames = KeyFrames(every)
        self._carrier = Carrier()

    def follow(self, frames: Iterable[Small], since: int | None = None) -> Iterator[Followed]:
        """Decide which frames the network sees.

        Args:
            frames: The clip, or a segment of it, from its first frame on.
            since: Nobody needs the frames before this timestamp. They still count for what the network sees later.
        """
        for frame in frames:
            step = self._key_frames.step(frame.small)
            if since is not None and (frame.frame.pts < since or not step.asked):
                continue
            since = None
            yield Followed(frame, step)

    def infer(self, frames: list[Followed]) -> list[Followed]:
        """Run the network on those."""
        translated = iter(self._network.infer([one.small for one in frames if one.step.asked]))
        maps = (np.asarray(next(translated).result, np.float32) if one.step.asked else None for one in frames)
        return [Followed(one.small, one.step, own) for one, own in zip(frames, maps, strict=True)]

    def complete(self, frame: Followed) -> Translated:
        """The frame with maps, its own or carried ones."""
        return Translated(frame.small.frame, frame.small.small, self._carrier.step(frame.maps, frame.step))
