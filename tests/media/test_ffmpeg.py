"""The ffmpeg child process: fed, heard, ended, its last words kept."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import imageio_ffmpeg
import pytest

from cgtool.errors import EncoderError
from cgtool.media import ffmpeg
from cgtool.media.ffmpeg import FFmpegProcess, output_of

RAW = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", "8x8", "-i", "pipe:0"]


def test_it_reads_its_input_to_the_end(tmp_path: Path) -> None:
    process = FFmpegProcess([*RAW, "-f", "rawvideo", str(tmp_path / "out")])
    os.write(process.stdin_fd, bytes(range(64)) * 2)
    process.close_stdin()
    assert process.wait() == 0
    assert process.last_words == "it said nothing"
    assert (tmp_path / "out").read_bytes() == bytes(range(64)) * 2


def test_its_last_words_are_kept(tmp_path: Path) -> None:
    process = FFmpegProcess([*RAW, "-nonsense", "1", str(tmp_path / "out.mkv")])
    assert process.wait() != 0
    process.close_stdin()
    assert "Unrecognized option 'nonsense'" in process.last_words
    assert "\n" not in process.last_words


def test_much_chatter_does_not_stop_it(tmp_path: Path) -> None:
    process = FFmpegProcess(["-loglevel", "trace", *RAW, "-f", "rawvideo", str(tmp_path / "out")])

    def write() -> None:
        os.write(process.stdin_fd, bytes(6400))
        process.close_stdin()

    writer = threading.Thread(target=write)
    writer.start()
    writer.join(30)
    assert process.wait() == 0


def test_it_can_be_killed_at_any_time() -> None:
    process = FFmpegProcess([*RAW, "-f", "null", "-"])
    process.kill()
    assert process.wait() != 0
    process.kill()


def test_what_it_says_on_standard_output() -> None:
    told = output_of(["-h", "encoder=libx264"])
    assert told is not None
    assert "Supported pixel formats" in told
    assert output_of(["-nonsense"]) is None
    endless = ["-f", "lavfi", "-re", "-i", "color=black:size=16x16", "-f", "null", "-"]
    assert output_of(endless, timeout_seconds=0.5) is None


def test_a_missing_program_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise RuntimeError("No ffmpeg exe could be found.")

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", none)
    with pytest.raises(EncoderError, match="IMAGEIO_FFMPEG_EXE"):
        ffmpeg.executable()


@pytest.mark.skipif(sys.platform != "linux", reason="pipes of other systems have one size")
def test_frames_go_through_a_pipe_as_wide_as_linux_allows() -> None:
    fcntl = pytest.importorskip("fcntl")
    process = FFmpegProcess([*RAW, "-f", "null", "-"])
    try:
        limit = int(Path("/proc/sys/fs/pipe-max-size").read_text())
        width = fcntl.fcntl(process.stdin_fd, fcntl.F_GETPIPE_SZ)
        assert width == 1 << 20 if limit >= 1 << 20 else width >= 4096
    finally:
        process.kill()
