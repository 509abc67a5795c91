"""Decoded frames on their way to the reader: progressive, then all of one size."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from av.video.frame import VideoFrame

from cgtool.media.decoder import Decoder
from cgtool.media.shape.interlacing import Deinterlace, Deinterlacer
from cgtool.media.shape.sizes import Fitter, pixel_shape, usual_raster

_LEAD_SECONDS = Fraction(1, 2)
"""Deinterlacing looks at the frame before."""


class Shaper:
    """Gives a decoder's frames in their final shape.

    Args:
        decoder: Of the file's video.
        path: The file.
        deinterlace: See `Deinterlace`.

    Attributes:
        pixel_shape: Width over height of a frame's pixels, None if the file doesn't say.
    """

    def __init__(self, decoder: Decoder, path: Path, deinterlace: Deinterlace) -> None:
        self._decoder = decoder
        stream, time_base = decoder.stream, decoder.time_base
        raster = usual_raster(path, stream.index, decoder.start_seconds, decoder.end_seconds)
        size = (stream.width, stream.height)
        is_first = raster is None or size == raster.size
        stated = stream.sample_aspect_ratio
        self.pixel_shape = stated if raster is None or is_first else raster.pixel_shape or stated
        self._deinterlacer = Deinterlacer(deinterlace, time_base, decoder.warnings)
        self._fitter = Fitter(raster, time_base, lambda: pixel_shape(decoder.stream), decoder.warnings)

    def frames(self) -> Iterator[VideoFrame]:
        """The span's frames in order."""
        return self._shaped(self._decoder.frames())

    def frames_from(self, ticks: int) -> Iterator[VideoFrame]:
        """The span's frames from a time on, those that `frames` gives there. Ends all former iterators."""
        lead = round(_LEAD_SECONDS / self._decoder.time_base)
        coming = self._shaped(self._decoder.frames_from(ticks - lead))
        return itertools.dropwhile(lambda frame: frame.pts is not None and frame.pts < ticks, coming)

    def _shaped(self, frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
        return self._fitter.through(self._deinterlacer.through(frames))
