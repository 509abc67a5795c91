"""What goes with a picture of high dynamic range."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from cgtool.media.encoders import choose_encoder
from cgtool.media.hdr import DIFFUSE_WHITE, carry_metadata, tone_curve
from cgtool.media.reader import VideoReader
from cgtool.pictures import Size
from tests.helpers.probe import make
from tests.helpers.samples import GRADIENT

TRANSFERS = {"PQ": "smpte2084", "HLG": "arib-std-b67"}
METADATA = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50):max-cll=1000,400"


def clip(path: Path, kind: str, *, metadata: bool = False) -> Path:
    """Half a second of gradients in HDR, of 10 bits."""
    tags = f"setparams=range=tv:colorspace=bt2020nc:color_primaries=bt2020:color_trc={TRANSFERS[kind]}"
    picture = f"{GRADIENT}:size=128x96:rate=10:duration=0.5,format=yuv420p10le,{tags}"
    parameters = "log-level=error" + (f":{METADATA}" if metadata else "")
    return make(path, "-f", "lavfi", "-i", picture, "-c:v", "libx265", "-crf", "5", "-x265-params", parameters)


@pytest.mark.parametrize("kind", TRANSFERS)
def test_the_tone_curve_rises_from_black_to_white(tmp_path: Path, kind: str) -> None:
    with VideoReader(clip(tmp_path / "a.mp4", kind)) as reader:
        before = [bytes(plane) for plane in reader.first.planes]
        curve = tone_curve(reader, Size(64, 48))
        assert [bytes(plane) for plane in reader.first.planes] == before
    assert curve.dtype == np.float32
    assert curve[0] < 0.02
    assert curve[-1] > 0.97
    assert np.diff(curve).min() > -0.002
    white = curve[round(DIFFUSE_WHITE[kind] * (len(curve) - 1))]
    assert 0.5 < white < 0.9, "diffuse white is bright, and leaves room for lights"


def test_the_next_clip_takes_tone_mapping_over(tmp_path: Path) -> None:
    size = Size(64, 48)
    plain, mastered = clip(tmp_path / "a.mp4", "PQ"), clip(tmp_path / "b.mp4", "PQ", metadata=True)
    with VideoReader(plain) as reader:
        graph, curve = reader.small_graph(size), tone_curve(reader, size)
    with VideoReader(plain) as reader:
        begun = time.process_time()
        assert reader.small_graph(size) is graph
        assert np.array_equal(tone_curve(reader, size), curve)
        assert time.process_time() - begun < 1, "a new one takes five seconds"
        with VideoReader(plain) as other:
            assert other.small_graph(size) is not graph, "no two clips have one at a time"
    with VideoReader(mastered) as reader:
        assert reader.small_graph(size) is graph
        assert np.abs(tone_curve(reader, size) - curve).max() > 0.05, "what it says of its display is seen to"


def test_a_frame_that_is_on_its_way_keeps_tone_mapping_from_the_next_clip(tmp_path: Path) -> None:
    source, size = clip(tmp_path / "a.mp4", "HLG"), Size(32, 24)
    with VideoReader(source) as reader:
        graph = reader.small_graph(size)
        graph.push(reader.first)
    with VideoReader(source) as reader:
        assert reader.small_graph(size) is not graph


def test_metadata_of_the_stream_reaches_encoders_that_can_write_it(tmp_path: Path) -> None:
    with VideoReader(clip(tmp_path / "a.mp4", "PQ", metadata=True)) as reader:
        frame = reader.first
    hevc, losses = carry_metadata(frame, choose_encoder("hevc", 64, 48))
    assert losses == []
    assert f"log-level=error:{METADATA}" in hevc.arguments
    av1, losses = carry_metadata(frame, choose_encoder("av1", 64, 48))
    assert losses == []
    parameters = av1.arguments[av1.arguments.index("-svtav1-params") + 1]
    assert parameters.startswith("mastering-display=G(0.26500,0.69000)B(0.15000,0.06000)R(0.68000,0.32000)")
    assert parameters.endswith("L(1000.0000,0.0050):content-light=1000,400")
    plain = choose_encoder("vp9", 64, 48)
    vp9, losses = carry_metadata(frame, plain)
    assert vp9 == plain
    assert losses == ["its metadata on the mastering display and the light level is left out"]


def test_without_metadata_nothing_is_said(tmp_path: Path) -> None:
    with VideoReader(clip(tmp_path / "a.mp4", "HLG")) as reader:
        plain = choose_encoder("hevc", 64, 48)
        assert carry_metadata(reader.first, plain) == (plain, [])


def test_dolby_vision_is_named(real_data: Path) -> None:
    with VideoReader(real_data / "clips" / "14_phone_rot-90_hlg10_editlist_hevc.mp4") as reader:
        _, losses = carry_metadata(reader.first, choose_encoder("hevc", 64, 48))
    assert losses == ["its dynamic metadata (Dolby Vision) is left out"]
