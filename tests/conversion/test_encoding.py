"""Spans, arguments and encoders as people ask for them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from cgtool.conversion.encoding import Encoding, seconds
from cgtool.errors import UsageError
from cgtool.media.containers import CONTAINERS
from cgtool.pictures import Size


@pytest.mark.parametrize(
    ("time", "wanted"),
    [(65, 65), (0.25, Fraction(1, 4)), (Fraction(1, 3), Fraction(1, 3)), ("0.1", Fraction(1, 10)), ("1:05", 65)],
)
def test_times(time: str | float | Fraction, wanted: Fraction) -> None:
    assert seconds(time) == wanted
    assert Encoding(start=time).span == (wanted, None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"start": "soon"}, "no time"),
        ({"start": -1}, "no time"),
        ({"end": float("inf")}, "no time"),
        ({"start": 5, "end": "0:04"}, "--end must come after --start"),
        ({"ffmpeg_args": "'"}, "--ffmpeg-args"),
    ],
)
def test_what_can_not_be_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Encoding(**options)


def test_further_arguments_are_split_as_a_shell_would() -> None:
    assert Encoding(ffmpeg_args="-metadata 'title=A B'").extra_arguments == ("-metadata", "title=A B")


def test_a_container_that_can_not_be_written_like_this() -> None:
    Encoding(codec="hevc", crf=20).check(CONTAINERS[".mp4"])
    with pytest.raises(UsageError, match="WebM can't hold h264"):
        Encoding(codec="h264").check(CONTAINERS[".webm"])
    with pytest.raises(UsageError, match="--crf does not apply to ffv1"):
        Encoding(codec="ffv1", crf=20).check(CONTAINERS[".mkv"])


def test_a_lossless_encoder_follows_decoded_frames() -> None:
    size, mkv = Size(64, 48), CONTAINERS[".mkv"]
    assert Encoding(codec="ffv1").encoder(mkv, size, "yuv422p10le").pixel_format == "yuv422p10le"
    assert Encoding(codec="ffv1", pixel_format="gray").encoder(mkv, size, "yuv422p10le").pixel_format == "gray"
    assert Encoding(codec="ffv1").encoder(mkv, size, "x2rgb10le").pixel_format == "bgr0", "ffv1 has no such format"
    assert Encoding(codec="ffv1").encoder(mkv, size, None).pixel_format == "bgr0"
    assert Encoding(codec="h264").encoder(mkv, size, "yuv422p10le").pixel_format == "yuv420p"


@pytest.mark.parametrize(
    ("suffix", "wish", "decoded", "wanted"),
    [
        (".mp4", None, "yuv420p10le", ("libx265", "yuv420p10le")),
        (".mov", None, "yuv422p10le", ("libx265", "yuv420p10le")),
        (".mkv", None, "yuv444p12le", ("libx265", "yuv420p10le")),
        (".webm", None, "yuv420p10le", ("libvpx-vp9", "yuv420p10le")),
        (".mp4", "av1", "yuv420p10le", ("libsvtav1", "yuv420p10le")),
        (".mov", "prores", "yuv420p", ("prores_ks", "yuv422p10le")),
        (".avi", None, "yuv420p10le", ("libx264", "yuv420p")),
        (".mp4", "h264", "yuv420p10le", ("libx264", "yuv420p")),
        (".mp4", None, "yuv420p", ("libx264", "yuv420p")),
        (".mp4", None, None, ("libx264", "yuv420p")),
    ],
)
def test_codec_and_depth_follow_the_source(suffix: str, wish: str | None, decoded: str | None, wanted: object) -> None:
    choice = Encoding(codec=wish).encoder(CONTAINERS[suffix], Size(64, 48), decoded)
    assert (choice.name, choice.pixel_format) == wanted
    lost = (decoded or "").endswith("10le") and choice.pixel_format == "yuv420p"
    assert any("become 8, dithered" in warning for warning in choice.warnings) == lost
