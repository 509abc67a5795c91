"""The small frame in a manifest: what it holds, and that a damaged one is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cgtool.backends.proof import agreement, sample_of
from cgtool.backends.sample import SIDE, Sample, unanswered, written
from cgtool.backends.spec import Shapes
from cgtool.backends.torch.backend import TorchBackend
from cgtool.errors import EngineError
from cgtool.grid import apply
from cgtool.pictures import Size
from tests.backends.support import Sources, expected, expected_maps, psnr


@pytest.mark.parametrize(
    ("shapes", "size"),
    [
        (None, (SIDE, SIDE)),
        (Shapes((1, 8, 8), (1, 24, 48), (2, 24, 64)), (24, SIDE)),
        (Shapes((2, 72, 128), (2, 72, 128), (2, 72, 128)), (72, 128)),
    ],
)
def test_a_sample_fits_the_engine_and_is_what_the_network_makes(
    sources: Sources, shapes: Shapes | None, size: tuple[int, int]
) -> None:
    sample = sample_of(sources["resnet"], shapes)
    assert sample.given.shape == (*size, 3)
    kept = min(size[0], SIDE), min(size[1], SIDE)
    right = expected(sources["resnet"], sample.given[None])[0, : kept[0], : kept[1]]
    assert sample.expected.shape == right.shape
    assert psnr(sample.expected, right) > 60
    assert len(sample.frame) + len(sample.picture) < 10_000


def test_maps_are_kept_as_the_picture_that_they_make(sources: Sources) -> None:
    source = sources["maps"]
    sample = sample_of(source)
    right = apply(sample.given, expected_maps(source, sample.given[None])[0])
    assert psnr(sample.expected, right) > 60
    with TorchBackend(source) as backend:
        assert agreement(backend, sample, source.maps) == 99


def test_the_frame_has_light_and_dark_and_texture() -> None:
    frame = unanswered(Size(SIDE, SIDE)).given
    assert frame.min() < 60
    assert frame.max() > 200
    assert np.abs(np.diff(frame.astype(int), axis=1)).mean() > 2


@pytest.mark.parametrize("text", ["", "not base 64", "AAAA", written(np.zeros((64, 64, 3), np.uint8))])
def test_a_damaged_sample_is_told(text: str, sources: Sources) -> None:
    sample = sample_of(sources["resnet"])
    with TorchBackend(sources["resnet"]) as backend:
        for damaged in (replace(sample, frame=text), replace(sample, picture=text)):
            with pytest.raises(EngineError, match="the small frame in its manifest is damaged"):
                agreement(backend, damaged, None)


def test_samples_compare_by_what_they_hold() -> None:
    assert unanswered(Size(8, 16)) == unanswered(Size(8, 16)) != Sample(8, 16, "", "")
