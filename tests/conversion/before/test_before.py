"""Networks that draw give the pictures that they gave before maps were the one currency.

``before/`` holds a frame and what `photo2monet`, as it shipped then, made of it, at 256 lines, without smoothing, in
FP32.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from cgtool.conversion.events import Finished
from cgtool.conversion.request import ConvertRequest
from cgtool.media.images import read_image
from cgtool.media.reader import VideoReader
from cgtool.tasks.convert import convert, lay_out
from tests.helpers.probe import make

BEFORE = Path(__file__).parent
MODEL = Path(__file__).parents[2] / "warmstarts" / "photo2monet"


@pytest.mark.parametrize(
    ("name", "domain", "kind"),
    [("monet", "monet", "video"), ("photo", "photo", "video"), ("monet_still", "monet", "still")],
)
def test_the_picture_is_within_50_db_of_before(tmp_path: Path, name: str, domain: str, kind: str) -> None:
    pytest.importorskip("torch")
    source, target = BEFORE / "source.png", tmp_path / "out.png"
    if kind == "video":
        source = make(tmp_path / "source.mkv", "-i", source, "-vf", "format=gbrp", "-c:v", "ffv1")
        target = tmp_path / "out.mkv"
    request = ConvertRequest(
        source, to=domain, model=MODEL, output=target, size=256, smooth=0, engine="torch", precision="fp32",
        codec="ffv1" if kind == "video" else None,
    )  # fmt: skip
    *_, done = convert(lay_out(request))
    assert isinstance(done, Finished)
    assert done.result.error is None
    if kind == "video":
        with VideoReader(target) as reader:
            (shown,) = (frame.pixels for frame in reader.frames())
    else:
        shown = read_image(target).pixels
    difference = shown.astype(float) - read_image(BEFORE / f"{name}.png").pixels
    assert 10 * math.log10(255**2 / max(float(np.mean(difference**2)), 1e-9)) > 50
