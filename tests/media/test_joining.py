"""Pieces that are joined are what one encoding would be: the same times, every frame once, no seam."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from cgtool.errors import MediaError
from cgtool.media.containers import CONTAINERS, carry
from cgtool.media.encoders import choose_encoder
from cgtool.media.input.beside import Source
from cgtool.media.joining import Joiner, Piece, check_piece, counts_from_zero
from cgtool.media.reader import VideoReader
from cgtool.media.writer import VideoWriter
from tests.helpers.identity import pass_through
from tests.helpers.probe import ffmpeg, make, streams, timestamps
from tests.helpers.samples import packets

VARIABLE = "select='not(between(mod(n,7),3,4))',setsar=4/3,setparams=range=pc:colorspace=smpte170m"
FRAMES = 43
CUTS = (0, 15, 28, FRAMES)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of variable rate whose clock begins late, with sound and subtitles."""
    folder = tmp_path_factory.mktemp("joining")
    text = folder / "a.srt"
    text.write_text("1\n00:00:00,300 --> 00:00:01,000\nDew\n\n2\n00:00:01,200 --> 00:00:02,000\nFog\n")
    picture = "testsrc2=size=128x72:rate=30000/1001:duration=2"
    return make(folder / "a.mkv", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "sine=440:duration=2", "-i", text,
                "-vf", VARIABLE, "-fps_mode", "vfr", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac",
                "-c:s", "srt", "-output_ts_offset", "0.4")  # fmt: skip


def in_pieces(source: Path, target: Path, codec: str, pixel_format: str | None, preset: str | None) -> list[Piece]:
    container = CONTAINERS[target.suffix]
    pieces: list[Piece] = []
    with VideoReader(source) as reader:
        info = reader.info
        encoder = choose_encoder(codec, info.width, info.height, preset=preset, pixel_format=pixel_format)
        frames = list(reader.frames())
        carried, _ = carry(reader.streams(), container, info.stream_index, audio=True)
    assert len(frames) == FRAMES
    for begin, end in itertools.pairwise(CUTS):
        path = target.with_name(f"{begin}{target.suffix}")
        shift = frames[begin].pts if counts_from_zero(container) else 0
        with VideoWriter(path, container, encoder, info, Source(source, ())) as writer:
            for frame in frames[begin:end]:
                writer.write(replace(frame, pts=frame.pts - shift))
            writer.finish()
        pieces.append(Piece(path, frames[begin].pts, end - begin))
        check_piece(pieces[-1])
    with Joiner(target, container, encoder, info, Source(source, carried), pieces) as joiner:
        joiner.join()
    return pieces


def decoded(path: Path) -> list[str]:
    done = ffmpeg("-loglevel", "error", "-i", path, "-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framemd5", "-")
    assert done.stderr == ""
    return [line.split(",")[-1].strip() for line in done.stdout.splitlines() if not line.startswith("#")]


def video_line(path: Path) -> str:
    """What ffmpeg says of the picture: codec, profile, tag, pixel format, colours, size, shape of pixels."""
    text = next(stream.text for stream in streams(path) if stream.kind == "video")
    return ", ".join(part.split(" [0x")[0] for part in text.split(", ") if not part.endswith(("kb/s", "fps", "tbr")))


@pytest.mark.parametrize(
    ("codec", "suffix", "pixel_format", "preset"),
    [
        ("h264", ".mp4", None, "medium"),
        ("h264", ".mov", "yuv420p10le", "fast"),
        ("h264", ".mkv", None, "medium"),
        ("hevc", ".mp4", "yuv420p10le", "fast"),
        ("hevc", ".mkv", None, "fast"),
        ("av1", ".mp4", None, "10"),
        ("av1", ".mkv", "yuv420p10le", "10"),
        ("vp9", ".webm", None, "8"),
        ("vp9", ".mp4", None, "8"),
        ("prores", ".mov", None, None),
        ("prores", ".mkv", None, None),
        ("ffv1", ".mkv", None, None),
    ],
)
def test_joined_pieces_equal_one_encoding(
    source: Path, tmp_path: Path, codec: str, suffix: str, pixel_format: str | None, preset: str | None
) -> None:
    joined, whole = tmp_path / f"joined{suffix}", tmp_path / f"whole{suffix}"
    pieces = in_pieces(source, joined, codec, pixel_format, preset)
    pass_through(source, whole, codec=codec, pixel_format=pixel_format, preset=preset)
    assert timestamps(joined) == timestamps(whole)
    assert sorted(timestamps(joined, decode=False)[0]) == sorted(timestamps(whole, decode=False)[0])
    assert decoded(joined) == [frame for piece in pieces for frame in decoded(piece.path)]
    assert packets(joined, "audio") == packets(whole, "audio")
    if suffix != ".webm":
        assert packets(joined, "subtitles") == packets(whole, "subtitles")
    assert timestamps(joined, "0:a:0") == timestamps(whole, "0:a:0")
    assert video_line(joined) == video_line(whole)
    assert [(one.kind, one.codec, one.default) for one in streams(joined)] == [
        (one.kind, one.codec, one.default) for one in streams(whole)
    ]


def test_a_piece_that_is_not_whole_is_found(source: Path, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="holds 43 frames instead of 44"):
        check_piece(Piece(source, 0, FRAMES + 1))
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(b"rubbish")
    with pytest.raises(MediaError, match=r"cut\.mkv: can't be read again"):
        check_piece(Piece(cut, 0, 1))
