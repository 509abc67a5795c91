"""Colours come back as they went in, whatever matrix and range the source is tagged with."""

from __future__ import annotations

import re
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from cgtool.media.colour import Colour
from cgtool.media.reader import VideoReader
from tests.helpers.identity import pass_through
from tests.helpers.probe import make, streams

COLOURS = ["0x000000", "0xffffff", "0xff0000", "0x00ff00", "0x0000ff", "0xffff00", "0x808080", "0x3a7b21", "0xc8a06e"]
MATRICES = {
    "bt709": ("bt709", "bt709", "bt709"),
    "smpte170m": ("smpte170m", "smpte170m", "bt709"),
    "bt470bg": ("bt470bg", "bt470bg", "bt470bg"),
    "bt2020nc": ("bt2020nc", "bt2020", "bt2020-10"),
}


def patches(path: Path, matrix: str, value_range: str, pixel_format: str) -> Path:
    """A clip with a flat colour a frame, converted and tagged as told."""
    name, primaries, transfer = MATRICES[matrix]
    raw = path.with_suffix(".rgb")
    raw.write_bytes(b"".join(rgb_of(colour).astype(np.uint8).tobytes() * (320 * 192) for colour in COLOURS))
    scale_name = {"bt2020nc": "bt2020", "bt470bg": "bt470"}.get(name, name)
    convert = f"scale=out_color_matrix={scale_name}:out_range={value_range}:flags=accurate_rnd+full_chroma_inp"
    tag = f"setparams=colorspace={name}:color_primaries={primaries}:color_trc={transfer}:range={value_range}"
    source = ("-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", "320x192", "-framerate", "10", "-i", raw)
    return make(path, *source, "-vf", f"{convert},format={pixel_format},{tag}", "-c:v", "libx264", "-qp", "0")


def rgb_of(colour: str) -> NDArray[np.int64]:
    return np.array([int(colour[i : i + 2], 16) for i in (2, 4, 6)])


@pytest.mark.parametrize("value_range", ["tv", "pc"])
@pytest.mark.parametrize("matrix", MATRICES)
def test_flat_patches_survive(tmp_path: Path, matrix: str, value_range: str) -> None:
    source = patches(tmp_path / "patches.mkv", matrix, value_range, "yuv420p")
    result = tmp_path / "result.mkv"
    pass_through(source, result, crf=0)
    for path in (source, result):
        with VideoReader(path) as reader:
            frames = [frame.pixels for frame in reader.frames()]
        assert len(frames) == len(COLOURS)
        for colour, pixels in zip(COLOURS, frames, strict=True):
            # One rounding to 8-bit YUV for the source, another for the result.
            assert np.abs(pixels[20:-20, 20:-20] - rgb_of(colour)).max() <= 2, f"{path.name} {colour}"
    description = streams(result)[0].text
    assert value_range in description
    assert matrix in description


def test_untagged_stays_untagged_and_comes_back(bunny: Path, tmp_path: Path) -> None:
    untag = "setparams=colorspace=unknown:color_primaries=unknown:color_trc=unknown"
    source = make(tmp_path / "untagged.mkv", "-i", bunny, "-t", "0.4", "-an", "-vf", untag, "-c:v", "ffv1")
    result = tmp_path / "result.mkv"
    pass_through(source, result, crf=0)
    assert luma_psnr(source, result) > 42
    assert not re.search("bt709|smpte170m|bt470bg", streams(result)[0].text)


def luma_psnr(a: Path, b: Path) -> float:
    errors = []
    with av.open(str(a)) as first, av.open(str(b)) as second:
        for one, two in zip(first.decode(video=0), second.decode(video=0), strict=True):
            difference = one.to_ndarray(format="yuv420p").astype(float) - two.to_ndarray(format="yuv420p")
            errors.append((difference**2).mean())
    return float(10 * np.log10(255**2 / max(np.mean(errors), 1e-9)))


def test_a_real_clip_comes_back(bunny: Path, tmp_path: Path) -> None:
    result = tmp_path / "bunny.mp4"
    pass_through(bunny, result, crf=0)
    assert luma_psnr(bunny, result) > 42


def test_ten_bits_sdr(bunny: Path, tmp_path: Path) -> None:
    source = make(tmp_path / "ten.mkv", "-i", bunny, "-t", "0.4", "-an", "-pix_fmt", "yuv420p10le", "-c:v", "ffv1")
    result = tmp_path / "result.mp4"
    assert pass_through(source, result, crf=0) == []
    assert "yuv420p(" in streams(result)[0].text
    assert luma_psnr(source, result) > 42


@pytest.mark.parametrize(("transfer", "name"), [("smpte2084", "PQ"), ("arib-std-b67", "HLG")])
def test_hdr_is_tone_mapped_and_says_so(tmp_path: Path, transfer: str, name: str) -> None:
    source = make(
        tmp_path / "hdr.mkv", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=10:duration=0.2", "-vf",
        f"format=yuv420p10le,setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc={transfer}:range=tv",
        "-c:v", "ffv1",
    )  # fmt: skip
    result = tmp_path / "result.mp4"
    warnings = pass_through(source, result)
    assert warnings == [f"HDR ({name}) is tone-mapped to SDR BT.709"]
    text = streams(result)[0].text
    assert "bt709" in text
    assert "bt2020" not in text
    assert transfer not in text


def test_reference_white_of_hdr_is_bright_but_not_clipped(tmp_path: Path) -> None:
    """HLG's reference white (75%, ITU-R BT.2408) is white paper: well above middle grey, below the highlights."""
    source = make(
        tmp_path / "white.mkv", "-f", "lavfi", "-i", "color=black:size=64x64:rate=10:duration=0.1", "-vf",
        "format=gray10le,geq=lum=721,format=yuv420p10le,"
        "setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc=arib-std-b67:range=tv", "-c:v", "ffv1",
    )  # fmt: skip
    with VideoReader(source) as reader:
        pixels = next(reader.frames()).pixels
    assert 150 <= pixels.mean() <= 250
    assert np.ptp(pixels.reshape(-1, 3).mean(axis=0)) <= 3, "grey must stay grey"


def test_assumed_matrix_follows_the_size() -> None:
    sd = Colour(2, 2, 2, False, 720, 576)
    hd = Colour(2, 2, 2, False, 1280, 544)
    assert sd.assumed_matrix == 6
    assert hd.assumed_matrix == 1
