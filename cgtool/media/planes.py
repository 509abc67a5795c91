"""Decoded frames as arrays, and back, without touching a sample."""

from __future__ import annotations

import re
from typing import cast

import numpy as np
from av.video.format import VideoFormat
from av.video.frame import VideoFrame

from cgtool.frame import Plane

_YUV = re.compile(r"yuv(?P<alpha>a?)(420|422|444)p(10|12)?(le)?|p010le")


def plane_format(frame: VideoFrame) -> str | None:
    """FFmpeg's name of a frame's pixel format, if its planes can be had as arrays.

    That is so for planar formats and for packed ones of whole pixels (``bgra``, ``rgb48le``), with 8 to 16 bits. It is
    not for samples that share bytes or planes (``nv12``, ``yuyv422``), palettes and big-endian samples. The old names
    for full range (``yuvj420p``) become those that leave the range to the tags (``yuv420p``).
    """
    layout, components = frame.format, frame.format.components
    odd = layout.has_palette or layout.is_bit_stream or layout.is_big_endian
    depths = {component.bits for component in components}
    if odd or len(depths) != 1 or not 8 <= depths.pop() <= 16 or any(plane.line_size <= 0 for plane in frame.planes):
        return None
    planar = len({component.plane for component in components}) == len(components)
    whole_pixels = all((component.width, component.height) == (frame.width, frame.height) for component in components)
    if not planar and not (len(frame.planes) == 1 and whole_pixels):
        return None
    return layout.name.replace("yuvj", "yuv")


def depth_of(pixel_format: str | None) -> int:
    """Bits per sample of a planar YUV, gray or RGB format; 8 for any other name, and for None."""
    found = re.search(r"(?:p|gray)0?(9|10|12|14|16)le$", pixel_format or "")
    return int(found[1]) if found else 8


def keeps_colours(pixel_format: str | None, to: str) -> bool:
    """Whether FFmpeg brings frames of one format to another and leaves what their numbers mean as it is.

    So it is with one and the same format, and between YUV of any depth and size of chroma, both with alpha or without.
    """
    one, other = _YUV.fullmatch(pixel_format or ""), _YUV.fullmatch(to)
    return pixel_format == to or bool(one and other and bool(one["alpha"]) == bool(other["alpha"]))


def read_planes(frame: VideoFrame) -> tuple[Plane, ...]:
    """The planes of a frame that has a `plane_format`: views of its memory, which they keep alive."""
    return tuple(_view(frame, number) for number in range(len(frame.planes)))


def write_planes(pixel_format: str, planes: tuple[Plane, ...], width: int, height: int) -> VideoFrame:
    """A frame of this format and size in pixels, with a copy of these planes."""
    frame = VideoFrame(width, height, pixel_format)
    for number, plane in enumerate(planes):
        np.copyto(_view(frame, number), plane)
    return frame


def _view(frame: VideoFrame, number: int) -> Plane:
    plane, sample = frame.planes[number], _sample(frame.format)
    size = sample().itemsize
    memory = cast("memoryview[int]", plane)  # PyAV's planes have the buffer protocol, but don't tell type checkers
    lines = cast(Plane, np.frombuffer(memory, sample)).reshape(-1, plane.line_size // size)
    rows = lines[: plane.height]  # each may be padded at its end
    if len(frame.planes) > 1 or len(frame.format.components) == 1:
        return rows[:, : plane.width]
    samples_per_pixel = frame.format.padded_bits_per_pixel // (8 * size)
    return rows[:, : plane.width * samples_per_pixel].reshape(plane.height, plane.width, samples_per_pixel)


def _sample(layout: VideoFormat) -> type[np.uint8] | type[np.uint16]:
    return np.uint8 if layout.components[0].bits == 8 else np.uint16
