"""PNGs whose samples are not sRGB."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cgtool.media.images import read_image
from cgtool.media.stills.png_colour import PngColour, read_png_colour, to_srgb_curve

RAMP = np.tile(np.arange(256, dtype=np.uint8)[None, :, None], (4, 1, 3))
CICP_SRGB, CICP_PQ = bytes([1, 13, 0, 1]), bytes([9, 16, 0, 1])
WIDE_PRIMARIES = struct.pack(">8I", 31270, 32900, 70800, 29200, 17000, 79700, 13100, 4600)


def png(**chunks: bytes) -> bytes:
    """A ramp with further chunks after its header."""
    buffer = io.BytesIO()
    Image.fromarray(RAMP).save(buffer, "PNG")
    data = buffer.getvalue()
    extra = b"".join(
        len(content).to_bytes(4, "big")
        + name.encode()
        + content
        + zlib.crc32(name.encode() + content).to_bytes(4, "big")
        for name, content in chunks.items()
    )
    return data[:33] + extra + data[33:]


def gamma(value: float) -> bytes:
    return round(100_000 * value).to_bytes(4, "big")


@pytest.mark.parametrize(
    ("chunks", "wanted"),
    [
        ({}, PngColour()),
        ({"gAMA": gamma(1 / 2.2)}, PngColour()),
        ({"gAMA": gamma(1)}, PngColour(1.0)),
        ({"gAMA": gamma(1), "sRGB": b"\0"}, PngColour()),
        ({"gAMA": gamma(0)}, PngColour()),
        ({"cICP": CICP_SRGB, "gAMA": gamma(1)}, PngColour()),
        ({"cICP": CICP_PQ}, PngColour(note="its colours are BT.2020 PQ (cICP), which was taken for sRGB")),
        ({"cHRM": WIDE_PRIMARIES}, PngColour(note="its primaries (cHRM) are not sRGB's, and were taken for them")),
    ],
)
def test_the_strongest_chunk_counts(chunks: dict[str, bytes], wanted: PngColour) -> None:
    assert read_png_colour(io.BytesIO(png(**chunks))) == wanted


def test_linear_light_becomes_srgb() -> None:
    read = read_image(png(gAMA=gamma(1)))
    assert not read.warnings
    # Middle gray: a fifth of the light.
    assert read.pixels[0, 55, 0] == pytest.approx(128, abs=1)
    assert (read.pixels[0, 0, 0], read.pixels[0, 255, 0]) == (0, 255)
    assert np.array_equal(read.pixels, to_srgb_curve(RAMP, 1.0))


def test_what_is_not_converted_is_said() -> None:
    read = read_image(png(cICP=CICP_PQ))
    assert any("PQ" in warning for warning in read.warnings)
    assert np.array_equal(read.pixels, RAMP)


@pytest.mark.parametrize("cut", [7, 20, 35, 60])
def test_a_file_that_ends_early_says_nothing(cut: int) -> None:
    assert read_png_colour(io.BytesIO(png(gAMA=gamma(1))[:cut])).note is None


def test_reported_files(shared_data: Path) -> None:
    reports = shared_data / "odd" / "reports"
    assert any("PQ" in warning for warning in read_image(reports / "cicp_pq.png").warnings)
    assert not read_image(reports / "gama_linear.png").warnings
