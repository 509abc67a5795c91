"""From the network's small picture to what is shown: exposure kept, steadied, carried to the frame's own size."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cgtool.change.detail import GuidedDetail, resized
from cgtool.change.exposure import keep_exposure
from cgtool.change.smoothing import Smoother, State
from cgtool.conversion.look import FullLook
from cgtool.conversion.network import Translated
from cgtool.frame import Frame
from cgtool.pictures import Image


@dataclass(frozen=True)
class Steadied:
    """A frame with a result that agrees with the ones before it.

    Attributes:
        frame: The source's frame.
        small: The frame at the network's size.
        steady: The network's picture, steadied, of the shape of ``small``.
    """

    frame: Frame
    small: Image
    steady: Image

    @property
    def nbytes(self) -> int:
        """Bytes of pixel memory, by which queues are bounded."""
        return self.frame.nbytes + self.small.nbytes + self.steady.nbytes


class Rendering:
    """Makes one clip's results presentable. Its two steps may run in a thread each, each taking frames in order."""

    def __init__(self, look: FullLook) -> None:
        self._look = look
        self._smoother = Smoother(look.smooth)
        self._guided = GuidedDetail(
            texture=look.texture,
            contrast=look.contrast,
            strength=look.strength,
            preserve_color=look.preserve_color,
        )

    def state(self) -> State:
        """All that the next frames depend on, as named arrays; empty if that is nothing."""
        return self._smoother.state()

    def restore(self, state: State) -> None:
        """Go on where another one was."""
        self._smoother.restore(state)

    def steady(self, frame: Translated) -> Steadied:
        """Steady a result by the ones before."""
        assert isinstance(frame.frame, Frame)
        result = np.asarray(frame.result, np.uint8)
        if self._look.detail == "guided":
            result = keep_exposure(frame.small, result)
        steady = self._smoother.step(frame.small, result, float(frame.frame.pts_seconds))
        return Steadied(frame.frame, frame.small, steady)

    def finish(self, frame: Steadied) -> Frame:
        """The frame as it is shown, at its own size."""
        source, look = frame.frame.pixels, self._look
        if look.detail == "guided":
            pixels = self._guided(source, frame.small, frame.steady)
        else:
            pixels = resized(source, frame.steady, strength=look.strength, preserve_color=look.preserve_color)
        return replace(frame.frame, pixels=pixels)
