"""Frames of every container and codec: all there, at their times, in shape; and what happens when encoding fails."""

from __future__ import annotations

import itertools
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cgtool.errors import EncoderError, MediaError, OutputExistsError
from cgtool.frame import Frame
from cgtool.media.containers import CONTAINERS
from cgtool.media.encoders import choose_encoder
from cgtool.media.input.beside import Source
from cgtool.media.reader import VideoReader
from cgtool.media.writer import VideoWriter
from tests.helpers.identity import pass_through
from tests.helpers.probe import make, streams, timestamps
from tests.helpers.processes import children_of
from tests.helpers.samples import numbered, numbers, sample_aspect_ratio

MATRIX = [(suffix, codec) for suffix, container in CONTAINERS.items() for codec in container.codecs]
FOURCC = {"prores": "prores", "ffv1": "ffv1", "gif": "gif", "h264": "h264", "hevc": "hevc", "av1": "av1", "vp9": "vp9"}


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames 0 to 19 without every fifth: 16 numbered frames at uneven times, on a clock of 90000 ticks."""
    folder = tmp_path_factory.mktemp("uneven")
    even = numbered(folder / "even.mp4", 20, rate="30000/1001")
    return make(folder / "uneven.mp4", "-i", even, "-vf", "select='not(eq(mod(n,5),3))'", "-fps_mode", "passthrough",
                "-qp", "0", "-preset", "ultrafast", "-video_track_timescale", "90000")  # fmt: skip


@pytest.mark.parametrize(("suffix", "codec"), MATRIX)
def test_every_codec_in_every_container(uneven: Path, tmp_path: Path, suffix: str, codec: str) -> None:
    result = tmp_path / f"result{suffix}"
    # Presets with B-frames: they are what makes timestamps hard.
    warnings = pass_through(uneven, result, codec=codec, preset={"h264": "veryfast", "hevc": "veryfast"}.get(codec))
    assert numbers(result) == [n for n in range(20) if n % 5 != 3]
    [stream] = streams(result)
    assert stream.codec == codec
    expected, _ = timestamps(uneven)
    got, tick = timestamps(result)
    assert max(abs(a - b) for a, b in zip(expected, got, strict=True)) <= (tick if suffix != ".avi" else 0)
    assert warnings == []


@pytest.mark.parametrize(("suffix", "codec"), [(s, c) for s, c in MATRIX if s not in (".m4v",)])
@pytest.mark.parametrize("size", ["63x49", "64x49", "63x48"])
def test_odd_sizes(tmp_path: Path, suffix: str, codec: str, size: str) -> None:
    source = make(tmp_path / "odd.mkv", "-f", "lavfi", "-i",
                  f"color=size={size}:rate=10:duration=0.2,format=gbrp,geq=r=X*4:g=Y*5:b=128",
                  "-pix_fmt", "bgr0", "-c:v", "ffv1")  # fmt: skip
    result = tmp_path / f"result{suffix}"
    warnings = pass_through(source, result, codec=codec, crf=4 if codec not in ("prores", "ffv1", "gif") else None)
    assert size in streams(result)[0].text
    if codec in ("h264", "hevc"):
        [warning] = warnings
        assert f"{size} is odd" in warning
        assert "yuv444p" in warning
    else:
        assert warnings == []
    for path in (source, result):
        make(path.with_suffix(".png"), "-i", path, "-frames:v", "1")
    before, after = (rgb(make(p.with_suffix(".rgb"), "-i", p, "-frames:v", "1", "-pix_fmt", "rgb24", "-f", "rawvideo"))
                     for p in (source, result))  # fmt: skip
    width, height = map(int, size.split("x"))
    difference = np.abs(before - after).reshape(height, width, 3)
    assert difference[-1].mean() < 40
    assert difference[:, -1].mean() < 40
    assert difference.mean() < 16


def rgb(path: Path) -> NDArray[np.int64]:
    return np.frombuffer(path.read_bytes(), np.uint8).astype(np.int64)


@pytest.mark.parametrize(
    ("suffix", "codec", "pixel_format"),
    [
        (".mp4", "h264", "yuv420p10le"),
        (".mkv", "h264", "yuv444p"),
        (".mp4", "hevc", "yuv420p10le"),
        (".mkv", "hevc", "yuv422p10le"),
        (".mp4", "av1", "yuv420p10le"),
        (".webm", "vp9", "yuv420p10le"),
        (".webm", "vp9", "yuv444p"),
        (".mov", "prores", "yuv444p10le"),
        (".mkv", "ffv1", "yuv420p10le"),
        (".mkv", "ffv1", "yuv444p"),
    ],
)
def test_pixel_formats(uneven: Path, tmp_path: Path, suffix: str, codec: str, pixel_format: str) -> None:
    result = tmp_path / f"result{suffix}"
    assert pass_through(uneven, result, codec=codec, pixel_format=pixel_format) == []
    assert f" {pixel_format}(" in streams(result)[0].text
    assert numbers(result) == [n for n in range(20) if n % 5 != 3]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".mov", ".avi"])
def test_pixels_keep_their_shape(tmp_path: Path, suffix: str) -> None:
    """128:117 is what the DVDs of half the world have, and more than FFmpeg's setsar keeps by default."""
    source = numbered(tmp_path / "wide.mp4", 2, "-vf", "setsar=sar=128/117:max=1000")
    result = tmp_path / f"result{suffix}"
    pass_through(source, result)
    got = sample_aspect_ratio(streams(result)[0].text)
    assert got is not None
    # WebM and AVI hold the display size in pixels instead.
    assert got == Fraction(128, 117) or (suffix in (".webm", ".avi") and abs(got - Fraction(128, 117)) < 0.02)


def test_quality_options_reach_the_encoder(bikes: Path, tmp_path: Path) -> None:
    def size(name: str, **options: object) -> int:
        result = tmp_path / f"{name}.mp4"
        pass_through(bikes, result, end=Fraction("0.2"), **options)  # type: ignore[arg-type]
        return result.stat().st_size

    assert size("rough", crf=40) < size("default") < size("fine", crf=4)
    assert size("slow", preset="medium") != size("fast", preset="superfast")
    assert size("own", crf=4, extra_arguments=("-crf", "45")) < size("rougher", crf=40), "--ffmpeg-args come last"


# What ffmpeg can't do


@dataclass
class Bench:
    """Writes a numbered clip step by step."""

    target: Path
    source: Path

    def writer(
        self,
        *,
        codec: str = "h264",
        preset: str | None = "ultrafast",
        pixel_format: str | None = None,
        extra: tuple[str, ...] = (),
        overwrite: bool = False,
    ) -> VideoWriter:
        encoder = choose_encoder(codec, 64, 48, preset=preset, pixel_format=pixel_format)
        with VideoReader(self.source) as reader:
            return VideoWriter(
                self.target,
                CONTAINERS[self.target.suffix],
                encoder,
                reader.info,
                Source(self.source, []),
                overwrite=overwrite,
                extra_arguments=extra,
            )

    def frames(self, count: int) -> Iterator[Frame]:
        pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
        return (Frame(pixels, number, number * 1024, Fraction(1, 10240)) for number in range(count))

    def left(self) -> list[str]:
        return sorted(path.name for path in self.target.parent.iterdir())


@pytest.fixture
def bench(tmp_path: Path, uneven: Path) -> Bench:
    (tmp_path / "out").mkdir()
    return Bench(tmp_path / "out" / "result.mp4", uneven)


def write_all(writer: VideoWriter, frames: Iterator[Frame]) -> None:
    for frame in frames:
        writer.write(frame)
    writer.finish()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"extra": ("-no_such_option", "1")}, "no_such_option"),
        ({"extra": ("-vf", "no_such_filter")}, "no_such_filter"),
        ({"preset": "no_such_preset"}, "no_such_preset"),
        ({"extra": ("-c:v", "no_such_encoder")}, "no_such_encoder"),
    ],
    ids=["option", "filter", "preset", "encoder"],
)
def test_what_ffmpeg_refuses_is_told_in_its_words(bench: Bench, options: dict[str, Any], words: str) -> None:
    bench.target = bench.target.with_suffix(".mov")
    # Few frames fit the pipe before ffmpeg is gone, many don't: the error comes from writing or from finishing.
    for count in (1, 500):
        with pytest.raises(EncoderError) as caught, bench.writer(**options) as writer:
            write_all(writer, bench.frames(count))
        message = str(caught.value)
        assert message.startswith(f"{bench.target}: ffmpeg ended with exit code ")
        assert words in message
        assert "\n" not in message
        assert bench.left() == []


def test_an_ffmpeg_that_ends_early_is_told(bench: Bench) -> None:
    with (
        bench.writer(extra=("-frames:v", "3")) as writer,
        pytest.raises(EncoderError, match="ffmpeg ended before it had all frames"),
    ):
        write_all(writer, bench.frames(5000))
    assert bench.left() == []


def test_a_killed_ffmpeg_is_told_and_leaves_nothing(bench: Bench) -> None:
    with bench.writer() as writer:
        frames = bench.frames(5000)
        for frame in itertools.islice(frames, 20):
            writer.write(frame)
        os.kill(ffmpeg_child(), signal.SIGKILL)
        with pytest.raises(EncoderError, match=r"result\.mp4: ffmpeg was killed by signal 9"):
            write_all(writer, frames)
    assert bench.left() == []
    assert children_of(os.getpid(), "ffmpeg") == []


def test_leaving_early_leaves_nothing(bench: Bench) -> None:
    with bench.writer() as writer:
        for frame in bench.frames(20):
            writer.write(frame)
        assert len(bench.left()) == 1
    assert bench.left() == []
    assert children_of(os.getpid(), "ffmpeg") == []


def test_abort_wakes_a_writer_that_waits(bench: Bench) -> None:
    """ffmpeg is stopped, so its pipe fills; aborting from another thread is what a failing stage does."""
    with bench.writer() as writer:
        writer.write(next(bench.frames(1)))
        os.kill(ffmpeg_child(), signal.SIGSTOP)
        timer = threading.Timer(0.3, writer.abort)
        timer.start()
        begin = time.monotonic()
        with pytest.raises(EncoderError):
            write_all(writer, bench.frames(5000))
        assert time.monotonic() - begin < 5
        timer.join()
    writer.abort()  # more than once is fine
    assert bench.left() == []


def test_chatter_of_ffmpeg_does_not_stop_it(bench: Bench) -> None:
    """Megabytes on stderr would fill the pipe if nobody read it."""
    with bench.writer(extra=("-loglevel", "trace")) as writer:
        write_all(writer, bench.frames(400))
    assert len(timestamps(bench.target)[0]) == 400


def test_an_output_shows_only_when_it_is_whole(bench: Bench) -> None:
    with bench.writer() as writer:
        for frame in bench.frames(30):
            writer.write(frame)
        assert not bench.target.exists()
        [name] = bench.left()
        assert name.startswith(".")
        writer.finish()
    assert bench.left() == ["result.mp4"]
    assert len(timestamps(bench.target)[0]) == 30
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(bench.target.stat().st_mode) == 0o666 & ~umask


def test_an_existing_output_is_refused_and_kept(bench: Bench) -> None:
    bench.target.write_bytes(b"precious")
    with pytest.raises(OutputExistsError, match=r"result\.mp4: exists already"):
        bench.writer()
    assert bench.target.read_bytes() == b"precious"
    assert bench.left() == ["result.mp4"]


def test_overwriting_replaces_at_the_end_only(bench: Bench) -> None:
    bench.target.write_bytes(b"precious")
    with bench.writer(overwrite=True) as writer:
        for frame in bench.frames(5):
            writer.write(frame)
        assert bench.target.read_bytes() == b"precious"
        writer.finish()
    assert len(timestamps(bench.target)[0]) == 5
    assert bench.left() == ["result.mp4"]


def test_an_output_that_appears_meanwhile_is_kept(bench: Bench) -> None:
    with bench.writer() as writer:
        bench.target.write_bytes(b"precious")
        with pytest.raises(OutputExistsError, match=r"result\.mp4: appeared while it was being made"):
            write_all(writer, bench.frames(5))
    assert bench.target.read_bytes() == b"precious"
    assert bench.left() == ["result.mp4"]


def test_folders_are_made(bench: Bench) -> None:
    bench.target = bench.target.parent / "one" / "two" / "result.mp4"
    with bench.writer() as writer:
        write_all(writer, bench.frames(2))
    assert bench.left() == ["result.mp4"]


def test_a_folder_that_can_not_be_written_is_told(bench: Bench) -> None:
    (bench.target.parent / "file").touch()
    bench.target = bench.target.parent / "file" / "result.mp4"
    with pytest.raises(MediaError, match=r"file/result\.mp4: can't be written: .+"):
        bench.writer()
    assert children_of(os.getpid(), "ffmpeg") == []


def test_a_full_disk_is_told_and_leaves_nothing(bench: Bench, tmp_path: Path) -> None:
    """The size limit of files stands in for the disk's."""
    code = f"""
import resource, sys
from pathlib import Path
from tests.media.test_writer import Bench, write_all
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
bench = Bench(Path({str(bench.target)!r}), Path({str(bench.source)!r}))
with bench.writer(extra=("-crf", "10")) as writer:
    write_all(writer, bench.frames(600))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "cgtool.errors.EncoderError" in done.stderr
    assert "ffmpeg was killed by signal" in done.stderr
    assert bench.left() == []


def ffmpeg_child() -> int:
    [child] = children_of(os.getpid(), "ffmpeg")
    return child
