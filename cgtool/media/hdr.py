"""High dynamic range that stays what it is: the tone curve, and the metadata that go with the picture.

HDR10's static metadata (SMPTE ST 2086's mastering display, CTA-861.3's light levels) are handed to the encoders that
can write them. Dynamic metadata (Dolby Vision, HDR10+) describe the source's pictures scene by scene, so they would be
untrue of other pictures.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import cast

import numpy as np
from av.sidedata.sidedata import SideData, Type
from av.video.frame import VideoFrame

from cgtool.media.colour import build_graph, through
from cgtool.media.encoders import EncoderChoice
from cgtool.media.planes import depth_of, read_planes
from cgtool.media.reader import VideoReader
from cgtool.pictures import Array, Size

DIFFUSE_WHITE = {"PQ": 0.58, "HLG": 0.75}
"""The signal of a white that is no lamp, 203 cd/m2 (ITU-R BT.2408)."""

_SAMPLES = 1024
_DYNAMIC = {"DOVI_METADATA": "Dolby Vision", "DYNAMIC_HDR_PLUS": "HDR10+", "DYNAMIC_HDR_VIVID": "HDR Vivid"}


@dataclass(frozen=True)
class Mastering:
    """The display that a film was mastered on (SMPTE ST 2086).

    Attributes:
        primaries: x and y of red, green and blue, and of white.
        luminance: The least and the greatest, in cd/m2.
    """

    primaries: tuple[tuple[Fraction, Fraction], ...]
    luminance: tuple[Fraction, Fraction]


@dataclass(frozen=True)
class StaticMetadata:
    """What HDR10 says of a whole stream; None where it doesn't.

    Attributes:
        mastering: The mastering display.
        light: The brightest pixel's light level and the brightest frame's average, in cd/m2.
    """

    mastering: Mastering | None
    light: tuple[int, int] | None

    def x265(self) -> list[str]:
        """Parameters of libx265, in units of 0.00002 and 0.0001 cd/m2."""
        parameters = []
        if self.mastering is not None:
            red, green, blue, white = (f"({round(x * 50000)},{round(y * 50000)})" for x, y in self.mastering.primaries)
            least, most = (round(value * 10000) for value in self.mastering.luminance)
            parameters.append(f"master-display=G{green}B{blue}R{red}WP{white}L({most},{least})")
        if self.light is not None:
            parameters.append(f"max-cll={self.light[0]},{self.light[1]}")
        return parameters

    def svtav1(self) -> list[str]:
        """Parameters of SVT-AV1."""
        parameters = []
        if self.mastering is not None:
            primaries = ((float(x), float(y)) for x, y in self.mastering.primaries)
            red, green, blue, white = (f"({x:.5f},{y:.5f})" for x, y in primaries)
            least, most = (float(value) for value in self.mastering.luminance)
            parameters.append(f"mastering-display=G{green}B{blue}R{red}WP{white}L({most:.4f},{least:.4f})")
        if self.light is not None:
            parameters.append(f"content-light={self.light[0]},{self.light[1]}")
        return parameters


def carry_metadata(frame: VideoFrame, encoder: EncoderChoice) -> tuple[EncoderChoice, list[str]]:
    """Hand the metadata of a frame, and so of its stream, to an encoder of high dynamic range.

    Returns:
        The encoder, and a warning for each kind of metadata that it can't write.
    """
    found = _side_data(frame)
    losses = [f"its dynamic metadata ({title}) is left out" for kind, title in _DYNAMIC.items() if kind in found]
    mastering, light = found.get("MASTERING_DISPLAY_METADATA"), found.get("CONTENT_LIGHT_LEVEL")
    static = StaticMetadata(
        mastering=None if mastering is None else _mastering(mastering),
        light=None if light is None else struct.unpack_from("=2I", light),
    )
    if static == StaticMetadata(None, None):
        return encoder, losses
    if encoder.name == "libx265":
        return _with(encoder, "-x265-params", static.x265()), losses
    if encoder.name == "libsvtav1":
        return _with(encoder, "-svtav1-params", static.svtav1()), losses
    return encoder, [*losses, "its metadata on the mastering display and the light level is left out"]


def _with(encoder: EncoderChoice, option: str, parameters: list[str]) -> EncoderChoice:
    """An encoder with more parameters in an option that may be there already."""
    arguments = list(encoder.arguments)
    if option in arguments:
        at = arguments.index(option) + 1
        arguments[at] = ":".join([arguments[at], *parameters])
    else:
        arguments += [option, ":".join(parameters)]
    return replace(encoder, arguments=tuple(arguments))


def _side_data(frame: VideoFrame) -> dict[str, bytes]:
    """A frame's side data by FFmpeg's names of their kinds."""
    found = {}
    for kind in Type:
        try:
            data = cast("SideData | None", frame.side_data.get(kind.name))
        except ValueError:  # there is some of a kind that PyAV has no name for
            continue
        if data is not None:
            found[kind.name] = bytes(data)
    return found


def _mastering(data: bytes) -> Mastering | None:
    """FFmpeg's AVMasteringDisplayMetadata: x and y of red, green, blue and white, then the luminances."""
    *numbers, has_primaries, has_luminance = struct.unpack_from("=22i", data)
    if not has_primaries or not has_luminance or not all(numbers[1::2]):
        return None
    values = [Fraction(top, bottom) for top, bottom in zip(numbers[::2], numbers[1::2], strict=True)]
    return Mastering(tuple(zip(values[:8:2], values[1:8:2], strict=True)), (values[8], values[9]))


def tone_curve(reader: VideoReader, size: Size) -> Array:
    """What tone mapping to SDR makes of gray: 0 to 1, at evenly spaced values of the signal from black to white.

    It is read off a ramp that is tone-mapped as the stream's frames are, with all that the first one says of itself.

    Args:
        reader: Of a stream of high dynamic range.
        size: Of the small pictures of its frames, whose filters serve here too.
    """
    first, colour = reader.first, reader.info.colour
    ramp = through(build_graph(first, Fraction(1, 25), [("copy", "")]), first)
    ramp.make_writable()
    luma, *chroma = read_planes(ramp)
    height, width = luma.shape
    depth = depth_of(first.format.name)
    black, white = (0, (1 << depth) - 1) if colour.full_range else (16 << (depth - 8), 235 << (depth - 8))
    # It rises within each column as well, so that a column's mean has more than 8 bits.
    rising = (np.arange(width) + (np.arange(height)[:, None] + 0.5) / height) / width
    luma[:] = np.rint(black + (white - black) * rising).astype(luma.dtype)
    for plane in chroma:
        plane[:] = 1 << (depth - 1)
    shown = through(reader.small_graph(size), ramp).to_ndarray().mean(axis=(0, 2)) / 255
    places = (np.arange(len(shown)) + 0.5) / len(shown)
    return np.asarray(np.interp(np.linspace(0, 1, _SAMPLES), places, shown), np.float32)
