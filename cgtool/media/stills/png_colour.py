"""What a PNG says about its colours besides an ICC profile: gAMA, cHRM and cICP (PNG 3, 11.3.2)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from cgtool.pictures import Image

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SRGB_GAMMA = 1 / 2.2
_GAMMA_TOLERANCE = 0.02
_SRGB_PRIMARIES = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
_PRIMARIES_TOLERANCE = 0.01
_CICP_PRIMARIES = {1: "BT.709", 9: "BT.2020", 12: "Display P3", 11: "DCI-P3"}
_CICP_TRANSFERS = {8: "linear", 16: "PQ", 18: "HLG"}
"""Those that look otherwise than sRGB by far (ITU-T H.273)."""


@dataclass(frozen=True)
class PngColour:
    """What is known of a PNG's colours.

    Attributes:
        gamma: The exponent with which light became samples, where that is not sRGB's; None if there is nothing to do.
        note: What is not converted, as a clause for a warning.
    """

    gamma: float | None = None
    note: str | None = None


def read_png_colour(stream: BinaryIO) -> PngColour:
    """Read the chunks before the picture. The strongest counts: cICP, an ICC profile, sRGB, and gAMA with cHRM at last.

    Args:
        stream: Seekable; it is left at its beginning.
    """
    stream.seek(0)
    chunks = dict(_chunks(stream))
    stream.seek(0)
    if len(cicp := chunks.get(b"cICP", b"")) == 4:
        primaries, transfer = _CICP_PRIMARIES.get(cicp[0]), _CICP_TRANSFERS.get(cicp[1])
        if cicp[0] == 1 and transfer is None:
            return PngColour()
        words = " ".join(filter(None, (primaries or f"primaries {cicp[0]}", transfer)))
        return PngColour(note=f"its colours are {words} (cICP), which was taken for sRGB")
    if b"iCCP" in chunks or b"sRGB" in chunks:
        return PngColour()
    note = None
    if len(chrm := chunks.get(b"cHRM", b"")) == 32:
        stated = np.frombuffer(chrm, ">u4") / 100_000
        if np.abs(stated - _SRGB_PRIMARIES).max() > _PRIMARIES_TOLERANCE:
            note = "its primaries (cHRM) are not sRGB's, and were taken for them"
    gamma = int.from_bytes(chunks.get(b"gAMA", b"")[:4], "big") / 100_000
    usual = gamma == 0 or abs(gamma - _SRGB_GAMMA) <= _GAMMA_TOLERANCE
    return PngColour(None if usual else gamma, note)


def to_srgb_curve(pixels: Image, gamma: float) -> Image:
    """Samples of another gamma as sRGB has them (IEC 61966-2-1).

    Args:
        pixels: uint8, any shape.
        gamma: Samples are light to this power.

    Returns:
        uint8, the same shape.
    """
    light = (np.arange(256) / 255) ** (1 / gamma)
    curved = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(255 * curved).astype(np.uint8)[pixels], np.uint8)


def _chunks(stream: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Names and contents of the chunks before the first of the picture's."""
    if stream.read(8) != _SIGNATURE:
        return
    while len(header := stream.read(8)) == 8 and header[4:] != b"IDAT":
        length = int.from_bytes(header[:4], "big")
        if length > 1000:  # a profile, or text
            stream.seek(length, io.SEEK_CUR)
            yield header[4:], b""
        else:
            yield header[4:], stream.read(length)
        stream.seek(4, io.SEEK_CUR)  # its checksum
