"""One image's way."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cgtool.backends.base import BackendInfo
from cgtool.backends.identity.backend import IdentityBackend
from cgtool.conversion.jobs import Job
from cgtool.conversion.look import NEUTRAL, FullLook
from cgtool.conversion.network import Network
from cgtool.conversion.still import convert_still
from cgtool.errors import MediaError
from cgtool.pictures import Image as Pixels

PLAIN = FullLook(size="native", smooth=0.0, texture=0.0, detail="resize")


class Negative(IdentityBackend):
    """Inverts frames."""

    info = BackendInfo(engine="fake", device="cpu", precision="fp32", batch=4)

    def infer(self, frames: Pixels) -> Pixels:
        return 255 - frames


def read(path: Path) -> Pixels:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Dark, and with colours that no exposure or detail may touch."""
    ramp = np.add.outer(np.arange(40), np.arange(37))[..., None] * np.ones(3)
    ramp[10:20] = (200, 50, 50)
    alpha = np.full((40, 37, 1), 90)
    path = tmp_path / "a.png"
    Image.fromarray(np.concatenate((ramp, alpha), axis=-1).astype(np.uint8)).save(path)
    return path


def test_a_neutral_look_changes_no_pixel_whatever_the_engine(photo: Path, tmp_path: Path) -> None:
    outcome = convert_still(Job(photo, tmp_path / "b.png"), Network(Negative(), "native", 286), NEUTRAL)
    assert np.array_equal(read(tmp_path / "b.png"), read(photo))
    assert (outcome.frames, outcome.size, outcome.warnings) == (1, "37x40", ())
    assert list(outcome.busy_seconds) == ["decode", "infer", "encode"]


def test_the_networks_picture_and_the_sources_alpha(photo: Path, tmp_path: Path) -> None:
    convert_still(Job(photo, tmp_path / "b.png"), Network(Negative(), "native", 286), PLAIN)
    before, after = read(photo), read(tmp_path / "b.png")
    assert np.array_equal(after[..., :3], 255 - before[..., :3])
    assert np.array_equal(after[..., 3], before[..., 3])


def test_the_size_that_the_network_saw_is_told(photo: Path, tmp_path: Path) -> None:
    look = replace(PLAIN, size=64)
    outcome = convert_still(Job(photo, tmp_path / "b.png"), Network(Negative(), look.size, 286), look)
    assert outcome.size == "64x69"
    assert read(tmp_path / "b.png").shape[:2] == (40, 37)


def test_from_standard_input_to_standard_output(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(photo.read_bytes())))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written))
    convert_still(Job(None, None), Network(Negative(), "native", 286), NEUTRAL)
    with Image.open(io.BytesIO(written.getvalue())) as image:
        assert np.array_equal(np.asarray(image), read(photo))


def test_what_can_not_be_read_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(MediaError, match=r"a\.png: not a JPEG"):
        convert_still(Job(tmp_path / "a.png", tmp_path / "out" / "b.png"), Network(Negative(), "native", 286), PLAIN)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
