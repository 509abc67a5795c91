"""One image's way: read, through the network and the rendering, written; whole or not at all."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from fractions import Fraction

from cgtool.conversion.events import Outcome
from cgtool.conversion.jobs import Job
from cgtool.conversion.look import FullLook
from cgtool.conversion.mapping import Mapping
from cgtool.conversion.network import Network
from cgtool.conversion.rendering import Rendering
from cgtool.frame import Frame
from cgtool.media.images import read_image, write_image
from cgtool.pictures import Image, Size


def convert_still(job: Job, network: Network, look: FullLook) -> Outcome:
    """Convert an image; a neutral look leaves the network out and the pixels as they are.

    Raises:
        CgtoolError: It can't be read, translated or written; nothing is left of it.
    """
    begin = time.perf_counter()
    image = read_image(sys.stdin.buffer.read() if job.source is None else job.source)
    read = time.perf_counter()
    size = Size.of(image.pixels)
    pixels = image.pixels if look.is_neutral else _translate(image.pixels, network, look)
    inferred = time.perf_counter()
    lost = write_image(job.target or sys.stdout.buffer, replace(image, pixels=pixels))
    written = time.perf_counter()
    return Outcome(
        frames=1,
        size=str(size if look.is_neutral else network.size_of(size)),
        busy_seconds={"decode": read - begin, "infer": inferred - read, "encode": written - inferred},
        warnings=(*image.warnings, *network.warnings, *lost),
    )


def _translate(pixels: Image, network: Network, look: FullLook) -> Image:
    [translated] = network.infer([network.shrink(Frame(pixels, 0, 0, Fraction(1)))])
    if network.maps is not None:
        mapping = Mapping(look, network.maps.knots, Size.of(pixels), None)
        changed = mapping.finish(mapping.steady(translated))
        assert isinstance(changed, Frame)
        return changed.pixels
    rendering = Rendering(look)
    return rendering.finish(rendering.steady(translated)).pixels
