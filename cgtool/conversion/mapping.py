"""A map network's way: its maps are steadied, then carried out on the frame as it was decoded.

No RGB picture of the frame's size exists where the encoder takes the source's own planes. Where it doesn't (another
pixel format, HDR that is tone-mapped), frames come in RGB, and the same maps are carried out there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from cgtool.change.colour_space import Samples
from cgtool.change.hdr import KNOTS as HDR_KNOTS
from cgtool.change.hdr import HdrMaps
from cgtool.change.map_smoothing import MapSmoother
from cgtool.change.planes import PlaneChange
from cgtool.change.rgb import RgbChange
from cgtool.change.smoothing import State
from cgtool.conversion.look import FullLook
from cgtool.conversion.network import Translated
from cgtool.frame import Frame, PlanarFrame
from cgtool.media.colour import Colour
from cgtool.pictures import Array, Size

# With alpha only of more than 8 bits: that is ProRes 4444, whose encoder keeps it.
_PLANAR = re.compile(r"(?P<kind>gray|yuv(?:a(?=\d{3}p1))?(?P<layout>420|422|444)p)(?P<depth>10|12)?(?:le)?")
_STEPS = {"420": (2, 2), "422": (2, 1), "444": (1, 1)}


@dataclass(frozen=True)
class SteadyMaps:
    """A frame with maps that agree with the ones before them.

    Attributes:
        frame: The source's frame.
        maps: float32, (knots * 7, height, width).
    """

    frame: Frame | PlanarFrame
    maps: Array

    @property
    def nbytes(self) -> int:
        """Bytes of memory, by which queues are bounded."""
        return self.frame.nbytes + self.maps.nbytes


class Mapping:
    """Carries out one clip's maps. Its two steps may run in a thread each, each taking frames in order.

    Args:
        look: How it shall look.
        knots: How many brightness knots the maps have.
        size: The frames' size.
        samples: How their planes are to be read; None for frames in RGB.
        to_hdr: Carries maps into the frames' signal, if that is of high dynamic range.
    """

    def __init__(
        self, look: FullLook, knots: int, size: Size, samples: Samples | None, to_hdr: HdrMaps | None = None
    ) -> None:
        self._look, self._knots, self._size, self._samples = look, knots, size, samples
        self._to_hdr = to_hdr
        self._smoother = MapSmoother(look.smooth)
        self._change: PlaneChange | RgbChange | None = None

    def state(self) -> State:
        """All that the next frames depend on, as named arrays; empty if that is nothing."""
        return self._smoother.state()

    def restore(self, state: State) -> None:
        """Go on where another one was."""
        self._smoother.restore(state)

    def steady(self, frame: Translated) -> SteadyMaps:
        """Steady a frame's maps by the ones before."""
        maps = np.asarray(frame.result, np.float32)
        return SteadyMaps(frame.frame, self._smoother.step(frame.small, maps, float(frame.frame.pts_seconds)))

    def finish(self, frame: SteadyMaps) -> Frame | PlanarFrame:
        """The frame as it is shown."""
        height, width = frame.maps.shape[1:]
        strength, preserve = self._look.strength, self._look.preserve_color
        if isinstance(frame.frame, Frame):
            if not isinstance(self._change, RgbChange):
                self._change = RgbChange(
                    self._size, (height, width), self._knots, strength=strength, preserve_color=preserve
                )
            return replace(frame.frame, pixels=self._change(frame.frame.pixels, frame.maps))
        assert self._samples is not None
        if not isinstance(self._change, PlaneChange):
            knots = self._knots if self._to_hdr is None else HDR_KNOTS
            self._change = PlaneChange(
                self._samples, self._size, (height, width), knots, strength=strength, preserve_color=preserve
            )
        maps = frame.maps if self._to_hdr is None else self._to_hdr(frame.maps)
        colours, alpha = frame.frame.planes[:3], frame.frame.planes[3:]
        return replace(frame.frame, planes=(*self._change(colours, maps), *alpha))


def samples_of(pixel_format: str | None, colour: Colour, *, keep_hdr: bool = False) -> Samples | None:
    """How planes of a format are to be read; None where maps can't be carried out on them, and RGB is the way.

    Args:
        pixel_format: FFmpeg's name.
        colour: What the samples mean.
        keep_hdr: High dynamic range is to stay what it is. Else it is tone-mapped first, to RGB.
    """
    found = _PLANAR.fullmatch(pixel_format or "")
    depth = int(found["depth"] or 8) if found else 8
    if found is None or colour.is_rgb or (colour.hdr and not (keep_hdr and depth > 8)):
        return None
    if found["kind"] == "gray":
        return Samples("gray", depth, colour.full_range, colour.luma_weights)
    step = _STEPS[found["layout"]]
    # MPEG's siting: chroma samples lie on the first of two pixels across, between two rows down.
    return Samples("yuv", depth, colour.full_range, colour.luma_weights, step, (0.0, 0.5 if step[1] == 2 else 0.0))
