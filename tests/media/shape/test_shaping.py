"""Both at once: interlaced footage that changes its size, read from the middle."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from cgtool.media.decoder import Decoder
from cgtool.media.shape.interlacing import NOTE
from cgtool.media.shape.shaping import Shaper
from tests.media.shape.clips import interlaced


def test_frames_come_progressive_and_of_one_size_from_any_time_on(tmp_path: Path) -> None:
    large = ("-c:v", "mpeg2video", "-q:v", "1", "-flags", "+ildct+ilme", "-bf", "0", "-vf", "scale=192:96:interl=1")
    parts = [
        interlaced(tmp_path / "a.ts", *large, "-output_ts_offset", "0"),
        interlaced(tmp_path / "b.ts", order="bff", seconds=1.6),
    ]
    path = tmp_path / "both.ts"
    path.write_bytes(parts[0].read_bytes() + parts[1].read_bytes())
    decoder = Decoder(path, None, None)
    shaper = Shaper(decoder, path, "auto")
    whole = list(shaper.frames())
    assert {(frame.width, frame.height) for frame in whole} == {(160, 96)}
    assert len(whole) == len(list(Decoder(path, None, None).frames())) >= 59
    assert NOTE in decoder.warnings
    assert shaper.pixel_shape == Fraction(1)
    begin = whole[30].pts
    assert begin is not None
    later = list(shaper.frames_from(begin))
    assert [frame.pts for frame in later] == [frame.pts for frame in whole[30:]]
    assert all(np.array_equal(a.to_ndarray(), b.to_ndarray()) for a, b in zip(later, whole[30:], strict=True))
    decoder.close()
