"""A map network that sees some of the frames."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from cgtool.backends.identity.backend import IdentityBackend
from cgtool.backends.opening import Opened
from cgtool.conversion.events import Finished
from cgtool.conversion.look import Look
from cgtool.conversion.network import Network, Small
from cgtool.conversion.request import ConvertRequest
from cgtool.conversion.sparse import Sparse
from cgtool.errors import UsageError
from cgtool.frame import Frame
from cgtool.pictures import Image
from cgtool.tasks.convert import convert, lay_out
from tests.change.scenes import pan
from tests.conversion.test_mapping import GRID, MODEL, FakeMaps, converted, pixels
from tests.helpers.probe import make
from tests.helpers.samples import GRADIENT


class Counting(FakeMaps):
    """Counts the frames that it sees."""

    seen = 0

    def infer(self, frames: Image) -> np.ndarray:
        self.seen += len(frames)
        return super().infer(frames)


def test_every_frame_gets_maps() -> None:
    network = Network(Counting(), 64, 64, maps=GRID)
    sparse = Sparse(network, 3)
    frames = [Small(Frame(one, at, at, Fraction(1, 25)), one) for at, one in enumerate(pan(7, 64, 96, 1))]
    done = [sparse.complete(one) for one in sparse.infer([*sparse.follow(frames)])]
    assert [one.frame.pts for one in done] == list(range(7))
    assert all(one.result.shape == (28, 16, 24) for one in done)
    engine = network._backend
    assert isinstance(engine, Counting)
    assert engine.seen == 3


def test_frames_that_nobody_needs_count_all_the_same() -> None:
    """Of twelve frames the network sees every third; who needs the last seven begins with the next that it sees."""
    frames = [Small(Frame(one, at, at, Fraction(1, 25)), one) for at, one in enumerate(pan(12, 64, 96, 1))]
    sparse = Sparse(Network(Counting(), 64, 64, maps=GRID), 3)
    followed = [(one.small.frame.pts, one.step.asked) for one in sparse.follow(frames, since=5)]
    assert followed == [(at, at % 3 == 0) for at in range(6, 12)]


def test_what_is_shown_hardly_differs(tmp_path: Path) -> None:
    picture = f"{GRADIENT}:size=192x128:rate=10:duration=1:speed=0.02,hue=s=0.5"
    clip = make(tmp_path / "clip.mkv", "-f", "lavfi", "-i", picture, "-c:v", "ffv1", "-pix_fmt", "yuv420p")
    converted(clip, tmp_path / "all.mkv", codec="ffv1", smooth=0.0)
    engine = Counting()
    request = ConvertRequest(clip, model=MODEL, output=tmp_path / "some.mkv", codec="ffv1", smooth=0.0, every=4)
    *_, done = convert(lay_out(request), opener=lambda *_: Opened(engine, [], []))
    assert isinstance(done, Finished)
    assert done.result.error is None
    assert engine.seen == 3
    difference = np.abs(pixels(tmp_path / "all.mkv") - pixels(tmp_path / "some.mkv"))
    assert len(difference) == 10
    assert difference.mean() < 1


def test_models_that_draw_pictures_see_every_frame(tmp_path: Path) -> None:
    clip = make(tmp_path / "a.mkv", "-f", "lavfi", "-i", "testsrc2=size=64x48:rate=5:duration=0.4", "-c:v", "ffv1")
    drawing = replace(MODEL, source=replace(MODEL.source, maps=None))
    request = ConvertRequest(clip, model=drawing, output=tmp_path / "b.mkv", every="auto")
    *_, done = convert(lay_out(request), opener=lambda *_: Opened(IdentityBackend(), [], []))
    assert isinstance(done, Finished)
    assert done.result.warnings == ("--every is for models that give maps: the network sees every frame",)


@pytest.mark.parametrize("every", [0, 61, "often"])
def test_what_can_not_be_is_refused(every: object) -> None:
    with pytest.raises(UsageError, match="--every"):
        Look(every=every)  # type: ignore[arg-type]
