"""Packets of files that are not whole."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from cgtool.media.input.packets import clock_may_jump, open_container, packets
from tests.helpers.probe import make
from tests.media.input.recordings import recording


def test_a_stretch_of_rubbish_is_stepped_over(tmp_path: Path) -> None:
    content = recording(tmp_path / "clip.ts").read_bytes()
    third = len(content) // 3 // 188 * 188
    path = tmp_path / "hole.ts"
    path.write_bytes(content[:third] + bytes(400_000) + content[2 * third :])
    with open_container(path) as container:
        stream = container.streams.video[0]
        times = [packet.pts * stream.time_base for packet in packets(container, [stream]) if packet.pts is not None]
    assert 25 < len(times) < 50
    assert max(times) - min(times) == pytest.approx(1.96)


@pytest.mark.parametrize(("suffix", "may"), [(".ts", True), (".mpg", True), (".mkv", False), (".mp4", False)])
def test_clocks_may_jump_by_format(tmp_path: Path, suffix: str, may: bool) -> None:
    picture = "color=black:size=64x48:rate=25:duration=0.2"
    codec = "mpeg2video" if suffix == ".mpg" else "libx264"
    with av.open(str(make(tmp_path / f"clip{suffix}", "-f", "lavfi", "-i", picture, "-c:v", codec))) as container:
        assert clock_may_jump(container.streams.video[0]) == may


def test_what_ffmpeg_logs_stays_unheard(tmp_path: Path) -> None:
    """Else a decoder that is freed early waits for its thread, which waits to log."""
    av.logging.set_level(av.logging.ERROR)
    with open_container(recording(tmp_path / "clip.ts")):
        assert av.logging.get_level() is None
