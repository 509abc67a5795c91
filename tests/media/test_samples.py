"""Pieces of video in memory: what they show, and what they tell of a whole's size."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from cgtool.errors import EncoderError
from cgtool.media import samples
from cgtool.media.encoders import EncoderChoice, choose_encoder
from cgtool.media.samples import bytes_per_frame, jpeg, webm
from cgtool.pictures import Image
from tests.helpers.probe import make


def noise(count: int) -> list[Image]:
    generator = np.random.default_rng(0)
    return [generator.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(count)]


def test_a_clip_shows_its_frames_in_their_colours() -> None:
    frames = [np.full((48, 64, 3), colour, np.uint8) for colour in ((200, 40, 40), (40, 200, 40), (40, 40, 200))]
    with av.open(io.BytesIO(webm(frames, Fraction(10)))) as container:
        decoded = list(container.decode(video=0))
    assert [round(float(frame.time or 0), 2) for frame in decoded] == [0, 0.1, 0.2]
    for frame, wanted in zip(decoded, frames, strict=True):
        shown = frame.to_ndarray(format="rgb24", src_colorspace=1)
        assert np.abs(shown.astype(int) - wanted).max() < 16


def test_what_the_encoder_refuses_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "_WEBM_OPTIONS", {"crf": "999"})
    with pytest.raises(EncoderError, match="VP9"):
        webm(noise(1), Fraction(10))


def test_a_picture_is_a_jpeg() -> None:
    assert jpeg(noise(1)[0]).startswith(b"\xff\xd8\xff")


def test_the_size_of_a_whole_is_judged_by_moments(bunny: Path, tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", "-i", bunny, "-an", "-vf", "scale=320:-2", "-preset", "fast", "-crf", "18")
    with av.open(str(bunny)) as container:
        frames = [frame.reformat(320, 180, "rgb24").to_ndarray() for frame in container.decode(video=0)]
    encoder = choose_encoder("h264", 320, 180)
    each = bytes_per_frame([frames[10:23], frames[60:73], frames[110:123]], Fraction(25), encoder)
    assert each is not None
    assert each * len(frames) == pytest.approx(path.stat().st_size, rel=0.5)


def test_what_can_not_be_told_is_none() -> None:
    unknown = EncoderChoice("h264_none", "yuv420p", ("-c:{n}", "h264_none"))
    assert bytes_per_frame([noise(3)], Fraction(25), unknown) is None
    assert bytes_per_frame([noise(1)], Fraction(25), choose_encoder("h264", 64, 48)) is None
