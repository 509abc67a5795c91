"""One video's way. A neutral look leaves every sample as it is, in the source's own pixel format."""

from __future__ import annotations

from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from cgtool.backends.identity.backend import IdentityBackend
from cgtool.conversion.clip import convert_whole, open_clip
from cgtool.conversion.encoding import Encoding
from cgtool.conversion.events import Advanced, Outcome
from cgtool.conversion.jobs import Job
from cgtool.conversion.look import NEUTRAL, FullLook
from cgtool.conversion.network import Network
from cgtool.errors import MediaError
from cgtool.media.reader import VideoReader
from tests.helpers.probe import assert_same_times, describe, ffmpeg, make, streams
from tests.helpers.samples import numbered, numbers

PLAIN = FullLook(size="native", smooth=0.0, texture=0.0, detail="resize")
TEST_PICTURE = "testsrc=size=66x50:rate=10:duration=0.4,noise=alls=20:allf=t"


def run(source: Path, target: Path, look: FullLook = NEUTRAL, **encoding: Any) -> Outcome:  # noqa: ANN401
    network = Network(IdentityBackend(), look.size, 286)
    outcome: list[Outcome] = []

    def keep() -> Generator[Advanced, None, None]:
        with open_clip(Job(source, target), network, look, Encoding(**encoding), overwrite=False) as clip:
            outcome.append((yield from convert_whole(clip)))

    assert [event.frames for event in keep()][-1] == outcome[0].frames
    return outcome[0]


def decoded(path: Path) -> tuple[str, list[str]]:
    """The pixel format, and a checksum of each decoded frame in it, as the ffmpeg program sees them."""
    done = ffmpeg("-loglevel", "error", "-i", path, "-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framemd5", "-")
    sums = [line.split(",")[-1].strip() for line in done.stdout.splitlines() if not line.startswith("#")]
    text = next(stream.text for stream in streams(path) if stream.kind == "video")
    return text.split(", ")[1].split("(")[0].replace("yuvj", "yuv"), sums


@pytest.mark.parametrize(
    "pixel_format",
    [
        *("yuv420p", "yuv422p", "yuv444p", "yuv410p", "yuva420p", "gray"),
        *("yuv420p10le", "yuv422p10le", "yuv444p12le", "yuva444p10le", "gray16le"),
        *("gbrp12le", "gbrp16le", "bgra", "bgr0"),
    ],
)
@pytest.mark.parametrize("size", ["66x50", "67x51"])
def test_identity_keeps_every_bit_in_ffv1(tmp_path: Path, pixel_format: str, size: str) -> None:
    picture = TEST_PICTURE.replace("66x50", size)
    source = make(tmp_path / "a.mkv", "-f", "lavfi", "-i", picture, "-c:v", "ffv1", "-pix_fmt", pixel_format)
    outcome = run(source, tmp_path / "b.mkv", codec="ffv1")
    assert decoded(tmp_path / "b.mkv") == decoded(source)
    assert decoded(source)[0] == pixel_format
    assert (outcome.frames, outcome.size) == (4, size)
    assert outcome.warnings == ()


@pytest.mark.parametrize(
    ("suffix", "arguments"),
    [
        (".mp4", ("-c:v", "libx264", "-pix_fmt", "yuv420p")),
        (".mp4", ("-c:v", "libx265", "-pix_fmt", "yuv420p10le", "-x265-params", "log-level=error")),
        (".mov", ("-c:v", "prores_ks", "-pix_fmt", "yuv422p10le")),
        (".avi", ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p")),
        (".mkv", ("-c:v", "ffv1", "-pix_fmt", "yuv420p", "-vf", "setparams=range=pc:colorspace=smpte170m")),
        (".mkv", ("-c:v", "ffv1", "-pix_fmt", "yuv420p10le",
                  "-vf", "setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084")),
    ],
)  # fmt: skip
def test_identity_keeps_what_cameras_and_editors_write(tmp_path: Path, suffix: str, arguments: tuple[str, ...]) -> None:
    source = make(tmp_path / f"a{suffix}", "-f", "lavfi", "-i", TEST_PICTURE, *arguments)
    outcome = run(source, tmp_path / "b.mkv", codec="ffv1")
    assert decoded(tmp_path / "b.mkv") == decoded(source)
    assert outcome.warnings == ()
    tags = [tag for tag in ("bt2020nc", "smpte2084", "smpte170m", "pc,") if tag in describe(source)]
    assert all(tag in describe(tmp_path / "b.mkv") for tag in tags)


@pytest.mark.parametrize("name", ["05_summergrass_720p_aac.mp4", "18_vp9_odd_161x121.webm"])
def test_identity_keeps_real_clips(shared_data: Path, tmp_path: Path, name: str) -> None:
    source = make(tmp_path / f"cut{Path(name).suffix}", "-i", shared_data / "clips" / name, "-c", "copy", "-t", "0.5")
    run(source, tmp_path / "b.mkv", codec="ffv1")
    assert decoded(tmp_path / "b.mkv") == decoded(source)
    assert_same_times(source, tmp_path / "b.mkv")


@pytest.mark.parametrize("turn", ["90", "180", "270"])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv420p10le", "yuv444p"])
def test_identity_turns_frames_without_touching_a_sample(tmp_path: Path, turn: str, pixel_format: str) -> None:
    codec = "libx265" if pixel_format == "yuv420p10le" else "libx264"
    flat = make(tmp_path / "flat.mp4", "-f", "lavfi", "-i", TEST_PICTURE, "-c:v", codec, "-pix_fmt", pixel_format,
                *(("-x265-params", "log-level=error") if codec == "libx265" else ()))  # fmt: skip
    source = make(tmp_path / "a.mp4", "-display_rotation", turn, "-i", flat, "-c", "copy")
    run(source, tmp_path / "b.mkv", codec="ffv1")
    filters = {"90": "transpose=cclock", "180": "hflip,vflip", "270": "transpose=clock"}
    wanted = make(tmp_path / "c.mkv", "-noautorotate", "-i", flat, "-vf", filters[turn], "-c:v", "ffv1")
    assert decoded(tmp_path / "b.mkv") == decoded(wanted)


def test_what_no_plane_can_hold_goes_through_rgb(tmp_path: Path) -> None:
    """A quarter turn of 4:2:2 has no such format; the result is within rounding."""
    flat = make(tmp_path / "flat.mp4", "-f", "lavfi", "-i", "color=0x30a060:size=64x48:rate=10:duration=0.2",
                "-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuv422p")  # fmt: skip
    source = make(tmp_path / "a.mp4", "-display_rotation", "90", "-i", flat, "-c", "copy")
    run(source, tmp_path / "b.mkv", codec="ffv1")
    assert decoded(tmp_path / "b.mkv")[0] == "bgr0"


def test_identity_keeps_the_first_size_where_it_changes(tmp_path: Path) -> None:
    parts = [numbered(tmp_path / f"{size}.ts", 5, size=size) for size in ("96x64", "48x32")]
    source = tmp_path / "a.ts"
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    outcome = run(source, tmp_path / "b.mkv", codec="ffv1")
    assert "some frames have another size, 48x32: scaled to 96x64" in outcome.warnings
    assert numbers(tmp_path / "b.mkv") == [*range(5), *range(5)]
    assert decoded(tmp_path / "b.mkv")[0] == "yuv420p"


def test_identity_takes_an_encoders_own_format_exactly_where_that_is_the_sources(tmp_path: Path) -> None:
    source = numbered(tmp_path / "a.mp4", 10)
    run(source, tmp_path / "b.mp4", crf=0, preset="ultrafast")
    assert decoded(tmp_path / "b.mp4") == decoded(source)
    run(source, tmp_path / "c.mkv", codec="ffv1", pixel_format="yuv444p")
    assert decoded(tmp_path / "c.mkv")[0] == "yuv444p"
    assert numbers(tmp_path / "c.mkv") == list(range(10))


def test_the_network_is_asked_for_every_frame_of_the_span(tmp_path: Path) -> None:
    source = numbered(tmp_path / "a.mp4", 10)
    outcome = run(source, tmp_path / "b.mp4", PLAIN, start="0.2", end=Fraction(1, 2), preset="ultrafast")
    assert numbers(tmp_path / "b.mp4") == [2, 3, 4]
    assert outcome.frames == 3
    assert list(outcome.busy_seconds) == ["decode", "infer", "smooth", "detail", "encode"]
    assert outcome.busy_seconds["infer"] > 0


def test_an_existing_output_is_refused(tmp_path: Path) -> None:
    source = numbered(tmp_path / "a.mp4", 2)
    (tmp_path / "b.mp4").write_bytes(b"precious")
    with pytest.raises(MediaError, match="exists already"):
        run(source, tmp_path / "b.mp4")
    assert (tmp_path / "b.mp4").read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("suffix", "pixel_format", "wanted"),
    [
        (".mp4", "yuv420p10le", "yuv420p10le"),
        (".mov", "yuv422p10le", "yuv420p10le"),
        (".webm", "yuv420p10le", "yuv420p10le"),
        (".mp4", "yuv422p", "yuv420p"),
    ],
)
def test_the_depth_is_the_sources(tmp_path: Path, suffix: str, pixel_format: str, wanted: str) -> None:
    source = make(tmp_path / "a.mkv", "-f", "lavfi", "-i", TEST_PICTURE, "-c:v", "ffv1", "-pix_fmt", pixel_format)
    assert run(source, tmp_path / f"b{suffix}").warnings == ()
    assert decoded(tmp_path / f"b{suffix}")[0] == wanted


@pytest.mark.parametrize(("colour_range", "level"), [("tv", 514), ("pc", 516)])
def test_what_h264_loses_of_ten_bits_is_dithered_and_told(tmp_path: Path, colour_range: str, level: int) -> None:
    """A level between two of 8 bits becomes a pattern of both."""
    flat = "color=gray:size=64x48:rate=10:duration=0.2,format=yuv420p10le"
    flat += f",geq=lum={level}:cb=512:cr=512"
    flat += f",setparams=range={colour_range}"
    source = make(tmp_path / "a.mkv", "-f", "lavfi", "-i", flat, "-c:v", "ffv1", "-color_range", colour_range)
    [warning] = run(source, tmp_path / "b.mp4", codec="h264", crf=0).warnings
    assert warning.startswith("its 10 bits per sample become 8, dithered")
    with VideoReader(tmp_path / "b.mp4") as reader:
        luma = np.stack([frame.planes[0] for frame in reader.planar_frames()])
    assert set(np.unique(luma)) == {128, 129}
    assert abs(luma.mean() - 128.5) < 0.05


def test_opencv_gets_its_threads_back(tmp_path: Path) -> None:
    before = cv2.getNumThreads()
    run(numbered(tmp_path / "a.mp4", 2), tmp_path / "b.mp4")
    assert cv2.getNumThreads() == before
