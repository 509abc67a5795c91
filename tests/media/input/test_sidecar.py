"""Sound on a clock that no longer jumps."""

from __future__ import annotations

import itertools
from pathlib import Path

import av
import pytest

from cgtool.media.input.sidecar import write_sidecar
from cgtool.media.input.survey import look_through
from tests.helpers.samples import packets
from tests.media.input.recordings import joined, recording


@pytest.mark.parametrize("codec", ["aac", "mp2", "ac3", "libopus", "pcm_bluray"])
def test_every_packet_is_copied_and_follows_the_one_before(tmp_path: Path, codec: str) -> None:
    suffix = ".m2ts" if codec == "pcm_bluray" else ".ts"
    part = recording(tmp_path / f"clip{suffix}", "-c:a", codec)
    source = joined(tmp_path / f"joined{suffix}", part, part)
    with av.open(str(source)) as container:
        stream = container.streams.video[0]
        survey = look_through(source, stream)
        sound = container.streams.audio[0].index
    assert survey.runs is not None
    sidecar = write_sidecar(source, [sound], survey.runs, tmp_path)
    each = packets(part, "audio")
    copied = packets(sidecar.path, "audio")
    dropped = 2 * len(each) - len(copied)
    assert dropped <= 3, "what the first recording's sound outlasts its picture by"
    assert copied == each + each[dropped:]
    with av.open(str(sidecar.path)) as container:
        times = [
            packet.dts * packet.time_base
            for packet in container.demux(container.streams[sidecar.numbers[sound]])
            if packet.dts is not None and packet.time_base is not None
        ]
    gaps = sorted(after - before for before, after in itertools.pairwise(times))
    assert gaps[0] > 0
    assert gaps[-1] <= 2 * gaps[len(gaps) // 2]
