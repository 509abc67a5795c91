"""The network's size, and splitting where memory runs out."""

from __future__ import annotations

from fractions import Fraction
from types import TracebackType

import numpy as np
import pytest
from numpy.typing import NDArray

from cgtool.backends.base import BackendInfo
from cgtool.conversion.look import NetworkSize
from cgtool.conversion.network import Network, network_size
from cgtool.errors import OutOfMemoryError
from cgtool.frame import Frame
from cgtool.pictures import Size


class FakeBackend:
    """Inverts frames; has memory for so many at once."""

    def __init__(self, fits: int = 99) -> None:
        self.info = BackendInfo("fake", "cpu", "fp32", 8)
        self.fits = fits
        self.calls: list[int] = []

    def infer(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if len(frames) > self.fits:
            raise OutOfMemoryError("full")
        self.calls.append(len(frames))
        return np.asarray(255 - frames, np.uint8)

    def close(self) -> None:
        pass

    def __enter__(self) -> FakeBackend:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def frames(count: int, height: int = 48, width: int = 64) -> list[Frame]:
    random = np.random.default_rng(0)
    shape = (height, width, 3)
    return [Frame(random.integers(0, 256, shape, np.uint8), n, n * 40, Fraction(1, 1000)) for n in range(count)]


@pytest.mark.parametrize(
    ("width", "height", "size", "wanted"),
    [
        (1280, 720, "auto", (508, 286)),
        (720, 1280, "auto", (286, 508)),
        (161, 121, "auto", (381, 286)),
        (1920, 1080, 540, (960, 540)),
        (1921, 1081, "native", (1921, 1081)),
        (16, 16, 286, (286, 286)),
    ],
)
def test_network_size(width: int, height: int, size: NetworkSize, wanted: tuple[int, int]) -> None:
    assert network_size(width, height, size, training_scale=286) == wanted


def test_auto_is_capped() -> None:
    assert network_size(3840, 2160, "auto", training_scale=1024) == (1280, 720)


@pytest.mark.parametrize(("width", "height"), [(10_000, 10), (10, 10_000), (1, 5000)])
def test_banners_stay_within_memory(width: int, height: int) -> None:
    w, h = network_size(width, height, "auto", training_scale=286)
    assert w * h <= 9 * 286 * 286
    assert min(w, h) >= 1


@pytest.mark.parametrize(("size", "wanted"), [("auto", 8), (540, 2), ("native", 2)])
def test_large_frames_go_in_small_batches(size: NetworkSize, wanted: int) -> None:
    network = Network(FakeBackend(), size, 286)
    network.expect(Size(1920, 1080))
    assert network.batch == wanted


def test_a_batch_that_is_asked_for_is_kept() -> None:
    network = Network(FakeBackend(), "native", 286, batch=5)
    network.expect(Size(1920, 1080))
    assert network.batch == 5


def test_out_of_memory_halves_the_batch_and_loses_no_frame() -> None:
    backend = FakeBackend(fits=3)
    network = Network(backend, "native", 286)
    clip = frames(11)
    done = []
    for at in range(0, len(clip), 8):
        done += network.infer([network.shrink(frame) for frame in clip[at : at + 8]])
    assert [translated.frame.index for translated in done] == list(range(11))
    for translated, frame in zip(done, clip, strict=True):
        assert np.array_equal(translated.result, 255 - frame.pixels)
    assert backend.calls == [2, 2, 2, 2, 2, 1]
    assert network.warnings == [
        "out of memory at a batch of 8; going on with 4",
        "out of memory at a batch of 4; going on with 2",
    ]


def test_not_even_one_frame_fits() -> None:
    network = Network(FakeBackend(fits=0), "native", 286)
    with pytest.raises(OutOfMemoryError, match=r"64x48.*--size"):
        network.infer([network.shrink(frame) for frame in frames(2)])


def test_speed_is_known_only_after_enough_calls() -> None:
    network = Network(FakeBackend(), "native", 286, batch=1)
    [frame] = frames(1)
    for _ in range(10):
        network.infer([network.shrink(frame)])
    assert network.milliseconds_per_megapixel() is None
    network.infer([network.shrink(frame)])
    speed = network.milliseconds_per_megapixel()
    assert speed is not None
    assert speed > 0
